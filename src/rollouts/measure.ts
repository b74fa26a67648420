import type { Condition, Measurement, Metric } from '../api/analysis.ts'
import { durationMs } from '../api/duration.ts'
import { latencyCount, latencyQuantile } from '../stats/latency.ts'
import type { TaskCounts } from '../stats/window.ts'
import type { Sides } from './samples.ts'

/** How a measurement came out, before it has a time. */
export type Measured = Omit<Measurement, 'at'>

const samplesOf = ({ done, failed }: TaskCounts) => done + failed
const rateOf = (counts: TaskCounts) => (100 * counts.failed) / samplesOf(counts)
const short = (value: number) => String(Math.round(value * 100) / 100)
const tooFew = (samples: number, minSamples: number, whose: string): Measured => ({
  result: 'NoData',
  samples,
  message: `${samples} attempts of the ${whose} revision, ${minSamples} are needed`,
})

/**
 * Measures errorRate or latency in what routers have seen; undefined for other metrics.
 *
 * | new revision        | stable revision, if it is asked about | result  |
 * |---------------------|---------------------------------------|---------|
 * | too few samples     |                                       | NoData  |
 * | over an absolute limit |                                    | Failure |
 * | within it           | too few samples                       | NoData  |
 * | over the relative limit | enough samples                    | Failure |
 * | within all limits   | enough samples                        | Success |
 */
export function measureBuiltIn(metric: Metric, { target, stable }: Sides): Measured | undefined {
  if (metric.errorRate) return measureErrors(metric.errorRate, metric.minSamples, { target, stable })
  return metric.latency && measureLatency(metric.latency, metric.minSamples, { target, stable })
}

function measureErrors(limits: NonNullable<Metric['errorRate']>, minSamples: number, { target, stable }: Sides): Measured {
  const samples = samplesOf(target)
  if (samples < minSamples) return tooFew(samples, minSamples, 'new')
  const rate = rateOf(target)
  const value = short(rate)
  const seen = `${value} % of ${samples} attempts failed`
  const { maxPercent, maxAboveStable } = limits
  if (maxPercent !== undefined && rate > maxPercent)
    return { result: 'Failure', value, samples, message: `${seen}, more than ${maxPercent} %` }
  if (maxAboveStable === undefined) return { result: 'Success', value, samples, message: seen }
  if (samplesOf(stable) < minSamples) return tooFew(samplesOf(stable), minSamples, 'stable')
  const compared = `${seen}, and ${short(rateOf(stable))} % of ${samplesOf(stable)} of the stable revision`
  const isOver = rate > rateOf(stable) + maxAboveStable
  return {
    result: isOver ? 'Failure' : 'Success',
    value,
    samples,
    message: isOver ? `${compared}: more than ${maxAboveStable} points above` : compared,
  }
}

function measureLatency(limits: NonNullable<Metric['latency']>, minSamples: number, { target, stable }: Sides): Measured {
  const samples = latencyCount(target.latency)
  if (samples < minSamples) return tooFew(samples, minSamples, 'new')
  const { percentile, max, maxPercentOfStable } = limits
  const ms = latencyQuantile(target.latency, percentile / 100) ?? 0
  const value = short(ms)
  const seen = `p${percentile} of ${samples} attempts is ${value} ms`
  if (max !== undefined && ms > durationMs(max)) return { result: 'Failure', value, samples, message: `${seen}, longer than ${max}` }
  if (maxPercentOfStable === undefined) return { result: 'Success', value, samples, message: seen }
  const stableSamples = latencyCount(stable.latency)
  if (stableSamples < minSamples) return tooFew(stableSamples, minSamples, 'stable')
  const stableMs = latencyQuantile(stable.latency, percentile / 100) ?? 0
  const compared = `${seen}, and ${short(stableMs)} ms of ${stableSamples} of the stable revision`
  const isOver = ms * 100 > stableMs * maxPercentOfStable
  return {
    result: isOver ? 'Failure' : 'Success',
    value,
    samples,
    message: isOver ? `${compared}: more than ${maxPercentOfStable} % of it` : compared,
  }
}

/** What a value from outside (Prometheus, JSON, a judge) says: null and NaN are no data, a value of the wrong kind is an error. */
export function measureValue({ success, failure }: Pick<Metric, 'success' | 'failure'>, given: unknown): Measured {
  if (given === undefined || given === null || Number.isNaN(given)) return { result: 'NoData', message: 'there is no value' }
  if (typeof given !== 'string' && typeof given !== 'number' && typeof given !== 'boolean')
    return { result: 'Error', message: 'the value is neither a number, a text nor a boolean; choose one with path' }
  const value = String(given).slice(0, 256)
  const wantsNumber = [success, failure].some((condition) => condition?.min !== undefined || condition?.max !== undefined)
  if (wantsNumber && !isNumber(given))
    return { result: 'Error', value, message: `the value is not a number, which min and max need: ${value}` }
  if (failure && holds(failure, given)) return { result: 'Failure', value, message: `${value} is a failure` }
  if (success ? holds(success, given) : failure !== undefined) return { result: 'Success', value, message: `${value} is a success` }
  return failure && success
    ? { result: 'Inconclusive', value, message: `${value} is neither a success nor a failure` }
    : { result: 'Failure', value, message: `${value} is no success` }
}

/** Infinity is one: it is what Prometheus makes of errors in no requests. */
const isNumber = (value: unknown) =>
  typeof value === 'number' || (typeof value === 'string' && value.trim() !== '' && Number.isFinite(Number(value)))

const holds = ({ min, max, equals }: Condition, value: string | number | boolean) =>
  (min === undefined || Number(value) >= Number(min)) &&
  (max === undefined || Number(value) <= Number(max)) &&
  (equals === undefined || String(value) === equals)
