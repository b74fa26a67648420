import type { GroupSpec } from '../api/swarm-group.ts'
import type { Topology } from '../api/topology.ts'

/** The parts that topologies divide a swarm into. */
export const PART = {
  whole: '',
  /** Agents of the coordinator group: the leader and those that stand by. */
  coordinators: 'coordinators',
  workers: 'workers',
  /** A stage of a ring, by its name: it stays the same when others come, go or change places. */
  stage: (name: string) => `stage ${name}`,
} as const

/** One stage of a ring: a group, or without groups the place of one agent. */
export type Stage = { readonly part: string; readonly name: string }

/** The stages of a ring in their order. */
export function stagesOf(groups: readonly Pick<GroupSpec, 'name' | 'replicas'>[]): readonly Stage[] {
  const [only] = groups
  if (groups.length === 1 && only?.name === '')
    return Array.from({ length: only.replicas }, (_, i) => ({ part: PART.stage(String(i)), name: String(i) }))
  return groups.map(({ name }) => ({ part: PART.stage(name), name }))
}

/** Whether the agents have a leader: one of the coordinators. */
export const isLed = (topology: Topology | undefined): boolean => topology?.type === 'Hierarchical' || topology?.type === 'Star'

/** Tells the parts of an agent, besides the whole. */
export function partsOf(
  topology: Topology | undefined,
  groups: readonly Pick<GroupSpec, 'name' | 'role'>[],
): ((agent: { readonly group: string; readonly place: number }) => readonly string[]) | undefined {
  switch (topology?.type) {
    case 'Hierarchical':
    case 'Star': {
      const coordinators = new Set(groups.filter((g) => g.role === 'Coordinator').map((g) => g.name))
      return ({ group }) => [coordinators.has(group) ? PART.coordinators : PART.workers]
    }
    case 'Ring': {
      const isPlain = groups.length === 1 && groups[0]?.name === ''
      return ({ group, place }) => [PART.stage(isPlain ? String(place) : group)]
    }
    case 'Mesh':
    case undefined:
      return undefined
  }
}
