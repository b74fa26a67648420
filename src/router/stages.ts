import type { StageLoad } from '../routing/stages.ts'
import type { Stage } from '../topology/parts.ts'
import type { Call } from './call.ts'
import type { SwarmEntry } from './swarm-entry.ts'

/** How stages are looked at: for tasks that ask for a revision, or for all others. */
export type StageLook = {
  readonly revision?: string | undefined
  /** Agents are counted only as far as the state of the stage depends on them. */
  readonly isBrief?: boolean
}

/** The stages of a ring as this router sees them now, in their order; `agents` are those that tasks may be meant for. */
export function stageLoads(
  entry: SwarmEntry<Call>,
  nowMs: number,
  { revision, isBrief = false }: StageLook = {},
): readonly (StageLoad & { readonly agents: number })[] {
  const stages = entry.settings?.stages ?? []
  const waits = waitingAt(entry, revision)
  return stages.map(({ part, name: stage }) => {
    const waiting = waits?.get(part) ?? 0
    let capacity = 0
    let agents = 0
    for (const slot of entry.fleet.members(part, revision)) {
      if (!slot.isUp(nowMs)) continue
      agents += 1
      capacity += slot.limit
      if (isBrief && capacity > waiting) break
    }
    return { stage, agents, capacity, waiting, limit: limitOf(entry, { part, name: stage }) }
  })
}

/** When time alone may give the stage an agent again, in milliseconds from now; undefined when it is not time that it lacks. */
export function trialInMs({ fleet }: SwarmEntry<Call>, { part }: Stage, nowMs: number): number | undefined {
  let soonest: number | undefined
  for (const { breaker } of fleet.members(part)) {
    if (breaker.isOpen) soonest = Math.min(soonest ?? Infinity, Math.max(0, breaker.openUntilMs - nowMs))
  }
  return soonest
}

/** Tasks that one agent of the stage works on at once; without groups, one of any. */
function limitOf({ fleet }: SwarmEntry<Call>, { name }: Stage): number {
  const { groups } = fleet.rules
  return (groups.get(name) ?? groups.get(''))?.limit ?? 1
}

/**
 * Tasks that wait, by the stage they wait for; undefined when none does. Those of a revision without a share of the traffic are counted for
 * tasks that ask for it, and for no others: a preview must not close the ring for those who use it.
 */
function waitingAt({ waiting, fleet }: SwarmEntry<Call>, revision: string | undefined): ReadonlyMap<string, number> | undefined {
  if (waiting.size === 0) return undefined
  const counts = new Map<string, number>()
  for (const { first, size } of waiting.lanes()) {
    const { part = '', revision: own } = first.request
    const isCounted = revision === undefined ? own === undefined || fleet.shares.some((share) => share.revision === own) : own === revision
    if (isCounted) counts.set(part, (counts.get(part) ?? 0) + size)
  }
  return counts
}
