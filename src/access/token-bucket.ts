/** Lets so many through per second, and `burst` at once after a rest. */
export class TokenBucket {
  readonly #intervalMs: number
  readonly #burstMs: number
  /** When it is full again. */
  #fullAtMs = 0

  constructor({ perSecond, burst }: { readonly perSecond: number; readonly burst: number }) {
    this.#intervalMs = 1_000 / perSecond
    this.#burstMs = this.#intervalMs * burst
  }

  /** Takes one; 0 when there was one, else the milliseconds until there will be. */
  take(nowMs: number): number {
    const fullAtMs = Math.max(this.#fullAtMs, nowMs) + this.#intervalMs
    const waitMs = fullAtMs - this.#burstMs - nowMs
    if (waitMs > 0) return Math.ceil(waitMs)
    this.#fullAtMs = fullAtMs
    return 0
  }

  /** Gives one back that was taken. */
  giveBack(): void {
    this.#fullAtMs -= this.#intervalMs
  }

  /** Whether it is as full as a new one, so that nothing is lost with it. */
  isFull(nowMs: number): boolean {
    return nowMs >= this.#fullAtMs
  }
}
