import type { AgentSeen } from '../shared/agent-seen.ts'
import type { GroupWanted } from '../shared/sides.ts'
import { isFresh, type World } from './world.ts'

/** The places of a group that agents of a revision have not taken. */
export class Places {
  readonly #taken = new Map<string, Set<number>>()

  constructor({ name }: GroupWanted, { agents }: World) {
    for (const agent of agents) {
      if (agent.group === name && agent.state === 'Running' && !agent.deleting && !agent.failed && isFresh(agent))
        this.take(agent.revision, agent.place)
    }
  }

  /** No agent of its revision has the place of this one. */
  isFree({ revision, place }: AgentSeen): boolean {
    return !this.#taken.get(revision)?.has(place)
  }

  /** Takes the wanted place, or, when that is taken or none is wanted, the first one that is not. */
  take(revision: string, wanted = 0): number {
    const taken = this.#taken.get(revision) ?? new Set()
    this.#taken.set(revision, taken)
    let place = taken.has(wanted) ? 0 : wanted
    while (taken.has(place)) place += 1
    taken.add(place)
    return place
  }
}
