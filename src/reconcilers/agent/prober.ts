import { spreadMs } from '../../time/backoff.ts'
import type { Health } from './plan.ts'

/** Checks per second of all ready agents together; with more agents each is checked less often. */
const STEADY_CHECKS_PER_SECOND = 50

/** Shortest time between two checks of a ready agent, in milliseconds. */
const STEADY_MS = 1_000

/** Share of that time by which it is longer or shorter by chance. */
const STEADY_SPREAD = 0.1

/** Failures in a row after which an agent that does not get ready is checked less often. */
const SLOW_AFTER_FAILURES = 40

/** Shortest time between two checks from then on, in milliseconds. */
const SLOW_MS = 2_000

/** Failures in a row between two looks of a reconcile at an agent that stays down. */
const LOOK_EVERY_FAILURES = 10

/** Pause after the first check of an agent that has just been started, in milliseconds; each next one is twice as long, up to its interval. */
const FIRST_PAUSE_MS = 20

/** How an agent is checked. `key` names the agent in the work queue. */
export type Checked = {
  uid: string
  key: string
  intervalMs: number
  failureThreshold: number
  /** One check. Whatever is wrong with the agent is an outcome; an error is a mistake of this program, and says nothing of the agent. */
  check(): Promise<Health['outcome']>
}

export type ProberOptions = {
  /** Told when a reconcile has something new to look at. */
  onChange(key: string): void
  /** Told of a check that has thrown. */
  onError(key: string, error: unknown): void
  now(): number
  /** A number from 0 to 1 by chance. */
  chance(): number
}

type Watched = Checked & {
  health?: Health
  timer?: NodeJS.Timeout
  isChecking: boolean
  waiting: ((health: Health) => void)[]
  /** Pause after the next check, while none has told anything yet. */
  firstPauseMs: number
}

/**
 * Checks agents: very quickly when they have just been started, quickly until they are ready and when a check has failed, slowly while
 * all is well. What it knows is a view that a restart loses and the next checks bring back.
 */
export class Prober {
  readonly #options: ProberOptions
  readonly #watched = new Map<string, Watched>()
  #isStopped = false

  constructor(options: ProberOptions) {
    this.#options = options
  }

  /** Agents that are being checked. */
  get size(): number {
    return this.#watched.size
  }

  /** Begins to check an agent, or goes on with new settings. */
  watch(target: Checked): void {
    const old = this.#watched.get(target.uid)
    if (old) {
      Object.assign(old, target)
      return
    }
    const watched: Watched = { ...target, isChecking: false, waiting: [], firstPauseMs: FIRST_PAUSE_MS }
    this.#watched.set(target.uid, watched)
    this.#schedule(watched, 0)
  }

  /** Ends the checks of an agent. */
  forget(uid: string): void {
    const watched = this.#watched.get(uid)
    if (!watched) return
    clearTimeout(watched.timer)
    this.#watched.delete(uid)
  }

  /** How the last checks went; undefined before the first. */
  health(uid: string): Health | undefined {
    return this.#watched.get(uid)?.health
  }

  /** Checks now: somebody has reason to think that the agent's state has changed. */
  checkNow(uid: string): void {
    const watched = this.#watched.get(uid)
    if (watched && !watched.isChecking) this.#schedule(watched, 0)
  }

  /** Resolves when the agent is ready, or with its last health after `ms`; undefined when no check has ended by then. */
  async becomesReady(uid: string, ms: number, signal: AbortSignal): Promise<Health | undefined> {
    const watched = this.#watched.get(uid)
    if (!watched || watched.health?.outcome === 'ready') return watched?.health
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', done)
        resolve()
      }
      const timer = setTimeout(done, ms)
      signal.addEventListener('abort', done)
      watched.waiting.push(done)
    })
    return watched.health
  }

  /** Ends all checks. */
  stop(): void {
    this.#isStopped = true
    for (const uid of this.#watched.keys()) this.forget(uid)
  }

  #schedule(watched: Watched, ms: number): void {
    clearTimeout(watched.timer)
    watched.timer = setTimeout(() => void this.#check(watched), ms)
    watched.timer.unref()
  }

  async #check(watched: Watched): Promise<void> {
    watched.isChecking = true
    const outcome = await this.#outcomeOf(watched)
    watched.isChecking = false
    if (this.#isStopped || this.#watched.get(watched.uid) !== watched) return
    if (outcome === undefined) return this.#schedule(watched, watched.intervalMs)
    const before = watched.health
    if (!before && isStarting(outcome) && watched.firstPauseMs < watched.intervalMs) {
      this.#schedule(watched, watched.firstPauseMs)
      watched.firstPauseMs *= 2
      return
    }
    const health = nextHealth(before, outcome, this.#options.now())
    watched.health = health
    if (outcome === 'ready') for (const wake of watched.waiting.splice(0)) wake(health)
    if (isNews(before, health, watched.failureThreshold)) this.#options.onChange(watched.key)
    const { intervalMs } = watched
    this.#schedule(watched, pauseMs({ health, intervalMs, watched: this.size, chance: this.#options.chance() }))
  }

  async #outcomeOf(watched: Watched): Promise<Health['outcome'] | undefined> {
    try {
      return await watched.check()
    } catch (error) {
      this.#options.onError(watched.key, error)
      return undefined
    }
  }
}

/** Milliseconds until the next check of an agent, one of so many that are watched. `chance` is from 0 to 1. */
export function pauseMs({ health, intervalMs, watched, chance }: Pausing): number {
  if (health.outcome === 'ready') return spreadMs(Math.max(STEADY_MS, (watched * 1_000) / STEADY_CHECKS_PER_SECOND), STEADY_SPREAD, chance)
  return health.failures > SLOW_AFTER_FAILURES ? Math.max(intervalMs, SLOW_MS) : intervalMs
}

type Pausing = { readonly health: Health; readonly intervalMs: number; readonly watched: number; readonly chance: number }

/** A program that was started a moment ago answers like this; it counts as no failure within the first interval. */
const isStarting = (outcome: Health['outcome']) => outcome !== 'ready' && outcome !== 'sandbox-gone'

/** The health after one more check. */
export function nextHealth(before: Health | undefined, outcome: Health['outcome'], nowMs: number): Health {
  if (outcome === 'ready') return { outcome, failures: 0, sinceMs: before?.outcome === 'ready' ? before.sinceMs : nowMs }
  const continues = before !== undefined && before.outcome !== 'ready'
  return { outcome, failures: (before?.failures ?? 0) + 1, sinceMs: continues ? before.sinceMs : nowMs }
}

/**
 * Whether a reconcile can do something with it: ready or no longer, as many failures as make an agent down, another
 * kind of failure, and now and then while it stays down, to look whether its command has ended.
 */
export function isNews(before: Health | undefined, after: Health, failureThreshold: number): boolean {
  if (after.outcome === 'ready') return before?.outcome !== 'ready'
  const isDue = after.failures % LOOK_EVERY_FAILURES === 0
  if (after.outcome === 'sandbox-gone') return before?.outcome !== 'sandbox-gone' || isDue
  if (after.failures < failureThreshold) return false
  return after.failures === failureThreshold || before?.outcome !== after.outcome || isDue
}
