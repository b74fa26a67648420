import { addLatencies, type Latencies } from './latency.ts'

/** Tasks that have ended. */
export type TaskCounts = { readonly done: number; readonly failed: number; readonly latency: Latencies }

type Slot = { readonly fromMs: number; done: number; failed: number; readonly latency: number[] }

/** Parts of a window: tasks leave it a part at a time. */
const PARTS = 20

/** The tasks of one agent, or of one revision, that ended within a window of time. Times are given, and never go back by more than a part. */
export class TaskWindow {
  readonly #slots: Slot[] = []
  readonly #sum: Slot = { fromMs: 0, done: 0, failed: 0, latency: [] }

  /** Adds tasks that have just ended. */
  add({ done, failed, latency }: TaskCounts, nowMs: number, windowMs: number): void {
    let slot = this.#slots.at(-1)
    if (!slot || nowMs >= slot.fromMs + windowMs / PARTS) this.#slots.push((slot = { fromMs: nowMs, done: 0, failed: 0, latency: [] }))
    for (const target of [slot, this.#sum]) {
      target.done += done
      target.failed += failed
      addLatencies(target.latency, latency)
    }
  }

  /** What ended within the last `windowMs`. The result is valid until the next call. */
  within(windowMs: number, nowMs: number): TaskCounts {
    for (let slot = this.#slots[0]; slot && slot.fromMs <= nowMs - windowMs; slot = this.#slots[0]) {
      this.#slots.shift()
      this.#sum.done -= slot.done
      this.#sum.failed -= slot.failed
      addLatencies(this.#sum.latency, slot.latency, -1)
    }
    return this.#sum
  }
}
