import { describe, it } from 'mocha'
import { expect } from 'chai'
import { noRecommendations } from '../../scaling/behaviour.ts'
import { decide, type World } from '../../scaling/decide.ts'
import type { Settings } from '../../scaling/settings.ts'
import { TransientError } from '../../errors.ts'
import { noTargetStatus, statusOf, tellsTheSame, warningEndsMs, type Before } from './status.ts'

const NOW = Date.parse('2026-01-01T00:10:00Z')
const free = { windowMs: 0, coolDownMs: 0, limits: [], select: 'Max' as const }
const SETTINGS: Settings = {
  minReplicas: 1,
  maxReplicas: 4,
  metrics: [
    {
      name: 'load',
      type: 'InFlightPerAgent',
      readAs: { as: 'Total', target: 2, tolerancePercent: 10 },
      spanMs: 0,
      maxAgeMs: 60_000,
      fallback: { action: 'Keep' },
    },
  ],
  scaleUp: free,
  scaleDown: free,
  idleBeforeZeroMs: 0,
  predictive: { mode: 'Off', seasonMs: 1, horizonMs: 1 },
  dryRun: false,
}
const world = (value: number | undefined, more: Partial<World> = {}): World => ({
  settings: SETTINGS,
  metrics: SETTINGS.metrics.map((settings) => ({ settings, series: value === undefined ? [] : [{ atMs: NOW, value }] })),
  current: 2,
  ready: 2,
  tasks: { inFlight: value ?? 0, queued: 0 },
  changes: [],
  recent: noRecommendations(NOW - 1_000_000),
  isPaused: false,
  isRollingOut: false,
  isBrakeOn: false,
  nowMs: NOW,
  ...more,
})
const told = (seen: World, before: Partial<Before> = {}) =>
  statusOf(seen, decide(seen), { generation: 3, stored: undefined, changes: [], ...before })
const conditions = (status: ReturnType<typeof told>) => status.conditions?.map((c) => `${c.type}=${c.status} ${c.reason}`)

const cases: Record<string, { seen: World; before?: Partial<Before>; want: readonly string[] }> = {
  'acts within limits': {
    seen: world(4),
    want: ['Ready=True ScalingActive', 'ScalingActive=True ScalingActive', 'ScalingLimited=False WithinLimits'],
  },
  'is limited, and by what': {
    seen: world(20),
    want: ['Ready=True ScalingActive', 'ScalingActive=True ScalingActive', 'ScalingLimited=True MaxReplicas'],
  },
  'is paused': {
    seen: world(4, { isPaused: true }),
    want: ['Ready=True Paused', 'ScalingActive=False Paused', 'ScalingLimited=False WithinLimits'],
  },
  'is only tried out': {
    seen: world(4, { settings: { ...SETTINGS, dryRun: true } }),
    want: ['Ready=True DryRun', 'ScalingActive=False DryRun', 'ScalingLimited=False WithinLimits'],
  },
  'is blind': {
    seen: world(undefined),
    want: [
      'MetricsFailing=True MetricsFailing',
      'Ready=False MetricsFailing',
      'ScalingActive=False MetricsFailing',
      'ScalingLimited=False WithinLimits',
    ],
  },
  'cannot write': {
    seen: world(8),
    before: { error: new TransientError('Forbidden', 'not allowed') },
    want: [
      'Ready=False Forbidden',
      'Reconciling=True ProgressingWithRetry',
      'ScalingActive=False Forbidden',
      'ScalingLimited=False WithinLimits',
    ],
  },
  'was overridden a minute ago': {
    seen: world(4),
    before: { overridden: { at: '2026-01-01T00:09:00.000Z', by: 'kubectl', from: 2, to: 5 } },
    want: [
      'Ready=True ScalingActive',
      'ReplicasSetByOthers=True ReplicasSetByOthers',
      'ScalingActive=True ScalingActive',
      'ScalingLimited=False WithinLimits',
    ],
  },
  'was overridden long ago': {
    seen: world(4),
    before: { overridden: { at: '2026-01-01T00:00:00.000Z', by: 'kubectl', from: 2, to: 5 } },
    want: ['Ready=True ScalingActive', 'ScalingActive=True ScalingActive', 'ScalingLimited=False WithinLimits'],
  },
}

describe('the status of a policy', () => {
  for (const [name, { seen, before, want }] of Object.entries(cases))
    it(`tells that it ${name}`, () => expect(conditions(told(seen, before))).to.deep.equal(want))

  it('says what each metric read and asked for, and what came of it', () => {
    const { conditions: _conditions, ...status } = told(world(20), { setReplicas: 4, changes: [{ atMs: NOW, from: 2, to: 4 }] })
    expect(status).to.deep.equal({
      observedGeneration: 3,
      currentReplicas: 2,
      wantedReplicas: 4,
      askedReplicas: 10,
      setReplicas: 4,
      summary: 'load 20',
      decidingMetric: 'load',
      metrics: [
        {
          name: 'load',
          state: 'Fresh',
          value: '20',
          measuredAt: '2026-01-01T00:10:00.000Z',
          wantedReplicas: 10,
          message: '20 in all, 2 an agent',
        },
      ],
      limitedBy: [{ by: 'MaxReplicas', from: 10, to: 4 }],
      changes: [{ at: '2026-01-01T00:10:00.000Z', from: 2, to: 4 }],
    })
  })

  it('remembers when there was work only where the last agent may go', () => {
    expect(told(world(4, { settings: { ...SETTINGS, minReplicas: 0 } })).lastActiveAt).to.equal('2026-01-01T00:10:00.000Z')
    expect(told(world(4)).lastActiveAt).to.equal(undefined)
  })

  it('can wait when only figures have changed, and not when something else has', () => {
    const stored = told(world(3.9))
    expect(tellsTheSame(stored, told(world(4)))).to.equal(true)
    expect(tellsTheSame(stored, told(world(20)))).to.equal(false)
    expect(tellsTheSame(stored, told(world(undefined)))).to.equal(false)
    expect(tellsTheSame(undefined, stored)).to.equal(false)
  })

  it('keeps what was decided when its target is gone, by the rules of kstatus', () => {
    const stored = told(world(4))
    const where = { generation: 4, nowMs: NOW }
    const waits = noTargetStatus(stored, { reason: 'SwarmNotFound', message: 'no swarm', isStalled: false }, where)
    expect([waits.wantedReplicas, conditions(waits)]).to.deep.equal([
      2,
      ['Ready=False SwarmNotFound', 'Reconciling=True SwarmNotFound', 'ScalingActive=False SwarmNotFound'],
    ])
    const stalled = noTargetStatus(undefined, { reason: 'OtherPolicy', message: 'another one', isStalled: true }, where)
    expect(conditions(stalled)).to.deep.equal(['Ready=False OtherPolicy', 'ScalingActive=False OtherPolicy', 'Stalled=True OtherPolicy'])
  })

  it('warns for ten minutes', () => {
    const overridden = { at: '2026-01-01T00:09:00.000Z', by: 'kubectl', from: 2, to: 5 }
    expect(warningEndsMs(overridden, NOW)).to.equal(540_000)
    expect(warningEndsMs(overridden, NOW + 540_000)).to.equal(undefined)
    expect(warningEndsMs(undefined, NOW)).to.equal(undefined)
  })
})
