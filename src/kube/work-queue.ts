import type { QueueMetrics } from '../metrics/registry.ts'
import { backoffMs } from '../time/backoff.ts'
import { MONOTONIC_CLOCK, type Clock } from '../time/clock.ts'
import { DelayHeap } from './delay-heap.ts'
import { RECONCILE_RETRY_MS } from './limits.ts'

/** `name` labels the metrics; `retryMs` bounds the pause after a failure; `chance` (0 to 1) spreads it. */
export interface WorkQueueOptions {
  readonly name: string
  readonly clock?: Clock
  readonly retryMs?: { readonly first: number; readonly longest: number }
  readonly chance?: () => number
  readonly metrics?: QueueMetrics | undefined
}

/**
 * Keys that want work. A key is queued once however often it is added, and worked on by one worker at a time; added while it is worked
 * on, it comes again afterwards. Taking a key out also takes back its delayed adds: the pass that follows knows better when to look again.
 */
export class WorkQueue {
  readonly #name: string
  readonly #clock: Clock
  readonly #retryMs: { readonly first: number; readonly longest: number }
  readonly #chance: () => number
  readonly #metrics: QueueMetrics | undefined
  /** Keys ready to be taken, with the time they were added, oldest first. */
  readonly #ready = new Map<string, number>()
  /** Keys being worked on, with the time they were taken. */
  readonly #running = new Map<string, number>()
  /** Keys added while being worked on. */
  readonly #again = new Map<string, number>()
  readonly #failures = new Map<string, number>()
  readonly #delayed = new DelayHeap()
  readonly #waiting: ((key: string | undefined) => void)[] = []
  #idle: (() => void)[] = []
  #timer: { readonly dueMs: number; readonly cancel: () => void } | undefined
  #closed = false

  constructor(options: WorkQueueOptions) {
    this.#name = options.name
    this.#clock = options.clock ?? MONOTONIC_CLOCK
    this.#retryMs = options.retryMs ?? RECONCILE_RETRY_MS
    this.#chance = options.chance ?? Math.random
    this.#metrics = options.metrics
    this.#metrics?.watch(this.#name, this)
  }

  /** Keys ready and not taken yet. */
  get depth(): number {
    return this.#ready.size
  }

  /** Keys that wait for a moment. */
  get delayed(): number {
    return this.#delayed.size
  }

  /** Keys being worked on. */
  get running(): number {
    return this.#running.size
  }

  /** For how long the longest of the running keys has been worked on, in milliseconds. */
  get longestRunningMs(): number {
    const [started] = this.#running.values() // in the order in which they were taken
    return started === undefined ? 0 : this.#clock.now() - started
  }

  /** Wants the key worked on now. */
  add(key: string): void {
    if (this.#closed) return
    this.#metrics?.adds.inc({ controller: this.#name })
    if (this.#running.has(key)) {
      if (!this.#again.has(key)) this.#again.set(key, this.#clock.now())
      return
    }
    if (this.#ready.has(key)) return
    this.#ready.set(key, this.#clock.now())
    this.#hand()
  }

  /** Wants the key worked on in `ms`; the earliest of several such moments counts. */
  addAfter(key: string, ms: number): void {
    if (this.#closed) return
    if (ms <= 0) return this.add(key)
    this.#delayed.add(key, this.#clock.now() + ms)
    this.#arm()
  }

  /** Wants the key worked on again after a failure; each one in a row doubles the pause. Returns the pause in milliseconds. */
  addBackoff(key: string): number {
    const failures = this.#failures.get(key) ?? 0
    this.#failures.set(key, failures + 1)
    this.#metrics?.retries.inc({ controller: this.#name })
    const ms = backoffMs(this.#retryMs, failures, this.#chance())
    this.addAfter(key, ms)
    return ms
  }

  /** Failures in a row. */
  failures(key: string): number {
    return this.#failures.get(key) ?? 0
  }

  /** The key's work succeeded: the next failure is the first one again. */
  forget(key: string): void {
    this.#failures.delete(key)
  }

  /** Takes the next key, waiting for one; `undefined` once the queue is shut down. Every key taken must be given back with `done`. */
  next(): Promise<string | undefined> {
    if (this.#closed) return Promise.resolve(undefined)
    const key = this.#take()
    if (key !== undefined) return Promise.resolve(key)
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /** Gives a taken key back. */
  done(key: string): void {
    const started = this.#running.get(key)
    if (started === undefined) return
    this.#running.delete(key)
    this.#metrics?.work.observe({ controller: this.#name }, (this.#clock.now() - started) / 1000)
    const again = this.#again.get(key)
    this.#again.delete(key)
    if (again !== undefined && !this.#closed) {
      this.#ready.set(key, again)
      this.#hand()
    }
    if (this.#running.size > 0) return
    for (const resolve of this.#idle) resolve()
    this.#idle = []
  }

  /** Takes no more keys and forgets those that wait; resolves when the running ones are done. */
  async shutdown(): Promise<void> {
    this.#closed = true
    this.#timer?.cancel()
    this.#timer = undefined
    this.#ready.clear()
    this.#again.clear()
    this.#failures.clear()
    this.#delayed.clear()
    for (const resolve of this.#waiting.splice(0)) resolve(undefined)
    this.#metrics?.forget(this.#name)
    if (this.#running.size > 0) await new Promise<void>((resolve) => this.#idle.push(resolve))
  }

  #hand(): void {
    if (this.#waiting.length === 0) return
    const key = this.#take()
    if (key !== undefined) this.#waiting.shift()?.(key)
  }

  #take(): string | undefined {
    for (const [key, added] of this.#ready) {
      const now = this.#clock.now()
      this.#ready.delete(key)
      this.#delayed.remove(key)
      this.#running.set(key, now)
      this.#metrics?.latency.observe({ controller: this.#name }, (now - added) / 1000)
      return key
    }
    return undefined
  }

  /** One timer for all delayed keys, set for the earliest. */
  #arm(): void {
    const dueMs = this.#delayed.nextMs
    if (dueMs === undefined || (this.#timer && this.#timer.dueMs <= dueMs)) return
    this.#timer?.cancel()
    const cancel = this.#clock.after(Math.max(0, dueMs - this.#clock.now()), () => {
      this.#timer = undefined
      const now = this.#clock.now()
      for (let key = this.#delayed.takeDue(now); key !== undefined; key = this.#delayed.takeDue(now)) this.add(key)
      this.#arm()
    })
    this.#timer = { dueMs, cancel }
  }
}
