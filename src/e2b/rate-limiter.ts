import type { Clock } from '../time/clock.ts'
import { OPEN_WINDOW } from './limits.ts'

/** A wait for a turn. `isFirst` puts one who had a turn already, but must go again, before the others. */
export type Wait = { readonly maxWaitMs: number; readonly signal?: AbortSignal; readonly isFirst?: boolean }

/** How a wait ended. `retryAfterMs` is when a turn may be had, as far as one can tell. */
export type Turn =
  { readonly granted: true } | { readonly granted: false; readonly why: 'too-long' | 'aborted' | 'closed'; readonly retryAfterMs: number }

type Waiter = { readonly deadlineMs: number; readonly end: (turn: Turn) => void }

const GRANTED: Turn = { granted: true }

/**
 * Lets calls through in the order in which they came: at `ratePerSecond` on average (0: as they come), at most `burst`
 * at once after a rest, none while paused. After a refusal by the provider one goes first, and each success lets
 * two more go with it, so that hundreds do not run into the same wall together.
 */
export class Gate {
  readonly #clock: Clock
  readonly #rate: number
  readonly #burst: number
  readonly #queue: Waiter[] = []
  #tokens: number
  #filledAtMs: number
  #pausedUntilMs = 0
  #window = Infinity
  #inFlight = 0
  #cancelTimer: (() => void) | undefined

  constructor(options: { readonly ratePerSecond: number; readonly burst?: number; readonly clock: Clock }) {
    this.#clock = options.clock
    this.#rate = options.ratePerSecond
    this.#burst = Math.max(1, options.burst ?? options.ratePerSecond)
    this.#tokens = this.#burst
    this.#filledAtMs = options.clock.now()
  }

  /** Calls that wait for a turn. */
  get waiting(): number {
    return this.#queue.length
  }

  /** End of the pause in milliseconds since the epoch; undefined when there is none. */
  get pausedUntilMs(): number | undefined {
    return this.#pausedUntilMs > this.#clock.now() ? this.#pausedUntilMs : undefined
  }

  /** Waits for a turn; each one granted must be given back by `done`. Never rejects. */
  enter(wait: Wait): Promise<Turn> | Turn {
    if (wait.signal?.aborted) return { granted: false, why: 'aborted', retryAfterMs: 0 }
    if (this.#queue.length === 0 && this.#take()) return GRANTED
    const expectedMs = this.#expectedMs(wait.isFirst ? 0 : this.#queue.length)
    if (expectedMs > wait.maxWaitMs) return { granted: false, why: 'too-long', retryAfterMs: Math.ceil(expectedMs) }
    return this.#stand(wait)
  }

  /** Gives a turn back. `isWelcome`: the provider did not ask for fewer calls, so more may go at once. */
  done(isWelcome: boolean): void {
    this.#inFlight--
    if (isWelcome && this.#window < Infinity) this.#window = this.#window * 2 > OPEN_WINDOW ? Infinity : this.#window * 2
    this.#serve()
  }

  /** Lets nobody through for `ms`, then one at first. A pause never gets shorter. */
  pause(ms: number): void {
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.#clock.now() + ms)
    this.#tokens = Math.min(this.#tokens, 1)
    this.narrow()
  }

  /** Lets one go at a time, until it has come back well. */
  narrow(): void {
    this.#window = 1
    this.#serve()
  }

  /** Ends a pause: there is reason to think that the provider takes calls again. */
  resume(): void {
    this.#pausedUntilMs = 0
    this.#serve()
  }

  /** Sends away all who wait. */
  refuseWaiting(): void {
    const retryAfterMs = Math.max(0, this.#pausedUntilMs - this.#clock.now())
    for (const waiter of this.#queue.splice(0)) waiter.end({ granted: false, why: 'closed', retryAfterMs })
    this.#serve()
  }

  #stand(wait: Wait): Promise<Turn> {
    return new Promise((resolve) => {
      const waiter: Waiter = {
        deadlineMs: this.#clock.now() + wait.maxWaitMs,
        end: (turn) => {
          wait.signal?.removeEventListener('abort', leave)
          resolve(turn)
        },
      }
      const leave = () => {
        const at = this.#queue.indexOf(waiter)
        if (at >= 0) this.#queue.splice(at, 1)
        waiter.end({ granted: false, why: 'aborted', retryAfterMs: 0 })
        this.#serve()
      }
      wait.signal?.addEventListener('abort', leave, { once: true })
      if (wait.isFirst) this.#queue.unshift(waiter)
      else this.#queue.push(waiter)
      this.#serve()
    })
  }

  /** Lets through who may go, sends away who has waited long enough, and sets the time to look again. */
  #serve(): void {
    this.#cancelTimer?.()
    this.#cancelTimer = undefined
    for (let first = this.#queue[0]; first && this.#take(); first = this.#queue[0]) {
      this.#queue.shift()
      first.end(GRANTED)
    }
    this.#dismissLate()
    if (this.#queue.length === 0) return
    const nextDeadlineMs = Math.min(...this.#queue.map((waiter) => waiter.deadlineMs)) - this.#clock.now()
    const nextTurnMs = this.#inFlight < this.#window ? this.#untilTokenMs() : Infinity
    this.#cancelTimer = this.#clock.after(Math.max(1, Math.ceil(Math.min(nextTurnMs, nextDeadlineMs))), () => this.#serve())
  }

  #dismissLate(): void {
    const now = this.#clock.now()
    for (let at = this.#queue.length - 1; at >= 0; at--) {
      const waiter = this.#queue[at]
      if (!waiter || waiter.deadlineMs > now) continue
      this.#queue.splice(at, 1)
      waiter.end({ granted: false, why: 'too-long', retryAfterMs: Math.max(1, Math.ceil(this.#expectedMs(at))) })
    }
  }

  #take(): boolean {
    if (this.#inFlight >= this.#window || this.#untilTokenMs() > 0) return false
    if (this.#rate > 0) this.#tokens--
    this.#inFlight++
    return true
  }

  /** Milliseconds until the next turn by pause and rate. */
  #untilTokenMs(): number {
    const now = this.#clock.now()
    if (this.#pausedUntilMs > now) return this.#pausedUntilMs - now
    if (this.#rate === 0) return 0
    this.#fill(now)
    return this.#tokens >= 1 ? 0 : ((1 - this.#tokens) / this.#rate) * 1_000
  }

  /** How long somebody with `ahead` others before waits, if the calls themselves take no time. */
  #expectedMs(ahead: number): number {
    return this.#untilTokenMs() + (this.#rate > 0 ? (Math.max(0, ahead + 1 - Math.max(1, this.#tokens)) / this.#rate) * 1_000 : 0)
  }

  #fill(now: number): void {
    if (now > this.#filledAtMs) this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#filledAtMs) / 1_000) * this.#rate)
    this.#filledAtMs = now
  }
}
