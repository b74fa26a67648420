import type { RolloutState, Scale } from '../api/rollout.ts'
import type { GroupWanted, World } from './world.ts'

/** Agents by the weight: so many as the tasks need. */
export const BY_WEIGHT = { by: 'Weight', value: 0 } as const

/** All agents, whatever the weight. */
export const WHOLE = { by: 'Percent', value: 100 } as const

type Seen = Pick<World, 'groups' | 'ready'>

/** Agents of one group for a share of the tasks; as many as that takes, so that none has more to do than before. */
const agentsFor = (replicas: number, percent: number) => Math.ceil((replicas * percent) / 100)

/** Agents that each group of a revision needs for a weight; never more than the group has. */
export function sizesFor(groups: readonly GroupWanted[], scale: Scale, weight: number): GroupWanted[] {
  return groups.map(({ name, replicas }) => {
    if (scale.by === 'Count') return { name, replicas: Math.min(replicas, scale.value) }
    return { name, replicas: agentsFor(replicas, scale.by === 'Percent' ? scale.value : weight) }
  })
}

/** Percent of all tasks that the new revision has to do: its own, by its weight or what some router still follows, and those it does a second time. */
export const shareToDo = ({ aim, weight, mirror = 0 }: RolloutState, followed = 0): number =>
  Math.min(100, Math.max(aim, weight, followed) + mirror)

/** Whether as many agents of a revision take tasks as this asks for. */
export function hasReady({ ready }: Seen, revision: string, sizes: readonly GroupWanted[]): boolean {
  return sizes.every(({ name, replicas }) => (ready[revision]?.[name] ?? 0) >= replicas)
}

/** Whether a revision can take any task at all: somebody is ready in each group that is meant to have agents. */
export function canServe(seen: Seen, revision: string): boolean {
  const groups = seen.groups.filter((group) => group.replicas > 0)
  return groups.length > 0 && groups.every(({ name }) => (seen.ready[revision]?.[name] ?? 0) > 0)
}

/** Percent of a whole swarm that a revision makes up, by the group that has the fewest; 0 in a swarm of nobody. */
export function readyPercent({ groups, ready }: Seen, revision: string): number {
  const shares = groups.filter((group) => group.replicas > 0).map(({ name, replicas }) => (ready[revision]?.[name] ?? 0) / replicas)
  return shares.length === 0 ? 0 : Math.floor(100 * Math.min(1, ...shares))
}

/** Agents of a revision that take tasks. */
export const readyCount = ({ ready }: Seen, revision: string) => Object.values(ready[revision] ?? {}).reduce((sum, count) => sum + count, 0)
