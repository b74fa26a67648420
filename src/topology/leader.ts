/** Epochs of the operator are multiples of this; routers that fail over by themselves count up from there. */
export const TERM = 1_000_000_000

/** An agent that can lead. `isUp`: it takes tasks, as far as whoever asks can see. */
export type Candidate = { readonly name: string; readonly place: number; readonly isUp: boolean }

/** Who leads in which epoch. */
export type Leadership = { readonly epoch: number; readonly leader?: string }

/**
 * Who leads now. The leader stays as long as it is up; then the one of the lowest place that is up follows. Whoever asks
 * with the same view gets the same answer, so that routers and operator choose alike. While none is up nothing changes.
 */
export function electLeader(candidates: readonly Candidate[], current: string | undefined): string | undefined {
  const up = candidates.filter((candidate) => candidate.isUp)
  if (up.length === 0 || up.some((candidate) => candidate.name === current)) return current
  return [...up].sort((a, b) => a.place - b.place || (a.name < b.name ? -1 : 1))[0]?.name
}

/** The operator's leadership after a look: another leader begins another term, above everything that routers have counted up to. */
export function settle(before: Leadership | undefined, candidates: readonly Candidate[]): Leadership {
  const { epoch = 0, leader: old } = before ?? {}
  const leader = electLeader(candidates, old)
  if (leader === undefined) return { epoch }
  return { epoch: leader === old && epoch > 0 ? epoch : termAfter(epoch), leader }
}

/** The first epoch of the term after the one that an epoch is in. */
export const termAfter = (epoch: number) => (Math.floor(epoch / TERM) + 1) * TERM
