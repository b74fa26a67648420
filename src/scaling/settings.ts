import { durationMs } from '../api/duration.ts'
import { PAUSED } from '../api/names.ts'
import type { Metric, MetricType } from '../api/scaling-metric.ts'
import type { ScalingPolicySpec } from '../api/scaling-policy.ts'
import type { DirectionSettings } from './behaviour.ts'
import type { ConfidenceSettings } from './reading.ts'
import { parseChange, type Step } from './steps.ts'
import type { TargetSettings } from './target.ts'

/** How a value becomes a number of agents. */
export type ReadAs =
  /** The value counts work of all agents together. */
  | ({ readonly as: 'Total' } & TargetSettings)
  /** Replicas are proportional to the value. `unmeasured` is what an agent counts as of which nothing is known when replicas would go down. */
  | ({ readonly as: 'Ratio'; readonly unmeasured: number } & TargetSettings)
  /** `base` is what steps change; current replicas without it. */
  | { readonly as: 'Steps'; readonly steps: readonly Step[]; readonly base?: number }
  | { readonly as: 'Timetable'; readonly replicas: number }

/** How long a change may take to have its effect, in milliseconds: agents that are not ready later than this are not on account of it. */
export const MAX_EFFECT_MS = 120_000

/** spec.metrics[] in numbers. */
export type MetricSettings = {
  readonly name: string
  readonly type: MetricType
  readonly readAs: ReadAs
  /** How far back a value looks. */
  readonly spanMs: number
  readonly maxAgeMs: number
  readonly fallback: { readonly action: 'Keep' | 'Ignore' } | { readonly action: 'Replicas'; readonly replicas: number }
  readonly confidence?: ConfidenceSettings
}

/** The spec of a ScalingPolicy in numbers. */
export type Settings = {
  readonly minReplicas: number
  readonly maxReplicas: number
  readonly metrics: readonly MetricSettings[]
  readonly scaleUp: DirectionSettings
  readonly scaleDown: DirectionSettings
  readonly idleBeforeZeroMs: number
  readonly predictive: { readonly mode: 'Off' | 'Observe' | 'Scale'; readonly seasonMs: number; readonly horizonMs: number }
  readonly dryRun: boolean
}

/** Reads a spec that the API server has checked. */
export function settingsOf(spec: ScalingPolicySpec): Settings {
  const { minReplicas, maxReplicas, behaviour, predictive, dryRun } = spec
  const base = spec.baseReplicas ?? Math.max(1, minReplicas)
  return {
    minReplicas,
    maxReplicas,
    metrics: spec.metrics.map((metric) => metricOf(metric, base)),
    scaleUp: directionOf(behaviour.scaleUp),
    scaleDown: directionOf(behaviour.scaleDown),
    idleBeforeZeroMs: durationMs(behaviour.idleBeforeZero),
    predictive: { mode: predictive.mode, seasonMs: durationMs(predictive.season), horizonMs: durationMs(predictive.horizon) },
    dryRun,
  }
}

/** How long samples of a metric are of use, in milliseconds. */
export const samplesKeptMs = ({ maxAgeMs, confidence }: MetricSettings): number => Math.max(maxAgeMs, confidence?.windowMs ?? 0)

/** How long changes of replicas are of use, in milliseconds. */
export function changesKeptMs({ scaleUp, scaleDown, metrics }: Settings): number {
  const ways = [scaleUp, scaleDown].flatMap(({ coolDownMs, limits }) => [coolDownMs, ...limits.map(({ periodMs }) => periodMs)])
  return Math.max(...ways, ...metrics.map((metric) => samplesKeptMs(metric) + metric.spanMs + MAX_EFFECT_MS))
}

/** Whether a policy with these annotations changes nothing. Any value but `false` pauses it, as people expect of an annotation that is there. */
export const isPaused = (annotations: Readonly<Record<string, string>> = {}): boolean =>
  PAUSED in annotations && annotations[PAUSED] !== 'false'

function metricOf(metric: Metric, base: number): MetricSettings {
  const { name, type, maxAge, fallback, confidence } = metric
  return {
    name,
    type,
    readAs: readAsOf(metric, base),
    spanMs: metric.window === undefined ? (SPANS_MS[type] ?? 0) : durationMs(metric.window),
    maxAgeMs: durationMs(maxAge),
    fallback: fallback.action === 'Replicas' ? { action: 'Replicas', replicas: fallback.replicas ?? 0 } : { action: fallback.action },
    ...(confidence && { confidence: { windowMs: durationMs(confidence.window), percent: confidence.percent } }),
  }
}

/** How far back values look, in milliseconds, unless the metric says: tasks of a minute, and three samples of a sandbox, one every 5 s. */
const SPANS_MS: Partial<Readonly<Record<MetricType, number>>> = { Latency: 60_000, ErrorRate: 60_000, Cpu: 15_000, Memory: 15_000 }

/** What counts work of all agents; of the others replicas are a multiple. */
const TOTALS: readonly MetricType[] = ['InFlightPerAgent', 'QueueLength']
const OUTSIDE: readonly MetricType[] = ['Prometheus', 'Json']
const PERCENT_OF_AGENT: readonly MetricType[] = ['Cpu', 'Memory']

function readAsOf({ name, type, cron, target, steps, stepsFrom }: Metric, base: number): ReadAs {
  if (cron) return { as: 'Timetable', replicas: cron.replicas }
  if (steps) {
    const isFromBase = (stepsFrom ?? (OUTSIDE.includes(type) ? 'Base' : 'Current')) === 'Base'
    return { as: 'Steps', steps: steps.map(stepOf), ...(isFromBase && { base }) }
  }
  if (!target) throw new RangeError(`the metric ${name} has neither target nor steps nor cron; write one of them`)
  const { value, tolerancePercent, per = 'Agent' } = target
  if (TOTALS.includes(type) || (OUTSIDE.includes(type) && per === 'Agent')) return { as: 'Total', target: value, tolerancePercent }
  return { as: 'Ratio', target: value, tolerancePercent, unmeasured: PERCENT_OF_AGENT.includes(type) ? Math.max(100, value) : value }
}

function stepOf({ above, below, change }: { above?: number; below?: number; change: string }): Step {
  const parsed = parseChange(change)
  if (above !== undefined) return { ...parsed, side: 'above', bound: above }
  return { ...parsed, side: 'below', bound: below ?? -Infinity }
}

function directionOf(direction: ScalingPolicySpec['behaviour']['scaleUp']): DirectionSettings {
  return {
    windowMs: durationMs(direction.stabilisationWindow),
    coolDownMs: durationMs(direction.coolDown),
    limits: direction.limits.map(({ count, percent, period }) => ({
      periodMs: durationMs(period),
      ...(percent === undefined ? { count: count ?? 0 } : { percent }),
    })),
    select: direction.select,
  }
}
