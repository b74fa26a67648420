import { PART, isLed } from '../topology/parts.ts'
import { electLeader, type Candidate, type Leadership } from '../topology/leader.ts'
import { epochAfter, succeed, takeOver, type Succession } from '../topology/succession.ts'
import type { Call } from './call.ts'
import type { SwarmEntry } from './swarm-entry.ts'

/** Why another agent leads: the one before failed, the operator said so, or agents knew of it already. */
export type LeaderCause = 'Failover' | 'Settled' | 'TakenOver'

/** Another agent leads. */
export type LeaderChange = { readonly before: Leadership; readonly after: Leadership; readonly cause: LeaderCause }

/** What the leadership works with; the clock is given. */
export type LeadersOptions = {
  readonly now: () => number
  /** Whether everything has been read once: before that, agents that are not known yet would be taken for failed ones. */
  readonly isKnowing: () => boolean
  readonly changed: (entry: SwarmEntry<Call>, change: LeaderChange) => void
}

/**
 * Who leads each swarm, as this router goes by it. It waits for nobody: a leader that fails is followed at once, in a higher epoch, and
 * what the operator settles later is followed in turn. Within a router epochs of a swarm never go down, and none has two leaders.
 */
export class Leaders {
  readonly #o: LeadersOptions

  constructor(options: LeadersOptions) {
    this.#o = options
  }

  /**
   * Who leads now. For a revision without a share of the traffic, which only tasks that ask for it reach, it is a coordinator of that
   * revision: a preview has nothing to do with those who serve.
   */
  of(entry: SwarmEntry<Call>, revision?: string): Leadership {
    this.look(entry)
    const { own } = entry.succession
    if (revision === undefined || entry.fleet.shares.some((share) => share.revision === revision)) return own
    const leader = electLeader(this.#candidates(entry, revision), undefined)
    return leader === undefined ? { epoch: own.epoch } : { epoch: epochAfter(own.epoch, leader), leader }
  }

  /** Looks whether the leader is still up; call it whenever an agent or the swarm has changed. */
  look(entry: SwarmEntry<Call>): void {
    const { settings } = entry
    if (!settings || !isLed(settings.topology) || !this.#o.isKnowing()) return
    const after = succeed(entry.succession, settings.settled, this.#candidates(entry))
    this.#take(entry, after, after.taken === entry.succession.taken ? 'Failover' : 'Settled')
  }

  /** An agent has refused an epoch because it knows of a higher one. True when the call may be sent again. */
  refused(entry: SwarmEntry<Call>, refused: number, known: number): boolean {
    const after = takeOver(entry.succession, { refused, known }, this.#candidates(entry))
    if (!after) return false
    this.#take(entry, after, 'TakenOver')
    return true
  }

  #take(entry: SwarmEntry<Call>, after: Succession, cause: LeaderCause): void {
    const { own: before } = entry.succession
    entry.succession = after
    const { own } = after
    if (own.epoch === before.epoch && own.leader === before.leader) return
    this.#o.changed(entry, { before, after: own, cause })
  }

  #candidates({ fleet }: SwarmEntry<Call>, revision?: string): readonly Candidate[] {
    const nowMs = this.#o.now()
    const candidates: Candidate[] = []
    for (const slot of fleet.members(PART.coordinators, revision)) {
      candidates.push({ name: slot.facts.name, place: slot.facts.place, isUp: slot.isUp(nowMs) })
    }
    return candidates
  }
}
