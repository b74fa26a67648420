import { REASON, type Reason } from '../api/reasons.ts'
import { StalledError, TransientError, WaitingError } from '../errors.ts'
import type { Clock } from '../time/clock.ts'
import { type Doing, wordsOf } from './errors.ts'
import { CALLS, CALL_WAIT_MS, CREATE_WAIT_MS, QUOTA_PAUSE_MS, REJECTED_KEY_PAUSE_MS } from './limits.ts'
import { Gate } from './rate-limiter.ts'
import type { Pressure } from './types.ts'

/** Kinds of turns: creates have a rate and a quota of their own. */
export type Kind = 'create' | 'call'

/** How a turn is asked for. `isAgain`: it had one already and must go again; `isSpare`: only if nobody else has to wait for it. */
export type Entry = { readonly signal?: AbortSignal; readonly isAgain?: boolean; readonly isSpare?: boolean }

/** What came of a call, as far as it says something about the limits. */
export type Seen =
  { readonly as: 'success' | 'other' | 'rejected' | 'no-room' } | { readonly as: 'too-fast'; readonly retryAfterMs: number }

/**
 * What one API key may do now. It spreads the calls of hundreds of agents over what the provider allows, and does not
 * ask again what the provider has just refused.
 */
export class Credential {
  readonly #clock: Clock
  readonly #gates: Readonly<Record<Kind, Gate>>
  #rejectedUntilMs = 0
  #quotaUntilMs = 0
  #quotaPauseMs: number = QUOTA_PAUSE_MS.first

  constructor(options: { readonly createsPerSecond: number; readonly clock: Clock }) {
    const { clock, createsPerSecond } = options
    this.#clock = clock
    this.#gates = {
      // One less at once than the provider lets through, so that requests may be on their way for differently long.
      create: new Gate({ ratePerSecond: createsPerSecond, burst: createsPerSecond - 1, clock }),
      call: new Gate({ ratePerSecond: (CALLS.count * 1_000) / CALLS.windowMs, clock }),
    }
  }

  /** Waits for a turn, which `leave` gives back. Throws an OperatorError when there is none. */
  async enter(kind: Kind, doing: Doing, options: Entry): Promise<void> {
    this.#refuseIfKnown(kind, doing)
    const gate = this.#gates[kind]
    const maxWaitMs = options.isSpare ? 0 : kind === 'create' ? CREATE_WAIT_MS : CALL_WAIT_MS
    const turn = await gate.enter({ maxWaitMs, isFirst: options.isAgain ?? false, ...(options.signal && { signal: options.signal }) })
    if (turn.granted) return
    if (turn.why === 'aborted') throw new TransientError(REASON.providerUnavailable, `stopped before ${wordsOf(doing)}`)
    this.#refuseIfKnown(kind, doing)
    const seconds = Math.ceil(turn.retryAfterMs / 1_000)
    const message = `E2B's rate of ${kind === 'create' ? 'creates' : 'API calls'} is used up while ${wordsOf(doing)}; its turn is in about ${seconds} s`
    throw new WaitingError(REASON.rateLimited, message, Math.max(1_000, turn.retryAfterMs))
  }

  /** Gives a turn back and learns from what came of it. */
  leave(kind: Kind, seen: Seen): void {
    const gate = this.#gates[kind]
    switch (seen.as) {
      case 'success':
        if (kind === 'create') this.#quotaPauseMs = QUOTA_PAUSE_MS.first
        this.#rejectedUntilMs = 0
        break
      case 'too-fast':
        gate.pause(seen.retryAfterMs)
        break
      case 'no-room':
        if (kind === 'create') this.#noRoom()
        break
      case 'rejected':
        this.#rejectedUntilMs = this.#clock.now() + REJECTED_KEY_PAUSE_MS
        for (const each of [this.#gates.create, this.#gates.call]) {
          each.narrow() // when its time is up one tries the key, not all
          each.refuseWaiting()
        }
        break
      case 'other':
        break
    }
    gate.done(seen.as === 'success' || seen.as === 'other')
  }

  /** A sandbox has made room: creates need not wait any longer. */
  freed(): void {
    if (this.#quotaUntilMs <= this.#clock.now()) return
    this.#quotaUntilMs = 0
    this.#quotaPauseMs = QUOTA_PAUSE_MS.first
    this.#gates.create.resume()
  }

  /** What holds creates back now. */
  pressure(): Pressure {
    const { create, call } = this.#gates
    const until = create.pausedUntilMs
    const reason = this.#reason(until, create.waiting + call.waiting)
    return {
      ...(until !== undefined && { createPausedUntilMs: until }),
      waiting: create.waiting + call.waiting,
      ...(reason && { reason }),
    }
  }

  /** The error of a refused key. */
  rejected(doing: Doing): StalledError {
    return new StalledError(
      REASON.credentialsRejected,
      `E2B refused the API key while ${wordsOf(doing)}; check the Secret of spec.credentialsSecretRef, or the operator's own key if that is left out`,
    )
  }

  /** The error of a full account. */
  full(doing: Doing): WaitingError {
    const leftMs = this.#quotaUntilMs - this.#clock.now()
    const message = `E2B runs as many sandboxes as this account may have while ${wordsOf(doing)}; raise the limit or run fewer agents`
    return new WaitingError(REASON.quotaExceeded, message, leftMs > 0 ? leftMs : QUOTA_PAUSE_MS.first)
  }

  #reason(pausedUntilMs: number | undefined, waiting: number): Reason | undefined {
    const now = this.#clock.now()
    if (this.#rejectedUntilMs > now) return REASON.credentialsRejected
    if (this.#quotaUntilMs > now) return REASON.quotaExceeded
    return pausedUntilMs !== undefined || waiting > 0 ? REASON.rateLimited : undefined
  }

  #refuseIfKnown(kind: Kind, doing: Doing): void {
    const now = this.#clock.now()
    if (this.#rejectedUntilMs > now) throw this.rejected(doing)
    if (kind === 'create' && this.#quotaUntilMs > now) throw this.full(doing)
  }

  /** Refusals that were under way together count as one. */
  #noRoom(): void {
    const now = this.#clock.now()
    if (this.#quotaUntilMs > now) return
    this.#quotaUntilMs = now + this.#quotaPauseMs
    this.#gates.create.pause(this.#quotaPauseMs)
    this.#quotaPauseMs = Math.min(QUOTA_PAUSE_MS.longest, this.#quotaPauseMs * 2)
    this.#gates.create.refuseWaiting()
  }
}
