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

/** The less loaded of two agents picked at random; of two alike the one whose last turn was longer ago. */
export function lessLoadedOfTwo(slots: readonly Slot[], random: Random): Slot | undefined {
  const count = slots.length
  if (count < 2) return slots[0]
  const first = Math.floor(random() * count)
  const second = (first + 1 + Math.floor(random() * (count - 1))) % count
  const a = slots[first]
  const b = slots[second]
  if (!a || !b) return a ?? b
  if (a.inFlight !== b.inFlight) return a.inFlight < b.inFlight ? a : b
  return a.turn <= b.turn ? a : b
}

/** So many different agents, each the less loaded of two as above; fewer when there are not so many. */
export function lessLoadedOfMany(slots: readonly Slot[], count: number, random: Random): readonly Slot[] {
  const left = [...slots]
  const chosen: Slot[] = []
  while (chosen.length < count) {
    const next = lessLoadedOfTwo(left, random)
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
