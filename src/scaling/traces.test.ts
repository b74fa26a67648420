import { describe, it } from 'mocha'
import { expect } from 'chai'
import { HPA_EVERY_MS, hpaScaler, policyScaler } from '../../test/support/scalers.ts'
import { simulate, TICK_MS, type Fleet, type Run } from '../../test/support/scaling-simulation.ts'
import { SEASON_MS, TRACES, type Trace } from '../../test/support/scaling-traces.ts'
import type { MetricSettings, Settings } from './settings.ts'

// A fleet whose agents each do two tasks at once and take two seconds to start, under loads of known shapes: what decisions come to over
// time, beside the HorizontalPodAutoscaler's formula every 15 s. `make bench` measures more of it.

const WINDOW_MS = 60_000
const MAX_AGE_MS = 30_000
const PER_AGENT = 2
const [MIN, MAX] = [2, 30]
const FLEET: Fleet = { least: MIN, most: MAX, perAgent: PER_AGENT, startMs: 2_000 }

const TASKS: MetricSettings = {
  name: 'load',
  type: 'InFlightPerAgent',
  readAs: { as: 'Total', target: PER_AGENT, tolerancePercent: 10 },
  spanMs: 0,
  maxAgeMs: MAX_AGE_MS,
  fallback: { action: 'Keep' },
}

/** The worst that agents were loaded within a minute, in percent: a figure that, like a high percentile, does not fall when agents come. */
function worstOfMinute(): { metric: MetricSettings; measure: NonNullable<Fleet['measure']> } {
  const spanMs = 60_000
  const seen: number[] = []
  return {
    metric: { ...TASKS, type: 'Latency', readAs: { as: 'Ratio', target: 100, tolerancePercent: 10, unmeasured: 100 }, spanMs },
    measure: ({ ready, tasks }) => {
      seen.push((tasks * 100) / (PER_AGENT * ready))
      return Math.max(...seen.slice(-spanMs / TICK_MS))
    },
  }
}

function ours(metric: MetricSettings = TASKS, mode: Settings['predictive']['mode'] = 'Off') {
  const free = { coolDownMs: 0, limits: [], select: 'Max' as const }
  return policyScaler({
    minReplicas: MIN,
    maxReplicas: MAX,
    metrics: [metric],
    scaleUp: { ...free, windowMs: 0 },
    scaleDown: { ...free, windowMs: WINDOW_MS },
    idleBeforeZeroMs: 0,
    predictive: { mode, seasonMs: SEASON_MS, horizonMs: 30_000 },
    dryRun: false,
  })
}
const hpa = (phaseMs: number, windowMs: number) =>
  hpaScaler({ target: PER_AGENT, least: MIN, most: MAX, phaseMs, windowMs, maxAgeMs: MAX_AGE_MS })
const run = (trace: Trace) => simulate(trace, ours(), FLEET)

/** How often agents went and were needed again within as long as the window is that is to prevent that. */
const flaps = ({ changes }: Run): number =>
  changes.filter((down, i) =>
    changes.slice(i + 1).some((later) => down.to < down.from && later.to >= down.from && later.atMs - down.atMs < WINDOW_MS),
  ).length

const during = ({ replicas }: Run, from: number, to: number) => replicas.slice((from * 1_000) / TICK_MS, (to * 1_000) / TICK_MS)
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
const PHASES_MS = Array.from({ length: 12 }, (_, i) => (i * HPA_EVERY_MS) / 12)
const step = (before: number, after: number, more: Partial<Trace> = {}): Trace => ({
  seconds: 600,
  load: (s) => (s < 100 ? before : after),
  ...more,
})
const gap = (ms: number) => (ms >= 90_000 && ms < 300_000 ? undefined : ms)

describe('scaling over time', () => {
  for (const [name, trace] of Object.entries<Trace>(TRACES)) {
    const seen = run(trace)

    it(`${name}: stays within bounds and does not flap`, () => {
      expect(seen.replicas.filter((n) => n < MIN || n > MAX)).to.deep.equal([])
      expect(flaps(seen)).to.equal(0)
    })

    it(`${name}: misses no more agents than the HorizontalPodAutoscaler with the same window, and is no further off in all than with its own`, () => {
      const others = (windowMs: number) => PHASES_MS.map((phaseMs) => simulate(trace, hpa(phaseMs, windowMs), FLEET))
      expect(seen.under).to.be.at.most(mean(others(WINDOW_MS).map(({ under }) => under)))
      expect(seen.under + seen.over).to.be.at.most(mean(others(300_000).map(({ under, over }) => under + over)))
    })
  }

  it('changes nothing under a steady load', () => expect(run(TRACES.steady).changes).to.deep.equal([]))

  it('answers a step in the same moment, and asks once', () => {
    expect(run(TRACES.step).changes).to.deep.equal([{ atMs: 200_000, from: 2, to: 10 }])
  })

  it('asks once also by a figure that does not fall when agents come, and again when it rises', () => {
    const twice = { seconds: 300, load: (s: number) => (s < 100 ? 4 : s < 130 ? 20 : 40) }
    const { metric, measure } = worstOfMinute()
    expect(simulate(twice, ours(metric), { ...FLEET, measure }).changes).to.deep.equal([
      { atMs: 100_000, from: 2, to: 10 },
      { atMs: 162_000, from: 10, to: 20 },
    ])
  })

  it('misses fewer agents of a load with a season when it looks ahead', () => {
    const fleet = { ...FLEET, startMs: 20_000 }
    expect(simulate(TRACES.season, ours(TASKS, 'Scale'), fleet).under).to.be.below(simulate(TRACES.season, ours(), fleet).under * 0.8)
  })

  it('lets nobody go while data is missing, and follows when it is back', () => {
    const seen = run(step(40, 10, { told: gap }))
    expect([...new Set(during(seen, 0, 359))]).to.deep.equal([20])
    expect([...new Set(during(seen, 361, 600))]).to.deep.equal([5])
  })

  it('adds agents as soon as data is back', () => {
    expect(run(step(10, 40, { told: gap })).changes).to.deep.equal([{ atMs: 300_000, from: 5, to: 20 }])
  })

  it('goes by when a value was measured, not by when it came', () => {
    // Every other value comes 10 s late, when a newer one has long been there.
    const told = (ms: number) => ((ms / TICK_MS) % 2 === 0 ? ms : ms + 10_000)
    expect(run({ ...TRACES.step, told }).changes).to.deep.equal([{ atMs: 200_000, from: 2, to: 10 }])
  })

  it('follows data that is always late, by as much', () => {
    expect(run({ ...TRACES.step, told: (ms) => ms + 10_000 }).changes).to.deep.equal([{ atMs: 210_000, from: 2, to: 10 }])
  })

  it('takes data that is later than maxAge for none', () => {
    expect(run({ ...TRACES.step, told: (ms) => ms + MAX_AGE_MS }).changes).to.deep.equal([])
  })
})

describe('the HorizontalPodAutoscaler that is compared with', () => {
  const changes = (trace: Trace, windowMs: number) =>
    simulate(trace, hpa(0, windowMs), FLEET).changes.map(({ atMs, from, to }) => [atMs / 1_000, from, to])

  it('goes up by 4 agents or to twice as many in 15 s, and down once nothing of its window asks for more', () => {
    const burst: Trace = { seconds: 600, load: (s) => (s < 50 ? 4 : s < 100 ? 60 : 4) }
    expect(changes(burst, 300_000)).to.deep.equal([
      [60, 2, 6],
      [75, 6, 12],
      [90, 12, 24],
      [390, 24, 2],
    ])
  })

  it('changes nothing within a tenth of its target', () => {
    expect(changes(step(20, 21.9), 60_000)).to.deep.equal([])
    expect(changes(step(20, 23), 60_000)).to.deep.equal([[105, 10, 12]])
  })

  it('changes nothing without data', () =>
    expect(changes(step(10, 40, { told: gap }), 60_000)).to.deep.equal([
      [300, 5, 10],
      [315, 10, 20],
    ]))
})
