import { ApiError } from './errors.ts'
import { changeBehaviour, type Behaviour } from './options.ts'

/** Acts like the provider: its limits, its slowness and its failures. */
export class Provider {
  #behaviour: Behaviour
  readonly #random: () => number
  readonly #now: () => number
  #tokens: number
  #refilledAtMs: number

  constructor(behaviour: Behaviour, random: () => number, now: () => number = Date.now) {
    this.#behaviour = behaviour
    this.#random = random
    this.#now = now
    this.#tokens = behaviour.createRate
    this.#refilledAtMs = now()
  }

  get behaviour(): Readonly<Behaviour> {
    return this.#behaviour
  }

  /** Changes some of the behaviour. */
  change(changes: Readonly<Record<string, unknown>>): void {
    const next = changeBehaviour(this.#behaviour, changes)
    if (typeof next === 'string') throw new ApiError(400, next)
    if (next.createRate !== this.#behaviour.createRate) this.#tokens = next.createRate
    this.#behaviour = next
  }

  /** Fails a share of all calls. */
  mayFail(): void {
    if (this.#behaviour.failureRate > 0 && this.#random() < this.#behaviour.failureRate) throw new ApiError(500, 'Internal server error')
  }

  /** Refuses a create beyond the rate (with the seconds to wait) or beyond the cap (without). */
  admitCreate(running: number): void {
    const { createRate, maxSandboxes } = this.#behaviour
    if (maxSandboxes > 0 && running >= maxSandboxes)
      throw new ApiError(429, `you have reached the maximum number of concurrent E2B sandboxes (${maxSandboxes})`)
    if (createRate === 0) return
    const now = this.#now()
    const burst = Math.max(1, createRate)
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#refilledAtMs) / 1000) * createRate)
    this.#refilledAtMs = now
    if (this.#tokens < 1) {
      const seconds = Math.max(1, Math.ceil((1 - this.#tokens) / createRate))
      throw new ApiError(429, 'Rate limit exceeded, please try again later.', { 'retry-after': String(seconds) })
    }
    this.#tokens--
  }

  /** Whether, and how, the answer to this create gets lost: no answer at all, or one of a proxy. */
  losesAnswer(): 'reset' | 'bad-gateway' | undefined {
    if (this.#behaviour.ambiguousRate === 0 || this.#random() >= this.#behaviour.ambiguousRate) return undefined
    return this.#random() < 0.5 ? 'reset' : 'bad-gateway'
  }

  /** The end of a life that is asked for now, at most the longest session; refuses a timeout that could never be. */
  endOfLife(timeoutS: unknown, startedAtMs: number): number {
    const { maxSessionMs } = this.#behaviour
    if (typeof timeoutS !== 'number' || !Number.isInteger(timeoutS) || timeoutS < 0)
      throw new ApiError(400, 'timeout must be a whole number of seconds, 0 or more')
    if (timeoutS * 1000 > maxSessionMs) throw new ApiError(400, `Timeout cannot be greater than ${maxSessionMs / 3_600_000} hours`)
    return Math.min(this.#now() + timeoutS * 1000, startedAtMs + maxSessionMs)
  }
}
