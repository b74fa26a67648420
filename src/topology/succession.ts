import { hashText } from '../stats/hash.ts'
import { electLeader, termAfter, TERM, type Candidate, type Leadership } from './leader.ts'

/**
 * An epoch names its leader, so that no two leaders ever have the same one, whoever has counted:
 *
 *     term × 1 000 000 000 + turn × 10 000 000 + number of the leader
 *
 * Turn 0 is the operator's, with the number 0: a term has one leader there, and the operator alone writes it. The other turns
 * are the routers', and the number is made from the leader's name: routers that fail over to different agents, each on its own,
 * come to different epochs, and those that fail over to the same agent mostly to the same.
 */
const NUMBERS = 10_000_000

/** How far an agent may be ahead of a router or the operator: a thousand terms. What is further away is a mistake and not believed. */
const MOST_AHEAD = 1_000 * TERM

/** The leadership that a router goes by, and the last one settled by the operator whose leader it has found up. */
export type Succession = { readonly own: Leadership; readonly taken: Leadership }

const numberOf = (leader: string) => hashText(leader) % NUMBERS

/** The lowest epoch above another one in which this agent leads by a router's count. */
export function epochAfter(above: number, leader: string): number {
  const turn = Math.floor(above / NUMBERS)
  const isOperators = (candidate: number) => (candidate * NUMBERS) % TERM === 0
  const number = numberOf(leader)
  let next = turn * NUMBERS + number > above ? turn : turn + 1
  if (isOperators(next)) next += 1
  return next * NUMBERS + number
}

/**
 * A router's leadership after a look:
 * - what the operator has newly settled counts as soon as its leader is up, whatever the router has counted up to;
 * - the leader stays while it is up, also when the one before comes back;
 * - otherwise the router fails over by itself; while nobody is up, nothing changes, or what is settled counts.
 */
export function succeed({ own, taken }: Succession, settled: Leadership, candidates: readonly Candidate[]): Succession {
  const isUp = (leader: string | undefined) => candidates.some((candidate) => candidate.isUp && candidate.name === leader)
  const isNews = settled.epoch !== taken.epoch || settled.leader !== taken.leader
  if (settled.leader !== undefined && isNews && isUp(settled.leader)) {
    if (settled.epoch > own.epoch) return { own: settled, taken: settled }
    const isSame = settled.leader === own.leader
    return { own: isSame ? own : { epoch: epochAfter(own.epoch, settled.leader), leader: settled.leader }, taken: settled }
  }
  if (isUp(own.leader)) return { own, taken }
  const latest = settled.epoch > own.epoch ? settled : own
  const leader = electLeader(candidates, latest.leader)
  if (leader === undefined || leader === latest.leader) return { own: latest, taken }
  return { own: { epoch: epochAfter(latest.epoch, leader), leader }, taken }
}

/** Who leads in an epoch that a router has counted, if that is one of those who are up. */
export function leaderNamedBy(epoch: number, candidates: readonly Candidate[]): string | undefined {
  if (epoch % TERM < NUMBERS) return undefined
  const named = candidates.filter(({ name, isUp }) => isUp && numberOf(name) === epoch % NUMBERS)
  return named.length === 1 ? named[0]?.name : undefined
}

/**
 * A router's leadership after an agent has refused an epoch because it knows of a higher one: the leader that the higher one names,
 * if it is up, so that routers that have chosen differently agree; else the router's own leader, above that epoch.
 * Undefined when the agent is not to be believed.
 */
export function takeOver(
  { own, taken }: Succession,
  { refused, known }: { readonly refused: number; readonly known: number },
  candidates: readonly Candidate[],
): Succession | undefined {
  if (!Number.isSafeInteger(known) || known <= refused || known - Math.max(own.epoch, refused) > MOST_AHEAD) return undefined
  if (known <= own.epoch) return { own, taken }
  const leader = leaderNamedBy(known, candidates)
  if (leader !== undefined) return { own: { epoch: known, leader }, taken }
  const { leader: old } = own
  if (old === undefined || !candidates.some(({ name, isUp }) => isUp && name === old)) return { own: { epoch: known }, taken }
  return { own: { epoch: epochAfter(known, old), leader: old }, taken }
}

/** The operator's epoch when agents know of a higher one: the term above that; as it was when that is not to be believed. */
export function raise(epoch: number, known: number): number {
  return Number.isSafeInteger(known) && known > epoch && known - epoch <= MOST_AHEAD ? termAfter(known) : epoch
}
