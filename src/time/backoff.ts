/** The first and the longest of pauses that grow, in milliseconds. */
export type Pauses = { readonly first: number; readonly longest: number }

/** Doublings beyond which a number of milliseconds would not grow any more usefully. */
const MOST_DOUBLINGS = 30

/** The pause before try `attempt` (from 0): doubled each time, up to the longest. */
export function doubledMs({ first, longest }: Pauses, attempt: number): number {
  return Math.min(longest, first * 2 ** Math.min(attempt, MOST_DOUBLINGS))
}

/** The same, the upper half of it by chance (0 to 1), so that those who failed together do not come back together. */
export function backoffMs(pauses: Pauses, attempt: number, chance: number): number {
  const fullMs = doubledMs(pauses, attempt)
  return fullMs / 2 + (fullMs / 2) * chance
}

/** A period, longer or shorter by up to `share` of it by chance (0 to 1), so that many who keep it do not march in step. */
export function spreadMs(periodMs: number, share: number, chance: number): number {
  return periodMs * (1 - share + 2 * share * chance)
}
