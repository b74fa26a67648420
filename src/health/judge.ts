import { durationMs } from '../api/duration.ts'
import { HEALTH_STATES, type Health, type HealthState } from '../api/health.ts'
import { REASON } from '../api/reasons.ts'
import { latencyCount, latencyQuantile } from '../stats/latency.ts'
import type { Usage } from './usage.ts'
import type { TaskCounts } from '../stats/window.ts'

/** Why an agent is judged as it is. */
export type FigureReason = 'Healthy' | 'CpuHigh' | 'MemoryHigh' | 'LatencyHigh' | 'ErrorsHigh'

/** A state with its reason and the figures, in words. */
export type Verdict = { readonly state: HealthState; readonly reason: string; readonly message: string }

/** What is known of an agent that answers. What is absent is not judged. */
export type Figures = { readonly usage?: Omit<Usage, 'atMs'> | undefined; readonly tasks?: TaskCounts | undefined }

type Levels = { readonly degraded: number; readonly critical: number }

/** spec.health in numbers. */
export type Limits = {
  readonly cpuPercent: Levels
  readonly memoryPercent: Levels
  readonly errorPercent: Levels
  readonly latencyMs: Levels
  readonly windowMs: number
  readonly minTasks: number
}

/** Tasks below which a latency says nothing. Fewer than for errors: slow agents do few tasks in a window. */
const LEAST_LATENCIES = 5

/** Share of a level that a figure must fall below before it counts as below the level again, so that a figure near it does not flap. */
const LEAVE_SHARE = 0.9

/** Share of the tasks that say something below which they say nothing any more, so that an agent that does about so many does not flap. */
const STAY_SHARE = 0.5

/** Reads spec.health of a Swarm that the API server has checked. */
export function limitsOf({ latency, window, ...health }: Health): Limits {
  const latencyMs = { degraded: durationMs(latency.degraded), critical: durationMs(latency.critical) }
  return { ...health, latencyMs, windowMs: durationMs(window) }
}

/** The position of a state from best to worst. */
export const severity = (state: HealthState): number => HEALTH_STATES.indexOf(state)

/** The verdict on an agent of which nothing bad is known. */
export const FINE: Verdict = { state: 'Healthy', reason: REASON.healthy, message: 'all figures are below the levels of spec.health' }

/**
 * The worst that the figures show; of figures that are equally bad the one that was the reason before, so that reasons do not
 * change without need, else the first of errors, latency, processor, memory.
 */
export function judge(figures: Figures, limits: Limits, before: Verdict | undefined): Verdict {
  let worst = FINE
  for (const { reason, value, levels, message } of measured(figures, limits, before)) {
    const state = levelOf(value, levels, before?.reason === reason ? before.state : 'Healthy')
    const isWorse = severity(state) > severity(worst.state)
    const isSame = state === worst.state && state !== 'Healthy' && before?.reason === reason
    if (isWorse || isSame) worst = { state, reason, message }
  }
  return worst
}

function levelOf(value: number, { degraded, critical }: Levels, before: HealthState): HealthState {
  if (value >= critical * (before === 'Critical' ? LEAVE_SHARE : 1)) return 'Critical'
  return value >= degraded * (before === 'Healthy' ? 1 : LEAVE_SHARE) ? 'Degraded' : 'Healthy'
}

type Measured = { readonly reason: FigureReason; readonly value: number; readonly levels: Levels; readonly message: string }

function measured({ usage, tasks }: Figures, limits: Limits, before: Verdict | undefined): Measured[] {
  const list: Measured[] = []
  const enough = (count: number, least: number, reason: FigureReason) => count >= least * (before?.reason === reason ? STAY_SHARE : 1)
  if (tasks) {
    const { done, failed, latency } = tasks
    const errors = (failed * 100) / (done + failed)
    if (enough(done + failed, limits.minTasks, REASON.errorsHigh))
      list.push({
        reason: REASON.errorsHigh,
        value: errors,
        levels: limits.errorPercent,
        message: `error rate ${whole(errors)} % of ${done + failed} tasks`,
      })
    const least = Math.min(LEAST_LATENCIES, limits.minTasks)
    const p95 = enough(latencyCount(latency), least, REASON.latencyHigh) ? latencyQuantile(latency, 0.95) : undefined
    if (p95 !== undefined)
      list.push({
        reason: REASON.latencyHigh,
        value: p95,
        levels: limits.latencyMs,
        message: `95 % of ${latencyCount(latency)} tasks took up to ${secondsOf(p95)}`,
      })
  }
  if (usage) {
    const { cpuPercent, memoryPercent } = usage
    list.push(
      { reason: REASON.cpuHigh, value: cpuPercent, levels: limits.cpuPercent, message: `processor ${whole(cpuPercent)} % used` },
      { reason: REASON.memoryHigh, value: memoryPercent, levels: limits.memoryPercent, message: `memory ${whole(memoryPercent)} % used` },
    )
  }
  return list
}

const whole = (value: number) => Math.round(value)
const secondsOf = (ms: number) => (ms < 1_000 ? `${Math.round(ms)} ms` : `${Math.round(ms / 100) / 10} s`)
