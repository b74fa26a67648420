import type { GroupQueue, SharedQueue, SwarmStats } from '../stats/wire.ts'
import type { Call } from './call.ts'
import type { SwarmEntry } from './swarm-entry.ts'

type Queue = { queued: number; oldestMs: number }

/**
 * The tasks of a swarm that wait, and for how long the oldest of them does, in all and by the groups that could take them; those that several
 * could take also by which. Only the first of
 * each lane is looked at: a lane is in the order of arrival, but for tasks that wait for another try.
 */
export function queuesOf(
  { waiting, fleet }: SwarmEntry<Call>,
  nowMs: number,
): Pick<SwarmStats, 'queued' | 'oldestMs' | 'groups' | 'shared'> {
  if (waiting.size === 0) return { queued: 0 }
  const groups = new Map<string, Queue>()
  const shared = new Map<string, { groups: readonly string[]; queued: number }>()
  const all: Queue = { queued: 0, oldestMs: 0 }
  for (const { first, size } of waiting.lanes()) {
    const waitedMs = Math.max(0, Math.round(nowMs - first.waitingSinceMs))
    add(all, size, waitedMs)
    const names = groupsOf(first, fleet)
    if (names.length > 1) share(shared, names, size)
    for (const name of names) {
      const group = groups.get(name) ?? { queued: 0, oldestMs: 0 }
      groups.set(name, group)
      add(group, size, waitedMs)
    }
  }
  const list: GroupQueue[] = [...groups].map(([group, queue]) => ({ group, ...queue }))
  const parts: SharedQueue[] = [...shared.values()]
  return { ...all, ...(list.length > 0 && { groups: list }), ...(parts.length > 0 && { shared: parts }) }
}

/** The groups that could take the tasks of a lane; none for a swarm without groups. */
function groupsOf({ request: { agent, part, capability } }: Call, fleet: SwarmEntry<Call>['fleet']): readonly string[] {
  if (fleet.rules.groups.has('')) return []
  const only = agent === undefined ? undefined : fleet.slots.get(agent)
  return only ? [only.facts.group] : fleet.groupsFor({ part, capability })
}

function share(shared: Map<string, { groups: readonly string[]; queued: number }>, groups: readonly string[], size: number): void {
  const key = groups.join()
  const queue = shared.get(key) ?? { groups, queued: 0 }
  shared.set(key, queue)
  queue.queued += size
}

function add(queue: Queue, size: number, waitedMs: number): void {
  queue.queued += size
  queue.oldestMs = Math.max(queue.oldestMs, waitedMs)
}
