/** Tasks of how long count as recent, in one-second buckets. */
const WINDOW_SECONDS = 10

/** Retries a second that are always allowed, so that swarms with few tasks can retry, too. */
const LEAST_PER_SECOND = 10

/**
 * Bounds the retries of one swarm to a share of its recent tasks, so that a swarm that fails is not also flooded by repeats (as the
 * retry budgets of Finagle, Linkerd and Envoy):
 *
 *     retries of the last 10 s <= max(10 a second * 10 s, tasks of the last 10 s * budgetPercent / 100)
 *
 * A ring of one-second buckets: nothing is allocated for a task, and what is older than the window is cleared on the way.
 */
export class RetryBudget {
  readonly #tasks = new Float64Array(WINDOW_SECONDS)
  readonly #retries = new Float64Array(WINDOW_SECONDS)
  #second = 0
  #taskSum = 0
  #retrySum = 0

  /** A task had its first attempt. */
  began(nowMs: number): void {
    const at = this.#turn(nowMs)
    this.#tasks[at] = (this.#tasks[at] ?? 0) + 1
    this.#taskSum += 1
  }

  /** Takes one retry out of the budget; false when it is spent. */
  take(percent: number, nowMs: number): boolean {
    const at = this.#turn(nowMs)
    if (this.left(percent, nowMs) < 1) return false
    this.#retries[at] = (this.#retries[at] ?? 0) + 1
    this.#retrySum += 1
    return true
  }

  /** Retries that are allowed now. */
  left(percent: number, nowMs: number): number {
    this.#turn(nowMs)
    const allowed = Math.max(LEAST_PER_SECOND * WINDOW_SECONDS, Math.floor((this.#taskSum * percent) / 100))
    return Math.max(0, allowed - this.#retrySum)
  }

  /** Clears the buckets that have become too old; returns that of this second. A clock that goes back stays where it was. */
  #turn(nowMs: number): number {
    const second = Math.max(this.#second, Math.floor(nowMs / 1000))
    for (let old = Math.max(this.#second + 1, second - WINDOW_SECONDS + 1); old <= second; old++) {
      const at = old % WINDOW_SECONDS
      this.#taskSum -= this.#tasks[at] ?? 0
      this.#retrySum -= this.#retries[at] ?? 0
      this.#tasks[at] = 0
      this.#retries[at] = 0
    }
    this.#second = second
    return second % WINDOW_SECONDS
  }
}
