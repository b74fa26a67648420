import { describe, it } from 'mocha'
import { expect } from 'chai'
import { noRecommendations, type Change } from './behaviour.ts'
import { decide, type World } from './decide.ts'
import { withSample, type Series } from './reading.ts'
import type { MetricSettings, Settings } from './settings.ts'

// A fleet whose agents each do two tasks at once and take two seconds to start, under loads of known shapes: what decisions come to over
// time, beside the HorizontalPodAutoscaler's formula every 15 s with the same window, and with data that it never lacks.

const TICK_MS = 250
const START_MS = 2_000
const HPA_EVERY_MS = 15_000
const WINDOW_MS = 60_000
const MAX_AGE_MS = 30_000
const PER_AGENT = 2
const [MIN, MAX] = [2, 30]

/** Tasks that run or wait, by seconds. */
type Trace = { readonly seconds: number; readonly load: (second: number) => number }

const noise = (second: number) => {
  const x = Math.sin(Math.floor(second) * 78.233) * 12_345.678
  return 2 * (x - Math.floor(x)) - 1
}
const TRACES = {
  steady: { seconds: 900, load: (s) => 20 + 1.5 * noise(s) },
  ramp: { seconds: 900, load: (s) => 4 + Math.min(44, s / 12) },
  'ramp down': { seconds: 900, load: (s) => Math.max(6, 48 - s / 15) },
  step: { seconds: 600, load: (s) => (s < 200 ? 4 : 20) },
  spike: { seconds: 600, load: (s) => (s >= 203 && s < 238 ? 50 : 8) },
  sawtooth: { seconds: 1_200, load: (s) => 8 + (s % 200) / 5 },
  day: { seconds: 1_800, load: (s) => 24 + 18 * Math.sin((2 * Math.PI * s) / 900) + noise(s) },
} satisfies Record<string, Trace>

type Run = {
  /** Agent-seconds that were missing, and that nobody needed. */
  readonly under: number
  readonly over: number
  readonly changes: readonly Change[]
  readonly replicas: readonly number[]
}
/** Decides at a moment; undefined when it does not look at that one. */
type Scaler = (now: { readonly ms: number; readonly current: number; readonly ready: number; readonly load: number }) => number | undefined

function simulate({ seconds, load }: Trace, decideAt: Scaler): Run {
  let [current, under, over] = [Math.ceil(load(0) / PER_AGENT), 0, 0]
  let starting: number[] = []
  const changes: Change[] = []
  const replicas: number[] = []
  for (let ms = 0; ms < seconds * 1_000; ms += TICK_MS) {
    starting = starting.filter((readyAtMs) => readyAtMs > ms)
    const tasks = load(ms / 1_000)
    const to = decideAt({ ms, current, ready: current - starting.length, load: tasks }) ?? current
    if (to !== current) changes.push({ atMs: ms, from: current, to })
    for (let n = current; n < to; n += 1) starting.push(ms + START_MS)
    if (to < current) starting = starting.slice(0, Math.max(0, starting.length - (current - to)))
    current = to
    replicas.push(to)
    const needed = Math.min(MAX, Math.max(MIN, Math.ceil(tasks / PER_AGENT)))
    under += (Math.max(0, needed - (current - starting.length)) * TICK_MS) / 1_000
    over += (Math.max(0, current - needed) * TICK_MS) / 1_000
  }
  return { under, over, changes, replicas }
}

/**
 * The HorizontalPodAutoscaler with its default policies: upwards 4 agents or as many as there are within 15 s, downwards what it wants. Its
 * looks begin at `phaseMs`, on which much depends.
 */
function hpa(phaseMs: number): Scaler {
  const recent: { ms: number; wanted: number }[] = []
  return ({ ms, current, load }) => {
    if (ms % HPA_EVERY_MS !== phaseMs) return undefined
    const isOff = Math.abs(1 - load / (PER_AGENT * current)) > 0.1
    const wanted = isOff ? Math.ceil(load / PER_AGENT) : current
    recent.push({ ms, wanted })
    const highest = Math.max(...recent.filter((r) => r.ms >= ms - WINDOW_MS).map((r) => r.wanted))
    const stabilised = wanted < current ? Math.min(current, highest) : wanted
    return Math.min(MAX, Math.max(MIN, Math.min(stabilised, Math.max(2 * current, current + 4))))
  }
}

/** What reaches the decision of a sample: when, and whether at all. */
type Delivery = (measuredAtMs: number) => number | undefined

/** A metric, and what it measures. */
type Measured = { readonly metric: MetricSettings; readonly valueOf: (now: { ready: number; load: number }) => number }

const TASKS: Measured = {
  metric: {
    name: 'load',
    type: 'InFlightPerAgent',
    readAs: { as: 'Total', target: PER_AGENT, tolerancePercent: 10 },
    spanMs: 0,
    maxAgeMs: MAX_AGE_MS,
    fallback: { action: 'Keep' },
  },
  valueOf: ({ load }) => load,
}

/** The worst that agents were loaded within a minute, in percent: a figure that, like a high percentile, does not fall when agents come. */
function worstOfMinute(): Measured {
  const spanMs = 60_000
  const seen: number[] = []
  return {
    metric: { ...TASKS.metric, type: 'Latency', readAs: { as: 'Ratio', target: 100, tolerancePercent: 10, unmeasured: 100 }, spanMs },
    valueOf: ({ ready, load }) => {
      seen.push((load * 100) / (PER_AGENT * ready))
      return Math.max(...seen.slice(-spanMs / TICK_MS))
    },
  }
}

function ours(delivery: Delivery = (ms) => ms, { metric, valueOf }: Measured = TASKS): Scaler {
  const free = { coolDownMs: 0, limits: [], select: 'Max' as const }
  const settings: Settings = {
    minReplicas: MIN,
    maxReplicas: MAX,
    metrics: [metric],
    scaleUp: { ...free, windowMs: 0 },
    scaleDown: { ...free, windowMs: WINDOW_MS },
    idleBeforeZeroMs: 0,
    predictive: { mode: 'Off', seasonMs: 1, horizonMs: 1 },
    dryRun: false,
  }
  let recent = noRecommendations(0)
  let series: Series = []
  const changes: Change[] = []
  let settledMs = 0
  const onTheWay: { atMs: number; arrivesMs: number; value: number }[] = []
  return ({ ms, current, ready, load }) => {
    const arrivesMs = delivery(ms)
    if (arrivesMs !== undefined) onTheWay.push({ atMs: ms, arrivesMs, value: valueOf({ ready, load }) })
    for (const sample of onTheWay.filter((s) => s.arrivesMs <= ms && s.arrivesMs > ms - TICK_MS))
      series = withSample(series, sample, MAX_AGE_MS)
    if (ready < current || settledMs === Infinity) settledMs = ready < current ? Infinity : ms
    const flags = { isPaused: false, isRollingOut: false, isBrakeOn: false }
    const seen = [{ settings: metric, series }]
    const world: World = {
      settings,
      metrics: seen,
      current,
      ready,
      tasks: { inFlight: 1, queued: 0 },
      changes,
      recent,
      nowMs: ms,
      ...flags,
      ...(settledMs < Infinity && { settledMs }),
    }
    const decision = decide(world)
    recent = decision.recent
    if (decision.apply) changes.push({ atMs: ms, from: current, to: decision.replicas })
    return decision.replicas
  }
}

/** How often agents went and were needed again within as long as the window is that is to prevent that. */
const flaps = ({ changes }: Run): number =>
  changes.filter((down, i) =>
    changes.slice(i + 1).some((later) => down.to < down.from && later.to >= down.from && later.atMs - down.atMs < WINDOW_MS),
  ).length

const during = (run: Run, from: number, to: number) => run.replicas.slice((from * 1_000) / TICK_MS, (to * 1_000) / TICK_MS)
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
const PHASES_MS = Array.from({ length: 12 }, (_, i) => (i * HPA_EVERY_MS) / 12)

describe('scaling over time', () => {
  for (const [name, trace] of Object.entries(TRACES)) {
    const run = simulate(trace, ours())

    it(`${name}: stays within bounds and does not flap`, () => {
      expect(run.replicas.filter((n) => n < MIN || n > MAX)).to.deep.equal([])
      expect(flaps(run)).to.equal(0)
    })

    it(`${name}: misses no more agents than the HorizontalPodAutoscaler's formula every 15 s, and is no further off in all`, () => {
      const others = PHASES_MS.map((phaseMs) => simulate(trace, hpa(phaseMs)))
      expect(run.under).to.be.at.most(mean(others.map((other) => other.under)))
      expect(run.under + run.over).to.be.at.most(mean(others.map((other) => other.under + other.over)))
    })
  }

  it('changes nothing under a steady load', () => expect(simulate(TRACES.steady, ours()).changes).to.deep.equal([]))

  it('answers a step in the same moment, and asks once', () => {
    expect(simulate(TRACES.step, ours()).changes).to.deep.equal([{ atMs: 200_000, from: 2, to: 10 }])
  })

  it('asks once also by a figure that does not fall when agents come, and again when it rises', () => {
    const twice = { seconds: 300, load: (s: number) => (s < 100 ? 4 : s < 130 ? 20 : 40) }
    expect(simulate(twice, ours(undefined, worstOfMinute())).changes).to.deep.equal([
      { atMs: 100_000, from: 2, to: 10 },
      { atMs: 162_000, from: 10, to: 20 },
    ])
  })

  it('lets nobody go while data is missing, and follows when it is back', () => {
    const trace = { seconds: 600, load: (s: number) => (s < 100 ? 40 : 10) }
    const run = simulate(
      trace,
      ours((ms) => (ms >= 90_000 && ms < 300_000 ? undefined : ms)),
    )
    expect([...new Set(during(run, 0, 359))]).to.deep.equal([20])
    expect([...new Set(during(run, 361, 600))]).to.deep.equal([5])
  })

  it('adds agents as soon as data is back', () => {
    const trace = { seconds: 400, load: (s: number) => (s < 100 ? 10 : 40) }
    const run = simulate(
      trace,
      ours((ms) => (ms >= 90_000 && ms < 300_000 ? undefined : ms)),
    )
    expect(run.changes).to.deep.equal([{ atMs: 300_000, from: 5, to: 20 }])
  })

  it('goes by when a value was measured, not by when it came', () => {
    // Every other value comes 10 s late, when a newer one has long been there.
    const late: Delivery = (ms) => ((ms / TICK_MS) % 2 === 0 ? ms : ms + 10_000)
    const run = simulate(TRACES.step, ours(late))
    expect(run.changes).to.deep.equal([{ atMs: 200_000, from: 2, to: 10 }])
  })

  it('follows data that is always late, by as much', () => {
    const run = simulate(
      TRACES.step,
      ours((ms) => ms + 10_000),
    )
    expect(run.changes).to.deep.equal([{ atMs: 210_000, from: 2, to: 10 }])
  })

  it('takes data that is later than maxAge for none', () => {
    const run = simulate(
      TRACES.step,
      ours((ms) => ms + MAX_AGE_MS),
    )
    expect(run.changes).to.deep.equal([])
  })
})
