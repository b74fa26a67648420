import { expect } from 'chai'
import { describe, it } from 'mocha'
import type { KubeObject } from '../../kube/objects.ts'
import { onlyStatusChanged } from './only-status-changed.ts'

const object = (metadata: Partial<KubeObject['metadata']> = {}): KubeObject => ({
  apiVersion: 'swarmops.dev/v1alpha1',
  kind: 'Swarm',
  metadata: { namespace: 'default', name: 'desk', uid: 'u1', resourceVersion: '1', generation: 2, annotations: { a: '1' }, ...metadata },
})

const cases: Record<string, { now: KubeObject; before: KubeObject | undefined; want: boolean }> = {
  'another version of the same': { now: object({ resourceVersion: '2' }), before: object(), want: true },
  'another spec': { now: object({ generation: 3 }), before: object(), want: false },
  'another annotation': { now: object({ annotations: { a: '2' } }), before: object(), want: false },
  'its end': { now: object({ deletionTimestamp: '2026-01-01T00:00:00Z' }), before: object(), want: false },
  'one that was not there': { now: object(), before: undefined, want: false },
}

describe('only the status has changed', () => {
  for (const [name, { now, before, want }] of Object.entries(cases)) it(name, () => expect(onlyStatusChanged(now, before)).to.equal(want))
})
