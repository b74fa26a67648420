import { mixPair } from '../stats/hash.ts'
import type { Slot } from './slot.ts'

/** How one of several free agents is chosen; Consensus chooses several, and Adaptive a group first. */
export type Strategy = 'RoundRobin' | 'LeastLoaded' | 'Consensus' | 'Adaptive'

/** Numbers from 0 up to, not including, 1. */
export type Random = () => number

/** The agent whose last turn was longest ago. */
export function leastRecent(slots: readonly Slot[]): Slot | undefined {
  let best: Slot | undefined
  for (const slot of slots) if (!best || slot.turn < best.turn) best = slot
  return best
}

/** Agents up to which all are looked at: among so few, two picked at random often miss the one that has least to do. */
const FEW = 16

/**
 * The least loaded of a few agents, the less loaded of two picked at random among many (Mitzenmacher, "The power of two choices in
 * randomized load balancing", 1996); of those alike the one whose last turn was longest ago.
 */
export function lessLoaded(slots: readonly Slot[], random: Random): Slot | undefined {
  const count = slots.length
  if (count <= FEW) return leastLoaded(slots)
  const first = Math.floor(random() * count)
  const second = (first + 1 + Math.floor(random() * (count - 1))) % count
  const a = slots[first]
  const b = slots[second]
  return a && b && isLess(b, a) ? b : a
}

function leastLoaded(slots: readonly Slot[]): Slot | undefined {
  let best: Slot | undefined
  for (const slot of slots) if (!best || isLess(slot, best)) best = slot
  return best
}

const isLess = (a: Slot, b: Slot) => (a.inFlight === b.inFlight ? a.turn < b.turn : a.inFlight < b.inFlight)

/** So many different agents, each chosen as above; fewer when there are not so many. */
export function lessLoadedOfMany(slots: readonly Slot[], count: number, random: Random): readonly Slot[] {
  const left = [...slots]
  const chosen: Slot[] = []
  while (chosen.length < count) {
    const next = lessLoaded(left, random)
    if (!next) break
    chosen.push(next)
    const last = left.pop()
    if (last && last !== next) left[left.indexOf(next)] = last
  }
  return chosen
}

/** The agent of a session: rendezvous hashing, so that only the sessions of an agent that leaves move. */
export function agentOfSession(slots: readonly Slot[], sessionHash: number): Slot | undefined {
  let best: Slot | undefined
  let bestScore = -1
  for (const slot of slots) {
    const score = mixPair(sessionHash, slot.hash)
    if (score > bestScore || (score === bestScore && best && slot.facts.name < best.facts.name)) {
      best = slot
      bestScore = score
    }
  }
  return best
}
