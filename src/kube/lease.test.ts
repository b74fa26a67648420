import { describe, it } from 'mocha'
import { expect } from 'chai'
import { leaseStep, look, type LeaseStep } from './lease.ts'
import type { Lease } from './objects.ts'

function lease(holderIdentity: string, version = 1): Lease {
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: 'l', namespace: 'ns', uid: 'u', resourceVersion: String(version) },
    // The times of the holder's clock must not matter.
    spec: { holderIdentity, leaseDurationSeconds: 15, renewTime: '1999-01-01T00:00:00.000000Z' },
  }
}

const cases: Record<string, { lease: Lease | undefined; ageMs: number; want: LeaseStep }> = {
  'creates what does not exist': { lease: undefined, ageMs: 0, want: 'create' },
  'renews its own': { lease: lease('me'), ageMs: 0, want: 'renew' },
  'renews its own even when it has expired and nobody took it': { lease: lease('me'), ageMs: 60_000, want: 'renew' },
  'takes what was given back at once': { lease: lease(''), ageMs: 0, want: 'take' },
  'waits while another holds it': { lease: lease('other'), ageMs: 14_999, want: 'wait' },
  'takes what was seen unchanged for its whole duration': { lease: lease('other'), ageMs: 15_000, want: 'take' },
}

describe('lease', () => {
  for (const [name, c] of Object.entries(cases))
    it(name, () => expect(leaseStep({ lease: c.lease, sinceMs: 1_000 }, 'me', 1_000 + c.ageMs)).to.equal(c.want))

  it('counts from when a renewal was seen, not from when it says it was made', () => {
    let sight = look({ lease: undefined, sinceMs: 0 }, lease('other', 1), 1_000)
    sight = look(sight, lease('other', 1), 10_000)
    expect(sight.sinceMs).to.equal(1_000)
    sight = look(sight, lease('other', 2), 12_000)
    expect(sight.sinceMs).to.equal(12_000)
    expect(leaseStep(sight, 'me', 20_000)).to.equal('wait')
  })
})
