import { expect } from 'chai'
import { it, describe } from 'mocha'
import { stampOf } from './metadata.ts'
import { type KnownAgent, planSweep } from './sweep.ts'
import type { SandboxInfo } from './types.ts'

const NOW = 10_000_000
const MINUTE = 60_000

const owner = (agentUid: string) =>
  stampOf({ operator: 'o', namespace: 'n', swarm: 's', swarmUid: 'u', agent: 'a', agentUid, nonce: `nonce-${agentUid}`, revision: 'r' })

const sandbox = (change: Partial<SandboxInfo> & { uid?: string } = {}): SandboxInfo => {
  const { uid = 'a1', ...rest } = change
  return {
    sandboxId: 'x1',
    templateId: 'base',
    metadata: owner(uid),
    state: 'running',
    startedAtMs: NOW - 5 * MINUTE,
    endAtMs: NOW + 9 * MINUTE,
    ...rest,
  }
}

const agent = (change: Partial<KnownAgent> = {}): KnownAgent => ({
  uid: 'a1',
  nonce: 'nonce-a1',
  sandbox: { id: 'x1', state: 'Running' },
  timeoutMs: 10 * MINUTE,
  ...change,
})

const { sandbox: _, ...agentWithout } = agent()
const foreign = sandbox({ metadata: { 'swarmops.dev/operator': 'o' } })
const orphan = sandbox({ sandboxId: 'x9', uid: 'a9' })
const youngOrphan = sandbox({ sandboxId: 'x9', uid: 'a9', startedAtMs: NOW - 1_000 })
const duplicate = sandbox({ sandboxId: 'x2' })
const youngDuplicate = sandbox({ sandboxId: 'x2', startedAtMs: NOW - 1_000 })
const late = sandbox({ endAtMs: NOW + 5 * MINUTE })
const lateAndPaused = sandbox({ endAtMs: NOW + 5 * MINUTE, state: 'paused' })

const nothing = { kill: [], renew: [], suspects: [] }
const cases: Record<string, { sandboxes: SandboxInfo[]; agents: KnownAgent[]; want: object }> = {
  'leaves a sandbox in use with most of its time alone': { sandboxes: [sandbox()], agents: [agent()], want: nothing },
  'gives a sandbox more time once half of it is over': {
    sandboxes: [late],
    agents: [agent()],
    want: { ...nothing, renew: [{ sandbox: late, uid: 'a1' }] },
  },
  'gives a paused sandbox no more time': {
    sandboxes: [lateAndPaused],
    agents: [agent({ sandbox: { id: 'x1', state: 'Paused' } })],
    want: nothing,
  },
  'kills the sandbox of an unknown agent only after a look past the cache': {
    sandboxes: [orphan],
    agents: [],
    want: { ...nothing, kill: [{ sandbox: orphan, verify: true }] },
  },
  'kills a young sandbox of an unknown agent only after a look past the cache': {
    sandboxes: [youngOrphan],
    agents: [],
    want: { ...nothing, kill: [{ sandbox: youngOrphan, verify: true }] },
  },
  'kills a second sandbox of an agent': {
    sandboxes: [sandbox(), duplicate],
    agents: [agent()],
    want: { ...nothing, kill: [{ sandbox: duplicate, verify: false }] },
  },
  'looks before it kills a second sandbox that is young': {
    sandboxes: [sandbox(), youngDuplicate],
    agents: [agent()],
    want: { ...nothing, kill: [{ sandbox: youngDuplicate, verify: true }] },
  },
  'leaves a young sandbox alone while its agent does not know of it yet': {
    sandboxes: [sandbox({ startedAtMs: NOW - 1_000 })],
    agents: [agentWithout],
    want: nothing,
  },
  'has an agent look for a sandbox that it has not known of for a minute': {
    sandboxes: [sandbox()],
    agents: [agentWithout],
    want: { ...nothing, suspects: ['a1'] },
  },
  'has an agent look when its sandbox is not there': { sandboxes: [], agents: [agent()], want: { ...nothing, suspects: ['a1'] } },
  'has an agent look when its paused sandbox is not there': {
    sandboxes: [],
    agents: [agent({ sandbox: { id: 'x1', state: 'Paused' } })],
    want: { ...nothing, suspects: ['a1'] },
  },
  'has an agent look when its sandbox was paused by somebody': {
    sandboxes: [sandbox({ state: 'paused' })],
    agents: [agent()],
    want: { ...nothing, suspects: ['a1'] },
  },
  'has an agent look when a sandbox that it takes for gone is there': {
    sandboxes: [sandbox()],
    agents: [agent({ sandbox: { id: 'x1', state: 'Gone' } })],
    want: { ...nothing, suspects: ['a1'] },
  },
  'is content when a sandbox known to be gone is not there': {
    sandboxes: [],
    agents: [agent({ sandbox: { id: 'x1', state: 'Gone' } })],
    want: nothing,
  },
  'does not touch a sandbox whose owner cannot be read': { sandboxes: [foreign], agents: [], want: nothing },
}

describe('planSweep', () => {
  for (const [name, { want, ...input }] of Object.entries(cases)) {
    it(name, () => expect(planSweep({ ...input, nowMs: NOW })).to.deep.equal(want))
  }
})
