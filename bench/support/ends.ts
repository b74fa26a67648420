/** Things to be ended, in the reverse order of their start. */
export class Ends {
  readonly #ends: (() => unknown)[] = []
  #isClosed = false

  /** Remembers how something is ended; what comes too late is ended at once. */
  async own(end: () => unknown): Promise<void> {
    if (this.#isClosed) await end()
    else this.#ends.push(end)
  }

  /** Ends everything, also after one of them has failed; returns the failures. */
  async close(): Promise<unknown[]> {
    this.#isClosed = true
    const failures: unknown[] = []
    for (const end of this.#ends.splice(0).reverse()) {
      try {
        await end()
      } catch (error) {
        failures.push(error)
      }
    }
    return failures
  }
}
