import { describe, it } from 'mocha'
import { expect } from 'chai'
import { StalledError, TransientError, WaitingError } from '../../errors.ts'
import type { AgentStatus } from '../../api/agent.ts'
import { FINE } from '../../health/judge.ts'
import { kstatus, type KStatus } from '../../../test/support/kstatus.ts'
import { statusOf, type Told } from './status.ts'

const NOW = '2026-01-01T00:01:40.000Z'
const sandbox = { id: 's1', state: 'Running', commandStarted: true, port: 8080, startedAt: '2026-01-01T00:00:00.000Z' } as const
const READY: AgentStatus = {
  observedGeneration: 1,
  sandbox,
  readySince: '2026-01-01T00:00:10.000Z',
  conditions: [
    {
      type: 'Ready',
      status: 'True',
      reason: 'AgentReady',
      message: 'takes tasks',
      observedGeneration: 1,
      lastTransitionTime: '2026-01-01T00:00:10.000Z',
    },
  ],
}
const told = (over: Partial<Told> = {}): Told => ({
  spec: { state: 'Running' },
  port: 8080,
  path: '/health',
  deleting: false,
  stored: { observedGeneration: -1 },
  verdict: FINE,
  failureThreshold: 3,
  generation: 1,
  now: NOW,
  ...over,
})
const ready = { outcome: 'ready', failures: 0, sinceMs: 0 } as const

const CASES: Record<string, { told: Told; want: { kstatus: KStatus; reason: string } }> = {
  'before its sandbox': { told: told(), want: { kstatus: 'InProgress', reason: 'CreatingSandbox' } },
  'before its files are in it, for the warm pool': {
    told: told({ spec: { state: 'Warm' }, sandbox: { ...sandbox, commandStarted: false } }),
    want: { kstatus: 'InProgress', reason: 'CreatingSandbox' },
  },
  'in the warm pool': {
    told: told({ spec: { state: 'Warm' }, sandbox: { ...sandbox, commandStarted: false, prepared: true } }),
    want: { kstatus: 'InProgress', reason: 'Warm' },
  },
  'asleep in the warm pool': {
    told: told({ spec: { state: 'Warm' }, sandbox: { ...sandbox, state: 'Paused', commandStarted: false, prepared: true } }),
    want: { kstatus: 'InProgress', reason: 'Warm' },
  },
  'a Secret is missing': {
    told: told({ error: new WaitingError('SecretMissing', 'Secret x does not exist', 1) }),
    want: { kstatus: 'InProgress', reason: 'SecretMissing' },
  },
  'the key is refused': {
    told: told({ error: new StalledError('CredentialsRejected', 'E2B refused the API key') }),
    want: { kstatus: 'Failed', reason: 'CredentialsRejected' },
  },
  'the provider is down': {
    told: told({ error: new TransientError('ProviderUnavailable', 'E2B does not answer') }),
    want: { kstatus: 'InProgress', reason: 'ProviderUnavailable' },
  },
  'its command is not started': {
    told: told({ sandbox: { ...sandbox, commandStarted: false } }),
    want: { kstatus: 'InProgress', reason: 'Starting' },
  },
  'no check yet': { told: told({ sandbox }), want: { kstatus: 'InProgress', reason: 'Starting' } },
  ready: { told: told({ sandbox, health: ready }), want: { kstatus: 'Current', reason: 'AgentReady' } },
  'ready, one check failed': {
    told: told({ sandbox, stored: READY, health: { outcome: 'no-answer', failures: 1, sinceMs: 0 } }),
    want: { kstatus: 'Current', reason: 'AgentReady' },
  },
  'ready, before the first check of a new operator': {
    told: told({ sandbox, stored: READY }),
    want: { kstatus: 'Current', reason: 'AgentReady' },
  },
  'no longer ready': {
    told: told({ sandbox, stored: READY, health: { outcome: 'no-answer', failures: 3, sinceMs: 0 } }),
    want: { kstatus: 'InProgress', reason: 'NotResponding' },
  },
  'nothing listens': {
    told: told({ sandbox, health: { outcome: 'not-listening', failures: 9, sinceMs: 0 } }),
    want: { kstatus: 'InProgress', reason: 'PortClosed' },
  },
  'answers with an error': {
    told: told({ sandbox, health: { outcome: 'unhealthy', failures: 9, sinceMs: 0 } }),
    want: { kstatus: 'InProgress', reason: 'NotHealthy' },
  },
  'given up': {
    told: told({
      stored: READY,
      sandbox: { ...sandbox, state: 'Gone' },
      lost: { reason: 'SandboxGone', message: 'its sandbox has ended' },
    }),
    want: { kstatus: 'Failed', reason: 'SandboxGone' },
  },
  'being paused': {
    told: told({ spec: { state: 'Paused' }, sandbox: { ...sandbox, state: 'Paused' }, stored: READY }),
    want: { kstatus: 'InProgress', reason: 'Paused' },
  },
  'paused although it should run': {
    told: told({ sandbox: { ...sandbox, state: 'Paused' }, stored: READY }),
    want: { kstatus: 'InProgress', reason: 'Paused' },
  },
  'to be paused, still running': {
    told: told({ spec: { state: 'Paused' }, sandbox, stored: READY, health: ready }),
    want: { kstatus: 'Current', reason: 'AgentReady' },
  },
  draining: {
    told: told({ spec: { state: 'Draining' }, sandbox, stored: READY, health: ready }),
    want: { kstatus: 'Current', reason: 'Draining' },
  },
  'draining before it had a sandbox': {
    told: told({ spec: { state: 'Draining' } }),
    want: { kstatus: 'InProgress', reason: 'Draining' },
  },
  'answers, while the provider does not': {
    told: told({ sandbox, stored: READY, health: ready, error: new TransientError('ProviderUnavailable', 'E2B does not answer') }),
    want: { kstatus: 'InProgress', reason: 'AgentReady' },
  },
  'the provider does not know its sandbox any more': {
    told: told({ sandbox, stored: READY, health: { outcome: 'sandbox-gone', failures: 3, sinceMs: 0 } }),
    want: { kstatus: 'InProgress', reason: 'SandboxGone' },
  },
  'given up, and being deleted': {
    told: told({
      deleting: true,
      stored: { ...READY, failed: { reason: 'SandboxGone', at: NOW } },
      sandbox: { ...sandbox, state: 'Gone' },
    }),
    want: { kstatus: 'InProgress', reason: 'DeletingSandbox' },
  },
  'being deleted': { told: told({ deleting: true, sandbox, stored: READY }), want: { kstatus: 'InProgress', reason: 'DeletingSandbox' } },
  'being deleted, the provider is down': {
    told: told({ deleting: true, sandbox, stored: READY, error: new TransientError('ProviderUnavailable', 'E2B does not answer') }),
    want: { kstatus: 'InProgress', reason: 'ProviderUnavailable' },
  },
}

describe('status of an agent', () => {
  for (const [name, c] of Object.entries(CASES)) {
    it(`${name}: ${c.want.kstatus}, ${c.want.reason}`, () => {
      const made = statusOf(c.told)
      const reason = made.conditions?.find((x) => x.type === 'Ready')?.reason
      expect({ kstatus: kstatus({ metadata: { generation: 1 }, status: made }), reason }).to.deep.equal(c.want)
      expect((made.conditions ?? []).filter((x) => ['Reconciling', 'Stalled'].includes(x.type)).length).to.be.at.most(1)
    })
  }

  const HOT = { state: 'Critical', reason: 'CpuHigh', message: 'processor 95 % used' } as const
  const SINCE = '2026-01-01T00:00:20.000Z'
  const WAS_HOT = { ...HOT, since: SINCE }
  const down = (failures: number) => ({ outcome: 'no-answer', failures, sinceMs: 0 }) as const
  const HEALTH: Record<string, { told: Told; want: AgentStatus['health'] | undefined }> = {
    'has none before it was ever ready': { told: told({ sandbox, health: down(9), verdict: HOT }), want: undefined },
    'is there with the first ready check': { told: told({ sandbox, health: ready }), want: { ...FINE, since: NOW } },
    'is the verdict on its figures': { told: told({ sandbox, stored: READY, health: ready, verdict: HOT }), want: { ...HOT, since: NOW } },
    'keeps its time while only the reason changes': {
      told: told({ sandbox, stored: { ...READY, health: { ...WAS_HOT, reason: 'ErrorsHigh' } }, health: ready, verdict: HOT }),
      want: WAS_HOT,
    },
    'does not change with one failed check': {
      told: told({ sandbox, stored: { ...READY, health: WAS_HOT }, health: down(1), verdict: HOT }),
      want: WAS_HOT,
    },
    'is Failed when it does not answer': {
      told: told({ sandbox, stored: { ...READY, health: WAS_HOT }, health: down(3), verdict: HOT }),
      want: {
        state: 'Failed',
        reason: 'NotResponding',
        message: 'GET /health on port 8080 does not answer within spec.template.readiness.timeout',
        since: NOW,
      },
    },
    'is Failed when it is lost': {
      told: told({ sandbox: { ...sandbox, state: 'Gone' }, stored: READY, lost: { reason: 'SandboxGone', message: 'it has ended' } }),
      want: { state: 'Failed', reason: 'SandboxGone', message: 'it has ended', since: NOW },
    },
    'stays while it sleeps': {
      told: told({ spec: { state: 'Paused' }, sandbox: { ...sandbox, state: 'Paused' }, stored: { ...READY, health: WAS_HOT } }),
      want: WAS_HOT,
    },
    'stays while it wakes up': {
      told: told({ sandbox, stored: { ...READY, conditions: [], health: WAS_HOT }, health: down(0) }),
      want: WAS_HOT,
    },
    'stays until a new operator has checked it': { told: told({ sandbox, stored: { ...READY, health: WAS_HOT } }), want: WAS_HOT },
    'stays while it is being deleted': {
      told: told({ deleting: true, sandbox, stored: { ...READY, health: WAS_HOT }, health: ready }),
      want: WAS_HOT,
    },
  }
  for (const [name, c] of Object.entries(HEALTH)) it(`health ${name}`, () => expect(statusOf(c.told).health).to.deep.equal(c.want))

  it('remembers how long a lost agent had been ready', () => {
    const made = statusOf(told({ stored: READY, lost: { reason: 'SandboxGone', message: 'its sandbox has ended' } }))
    expect(made.failed).to.deep.equal({ reason: 'SandboxGone', at: NOW, readyForMs: 90_000 })
  })

  it('says the same a second time', () => {
    for (const { told: c } of Object.values(CASES)) {
      const first = statusOf(c)
      expect(statusOf({ ...c, stored: first, now: '2026-02-02T00:00:00.000Z' })).to.deep.equal(first)
    }
  })
})
