/** A sum whose parts lose half of their weight every `halfLifeMs`. It takes constant space and no timer. */
export class Decayed {
  #sum = 0
  #atMs = 0

  /** The sum at this moment. */
  at(nowMs: number, halfLifeMs: number): number {
    return this.#sum === 0 ? 0 : this.#sum * 2 ** (-Math.max(0, nowMs - this.#atMs) / halfLifeMs)
  }

  /** Adds to the sum with full weight from this moment on. */
  add(amount: number, nowMs: number, halfLifeMs: number): void {
    this.#sum = this.at(nowMs, halfLifeMs) + amount
    this.#atMs = nowMs
  }
}
