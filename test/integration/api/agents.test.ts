import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import type { Agent } from '../../../src/api/objects.ts'
import { AGENTS } from '../../../src/reconcilers/shared/kinds.ts'
import { Api, MINIMAL_AGENT } from './harness.ts'

const spec = (more: object) => ({ ...MINIMAL_AGENT, ...more })
const never = (field: string) => [
  `spec.${field}: Invalid value: ${field} of an agent never changes; change the Swarm, or delete the agent and the operator makes another one`,
]

const REFUSED: Record<string, { spec: unknown; told: RegExp }> = {
  'an agent of no swarm': { spec: spec({ swarm: '' }), told: /^spec\.swarm: .*at least 1 chars/ },
  'an agent of no revision': { spec: spec({ revision: '' }), told: /^spec\.revision: .*at least 1 chars/ },
  'an agent without a nonce': { spec: { swarm: 'desk', revision: 'abc' }, told: /^spec\.nonce: Required value/ },
  'a nonce that could be guessed': { spec: spec({ nonce: 'short' }), told: /^spec\.nonce: .*at least 8 chars/ },
  'a state that does not exist': { spec: spec({ state: 'Stopped' }), told: /^spec\.state: .*"Running", "Draining", "Paused", "Warm"/ },
  'a role that does not exist': { spec: spec({ role: 'Boss' }), told: /^spec\.role: .*"Worker", "Coordinator"/ },
  'attempts below zero': { spec: spec({ attempt: -1 }), told: /^spec\.attempt: .*greater than or equal to 0/ },
  'a time that is none': { spec: spec({ stateSince: 'now' }), told: /^spec\.stateSince: .*date-time/ },
}

const CHANGES: Record<string, { patch: object; told: readonly string[] }> = {
  'the nonce by which its sandbox is found': { patch: { nonce: 'another-nonce' }, told: never('nonce') },
  'the swarm it belongs to': { patch: { swarm: 'other' }, told: never('swarm') },
  'its group': { patch: { group: 'lead' }, told: never('group') },
  'its role': { patch: { role: 'Coordinator' }, told: never('role') },
  'its revision': { patch: { revision: 'def456' }, told: never('revision') },
  'the key that its sandbox is paid with': { patch: { credentialsSecretRef: { name: 'other' } }, told: never('credentialsSecretRef') },
  'its place': { patch: { place: 1 }, told: never('place') },
  'that it has a key of its own': { patch: { credentialsSecretRef: null }, told: never('credentialsSecretRef') },
  'the state that is wanted, which may change': { patch: { state: 'Draining', stateSince: '2026-01-01T00:00:00Z' }, told: [] },
}

describe('Agent in the API server', () => {
  let api: Api
  let made: Agent
  before(async () => {
    api = await Api.start()
    const metadata = { namespace: api.namespace, name: 'kept' }
    made = await api.client.create(AGENTS, { metadata, spec: spec({ credentialsSecretRef: { name: 'e2b' } }) })
  })
  after(() => api.stop())

  describe('refuses', () => {
    for (const [name, c] of Object.entries(REFUSED))
      it(name, async () => expect((await api.tryAgent(c.spec)).told.join('\n')).to.match(c.told))
  })

  describe('holds on to', () => {
    for (const [name, c] of Object.entries(CHANGES))
      it(name, async () => expect((await api.tryChange('kept', { spec: c.patch })).told).to.deep.equal(c.told))
  })

  it('lets what is taken from the warm pool become what it is needed for, once', async () => {
    const metadata = { namespace: api.namespace, name: 'warm' }
    await api.client.create(AGENTS, { metadata, spec: spec({ state: 'Warm' }) })
    const taken = { group: 'lead', role: 'Coordinator', revision: 'def456', place: 3, state: 'Running' }
    expect((await api.tryChange('warm', { spec: { nonce: 'another-nonce' } })).told).to.deep.equal(never('nonce'))
    expect((await api.tryChange('warm', { spec: taken })).told).to.deep.equal([])
    await api.client.mergePatch(AGENTS, metadata, { spec: taken })
    expect((await api.tryChange('warm', { spec: { group: 'pairs' } })).told).to.deep.equal(never('group'))
    expect((await api.tryChange('warm', { spec: { state: 'Warm' } })).told).to.deep.equal([
      'spec.state: Invalid value: an agent that has left the warm pool does not go back; delete it and the operator makes another one',
    ])
  })

  it('has these defaults', () => {
    const credentialsSecretRef = { name: 'e2b', key: 'apiKey' }
    const defaults = { group: '', role: 'Worker', place: 0, attempt: 0, state: 'Running' }
    expect([made.spec, made.status]).to.deep.equal([{ ...MINIMAL_AGENT, ...defaults, credentialsSecretRef }, { observedGeneration: -1 }])
  })
})
