import { describe, it } from 'mocha'
import { expect } from 'chai'
import type { Metric } from '../api/scaling-metric.ts'
import type { ScalingPolicySpec } from '../api/scaling-policy.ts'
import { changesKeptMs, isPaused, samplesKeptMs, settingsOf } from './settings.ts'

const metric = (over: Partial<Metric> = {}): Metric => ({
  name: 'load',
  type: 'InFlightPerAgent',
  target: { value: 2, tolerancePercent: 10 },
  maxAge: '1m',
  fallback: { action: 'Keep' },
  ...over,
})
const { target: _, ...withoutTarget } = metric()
const direction = { stabilisationWindow: '0s', coolDown: '0s', limits: [], select: 'Max' as const }
const spec = (over: Partial<ScalingPolicySpec> = {}): ScalingPolicySpec => ({
  target: { swarm: 'desk' },
  minReplicas: 1,
  maxReplicas: 10,
  metrics: [metric()],
  behaviour: { scaleUp: direction, scaleDown: { ...direction, stabilisationWindow: '1m' }, idleBeforeZero: '5m' },
  predictive: { mode: 'Off', season: '24h', horizon: '5m' },
  dryRun: false,
  ...over,
})
const readAs = (m: Metric, over: Partial<ScalingPolicySpec> = {}) => settingsOf(spec({ metrics: [m], ...over })).metrics[0]?.readAs
const value = (type: Metric['type'], per?: 'Agent' | 'Swarm') =>
  readAs(metric({ type, target: { value: 50, tolerancePercent: 5, ...(per && { per }) } }))
const steps = [
  { above: 0.7, change: '+50%' },
  { below: 0.2, change: '-1' },
]

describe('the settings of a policy', () => {
  it('are its spec in numbers', () => {
    const limited = {
      ...direction,
      coolDown: '30s',
      limits: [
        { count: 4, period: '15s' },
        { percent: 100, period: '1m' },
      ],
    }
    const asked = spec({
      behaviour: { scaleUp: limited, scaleDown: { ...direction, stabilisationWindow: '1m', select: 'Min' }, idleBeforeZero: '5m' },
    })
    expect(settingsOf({ ...asked, metrics: [metric({ confidence: { window: '30s', percent: 80 } })] })).to.deep.equal({
      minReplicas: 1,
      maxReplicas: 10,
      metrics: [
        {
          name: 'load',
          type: 'InFlightPerAgent',
          readAs: { as: 'Total', target: 2, tolerancePercent: 10 },
          spanMs: 0,
          maxAgeMs: 60_000,
          fallback: { action: 'Keep' },
          confidence: { windowMs: 30_000, percent: 80 },
        },
      ],
      scaleUp: {
        windowMs: 0,
        coolDownMs: 30_000,
        limits: [
          { count: 4, periodMs: 15_000 },
          { percent: 100, periodMs: 60_000 },
        ],
        select: 'Max',
      },
      scaleDown: { windowMs: 60_000, coolDownMs: 0, limits: [], select: 'Min' },
      idleBeforeZeroMs: 300_000,
      predictive: { mode: 'Off', seasonMs: 86_400_000, horizonMs: 300_000 },
      dryRun: false,
    })
  })

  it('read what counts work as a total, and the rest as a ratio', () => {
    const total = { as: 'Total', target: 50, tolerancePercent: 5 }
    const ratio = { as: 'Ratio', target: 50, tolerancePercent: 5, unmeasured: 50 }
    expect([value('QueueLength'), value('Prometheus'), value('Json', 'Agent')]).to.deep.equal([total, total, total])
    expect([value('Latency'), value('ErrorRate'), value('OldestWaiting'), value('Json', 'Swarm')]).to.deep.equal([
      ratio,
      ratio,
      ratio,
      ratio,
    ])
    expect([value('Cpu'), value('Memory')]).to.deep.equal([
      { ...ratio, unmeasured: 100 },
      { ...ratio, unmeasured: 100 },
    ])
  })

  it('change a base where agents have no influence on the value, else what there is', () => {
    const read = [
      { by: 50, unit: 'percent', side: 'above', bound: 0.7 },
      { by: -1, unit: 'agents', side: 'below', bound: 0.2 },
    ]
    const source = { url: 'http://index', pointer: '', interval: '15s' }
    const json = { ...withoutTarget, type: 'Json' as const, json: source, steps }
    const cpu = { ...withoutTarget, type: 'Cpu' as const, steps }
    expect(readAs(json, { minReplicas: 2 })).to.deep.equal({ as: 'Steps', steps: read, base: 2 })
    expect(readAs(json, { minReplicas: 0 })).to.deep.equal({ as: 'Steps', steps: read, base: 1 })
    expect(readAs(json, { baseReplicas: 4 })).to.deep.equal({ as: 'Steps', steps: read, base: 4 })
    expect(readAs({ ...json, stepsFrom: 'Current' })).to.deep.equal({ as: 'Steps', steps: read })
    expect(readAs(cpu)).to.deep.equal({ as: 'Steps', steps: read })
    expect(readAs({ ...cpu, stepsFrom: 'Base' })).to.deep.equal({ as: 'Steps', steps: read, base: 1 })
  })

  it('know how far back a value looks', () => {
    const span = (m: Metric) => settingsOf(spec({ metrics: [m] })).metrics[0]?.spanMs
    expect([span(metric({ type: 'Latency' })), span(metric({ type: 'Cpu' })), span(metric({ type: 'Prometheus' }))]).to.deep.equal([
      60_000, 15_000, 0,
    ])
    expect(span(metric({ type: 'ErrorRate', window: '10s' }))).to.equal(10_000)
  })

  it('say for how long samples and changes are of use', () => {
    const settings = settingsOf(spec({ metrics: [metric({ type: 'Latency', confidence: { window: '5m', percent: 80 } })] }))
    expect(settings.metrics.map(samplesKeptMs)).to.deep.equal([300_000])
    expect(changesKeptMs(settings)).to.equal(300_000 + 60_000 + 120_000)
    const hour = { ...direction, limits: [{ count: 4, period: '1h' }] }
    expect(changesKeptMs(settingsOf(spec({ behaviour: { ...spec().behaviour, scaleUp: hour } })))).to.equal(3_600_000)
  })

  it('have the replicas of a timetable and of a fallback', () => {
    const cron = { timeZone: 'UTC', start: '0 8 * * *', end: '0 18 * * *', replicas: 7 }
    expect(readAs({ ...withoutTarget, type: 'Cron', cron })).to.deep.equal({ as: 'Timetable', replicas: 7 })
    const fallback = { action: 'Replicas' as const, replicas: 3 }
    expect(settingsOf(spec({ metrics: [metric({ fallback })] })).metrics[0]?.fallback).to.deep.equal(fallback)
  })

  it('say what is missing from a metric that the API server cannot have let through', () => {
    expect(() => settingsOf(spec({ metrics: [withoutTarget] }))).to.throw(RangeError, 'load has neither target nor steps nor cron')
  })
})

it('a policy is paused by the annotation, whatever it says but false', () => {
  const paused = (value: string) => isPaused({ 'swarmops.dev/paused': value })
  expect([isPaused(), isPaused({}), paused('false'), paused(''), paused('true'), paused('maintenance')]).to.deep.equal([
    false,
    false,
    false,
    true,
    true,
    true,
  ])
})
