import { describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import { StalledError, TransientError, WaitingError, type OperatorError } from '../../errors.ts'
import type { SwarmStatus } from '../../api/swarm-status.ts'
import { kstatus, type KStatus } from '../../../test/support/kstatus.ts'
import { limitOf } from '../../scaling/budget.ts'
import { planSwarm } from './plan.ts'
import type { AgentSeen } from '../shared/agent-seen.ts'
import type { RolloutFacts } from '../shared/rollout-facts.ts'
import type { World } from './world.ts'
import { statusOf, trafficOf, waitingStatus, type Trouble } from './status.ts'
import { agent, world as worldSeen } from '../../../test/support/swarm-world.ts'

const NOW = '2026-01-01T00:00:00.000Z'
const world = (over: Partial<World> = {}) =>
  worldSeen({ groups: [{ name: '', replicas: 2 }], agents: [agent(), agent({ name: 'b' })], nowMs: 1_000, ...over })
const fresh = (over: Partial<AgentSeen> = {}) => agent({ ready: false, wasReady: false, ...over })
const trouble = (over: Partial<Trouble> = {}): Trouble => ({
  agent: 'b',
  reason: 'CredentialsRejected',
  message: 'E2B refused the API key',
  stalled: true,
  ...over,
})

const BUDGET = limitOf({ by: 'Budget', name: 'spec.budget.maxAgents', counts: 'Sandboxes', most: 2n, used: 2n }, 0n)
const GIVEN_UP = { stable: 'r1', routing: {}, rejected: 'r2' }
const BRAKE = { failed: 4, of: 10, untilMs: Date.parse('2026-01-01T00:00:59.001Z') }

type Case = {
  world: World
  rollout?: RolloutFacts
  error?: OperatorError
  troubles?: Trouble[]
  stored?: SwarmStatus
  want: { kstatus: KStatus; conditions: string[]; message: string }
}

const CASES: Record<string, Case> = {
  'all agents ready': { world: world(), want: { kstatus: 'Current', conditions: ['Ready=True'], message: '2 of 2 agents are ready' } },
  'none wanted, none there': {
    world: world({ groups: [{ name: '', replicas: 0 }], agents: [] }),
    want: { kstatus: 'Current', conditions: ['Ready=True'], message: '0 of 0 agents are ready' },
  },
  'the first agents are being made': {
    world: world({ agents: [] }),
    want: { kstatus: 'InProgress', conditions: ['Ready=False', 'Reconciling=True'], message: '0 of 2 agents are ready' },
  },
  'one is not ready yet': {
    world: world({ agents: [agent(), fresh({ name: 'b' })] }),
    troubles: [trouble({ reason: 'PortClosed', message: 'nothing listens on port 8080 yet', stalled: false })],
    want: {
      kstatus: 'InProgress',
      conditions: ['Ready=False', 'Reconciling=True'],
      message: '1 of 2 agents are ready; 1 PortClosed, for instance b: nothing listens on port 8080 yet',
    },
  },
  'one is stalled': {
    world: world({ agents: [agent(), fresh({ name: 'b' })] }),
    troubles: [trouble()],
    want: {
      kstatus: 'Failed',
      conditions: ['Ready=False', 'Stalled=True'],
      message: '1 of 2 agents are ready; 1 CredentialsRejected, for instance b: E2B refused the API key',
    },
  },
  'one is stalled, another on its way': {
    world: world({ agents: [fresh(), fresh({ name: 'b' })] }),
    troubles: [trouble(), trouble({ agent: 'a', reason: 'Starting', message: 'its command was started', stalled: false })],
    want: {
      kstatus: 'InProgress',
      conditions: ['Ready=False', 'Reconciling=True'],
      message: '0 of 2 agents are ready; 1 CredentialsRejected, for instance b: E2B refused the API key',
    },
  },
  'waiting for the provider’s quota': {
    world: world({ agents: [agent(), fresh({ name: 'b' })] }),
    troubles: [trouble({ reason: 'QuotaExceeded', message: 'the limit of sandboxes is reached', stalled: false })],
    want: {
      kstatus: 'InProgress',
      conditions: ['QuotaExceeded=True', 'Ready=False', 'Reconciling=True'],
      message: '1 of 2 agents are ready; 1 QuotaExceeded, for instance b: the limit of sandboxes is reached',
    },
  },
  'an update is under way': {
    world: world({ updateRevision: 'r2' }),
    want: { kstatus: 'InProgress', conditions: ['Ready=True', 'Reconciling=True'], message: '2 of 2 agents are ready' },
  },
  'an agent drains after a scale-down': {
    world: world({ agents: [agent(), agent({ name: 'b' }), agent({ name: 'c', state: 'Draining', inFlight: 1 })] }),
    want: { kstatus: 'InProgress', conditions: ['Ready=True', 'Reconciling=True'], message: '2 of 2 agents are ready' },
  },
  'paused spares do not count': {
    world: world({ onScaleDown: 'Pause', agents: [agent(), agent({ name: 'b' }), agent({ name: 'c', state: 'Paused', ready: false })] }),
    want: { kstatus: 'Current', conditions: ['Ready=True'], message: '2 of 2 agents are ready' },
  },
  'the budget holds agents back': {
    world: world({ groups: [{ name: '', replicas: 3 }], limits: [BUDGET] }),
    want: {
      kstatus: 'InProgress',
      conditions: ['BudgetExceeded=True', 'Ready=False', 'Reconciling=True'],
      message: '2 of 3 agents are ready',
    },
  },
  'a mass failure while nothing else is going on': {
    world: world({ brake: BRAKE }),
    want: { kstatus: 'Current', conditions: ['MassFailure=True', 'Ready=True'], message: '2 of 2 agents are ready' },
  },
  'a mass failure in the middle of an update': {
    world: world({ brake: BRAKE, updateRevision: 'r2' }),
    want: { kstatus: 'InProgress', conditions: ['MassFailure=True', 'Ready=True', 'Reconciling=True'], message: '2 of 2 agents are ready' },
  },
  'a mass failure that holds a scale-down up': {
    world: world({ brake: BRAKE, agents: [agent(), agent({ name: 'b' }), agent({ name: 'c' })] }),
    want: {
      kstatus: 'InProgress',
      conditions: ['MassFailure=True', 'Ready=True', 'Reconciling=True'],
      message: '3 agents are ready, 2 are wanted',
    },
  },
  'its template was given up by the rollout that it follows': {
    world: world(),
    rollout: { name: 'CanaryRollout/release', ...GIVEN_UP },
    want: { kstatus: 'Current', conditions: ['Ready=True', 'RevisionRejected=True'], message: '2 of 2 agents are ready' },
  },
  'its template was given up by a rollout that is gone': {
    world: world(),
    rollout: GIVEN_UP,
    want: { kstatus: 'Failed', conditions: ['Ready=True', 'RevisionRejected=True', 'Stalled=True'], message: '2 of 2 agents are ready' },
  },
  'agents are on their way, of a template that was given up by a rollout that is gone': {
    world: world({ agents: [agent(), fresh({ name: 'b' })] }),
    rollout: GIVEN_UP,
    want: {
      kstatus: 'InProgress',
      conditions: ['Ready=False', 'Reconciling=True', 'RevisionRejected=True'],
      message: '1 of 2 agents are ready',
    },
  },
  'the API server refused a write': {
    world: world(),
    error: new TransientError('Conflict', 'the object has changed'),
    want: { kstatus: 'InProgress', conditions: ['Ready=True', 'Reconciling=True'], message: '2 of 2 agents are ready' },
  },
  'nothing but a person can help': {
    world: world({ agents: [] }),
    error: new StalledError('Forbidden', 'the operator may not create agents'),
    want: { kstatus: 'Failed', conditions: ['Ready=False', 'Stalled=True'], message: '0 of 2 agents are ready' },
  },
}

const status = (c: Omit<Case, 'want'>, now = NOW) =>
  statusOf(c.world, planSwarm(c.world), c.error, {
    generation: 3,
    stored: c.stored ?? { observedGeneration: -1 },
    selector: 'swarmops.dev/swarm=desk',
    troubles: c.troubles ?? [],
    ...(c.rollout && { rollout: c.rollout }),
    now,
  })

describe('status of a swarm', () => {
  it('a swarm that nobody has looked at is not taken for finished', () => {
    expect(kstatus({ metadata: { generation: 1 }, status: { observedGeneration: -1 } })).to.equal('InProgress')
  })

  for (const [name, c] of Object.entries(CASES)) {
    it(`${name}: ${c.want.kstatus}`, () => {
      const made = status(c)
      const conditions = (made.conditions ?? []).map((x) => `${x.type}=${x.status}`)
      const message = made.conditions?.find((x) => x.type === 'Ready')?.message
      expect({ kstatus: kstatus({ metadata: { generation: 3 }, status: made }), conditions, message }).to.deep.equal(c.want)
    })
  }

  it('is written once for the same world: an unchanged pass gives the same status', () => {
    for (const c of Object.values(CASES)) {
      const first = status(c)
      expect(status({ ...c, stored: first }, '2026-02-02T00:00:00.000Z')).to.deep.equal(first)
    }
  })

  it('says how many were lost, until when it waits, what it does and where to look', () => {
    const told = (over: Partial<World>) => status({ world: world({ brake: BRAKE, ...over }) }).conditions
    expect(told({})?.find((c) => c.type === 'MassFailure')?.message).to.equal(
      '4 of 10 agents lost within a minute: updates and scale-downs wait until 2026-01-01T00:01:00Z, lost agents are replaced; look at the Events AgentFailed, the last change of spec.template and the state of E2B',
    )
    const work = (over: Partial<World>) => told(over)?.find((c) => c.type === 'Reconciling')
    expect(work({ updateRevision: 'r2' })).to.include({
      reason: 'MassFailure',
      message: 'waits for the end of a mass failure: 0 of 2 agents run revision r2, 2 older ones left',
    })
    expect(work({ groups: [{ name: '', replicas: 1 }] })).to.include({
      reason: 'MassFailure',
      message: 'waits for the end of a mass failure: 1 agent not drained yet',
    })
  })

  it('keeps the failures of the last minute', () => {
    const failures = [{ place: '/0@r1', atMs: Date.parse('2026-01-01T00:00:00.250Z'), of: 2 }]
    expect(status({ world: world({ failures }) }).recentFailures).to.deep.equal([{ place: '/0@r1', at: '2026-01-01T00:00:00.250Z', of: 2 }])
    expect(status({ world: world() })).to.not.have.property('recentFailures')
  })

  it('counts agents by their health, without those that were never ready, sleep or are being deleted', () => {
    const agents = [
      agent({ health: 'Healthy' }),
      agent({ name: 'b', health: 'Healthy', state: 'Draining' }),
      agent({ name: 'c', health: 'Degraded' }),
      agent({ name: 'd', health: 'Critical' }),
      agent({ name: 'e', health: 'Failed', ready: false, failed: { reason: 'SandboxGone', atMs: 0, readyForMs: 0 } }),
      agent({ name: 'f', health: 'Healthy', state: 'Paused', ready: false }),
      agent({ name: 'g', health: 'Critical', deleting: true }),
      fresh({ name: 'h' }),
    ]
    expect(status({ world: world({ agents }) }).health).to.deep.equal({ healthy: 2, degraded: 1, critical: 1, failed: 1 })
  })

  it('the older revision stays current until the newer is complete', () => {
    const stored: SwarmStatus = { observedGeneration: 2, currentRevision: 'r1' }
    expect(status({ world: world({ updateRevision: 'r2' }), stored })).to.include({ currentRevision: 'r1', updateRevision: 'r2' })
    const done = world({ updateRevision: 'r2', agents: [agent({ revision: 'r2' }), agent({ name: 'b', revision: 'r2' })] })
    expect(status({ world: done, stored })).to.include({ currentRevision: 'r2', updateRevision: 'r2' })
  })

  it('keeps what it knew while something it needs is missing', () => {
    const before = status({ world: world() })
    const after = waitingStatus(before, new WaitingError('ConfigMapMissing', 'ConfigMap default/desk does not exist', 30_000), {
      generation: 4,
      now: NOW,
    })
    expect(after.readyReplicas).to.equal(2)
    expect(kstatus({ metadata: { generation: 4 }, status: after })).to.equal('InProgress')
  })

  it('goes on with a mass failure while something it needs is missing', () => {
    const error = new WaitingError('ConfigMapMissing', 'ConfigMap default/desk does not exist', 30_000)
    const before = status({ world: world({ brake: BRAKE }), error: new WaitingError('RateLimited', 'later', 1_000) })
    const after = waitingStatus(before, error, { generation: 4, now: NOW })
    expect(after.conditions?.map((c) => [c.type, c.reason])).to.deep.equal([
      ['MassFailure', 'MassFailure'],
      ['Ready', 'ConfigMapMissing'],
      ['Reconciling', 'ProgressingWithRetry'],
    ])
  })
})

describe('traffic', () => {
  it('follows the agents that take tasks', () => {
    const serving = [{ revision: 'r2' }, { revision: 'r1' }, { revision: 'r1' }]
    expect(trafficOf(serving, [], 'r2')).to.deep.equal([
      { revision: 'r1', percent: 67 },
      { revision: 'r2', percent: 33 },
    ])
  })
  it('stays while nobody takes tasks', () => {
    expect(trafficOf([], [{ revision: 'r1', percent: 100 }], 'r2')).to.deep.equal([{ revision: 'r1', percent: 100 }])
  })
  it('always sums to 100', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g'), { minLength: 1, maxLength: 60 }), (revisions) => {
        const traffic = trafficOf(
          revisions.map((revision) => ({ revision })),
          [],
          'a',
        )
        expect(traffic.reduce((n, t) => n + t.percent, 0)).to.equal(100)
      }),
    )
  })
})
