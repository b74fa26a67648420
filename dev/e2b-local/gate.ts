/** What was done to one sandbox's connections to see how its users cope. */
export class Gate {
  #isShut = false
  #isClosed = false
  #waiting = new Set<(open: boolean) => void>()
  /** Milliseconds added to every request to a port. */
  delayMs = 0

  get isShut(): boolean {
    return this.#isShut
  }

  /** From now on requests wait. */
  shut(): void {
    this.#isShut = true
  }

  /** Lets the waiting requests go on. */
  open(): void {
    this.#isShut = false
    this.#release(true)
  }

  /** The sandbox has ended: the waiting requests are told so. */
  close(): void {
    this.#isClosed = true
    this.#release(false)
  }

  /** Waits while the gate is shut, then for the delay. Answers whether the sandbox is still there. */
  async pass(): Promise<boolean> {
    if (this.#isShut && !this.#isClosed) await new Promise<boolean>((resolve) => this.#waiting.add(resolve))
    if (this.delayMs > 0 && !this.#isClosed) {
      await new Promise<boolean>((resolve) => {
        const timer = setTimeout(() => {
          this.#waiting.delete(early)
          resolve(true)
        }, this.delayMs)
        const early = (open: boolean) => {
          clearTimeout(timer)
          resolve(open)
        }
        this.#waiting.add(early)
      })
    }
    return !this.#isClosed
  }

  /** Whether a request may go straight on, which is the case unless there is a fault. */
  get isClear(): boolean {
    return !this.#isShut && this.delayMs === 0
  }

  #release(open: boolean): void {
    const waiting = this.#waiting
    this.#waiting = new Set()
    for (const resolve of waiting) resolve(open)
  }
}
