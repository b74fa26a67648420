import { noRecommendations, withChange, type Change } from '../../src/scaling/behaviour.ts'
import { decide } from '../../src/scaling/decide.ts'
import { agentsAhead, type Forecast } from '../../src/scaling/forecast.ts'
import { Foresight, needOf } from '../../src/scaling/foresight.ts'
import { withSample, type Sample, type Series } from '../../src/scaling/reading.ts'
import { changesKeptMs, samplesKeptMs, type Settings } from '../../src/scaling/settings.ts'
import type { Scaler } from './scaling-simulation.ts'

/** Looks whenever something is measured, as a ScalingPolicy with these settings does. */
export function policyScaler(settings: Settings): Scaler {
  const [metric] = settings.metrics
  if (!metric) throw new RangeError('a policy has a metric')
  let recent = noRecommendations(0)
  let series: Series = []
  let changes: readonly Change[] = []
  let settledMs = 0
  const foresight = new Foresight(undefined, 0)
  let ahead: Forecast | undefined
  return ({ ms, current, ready, arrived }) => {
    for (const sample of arrived) series = withSample(series, sample, samplesKeptMs(metric))
    if (ready < current || settledMs === Infinity) settledMs = ready < current ? Infinity : ms
    const forecast = ahead && agentsAhead(ahead, settings.predictive.mode)
    const decision = decide({
      settings,
      metrics: [{ settings: metric, series }],
      current,
      ready,
      tasks: { inFlight: 1, queued: 0 },
      changes,
      recent,
      nowMs: ms,
      isPaused: false,
      isRollingOut: false,
      isBrakeOn: false,
      ...(settledMs < Infinity && { settledMs }),
      ...(forecast !== undefined && { forecast }),
    })
    recent = decision.recent
    if (decision.apply) changes = withChange(changes, { atMs: ms, from: current, to: decision.replicas }, changesKeptMs(settings))
    if (settings.predictive.mode !== 'Off') ahead = foresight.see(settings.predictive, needOf(decision.answers), ms)
    return decision.replicas
  }
}

/** How the HorizontalPodAutoscaler is set up; its looks begin at `phaseMs`, on which much depends. */
export type HpaSettings = {
  readonly target: number
  readonly least: number
  readonly most: number
  readonly phaseMs: number
  /** stabilizationWindowSeconds downwards: 300 s unless the user writes another. */
  readonly windowMs: number
  /** Age from which it has no value. */
  readonly maxAgeMs: number
}

/** Time between two looks of the HorizontalPodAutoscaler, in milliseconds. */
export const HPA_EVERY_MS = 15_000

const TOLERANCE = 0.1

/** What its scale-up policies allow by default within 15 s: 4 agents, or as many as there were. */
const [MORE_PODS, MORE_PERCENT] = [4, 100]

/**
 * The HorizontalPodAutoscaler (autoscaling/v2) with an External metric and an AverageValue, as its controller does it: value over target times
 * replicas, nothing within the tolerance, down only to the highest of the window, up by its default policies. Downwards its default policy,
 * 100 % in 15 s, limits nothing. Without a value it changes nothing.
 */
export function hpaScaler({ target, least, most, phaseMs, windowMs, maxAgeMs }: HpaSettings): Scaler {
  let newest: Sample | undefined
  let recommended: { readonly ms: number; readonly replicas: number }[] = []
  let grown: Change[] = []
  return ({ ms, current, arrived }) => {
    for (const sample of arrived) if (!newest || sample.atMs >= newest.atMs) newest = sample
    if (ms % HPA_EVERY_MS !== phaseMs) return undefined
    if (recommended.length === 0) recommended.push({ ms, replicas: current })
    if (!newest || ms - newest.atMs >= maxAgeMs) return undefined
    const ratio = newest.value / (target * current)
    const desired = Math.abs(1 - ratio) <= TOLERANCE ? current : Math.ceil(newest.value / target)
    const highest = Math.max(desired, ...recommended.filter((r) => r.ms > ms - windowMs).map((r) => r.replicas))
    recommended = [...recommended.filter((r) => r.ms > ms - windowMs), { ms, replicas: desired }]
    const stabilised = desired < current ? Math.min(current, highest) : desired
    grown = grown.filter(({ atMs }) => atMs > ms - HPA_EVERY_MS)
    const atStart = current - grown.reduce((sum, { from, to }) => sum + to - from, 0)
    const limit = Math.max(atStart + MORE_PODS, Math.ceil(atStart * (1 + MORE_PERCENT / 100)))
    const replicas = Math.min(most, Math.max(least, Math.min(stabilised, Math.max(current, limit))))
    if (replicas > current) grown.push({ atMs: ms, from: current, to: replicas })
    return replicas
  }
}
