import type { StageLoad } from '../routing/stages.ts'
import type { Stage } from '../topology/parts.ts'
import type { Call } from './call.ts'
import type { SwarmEntry } from './swarm-entry.ts'

/** The stages of a ring as this router sees them now, in their order; `agents` are those that tasks may be meant for. */
export function stageLoads(entry: SwarmEntry<Call>, nowMs: number): readonly (StageLoad & { readonly agents: number })[] {
  const stages = entry.settings?.stages ?? []
  const waiting = waitingAt(entry)
  return stages.map(({ part, name: stage }) => {
    let capacity = 0
    let agents = 0
    for (const slot of entry.fleet.members(part)) {
      if (!slot.isUp(nowMs)) continue
      agents += 1
      capacity += slot.limit
    }
    return { stage, agents, capacity, waiting: waiting?.get(part) ?? 0, limit: limitOf(entry, { part, name: stage }) }
  })
}

/** Tasks that one agent of the stage works on at once; without groups, one of any. */
function limitOf({ fleet }: SwarmEntry<Call>, { name }: Stage): number {
  const { groups } = fleet.rules
  return (groups.get(name) ?? groups.get(''))?.limit ?? 1
}

/** Tasks that wait, by the stage they wait for; undefined when none does. */
function waitingAt({ waiting }: SwarmEntry<Call>): ReadonlyMap<string, number> | undefined {
  if (waiting.size === 0) return undefined
  const counts = new Map<string, number>()
  for (const { first, size } of waiting.lanes()) {
    const { part = '' } = first.request
    counts.set(part, (counts.get(part) ?? 0) + size)
  }
  return counts
}
