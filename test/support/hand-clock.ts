import type { Clock } from '../../src/time/clock.ts'

/** A clock that a test turns by hand. */
export class HandClock implements Clock {
  #nowMs: number
  readonly #timers = new Set<{ readonly dueMs: number; readonly run: () => void }>()
  /** Timers that were ever set. */
  timersSet = 0

  constructor(nowMs = 0) {
    this.#nowMs = nowMs
  }

  now(): number {
    return this.#nowMs
  }

  after(ms: number, run: () => void): () => void {
    const timer = { dueMs: this.#nowMs + ms, run }
    this.#timers.add(timer)
    this.timersSet += 1
    return () => void this.#timers.delete(timer)
  }

  /** Timers that have yet to go off. */
  get pending(): number {
    return this.#timers.size
  }

  /** Lets so much time pass; timers go off one after the other. */
  turn(ms: number): void {
    const untilMs = this.#nowMs + ms
    while (this.#fire(untilMs));
    this.#nowMs = untilMs
  }

  /** The same, and what waits for a timer goes on before the next one goes off. */
  async turnSlowly(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms
    while (this.#fire(untilMs)) await settled()
    this.#nowMs = untilMs
    await settled()
  }

  /** Whether a timer was due; it has gone off then. */
  #fire(untilMs: number): boolean {
    const [next] = [...this.#timers].filter((timer) => timer.dueMs <= untilMs).sort((a, b) => a.dueMs - b.dueMs)
    if (!next) return false
    this.#timers.delete(next)
    this.#nowMs = Math.max(this.#nowMs, next.dueMs)
    next.run()
    return true
  }
}

/** Resolves when everything that could go on has gone on. */
export const settled = () => new Promise((resolve) => setImmediate(resolve))
