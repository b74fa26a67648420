import { MAX_MEASUREMENTS, type Metric, type MetricStatus } from '../api/analysis.ts'
import { durationMs } from '../api/duration.ts'
import type { Measured } from './measure.ts'
import type { Verdict } from './world.ts'

/** What is known of a metric before it was measured. */
export function beginMetric(run: string, name: string, nowMs: number): MetricStatus {
  const startedAt = new Date(nowMs).toISOString()
  return { run, name, startedAt, successful: 0, failed: 0, inconclusive: 0, consecutiveErrors: 0, measurements: [] }
}

/** What is known of a metric that was not measured for a while: time in which nobody looked is no time without data. */
export function resumeMetric(known: MetricStatus, nowMs: number): MetricStatus {
  const { noDataSince, ...rest } = known
  if (noDataSince === undefined) return known
  const idleMs = Math.max(0, nowMs - Date.parse(known.measurements.at(-1)?.at ?? noDataSince))
  return { ...rest, noDataSince: new Date(Date.parse(noDataSince) + idleMs).toISOString() }
}

/** Adds a measurement. Counters say everything that is judged; only the last measurements are kept, for people. */
export function addMeasurement(known: MetricStatus, measured: Measured, nowMs: number): MetricStatus {
  const { noDataSince, ...rest } = known
  const { result, message, ...figures } = measured
  const at = new Date(nowMs).toISOString()
  const isData = result !== 'NoData' && result !== 'Error'
  const since = isData ? undefined : (noDataSince ?? (result === 'NoData' ? at : undefined))
  return {
    ...rest,
    successful: known.successful + Number(result === 'Success'),
    failed: known.failed + Number(result === 'Failure'),
    inconclusive: known.inconclusive + Number(result === 'Inconclusive'),
    consecutiveErrors: result === 'Error' ? known.consecutiveErrors + 1 : 0,
    ...(since !== undefined && { noDataSince: since }),
    measurements: [
      ...known.measurements,
      { at, result, ...figures, ...(message !== undefined && { message: message.slice(0, 512) }) },
    ].slice(-MAX_MEASUREMENTS),
  }
}

/** When the next measurement is due, in Unix milliseconds. */
export function nextMeasurementMs(metric: Metric, { startedAt, measurements }: MetricStatus): number {
  const last = measurements.at(-1)
  return last ? Date.parse(last.at) + durationMs(metric.interval) : Date.parse(startedAt) + durationMs(metric.initialDelay)
}

/**
 * How a metric stands. The first line that holds decides:
 *
 * | seen                                                        | state        |
 * |-------------------------------------------------------------|--------------|
 * | more failures than failureLimit                             | Failed       |
 * | more errors in a row than consecutiveErrorLimit             | Error        |
 * | more inconclusive measurements than inconclusiveLimit       | Inconclusive |
 * | no data for noDataTimeout, counted from the first one without | Inconclusive |
 * | `count` successes                                           | Successful   |
 * | anything else, nothing at all included                      | Running      |
 *
 * So missing data is never a success, and neither is a metric that nobody has measured. Failures are final: they are counted over the
 * whole run. A success is not, in the background: a later failure outweighs it.
 */
export function judgeMetric(metric: Metric, known: MetricStatus | undefined, nowMs: number): Verdict {
  const { name } = metric
  if (!known) return { state: 'Running', message: `${name}: nothing was measured yet` }
  const last = known.measurements.at(-1)?.message
  const say = (text: string) => `${name}: ${text}${last === undefined ? '' : `; last: ${last}`}`
  const { failed, consecutiveErrors, inconclusive, successful, noDataSince } = known
  if (failed > metric.failureLimit) return { state: 'Failed', message: say(`${failed} failed, ${metric.failureLimit} are allowed`) }
  if (consecutiveErrors > metric.consecutiveErrorLimit)
    return { state: 'Error', message: say(`${consecutiveErrors} errors in a row, ${metric.consecutiveErrorLimit} are allowed`) }
  if (inconclusive > metric.inconclusiveLimit)
    return { state: 'Inconclusive', message: say(`${inconclusive} inconclusive, ${metric.inconclusiveLimit} are allowed`) }
  if (noDataSince !== undefined && nowMs - Date.parse(noDataSince) >= durationMs(metric.noDataTimeout))
    return { state: 'Inconclusive', message: say(`no data for ${metric.noDataTimeout}`) }
  if (successful >= metric.count) return { state: 'Successful', message: say(`${successful} succeeded`) }
  return { state: 'Running', message: say(`${successful} of ${metric.count} succeeded`) }
}

/** From the one that outweighs all others to the one that needs all others. */
const ORDER: readonly Verdict['state'][] = ['Failed', 'Error', 'Inconclusive', 'Running', 'Successful']

/** How an analysis stands: as its worst metric, those in dry run left out. With all of them in dry run it is over when all have ended. */
export function judgeAnalysis(metrics: readonly Metric[], known: readonly MetricStatus[], nowMs: number): Verdict {
  const judge = (metric: Metric) =>
    judgeMetric(
      metric,
      known.find(({ name }) => name === metric.name),
      nowMs,
    )
  const counting = metrics.filter((metric) => !metric.dryRun).map(judge)
  if (counting.length === 0) {
    const isOver = metrics.map(judge).every(({ state }) => state !== 'Running')
    return isOver
      ? { state: 'Successful', message: 'all metrics are in dry run' }
      : { state: 'Running', message: 'all metrics are in dry run' }
  }
  const worst = ORDER.find((state) => counting.some((verdict) => verdict.state === state))
  const first = counting.find((verdict) => verdict.state === worst)
  return first ?? { state: 'Running', message: 'nothing is measured' }
}
