import type { Metric, MetricStatus } from '../api/analysis.ts'
import { durationMs } from '../api/duration.ts'
import { addMeasurement, beginMetric, judgeMetric, nextMeasurementMs } from './analysis.ts'
import type { Measured } from './measure.ts'

/** Whether routers alone tell what is measured. */
export const isBuiltIn = ({ errorRate, latency }: Metric) => errorRate !== undefined || latency !== undefined

/** One metric in one run of an analysis. Times are Unix milliseconds. */
export class MetricRun {
  readonly metric: Metric
  readonly #isBackground: boolean
  #known: MetricStatus
  /** Somebody outside is being asked. */
  isBusy = false

  constructor(metric: Metric, known: MetricStatus, isBackground: boolean) {
    this.metric = metric
    this.#known = known
    this.#isBackground = isBackground
  }

  static begin(metric: Metric, run: string, { nowMs, isBackground }: { nowMs: number; isBackground: boolean }): MetricRun {
    return new MetricRun(metric, beginMetric(run, metric.name, nowMs), isBackground)
  }

  get known(): MetricStatus {
    return this.#known
  }

  /** Adds a measurement. */
  take(measured: Measured, nowMs: number): void {
    this.isBusy = false
    this.#known = addMeasurement(this.#known, measured, nowMs)
  }

  /** When it is to be measured next; Infinity while that is under way, and once it is over. */
  dueMs(nowMs: number): number {
    return this.isBusy || this.#isOver(nowMs) ? Infinity : nextMeasurementMs(this.metric, this.#known)
  }

  /** When time alone would make it inconclusive; Infinity when it would not. */
  silentMs(nowMs: number): number {
    const { noDataSince } = this.#known
    const atMs = noDataSince === undefined ? Infinity : Date.parse(noDataSince) + durationMs(this.metric.noDataTimeout)
    return atMs > nowMs ? atMs : Infinity
  }

  /**
   * Whether a failure measured now would decide, so that there is nothing to wait for. Not after a failure that counts already: the next one
   * is to be another, as the interval says.
   */
  isDecidedByFailure(nowMs: number): boolean {
    const { metric } = this
    const { startedAt, failed, measurements } = this.#known
    return (
      isBuiltIn(metric) &&
      !metric.dryRun &&
      failed + 1 > metric.failureLimit &&
      measurements.at(-1)?.result !== 'Failure' &&
      nowMs >= Date.parse(startedAt) + durationMs(metric.initialDelay) &&
      !this.#isOver(nowMs)
    )
  }

  /**
   * Whether it is not measured any more.
   *
   * | state                    | in a step                                                     | in the background |
   * |--------------------------|---------------------------------------------------------------|-------------------|
   * | Failed                   | over                                                          | over              |
   * | Error, Inconclusive      | over                                                          | goes on           |
   * | Successful               | goes on as long as others do when it costs nothing, else over | goes on           |
   * | Running                  | goes on                                                       | goes on           |
   */
  #isOver(nowMs: number): boolean {
    const { state } = judgeMetric(this.metric, this.#known, nowMs)
    if (state === 'Failed') return true
    if (this.#isBackground || state === 'Running') return false
    return state !== 'Successful' || !isBuiltIn(this.metric)
  }
}
