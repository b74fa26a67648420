/** Time as it is told and waited for, so that tests can turn it by hand. */
export interface Clock {
  /** Milliseconds since some fixed moment. */
  now(): number
  /** Calls back once after `ms`; the returned function cancels it. */
  after(ms: number, run: () => void): () => void
}

/** Milliseconds of the longest timer there is: one that is longer would go off at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** Calls back once after `ms`, or after 24 days if that is earlier; the returned function cancels it. */
export function after(ms: number, run: () => void): () => void {
  const timer = setTimeout(run, Math.min(ms, LONGEST_TIMER_MS))
  return () => clearTimeout(timer)
}

/** The machine's clock that never goes back, from the start of the process. */
export const MONOTONIC_CLOCK: Clock = { now: () => performance.now(), after }

/** The machine's clock that tells Unix milliseconds; it may be put right at any time. */
export const WALL_CLOCK: Clock = { now: () => Date.now(), after }
