import { durationMs } from '../api/duration.ts'
import type { Guard as AskedGuard } from '../api/swarm-status.ts'
import { Guard, textOfTrip, type GuardRules } from '../rollouts/guard.ts'
import type { CutOff } from '../routing/rules.ts'

/** What a swarm wants guarded. */
export type GuardSettings = CutOff & { readonly run: string; readonly rules: GuardRules }

/** Reads what the operator has written. */
export const guardSettingsOf = ({ run, revision, stable, maxErrorPercent, minSamples, window }: AskedGuard): GuardSettings => ({
  run,
  revision,
  inFavourOf: stable,
  rules: { maxErrorPercent, minSamples, windowMs: durationMs(window) },
})

/** A run that is guarded in this router: whatever else changes, it is judged once, and by the rules that it began with. */
export class Guarding {
  readonly settings: GuardSettings
  readonly #guard: Guard

  constructor(settings: GuardSettings) {
    this.settings = settings
    this.#guard = new Guard(settings.rules)
  }

  /** An attempt of the revision ended; returns true when that trips the guard, once in its life. */
  ended(hasFailed: boolean, nowMs: number): boolean {
    return this.#guard.ended(hasFailed, nowMs)
  }

  /** Why it tripped, in words; undefined while it has not. */
  get message(): string | undefined {
    const { trip } = this.#guard
    return trip && textOfTrip(trip, this.settings.rules)
  }

  /** Attempts within the window, or those that it tripped on. */
  get seen(): { readonly failed: number; readonly samples: number } {
    const { trip } = this.#guard
    return trip ? { failed: trip.failed, samples: trip.samples } : this.#guard.seen
  }
}
