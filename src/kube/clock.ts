/** Time as the runtime sees it, so that tests can turn it by hand. */
export interface Clock {
  /** Milliseconds since some fixed moment; never goes back. */
  now(): number
  /** Calls back once after `ms`; the returned function cancels it. */
  after(ms: number, run: () => void): () => void
}

/** The machine's monotonic clock. */
export const SYSTEM_CLOCK: Clock = {
  now: () => performance.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, Math.min(ms, 2 ** 31 - 1))
    return () => clearTimeout(timer)
  },
}

/** The pause before try `attempt` (from 0): doubled each time up to `longest`, the upper half of it by chance. */
export function backoffMs(range: { readonly first: number; readonly longest: number }, attempt: number, chance: number): number {
  const full = Math.min(range.longest, range.first * 2 ** Math.min(attempt, 30))
  return full / 2 + (full / 2) * chance
}
