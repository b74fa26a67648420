import type { AgentHealth } from '../api/health.ts'
import { FINE, judge, severity, type Limits, type Verdict } from './judge.ts'
import { settle, type Held } from './settle.ts'
import { meanUsage, withSample, type Usage } from './usage.ts'
import { TaskWindow, type TaskCounts } from '../stats/window.ts'

/** A sample as the provider gave it: `measuredMs` is a time of its clock, and only tells samples apart. */
export type Sample = Omit<Usage, 'atMs'> & { readonly measuredMs: number }

/** One look at an agent. `tasksSinceMs` is since when routers have told of every task. Times never go back by much. */
export type Look = {
  readonly limits: Limits
  readonly nowMs: number
  readonly tasksSinceMs: number
  /** One of the looks that come at even intervals: only these count towards something better. */
  readonly isRegular: boolean
}

/**
 * What is known of one agent, and the verdict that stands. A restart loses the figures; the record then starts from the verdict that
 * was stored, and says nothing better until it knows enough to say so: the use of the sandbox, or the tasks of a whole window.
 */
export class HealthRecord {
  readonly #fromMs: number
  readonly #tasks = new TaskWindow()
  #samples: readonly Usage[] = []
  #measuredMs = 0
  #held: Held

  constructor(stored: Omit<AgentHealth, 'since'> | undefined, nowMs: number) {
    this.#fromMs = nowMs
    // Whether it answers is seen by checks, at once and anew.
    this.#held = { verdict: stored && stored.state !== 'Failed' ? pick(stored) : FINE }
  }

  /** The verdict that stands. */
  get verdict(): Verdict {
    return this.#held.verdict
  }

  /** Attempts of tasks on it have ended. */
  tasksEnded(counts: TaskCounts, nowMs: number, windowMs: number): void {
    this.#tasks.add(counts, nowMs, windowMs)
  }

  /** The provider has measured it; the same sample again is no news. */
  used({ measuredMs, cpuPercent, memoryPercent }: Sample, nowMs: number): boolean {
    if (measuredMs === this.#measuredMs) return false
    this.#measuredMs = measuredMs
    this.#samples = withSample(this.#samples, { cpuPercent, memoryPercent, atMs: nowMs })
    return true
  }

  /** Judges what is known; whether another state or reason stands now. */
  look({ limits, nowMs, tasksSinceMs, isRegular }: Look): boolean {
    const before = this.#held.verdict
    const usage = meanUsage(this.#samples, nowMs)
    const verdict = judge({ usage, tasks: this.#tasks.within(limits.windowMs, nowMs) }, limits, before)
    const isKnown = isOfUsage(before) ? usage !== undefined : nowMs - Math.max(this.#fromMs, tasksSinceMs) >= limits.windowMs
    // Between the regular looks only what is worse counts, so that they alone are the steps towards something better.
    if (isRegular || severity(verdict.state) > severity(before.state)) this.#held = settle(this.#held, verdict, isKnown)
    return this.#held.verdict.state !== before.state || this.#held.verdict.reason !== before.reason
  }
}

const pick = ({ state, reason, message }: Verdict): Verdict => ({ state, reason, message })
const isOfUsage = ({ reason }: Verdict) => reason === 'CpuHigh' || reason === 'MemoryHigh'
