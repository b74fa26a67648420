/** When a revision is no longer sent tasks. Times in milliseconds. */
export type GuardRules = { readonly maxErrorPercent: number; readonly minSamples: number; readonly windowMs: number }

/** The figures that a guard tripped on. */
export type Trip = { readonly failed: number; readonly samples: number; readonly atMs: number }

/** Parts of a window: attempts leave it a part at a time. */
const PARTS = 20

/**
 * What one router checks after each attempt of a new revision. It trips once, at the attempt that makes the share of failures within the
 * window too large, and stays so. Attempts that say nothing about the agent are not counted. Constant space, and no allocation for an
 * attempt.
 */
export class Guard {
  readonly #rules: GuardRules
  readonly #partMs: number
  readonly #failed = new Int32Array(PARTS)
  readonly #samples = new Int32Array(PARTS)
  #part = -1
  #failedInAll = 0
  #samplesInAll = 0
  #trip: Trip | undefined

  constructor(rules: GuardRules) {
    this.#rules = rules
    this.#partMs = rules.windowMs / PARTS
  }

  /** What it tripped on, if it has. */
  get trip(): Trip | undefined {
    return this.#trip
  }

  /** What it saw within the window when an attempt last ended. */
  get seen(): { readonly failed: number; readonly samples: number } {
    return { failed: this.#failedInAll, samples: this.#samplesInAll }
  }

  /** An attempt ended; returns true when that trips the guard, once in its life. */
  ended(hasFailed: boolean, nowMs: number): boolean {
    if (this.#trip) return false
    this.#turn(Math.floor(nowMs / this.#partMs))
    const at = this.#part % PARTS
    this.#samples[at] = (this.#samples[at] ?? 0) + 1
    this.#samplesInAll += 1
    if (hasFailed) {
      this.#failed[at] = (this.#failed[at] ?? 0) + 1
      this.#failedInAll += 1
    }
    const failed = this.#failedInAll
    const samples = this.#samplesInAll
    if (samples < this.#rules.minSamples || failed * 100 <= this.#rules.maxErrorPercent * samples) return false
    this.#trip = { failed, samples, atMs: nowMs }
    return true
  }

  /** Empties the parts that have left the window. A clock that goes back stays in the newest part. */
  #turn(part: number): void {
    if (this.#part < 0) this.#part = part
    const steps = Math.min(PARTS, part - this.#part)
    for (let i = 1; i <= steps; i += 1) {
      const at = (this.#part + i) % PARTS
      this.#failedInAll -= this.#failed[at] ?? 0
      this.#samplesInAll -= this.#samples[at] ?? 0
      this.#failed[at] = 0
      this.#samples[at] = 0
    }
    this.#part = Math.max(this.#part, part)
  }
}

/** A trip in words. */
export const textOfTrip = ({ failed, samples }: Trip, { maxErrorPercent }: GuardRules) =>
  `${failed} of ${samples} attempts failed, more than ${maxErrorPercent} %`
