import type { Metric, MetricStatus } from '../api/analysis.ts'
import { durationMs } from '../api/duration.ts'
import type { TaskCounts } from '../stats/window.ts'
import { judgeAnalysis, resumeMetric } from './analysis.ts'
import { measureBuiltIn, type Measured } from './measure.ts'
import { isBuiltIn, MetricRun } from './metric-run.ts'
import { isBackgroundRun } from './pass.ts'
import { Samples } from './samples.ts'
import type { Verdict } from './world.ts'

/** What a run is begun with. `stored`: what was known of it before, if anything. */
export type AnalysisRunOptions = {
  readonly run: string
  readonly metrics: readonly Metric[]
  readonly stored: readonly MetricStatus[]
  readonly nowMs: number
  /** Hears of each measurement. */
  readonly onMeasured: (metric: Metric, measured: Measured) => void
}

/** Metrics that are measured side by side: what is due, what was found, and how it stands. Times are Unix milliseconds. */
export class AnalysisRun {
  readonly run: string
  readonly #isBackground: boolean
  readonly #onMeasured: AnalysisRunOptions['onMeasured']
  #metrics: readonly Metric[] = []
  #runs: readonly MetricRun[] = []
  #samples = new Samples([])

  constructor({ run, metrics, stored, nowMs, onMeasured }: AnalysisRunOptions) {
    this.run = run
    this.#isBackground = isBackgroundRun(run)
    this.#onMeasured = onMeasured
    this.change(metrics, nowMs, stored)
  }

  /** The metrics may be others by now: what has changed begins anew, what is gone is no longer measured. */
  change(metrics: readonly Metric[], nowMs: number, stored: readonly MetricStatus[] = []): void {
    if (metrics === this.#metrics) return
    const before = new Map(this.#runs.map((one) => [one.metric.name, one]))
    this.#runs = metrics.map((metric) => {
      const same = before.get(metric.name)
      if (same && JSON.stringify(same.metric) === JSON.stringify(metric)) return same
      const known = same ? undefined : stored.find(({ run, name }) => run === this.run && name === metric.name)
      if (known) return new MetricRun(metric, resumeMetric(known, nowMs), this.#isBackground)
      return MetricRun.begin(metric, this.run, { nowMs, isBackground: this.#isBackground })
    })
    if (windowsOf(metrics).join() !== windowsOf(this.#metrics).join()) this.#samples = new Samples(windowsOf(metrics))
    this.#metrics = metrics
  }

  /** What is known of each metric. */
  get known(): readonly MetricStatus[] {
    return this.#runs.map(({ known }) => known)
  }

  /** Whether this is still one of its metrics. */
  has(one: MetricRun): boolean {
    return this.#runs.includes(one)
  }

  /** Attempts have ended on one of the sides. */
  tasksEnded(side: 'target' | 'stable', counts: TaskCounts, nowMs: number): void {
    this.#samples.add(side, counts, nowMs)
  }

  /**
   * Measures what routers tell and what is due, or fails and would decide, and gives the others that are due. A success is none while not all
   * routers are heard: nobody knows what the other ones have seen.
   */
  measure(nowMs: number, isHeard: boolean): readonly MetricRun[] {
    const outside: MetricRun[] = []
    for (const one of this.#runs) {
      const isDue = one.dueMs(nowMs) <= nowMs
      if (!isBuiltIn(one.metric)) {
        if (isDue) outside.push(one)
      } else if (isDue || one.isDecidedByFailure(nowMs)) {
        const measured = this.#measureNow(one.metric, nowMs)
        if (isDue) this.take(one, !isHeard && measured.result === 'Success' ? unheard(measured) : measured, nowMs)
        else if (measured.result === 'Failure') this.take(one, measured, nowMs)
      }
    }
    return outside
  }

  /** Adds a measurement of one of its metrics. */
  take(one: MetricRun, measured: Measured, nowMs: number): void {
    one.take(measured, nowMs)
    this.#onMeasured(one.metric, measured)
  }

  /** How it stands. */
  verdict(nowMs: number): Verdict {
    return judgeAnalysis(this.#metrics, this.known, nowMs)
  }

  /** When something is due; Infinity when nothing is. */
  nextMs(nowMs: number): number {
    return Math.min(...this.#runs.map((one) => Math.min(one.dueMs(nowMs), one.silentMs(nowMs))))
  }

  #measureNow(metric: Metric, nowMs: number): Measured {
    const sides = this.#samples.within(durationMs(metric.window), nowMs)
    return (sides && measureBuiltIn(metric, sides)) ?? { result: 'NoData', message: 'nothing was counted' }
  }
}

const unheard = ({ message, ...measured }: Measured): Measured => ({
  ...measured,
  result: 'NoData',
  message: `not all routers are connected to the operator, so this is not all: ${message ?? ''}`,
})

/** The windows that attempts are counted in. */
const windowsOf = (metrics: readonly Metric[]): number[] => [...new Set(metrics.filter(isBuiltIn).map(({ window }) => durationMs(window)))]
