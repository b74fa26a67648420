import { noRecommendations, type Recommendations } from '../../scaling/behaviour.ts'
import { readTimetable, TimetableError, type CronState } from '../../scaling/cron.ts'
import { Foresight } from '../../scaling/foresight.ts'
import type { StoredHistory } from '../../scaling/history.ts'
import { withSample, type Sample, type Series } from '../../scaling/reading.ts'
import { samplesKeptMs, settingsOf, type MetricSettings, type Settings } from '../../scaling/settings.ts'
import type { Metric } from '../../api/scaling-metric.ts'
import type { ScalingPolicy } from '../../api/objects.ts'
import { TaskWindow, type TaskCounts } from '../../stats/window.ts'

type Timetable = { readonly at: (nowMs: number) => CronState } | { readonly problem: string }

/** One metric of a policy: what is known of it since it is as it is. */
export class MetricMemory {
  readonly spec: Metric
  readonly text: string
  settings: MetricSettings
  series: Series = []
  /** Why the last look failed, if it did. */
  problem: string | undefined
  /** Tasks that have ended, for metrics that count them. */
  readonly window = new TaskWindow()
  readonly timetable: Timetable | undefined

  constructor(spec: Metric, settings: MetricSettings) {
    this.spec = spec
    this.text = JSON.stringify(spec)
    this.settings = settings
    this.timetable = spec.cron && timetableOf(spec.cron)
  }

  /** Adds a sample; the last problem is over. */
  sampled(sample: Sample): void {
    this.series = withSample(this.series, sample, samplesKeptMs(this.settings))
    this.problem = undefined
  }

  /** Tasks have ended on agents of the target. */
  tasksEnded(counts: TaskCounts, nowMs: number): void {
    if (this.settings.type === 'ErrorRate' || this.settings.type === 'Latency') this.window.add(counts, nowMs, this.settings.spanMs)
  }
}

/** What is known of one policy: samples and what was asked for of late, which a restart loses, and the load as it was, which goes on from what is stored. */
export class PolicyMemory {
  readonly sinceMs: number
  metrics: readonly MetricMemory[] = []
  recent: Recommendations
  /** When the news came that no pass has looked at yet, on the clock of `performance.now()`. */
  newsMs: number | undefined
  /** When the status was last written, for changes that can wait. Unix milliseconds. */
  toldMs = 0
  /** When a task was last seen to run or to wait. Unix milliseconds. */
  activeMs: number | undefined
  /** Since when every router has been connected; absent while one is not. Unix milliseconds. */
  connectedMs: number | undefined
  readonly foresight: Foresight
  #settings: { readonly generation: number; readonly value: Settings } | undefined

  constructor(recorded: StoredHistory | undefined, nowMs: number) {
    this.sinceMs = nowMs
    this.foresight = new Foresight(recorded, nowMs)
    this.recent = noRecommendations(nowMs)
  }

  /** The spec in numbers. A metric that is written as before keeps its samples. */
  settingsOf({ metadata: { generation }, spec }: ScalingPolicy): Settings {
    if (this.#settings?.generation === generation) return this.#settings.value
    const value = settingsOf(spec)
    this.metrics = spec.metrics.flatMap((metric, i) => {
      const settings = value.metrics[i]
      if (!settings) return []
      const text = JSON.stringify(metric)
      const known = this.metrics.find((m) => m.text === text) ?? new MetricMemory(metric, settings)
      known.settings = settings
      return [known]
    })
    this.#settings = { generation, value }
    return value
  }
}

function timetableOf(cron: NonNullable<Metric['cron']>): Timetable {
  try {
    return { at: readTimetable(cron) }
  } catch (error) {
    if (error instanceof TimetableError) return { problem: error.message }
    throw error
  }
}
