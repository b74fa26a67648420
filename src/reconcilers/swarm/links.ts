import type { TopologyStatus } from '../../api/topology.ts'
import { graphOf, linksIn, type Graph } from '../../topology/graph.ts'
import { settle } from '../../topology/leader.ts'
import { PART, partsOf } from '../../topology/parts.ts'
import type { AgentSeen, World } from './plan.ts'

/** Takes new tasks. */
export const isServing = (a: AgentSeen) => a.ready && a.state === 'Running' && !a.deleting && !a.failed

/** Who knows whom among the agents that take tasks; undefined for a swarm without a topology. */
export function graphIn({ topology, agents }: World): Graph | undefined {
  return topology && graphOf(topology.spec, topology.groups, agents.filter(isServing))
}

/** Who leads, and how the agents are linked; a leader that is lost is followed by another one, in another term. */
export function topologyStatus(world: World, stored: TopologyStatus | undefined, graph = graphIn(world)): TopologyStatus | undefined {
  const { topology, agents } = world
  if (!topology || !graph) return undefined
  const parts = partsOf(topology.spec, topology.groups)
  const coordinators = agents.filter((agent) => parts?.(agent).includes(PART.coordinators) && !agent.deleting)
  const leadership = settle(
    stored,
    coordinators.map((agent) => ({ name: agent.name, place: agent.place, isUp: isServing(agent) })),
  )
  return { ...leadership, agents: graph.size, links: linksIn(graph) }
}
