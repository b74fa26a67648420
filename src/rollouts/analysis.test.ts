import { describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import { Check } from 'typebox/value'
import { MEASURED, MetricStatus, type Metric } from '../api/analysis.ts'
import { addMeasurement, beginMetric, judgeAnalysis, judgeMetric, nextMeasurementMs } from './analysis.ts'
import { DEFAULT_METRICS } from './defaults.ts'
import { measureBuiltIn, measureValue, type Measured } from './measure.ts'
import { Samples } from './samples.ts'

const NOW = Date.parse('2026-01-01T00:00:00.000Z')
const metric = (over: Partial<Metric> = {}): Metric => ({
  name: 'm',
  window: '1m',
  minSamples: 10,
  initialDelay: '0s',
  interval: '1s',
  count: 2,
  failureLimit: 1,
  consecutiveErrorLimit: 1,
  inconclusiveLimit: 0,
  noDataTimeout: '10s',
  dryRun: false,
  ...over,
})
const RESULTS: Record<string, Measured['result']> = { s: 'Success', f: 'Failure', i: 'Inconclusive', n: 'NoData', e: 'Error' }

/** A metric with these measurements, a second apart: s success, f failure, i inconclusive, n no data, e error. */
const measured = (letters: string, name = 'm') =>
  letters
    .split('')
    .reduce(
      (known, letter, i) => addMeasurement(known, { result: RESULTS[letter] ?? 'Error' }, NOW + i * 1_000),
      beginMetric('1.0/2', name, NOW),
    )

describe('a metric', () => {
  const cases: Record<string, { letters: string; atMs?: number; metric?: Partial<Metric>; want: string }> = {
    'is running before anything was measured': { letters: '', want: 'Running' },
    'is running until enough have succeeded': { letters: 's', want: 'Running' },
    'is successful when enough have': { letters: 'ss', want: 'Successful' },
    'puts up with as many failures as it may': { letters: 'fss', want: 'Successful' },
    'has failed with one more': { letters: 'sfsf', want: 'Failed' },
    'has failed for good': { letters: 'ffssssss', want: 'Failed' },
    'puts up with errors that are not in a row': { letters: 'eses', want: 'Successful' },
    'cannot be measured after too many in a row': { letters: 'see', want: 'Error' },
    'is inconclusive after too many that are neither': { letters: 'si', want: 'Inconclusive' },
    'is running while there is no data': { letters: 'nnnn', want: 'Running' },
    'is not successful by what is missing': { letters: 's'.padEnd(9, 'n'), want: 'Running' },
    'is inconclusive without data for too long': { letters: 'n', atMs: NOW + 10_000, want: 'Inconclusive' },
    'has data again after a success': { letters: 'nsn', atMs: NOW + 11_000, want: 'Running' },
    'counts the time without data through errors': { letters: 'ne', atMs: NOW + 10_000, want: 'Inconclusive' },
    'judges failure before all else': { letters: 'iieeff', want: 'Failed' },
  }
  for (const [name, c] of Object.entries(cases))
    it(name, () => expect(judgeMetric(metric(c.metric), measured(c.letters), c.atMs ?? NOW + 9_000).state).to.equal(c.want))

  it('says the figures', () => {
    const known = addMeasurement(measured('f'), { result: 'Failure', message: '30 % of 20 attempts failed' }, NOW)
    expect(judgeMetric(metric(), known, NOW).message).to.equal('m: 2 failed, 1 are allowed; last: 30 % of 20 attempts failed')
  })

  it('is measured after its delay, and then at its interval', () => {
    const slow = metric({ initialDelay: '5s', interval: '2s' })
    expect(nextMeasurementMs(slow, measured(''))).to.equal(NOW + 5_000)
    expect(nextMeasurementMs(slow, measured('s'))).to.equal(NOW + 2_000)
  })

  it('keeps few measurements, and all that is judged, in a form that the schema takes and JSON does not change', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...MEASURED), { maxLength: 40 }), (results) => {
        const known = results.reduce(
          (sum, result, i) => addMeasurement(sum, { result, message: 'x'.repeat(600) }, NOW + i),
          beginMetric('1', 'm', NOW),
        )
        expect(Check(MetricStatus, known)).to.equal(true)
        expect(JSON.parse(JSON.stringify(known))).to.deep.equal(known)
        const { state } = judgeMetric(metric(), known, NOW + 1_000)
        if (state === 'Successful') expect(results.filter((result) => result === 'Success').length).to.be.at.least(2)
        if (results.filter((result) => result === 'Failure').length > 1) expect(state).to.equal('Failed')
      }),
    )
  })
})

describe('an analysis', () => {
  const judge = (letters: Record<string, string>, dry: string[] = []) =>
    judgeAnalysis(
      Object.keys(letters).map((name) => metric({ name, dryRun: dry.includes(name) })),
      Object.entries(letters).map(([name, list]) => measured(list, name)),
      NOW + 5_000,
    ).state
  it('succeeds when all of its metrics have', () => expect(judge({ a: 'ss', b: 'ss' })).to.equal('Successful'))
  it('runs while one of them does', () => expect(judge({ a: 'ss', b: 's' })).to.equal('Running'))
  it('fails as soon as one has', () => expect(judge({ a: 'ff', b: '' })).to.equal('Failed'))
  it('fails rather than not knowing', () => expect(judge({ a: 'ii', b: 'ff', c: 'ee' })).to.equal('Failed'))
  it('leaves out those in dry run', () => expect(judge({ a: 'ff', b: 'ss' }, ['a'])).to.equal('Successful'))
  it('ends with those in dry run when there are no others', () => {
    expect(judge({ a: 's' }, ['a'])).to.equal('Running')
    expect(judge({ a: 'ff' }, ['a'])).to.equal('Successful')
  })
  it('runs when nothing is known of a metric', () => expect(judgeAnalysis([metric()], [], NOW).state).to.equal('Running'))
})

const counts = (done: number, failed: number, bucket = 5) => ({ done, failed, latency: [...Array<number>(bucket).fill(0), done] })

const NONE: [number, number] = [0, 0]

describe('what routers have seen', () => {
  const errors = (errorRate: Metric['errorRate'], target: object, stable: object) =>
    measureBuiltIn(metric({ ...(errorRate && { errorRate }) }), { target: counts(0, 0), stable: counts(0, 0), ...target, ...stable })
  const cases: Record<string, { limits: Metric['errorRate']; target: [number, number]; stable?: [number, number]; want: string }> = {
    'is no data with too few attempts': { limits: { maxPercent: 10 }, target: [0, 9], want: 'NoData' },
    'is a success within the limit': { limits: { maxPercent: 10 }, target: [9, 1], want: 'Success' },
    'is a failure above it': { limits: { maxPercent: 10 }, target: [8, 2], want: 'Failure' },
    'is no data when stable has too few to compare with': {
      limits: { maxAboveStable: 5 },
      target: [10, 0],
      stable: [9, 0],
      want: 'NoData',
    },
    'is a failure by the absolute limit, whatever stable has': {
      limits: { maxPercent: 10, maxAboveStable: 5 },
      target: [5, 5],
      want: 'Failure',
    },
    'is a success as close to stable as it must be': { limits: { maxAboveStable: 10 }, target: [7, 3], stable: [80, 20], want: 'Success' },
    'is a failure further above stable': { limits: { maxAboveStable: 9 }, target: [7, 3], stable: [80, 20], want: 'Failure' },
  }
  for (const [name, { limits, target, stable = NONE, want }] of Object.entries(cases))
    it(name, () =>
      expect(errors(limits, { target: counts(target[0], target[1]) }, { stable: counts(stable[0], stable[1]) })?.result).to.equal(want),
    )

  it('is measured by latency, absolute and against stable', () => {
    const look = (latency: NonNullable<Metric['latency']>, target: number, stable: number) =>
      measureBuiltIn(metric({ latency }), { target: counts(20, 0, target), stable: counts(20, 0, stable) })?.result
    expect(look({ percentile: 95, max: '100ms' }, 5, 5)).to.equal('Success')
    expect(look({ percentile: 95, max: '90ms' }, 5, 5)).to.equal('Failure')
    expect(look({ percentile: 95, maxPercentOfStable: 150 }, 5, 5)).to.equal('Success')
    expect(look({ percentile: 95, maxPercentOfStable: 150 }, 7, 5)).to.equal('Failure')
    expect(
      measureBuiltIn(metric({ latency: { percentile: 95, max: '1s' } }), { target: counts(9, 9), stable: counts(0, 0) })?.result,
    ).to.equal('NoData')
  })

  it('is nothing for a metric from outside', () => {
    expect(measureBuiltIn(metric(), { target: counts(9, 9), stable: counts(9, 9) })).to.equal(undefined)
  })

  it('counts within the window of each metric, by side', () => {
    const samples = new Samples([1_000, 60_000])
    samples.add('target', counts(5, 1), NOW)
    samples.add('stable', counts(7, 0), NOW)
    samples.add('target', counts(1, 0), NOW + 2_000)
    const seen = (ms: number) => {
      const sides = samples.within(ms, NOW + 2_000)
      return sides && [sides.target.done, sides.target.failed, sides.stable.done]
    }
    expect([seen(1_000), seen(60_000), seen(5)]).to.deep.equal([[1, 0, 0], [6, 1, 7], undefined])
  })

  it('is looked at every 250 ms by default, for errors and latency', () => {
    expect(DEFAULT_METRICS.map(({ name, interval }) => `${name} ${interval}`)).to.deep.equal(['error-rate 250ms', 'latency 250ms'])
  })
})

describe('a value from outside', () => {
  const small = { success: { max: '0.05' } }
  const cases: Record<string, { rules: Pick<Metric, 'success' | 'failure'>; value: unknown; want: Measured['result'] }> = {
    'nothing is no data': { rules: small, value: undefined, want: 'NoData' },
    'null is no data': { rules: small, value: null, want: 'NoData' },
    'NaN is no data': { rules: small, value: Number.NaN, want: 'NoData' },
    'within success is a success': { rules: small, value: 0.05, want: 'Success' },
    'infinity is more than any limit': { rules: small, value: Infinity, want: 'Failure' },
    'a number as text is a number': { rules: small, value: '0.01', want: 'Success' },
    'outside of success is a failure': { rules: small, value: 0.06, want: 'Failure' },
    'what is no number is an error': { rules: small, value: 'many', want: 'Error' },
    'an empty text is no number': { rules: small, value: '', want: 'Error' },
    'a list is an error': { rules: small, value: [1], want: 'Error' },
    'outside of failure is a success': { rules: { failure: { min: '1' } }, value: 0.5, want: 'Success' },
    'within failure is a failure': { rules: { failure: { min: '1' } }, value: 1, want: 'Failure' },
    'between the two is inconclusive': { rules: { ...small, failure: { min: '1' } }, value: 0.5, want: 'Inconclusive' },
    'a text may be what is asked for': { rules: { success: { equals: 'pass' } }, value: 'pass', want: 'Success' },
    'a boolean may be, too': { rules: { success: { equals: 'true' } }, value: true, want: 'Success' },
  }
  for (const [name, { rules, value, want }] of Object.entries(cases))
    it(name, () => expect(measureValue(rules, value).result).to.equal(want))
})
