import { Breaker } from './breaker.ts'
import { ServiceTime } from './expected-wait.ts'
import { hashText } from '../stats/hash.ts'
import type { Absence } from './wish.ts'

/** What the routing needs to know of an agent; compared by value when the agent changes. */
export type AgentFacts = {
  readonly namespace: string
  readonly swarm: string
  readonly name: string
  readonly uid: string
  readonly group: string
  /** Its place in the group. */
  readonly place: number
  readonly revision: string
  /** The API server says that it takes tasks. */
  readonly isCandidate: boolean
  /** It is wanted to end or to pause: it gets no new tasks. */
  readonly isDraining: boolean
}

/** One agent as the router sees it: the facts, its tasks and its health. Changed only through the fleet that holds it. */
export class Slot {
  facts: AgentFacts
  /** Of its name; sessions are shared out by it. */
  readonly hash: number
  readonly breaker = new Breaker()
  /** How long it works on a task. */
  readonly service = new ServiceTime()
  /**
   * Why it is out, if it is. Silence ends with whatever comes from it; a loss with the answer to a probe that was sent after it, as answers
   * to tasks may have been given before.
   */
  absence: Absence | undefined
  /** It asked not to be called before this moment. */
  notBeforeMs = 0
  /** Tasks that it may have at once; and those that it has. */
  limit = 1
  inFlight = 0
  /** Attempts that ended well; and those that are held against it. */
  done = 0
  failed = 0
  /** When it was last chosen, in choices of its fleet. */
  turn = 0
  /** False once it has left the fleet. */
  isKnown = true
  /** Its place in the free list of each pool it is in; -1 when it is not free. */
  readonly places: { readonly pool: Pool; at: number }[] = []

  constructor(facts: AgentFacts) {
    this.facts = facts
    this.hash = hashText(facts.name)
  }

  /** Whether one more task can go to it now. */
  isFree(nowMs: number): boolean {
    return this.hasRoom(nowMs) && !this.isUnreachable && this.breaker.allows(nowMs)
  }

  /** The same without the router's own view of its health. */
  hasRoom(nowMs: number): boolean {
    return this.isKnown && this.facts.isCandidate && this.inFlight < this.limit && nowMs >= this.notBeforeMs
  }

  /** Whether tasks may be meant for it: it takes tasks, and this router does not leave it out (its circuit may be on trial). */
  isUp(nowMs: number): boolean {
    return this.isKnown && this.facts.isCandidate && !this.isUnreachable && this.breaker.openUntilMs <= nowMs
  }

  /** When time alone may make it free again; 0 when it is not time that holds it back. */
  blockedUntil(nowMs: number): number {
    const until = Math.max(this.notBeforeMs, this.breaker.openUntilMs)
    return this.isKnown && until > nowMs ? until : 0
  }

  /** Whether this router leaves it out, by what it has seen itself. */
  get isUnreachable(): boolean {
    return this.absence !== undefined
  }

  get isEjected(): boolean {
    return this.isUnreachable || this.breaker.isOpen
  }
}

/** The agents of one revision that have one capability (or any): all candidates, and those of them that are free now. */
export class Pool {
  readonly members = new Set<Slot>()
  readonly free: Slot[] = []

  /** More than half of the candidates are out by the router's own judgement. */
  isMostlyEjected(): boolean {
    let ejected = 0
    for (const slot of this.members) if (slot.isEjected) ejected += 1
    return ejected * 2 > this.members.size
  }

  /** Adds or removes the agent at `index` of its places from the free list; constant time. */
  static setFree(slot: Slot, index: number, isFree: boolean): void {
    const place = slot.places[index]
    if (!place || isFree === place.at >= 0) return
    const { free } = place.pool
    if (isFree) {
      place.at = free.push(slot) - 1
      return
    }
    const last = free.pop()
    if (last && last !== slot) {
      free[place.at] = last
      for (const other of last.places) if (other.pool === place.pool) other.at = place.at
    }
    place.at = -1
  }
}
