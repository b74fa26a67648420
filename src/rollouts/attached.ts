/** A rollout of either kind, as far as it matters which of them a swarm follows. */
export type Candidate = {
  readonly kind: string
  readonly name: string
  readonly swarm: string
  readonly createdAt: string
  readonly isDeleted: boolean
  /** The swarm follows it already: of those made in the same second it stays the one. */
  readonly isFollowed?: boolean
}

/**
 * The rollout that a swarm follows: the oldest one that points at it and is not being deleted, of either kind. All others do nothing
 * and say which one is followed, so that a second rollout never changes what the first one does.
 */
export function attachedRollout<C extends Candidate>(swarm: string, candidates: readonly C[]): C | undefined {
  const [first] = candidates.filter((candidate) => candidate.swarm === swarm && !candidate.isDeleted).toSorted(byAge)
  return first
}

const byAge = (a: Candidate, b: Candidate) =>
  Date.parse(a.createdAt) - Date.parse(b.createdAt) ||
  Number(b.isFollowed ?? false) - Number(a.isFollowed ?? false) ||
  compare(a.kind, b.kind) ||
  compare(a.name, b.name)
const compare = (a: string, b: string) => (a < b ? -1 : Number(a > b))
