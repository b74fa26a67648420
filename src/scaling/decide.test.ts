import { describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import type { MetricSeen } from './answer.ts'
import { noRecommendations, type DirectionSettings } from './behaviour.ts'
import { decide, type Decision, type World } from './decide.ts'
import type { MetricSettings, Settings } from './settings.ts'
import { parseChange } from './steps.ts'

const NOW_MS = Date.parse('2026-01-05T12:00:00Z')
const MINUTE_MS = 60_000
const free: DirectionSettings = { windowMs: 0, coolDownMs: 0, limits: [], select: 'Max' }
const settings = (over: Partial<Settings> = {}): Settings => ({
  minReplicas: 1,
  maxReplicas: 20,
  metrics: [],
  scaleUp: free,
  scaleDown: free,
  idleBeforeZeroMs: 5 * MINUTE_MS,
  predictive: { mode: 'Off', seasonMs: 86_400_000, horizonMs: 300_000 },
  dryRun: false,
  ...over,
})
const metricSettings = (over: Partial<MetricSettings> = {}): MetricSettings => ({
  name: 'load',
  type: 'InFlightPerAgent',
  readAs: { as: 'Total', target: 2, tolerancePercent: 10 },
  spanMs: 0,
  maxAgeMs: MINUTE_MS,
  fallback: { action: 'Keep' },
  ...over,
})
/** A metric whose value was measured a second ago; of a total, 2 an agent. */
const metric = (value: number, over: Partial<MetricSettings> = {}): MetricSeen => ({
  settings: metricSettings(over),
  series: [{ atMs: NOW_MS - 1_000, value }],
})
const stale = (over: Partial<MetricSettings> = {}): MetricSeen => ({
  settings: metricSettings({ name: 'far', ...over }),
  series: [{ atMs: NOW_MS - 2 * MINUTE_MS, value: 1 }],
})
const timetable = (isActive: boolean): MetricSeen => ({
  settings: metricSettings({ name: 'office', type: 'Cron', readAs: { as: 'Timetable', replicas: 7 } }),
  series: [],
  timetable: { isActive, changesAtMs: NOW_MS + 30_000 },
})
const cpu = (value: number, over: Partial<MetricSettings> = {}) =>
  metric(value, {
    name: 'cpu',
    type: 'Cpu',
    readAs: { as: 'Steps', steps: [{ ...parseChange('+50%'), side: 'above', bound: 85 }] },
    ...over,
  })
/** Aimed at 2 s, of the tasks of the last minute. */
const latency = (value: number) =>
  metric(value, {
    name: 'slow',
    type: 'Latency',
    readAs: { as: 'Ratio', target: 2, tolerancePercent: 10, unmeasured: 2 },
    spanMs: MINUTE_MS,
  })
/** Many more above 85 %, half as many below what is little. */
const band = (value: number, name: string, little: number) =>
  metric(value, {
    name,
    type: 'Cpu',
    readAs: {
      as: 'Steps',
      steps: [
        { ...parseChange('+8'), side: 'above', bound: 85 },
        { ...parseChange('-50%'), side: 'below', bound: little },
      ],
    },
  })
const volatility = (value: number, over: Partial<MetricSettings> = {}) =>
  metric(value, {
    name: 'volatility',
    type: 'Json',
    readAs: {
      as: 'Steps',
      base: 4,
      steps: [
        { ...parseChange('+50%'), side: 'above', bound: 0.7 },
        { ...parseChange('+100%'), side: 'above', bound: 0.8 },
      ],
    },
    ...over,
  })
/** 0.5 for a while, and 0.85 for the last five seconds. */
const spike = [25_000, 20_000, 15_000, 10_000, 5_000].map((agoMs) => ({ atMs: NOW_MS - agoMs, value: agoMs === 5_000 ? 0.85 : 0.5 }))
const world = (over: Partial<World> = {}): World => {
  const current = over.current ?? 4
  return {
    settings: settings(),
    metrics: [metric(8)],
    current,
    ready: current,
    settledMs: 0,
    tasks: { inFlight: 8, queued: 0 },
    changes: [],
    recent: noRecommendations(NOW_MS - 60 * MINUTE_MS),
    isPaused: false,
    isRollingOut: false,
    isBrakeOn: false,
    nowMs: NOW_MS,
    ...over,
  }
}

type Want = Partial<Pick<Decision, 'replicas' | 'apply' | 'asked' | 'deciding' | 'message' | 'checkAgainMs'>> & { limits?: string[] }
const IDLE = { inFlight: 0, queued: 0 }
const WAITS = { inFlight: 0, queued: 3 }
const zero = settings({ minReplicas: 0 })

const cases: Record<string, { world: World; want: Want }> = {
  'stays where it is when the load is what is aimed at': {
    world: world(),
    want: { replicas: 4, apply: false, asked: 4, deciding: 'load', message: 'load asks for 4; stays at 4', limits: [] },
  },
  'follows the load at once': {
    world: world({ metrics: [metric(17)] }),
    want: { replicas: 9, apply: true, message: 'load asks for 9; from 4 to 9' },
  },
  'takes the largest answer': {
    world: world({ metrics: [metric(2), metric(14, { name: 'queue' }), metric(5, { name: 'third' })] }),
    want: { replicas: 7, deciding: 'queue' },
  },
  'looks again when its newest value is too old': { world: world(), want: { checkAgainMs: 59_000 } },
  'goes no higher than maxReplicas': {
    world: world({ metrics: [metric(400)] }),
    want: {
      replicas: 20,
      asked: 200,
      limits: ['MaxReplicas 200>20'],
      message: 'load asks for 200; 20: no more than maxReplicas; from 4 to 20',
    },
  },
  'goes no lower than minReplicas': { world: world({ metrics: [metric(0)] }), want: { replicas: 1, limits: ['MinReplicas 0>1'] } },
  'is brought within bounds that were changed, also while a rollout runs': {
    world: world({ settings: settings({ maxReplicas: 3 }), isRollingOut: true }),
    want: { replicas: 3, apply: true, limits: ['MaxReplicas 4>3', 'Rollout 3>4', 'MaxReplicas 4>3'] },
  },
  'lets nobody go while a rollout runs': {
    world: world({ metrics: [metric(2)], isRollingOut: true }),
    want: {
      replicas: 4,
      apply: false,
      limits: ['Rollout 1>4'],
      message: 'load asks for 1; 4: no agent goes while a rollout runs; stays at 4',
    },
  },
  'adds agents while a rollout runs': { world: world({ metrics: [metric(20)], isRollingOut: true }), want: { replicas: 10 } },
  'lets nobody go while the brake is on': {
    world: world({ metrics: [metric(2)], isBrakeOn: true }),
    want: { replicas: 4, limits: ['MassFailure 1>4'] },
  },
  'lets nobody go while a metric fails': { world: world({ metrics: [metric(2), stale()] }), want: { replicas: 4, deciding: 'far' } },
  'adds agents although a metric fails': { world: world({ metrics: [metric(20), stale()] }), want: { replicas: 10, deciding: 'load' } },
  'ignores a failing metric that is to be ignored': {
    world: world({ metrics: [metric(2), stale({ fallback: { action: 'Ignore' } })] }),
    want: { replicas: 1, deciding: 'load' },
  },
  'has the replicas of a fallback, never instead of more': {
    world: world({ metrics: [metric(2), stale({ fallback: { action: 'Replicas', replicas: 6 } })] }),
    want: { replicas: 6, deciding: 'far' },
  },
  'needs more than the fallback says': {
    world: world({ metrics: [metric(20), stale({ fallback: { action: 'Replicas', replicas: 6 } })] }),
    want: { replicas: 10, deciding: 'load' },
  },
  'changes nothing when no metric has a say': {
    world: world({ metrics: [stale({ fallback: { action: 'Ignore' } })] }),
    want: { replicas: 4, asked: 4, message: 'no metric has a say; stays at 4' },
  },
  'follows a timetable, and looks again when it changes': {
    world: world({ metrics: [timetable(true)] }),
    want: { replicas: 7, checkAgainMs: 30_000 },
  },
  'goes down when the time of a timetable is over': { world: world({ metrics: [timetable(false)] }), want: { replicas: 1 } },
  'lets nobody go by steps that can only add': {
    world: world({ metrics: [cpu(10)] }),
    want: { replicas: 4, message: 'no metric has a say; stays at 4' },
  },
  'goes down by another metric beside such steps': {
    world: world({ metrics: [cpu(10), metric(2)] }),
    want: { replicas: 1, deciding: 'load' },
  },
  'needs every metric that has a say in it to let agents go': {
    world: world({ metrics: [band(10, 'cpu', 15), band(30, 'memory', 20)], current: 6 }),
    want: { replicas: 6, deciding: 'memory' },
  },
  'goes from 6 to 3 when processor and memory are little used': {
    world: world({ metrics: [band(10, 'cpu', 15), band(12, 'memory', 20)], current: 6 }),
    want: { replicas: 3 },
  },
  'goes from 2 to 10 when one of them is much used': {
    world: world({ metrics: [band(10, 'cpu', 15), band(88, 'memory', 20)], current: 2 }),
    want: { replicas: 10, deciding: 'memory' },
  },
  'doubles its base at a volatility of 0.85, and does not double again': {
    world: world({ metrics: [volatility(0.85)], current: 8, changes: [{ atMs: NOW_MS - 9_000, from: 4, to: 8 }] }),
    want: { replicas: 8, asked: 8 },
  },
  'has half of its base more at a volatility of 0.75, although it had twice as many': {
    world: world({ metrics: [volatility(0.75)], current: 8 }),
    want: { replicas: 6 },
  },
  'does not follow a single spike of volatility': {
    world: world({ metrics: [{ ...volatility(0.85, { confidence: { windowMs: 30_000, percent: 80 } }), series: spike }] }),
    want: { replicas: 4 },
  },
  'takes a step': { world: world({ metrics: [cpu(90)] }), want: { replicas: 6 } },
  'takes no second step for a value from before the first': {
    world: world({ metrics: [cpu(90)], changes: [{ atMs: NOW_MS - 500, from: 3, to: 4 }] }),
    want: { replicas: 4 },
  },
  'takes no second step for a value that still looks back to before the first': {
    world: world({ metrics: [cpu(90, { spanMs: 15_000 })], changes: [{ atMs: NOW_MS - 10_000, from: 3, to: 4 }] }),
    want: { replicas: 4 },
  },
  'does not multiply agents by a latency from when there were fewer': {
    world: world({ metrics: [latency(4)], changes: [{ atMs: NOW_MS - 50_000, from: 2, to: 4 }] }),
    want: { replicas: 4, asked: 4 },
  },
  'does not multiply agents by a latency from when some of them were starting': {
    world: world({ metrics: [latency(4)], changes: [{ atMs: NOW_MS - 70_000, from: 2, to: 4 }], settledMs: NOW_MS - 50_000 }),
    want: { replicas: 4, asked: 4 },
  },
  'does not take an agent that is replaced later for one that starts': {
    world: world({ metrics: [latency(4)], changes: [{ atMs: NOW_MS - 10 * MINUTE_MS, from: 2, to: 4 }], settledMs: NOW_MS - 1_000 }),
    want: { replicas: 8 },
  },
  'asks for more when such a latency has become worse': {
    world: world({ metrics: [latency(9)], changes: [{ atMs: NOW_MS - 50_000, from: 2, to: 4 }] }),
    want: { replicas: 9 },
  },
  'does not divide agents by a latency from when there were more': {
    world: world({ metrics: [latency(1)], changes: [{ atMs: NOW_MS - 50_000, from: 8, to: 4 }] }),
    want: { replicas: 4, asked: 4 },
  },
  'multiplies agents by a latency that is theirs': {
    world: world({ metrics: [latency(4)], changes: [{ atMs: NOW_MS - 70_000, from: 2, to: 4 }] }),
    want: { replicas: 8 },
  },
  'does not go down before the window is over': {
    world: world({
      settings: settings({ scaleDown: { ...free, windowMs: MINUTE_MS } }),
      metrics: [metric(2)],
      recent: { ...noRecommendations(0), highs: [{ wanted: 4, untilMs: NOW_MS }] },
    }),
    want: { replicas: 4, limits: ['Stabilised 1>4'], checkAgainMs: 59_000 },
  },
  'does not go down within the cool-down': {
    world: world({
      settings: settings({ scaleDown: { ...free, coolDownMs: MINUTE_MS } }),
      metrics: [metric(2)],
      changes: [{ atMs: NOW_MS - 50_000, from: 2, to: 4 }],
    }),
    want: { replicas: 4, limits: ['CoolDown 1>4'], checkAgainMs: 10_000 },
  },
  'goes as far as the step limits allow': {
    world: world({ settings: settings({ scaleUp: { ...free, limits: [{ count: 3, periodMs: 15_000 }] } }), metrics: [metric(40)] }),
    want: { replicas: 7, limits: ['StepLimit 20>7'], checkAgainMs: 15_000 },
  },
  'starts agents by the forecast': { world: world({ forecast: 8 }), want: { replicas: 8, deciding: 'forecast' } },
  'lets nobody go by the forecast': { world: world({ forecast: 0 }), want: { replicas: 4, deciding: 'load' } },
  'does not go by the forecast alone': { world: world({ metrics: [], forecast: 8 }), want: { replicas: 4 } },
  'changes nothing while paused, also when out of bounds': {
    world: world({ settings: settings({ maxReplicas: 3 }), isPaused: true }),
    want: { replicas: 4, apply: false },
  },
  'only tells in a dry run': {
    world: world({ settings: settings({ dryRun: true }), metrics: [metric(17)] }),
    want: { replicas: 9, apply: false, message: 'load asks for 9; from 4 to 9; dryRun: nothing is changed' },
  },
  'keeps the last agent while there are tasks': {
    world: world({ settings: zero, metrics: [timetable(false)], current: 1, tasks: { inFlight: 1, queued: 0 } }),
    want: { replicas: 1, limits: ['NotIdle 0>1'] },
  },
  'keeps the last agent until it has been idle for long enough': {
    world: world({ settings: zero, metrics: [metric(0)], current: 3, tasks: IDLE, lastActiveMs: NOW_MS - 4 * MINUTE_MS }),
    want: { replicas: 1, apply: true, limits: ['NotIdle 0>1'], checkAgainMs: 59_000 },
  },
  'lets the last agent go then': {
    world: world({ settings: zero, metrics: [metric(0)], current: 1, tasks: IDLE, lastActiveMs: NOW_MS - 5 * MINUTE_MS }),
    want: { replicas: 0, apply: true, limits: [] },
  },
  'takes a swarm that it sees for the first time for active': {
    world: world({ settings: zero, metrics: [metric(0)], current: 1, tasks: IDLE }),
    want: { replicas: 1, limits: ['NotIdle 0>1'] },
  },
  'wakes a swarm at zero for a task that waits, whatever else is said': {
    world: world({
      settings: { ...zero, scaleUp: { ...free, coolDownMs: MINUTE_MS, limits: [{ count: 0, periodMs: 1_000 }] } },
      metrics: [stale({ fallback: { action: 'Ignore' } })],
      current: 0,
      tasks: WAITS,
      changes: [{ atMs: NOW_MS - 1, from: 0, to: 1 }],
    }),
    want: { replicas: 1, apply: true, limits: ['Woken 0>1'] },
  },
  'goes from zero to as many as are needed': {
    world: world({ settings: zero, metrics: [metric(3)], current: 0, tasks: WAITS }),
    want: { replicas: 2, apply: true, limits: [] },
  },
  'stays at zero without tasks': {
    world: world({ settings: zero, metrics: [metric(0)], current: 0, tasks: IDLE }),
    want: { replicas: 0, apply: false },
  },
}

describe('a decision', () => {
  for (const [name, c] of Object.entries(cases))
    it(name, () => {
      const { limits, ...want } = c.want
      const decision = decide(c.world)
      expect(decision).to.deep.include(want)
      if (limits) expect(decision.limitedBy.map(({ by, from, to }) => `${by} ${from}>${to}`)).to.deep.equal(limits)
    })

  it('explains each metric', () => {
    const ratio = metric(90, { name: 'busy', type: 'Cpu', readAs: { as: 'Ratio', target: 60, tolerancePercent: 10, unmeasured: 100 } })
    const unread: MetricSeen = { settings: timetable(true).settings, series: [], problem: 'cron.start cannot be read' }
    const unsure = cpu(90, { confidence: { windowMs: 30_000, percent: 80 } })
    const broken = { ...stale(), problem: 'Prometheus answers 503' }
    const { answers } = decide(world({ metrics: [metric(17.123456), ratio, cpu(90), unsure, timetable(true), broken, unread] }))
    expect(answers.map(({ name, state, wanted, message }) => [name, state, wanted, message])).to.deep.equal([
      ['load', 'Fresh', 9, '17.12 in all, 2 an agent'],
      ['busy', 'Fresh', 6, '90, aimed at 60'],
      ['cpu', 'Fresh', 6, '90 is above 85: +50 %'],
      ['cpu', 'Fresh', 4, '90 is above 85: +50 %, not yet for 80 % of 30 s'],
      ['office', 'Fresh', 7, 'the time is on until 2026-01-05T12:00:30.000Z'],
      ['far', 'Stale', 4, 'the newest value is 120 s old: Prometheus answers 503; no agent goes for as long as that is so'],
      ['office', 'NoData', 4, 'cron.start cannot be read; no agent goes for as long as that is so'],
    ])
  })

  it('remembers when there was last something to do', () => {
    expect(decide(world()).lastActiveMs).to.equal(NOW_MS)
    expect(decide(world({ tasks: IDLE, lastActiveMs: 5 })).lastActiveMs).to.equal(5)
  })

  const direction = fc.record({
    windowMs: fc.nat(60_000),
    coolDownMs: fc.nat(60_000),
    limits: fc.array(fc.record({ count: fc.nat(5), periodMs: fc.integer({ min: 1, max: 60_000 }) }), { maxLength: 2 }),
    select: fc.constantFrom('Max' as const, 'Min' as const),
  })
  const anyWorld = fc
    .record({
      min: fc.nat(10),
      more: fc.nat(20),
      scaleUp: direction,
      scaleDown: direction,
      values: fc.array(fc.option(fc.double({ min: 0, max: 200, noNaN: true })), { minLength: 1, maxLength: 4 }),
      current: fc.nat(40),
      ready: fc.nat(40),
      queued: fc.nat(3),
      forecast: fc.option(fc.nat(50), { nil: undefined }),
      flags: fc.tuple(fc.boolean(), fc.boolean(), fc.boolean()),
    })
    .map(
      ({ min, more, scaleUp, scaleDown, values, current, ready, queued, forecast, flags: [isPaused, isRollingOut, isBrakeOn] }): World => {
        const bounds = { minReplicas: min, maxReplicas: Math.max(1, min + more) }
        const metrics = values.map((value) => (value === null ? stale() : metric(value)))
        const stopped = { isPaused, isRollingOut, isBrakeOn, ...(forecast !== undefined && { forecast }) }
        return world({
          settings: settings({ ...bounds, scaleUp, scaleDown }),
          metrics,
          current,
          ready,
          tasks: { inFlight: 0, queued },
          ...stopped,
        })
      },
    )

  it('is always within the bounds unless paused, and at zero wakes for a task', () => {
    fc.assert(
      fc.property(anyWorld, (w) => {
        const { replicas, apply, checkAgainMs } = decide(w)
        const { minReplicas, maxReplicas } = w.settings
        if (w.isPaused) return void expect([replicas, apply]).to.deep.equal([w.current, false])
        expect(replicas).to.be.within(minReplicas, maxReplicas)
        expect(apply).to.equal(replicas !== w.current)
        if (w.tasks.queued > 0) expect(replicas).to.be.at.least(1)
        expect(checkAgainMs ?? 1).to.be.at.least(1)
      }),
    )
  })

  it('lets nobody go while it must not, but for the bounds', () => {
    fc.assert(
      fc.property(anyWorld, (w) => {
        if (w.isRollingOut || w.isBrakeOn) expect(decide(w).replicas).to.be.at.least(Math.min(w.current, w.settings.maxReplicas))
      }),
    )
  })

  it('is the same when it is made again', () => {
    fc.assert(fc.property(anyWorld, (w) => void expect(decide(w)).to.deep.equal(decide(w))))
  })
})
