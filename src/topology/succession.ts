import { follow, termAfter, TERM, type Candidate, type Leadership } from './leader.ts'

/** How far an agent may be ahead of a router or the operator: a thousand terms. What is further away is a mistake and not believed. */
const MOST_AHEAD = 1_000 * TERM

/**
 * A router's leadership after a look, for a task that has acted in the name of `used` before. As `follow`, and besides:
 * - a router that has taken an epoch over from an agent, and then hears that the operator has settled another leader in it,
 *   goes to that leader one epoch on;
 * - no task acts under two leaders of one epoch, whatever happened meanwhile (a Swarm that was deleted and made again).
 */
export function succeed(own: Leadership, settled: Leadership, candidates: readonly Candidate[], used?: Leadership): Leadership {
  const isContested = settled.epoch === own.epoch && settled.leader !== own.leader
  const isTaken = isContested && candidates.some((candidate) => candidate.isUp && candidate.name === settled.leader)
  const next = isTaken && own.epoch > 0 ? { ...settled, epoch: own.epoch + 1 } : follow(own, settled, candidates)
  const isUsed = used !== undefined && used.epoch > 0 && next.epoch <= used.epoch && next.leader !== used.leader
  return isUsed ? { ...next, epoch: used.epoch + 1 } : next
}

/** What a router goes by when an agent has refused its epoch because it knows of a higher one; undefined when that is not to be believed. */
export function takeOver(own: Leadership, refused: number, known: number): Leadership | undefined {
  if (!Number.isSafeInteger(known) || known <= refused || known - Math.max(own.epoch, refused) > MOST_AHEAD) return undefined
  return known > own.epoch ? { ...own, epoch: known } : own
}

/** The operator's epoch when agents know of a higher one: the term above that; as it was when that is not to be believed. */
export function raise(epoch: number, known: number): number {
  return Number.isSafeInteger(known) && known > epoch && known - epoch <= MOST_AHEAD ? termAfter(known) : epoch
}
