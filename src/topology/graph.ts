import type { GroupSpec } from '../api/swarm.ts'
import type { Topology } from '../api/topology.ts'
import { hashText } from '../stats/hash.ts'
import { PART, partsOf, stagesOf } from './parts.ts'

/** An agent that is linked to others. */
export type Member = { readonly name: string; readonly group: string; readonly place: number }

/** Who knows whom, by name; each list is sorted. In a one-way ring an agent is not known by those it knows. */
export type Graph = ReadonlyMap<string, readonly string[]>

/** The graph of a topology over the agents that take tasks. The same agents give the same graph, in whatever order they come. */
export function graphOf(topology: Topology, groups: readonly GroupSpec[], members: readonly Member[]): Graph {
  const sorted = [...members].sort((a, b) => (a.name < b.name ? -1 : 1))
  const links = new Map(sorted.map((member) => [member.name, new Set<string>()]))
  const link = (from: Member, to: Member) => from !== to && links.get(from.name)?.add(to.name)
  const both = (a: Member, b: Member) => {
    link(a, b)
    link(b, a)
  }
  const part = partsOf(topology, groups)
  const inPart = (name: string) => sorted.filter((member) => part?.(member).includes(name))
  switch (topology.type) {
    case 'Mesh':
      mesh(sorted, topology.maxDegree, both)
      break
    case 'Hierarchical':
    case 'Star':
      for (const coordinator of inPart(PART.coordinators)) for (const member of sorted) both(coordinator, member)
      if (topology.type === 'Hierarchical') mesh(inPart(PART.workers), undefined, both)
      break
    case 'Ring': {
      const stages = stagesOf(groups).map((stage) => inPart(stage.part))
      for (const [i, stage] of stages.entries()) {
        const next = stages[(i + 1) % stages.length] ?? []
        for (const from of stage) for (const to of next) (topology.bidirectional ? both : link)(from, to)
      }
    }
  }
  return new Map([...links].map(([name, known]) => [name, [...known].sort()]))
}

/**
 * All pairs, or with a bound on the degree a circulant graph: the members stand on a circle in the order of the hashes of
 * their names, and each knows the `maxDegree / 2` before and after it. It is connected, and one that comes or goes changes
 * only the links of those near it.
 */
function mesh(members: readonly Member[], maxDegree = Infinity, both: (a: Member, b: Member) => void): void {
  const reach = Math.min(Math.floor(maxDegree / 2), members.length - 1)
  const isWhole = members.length - 1 <= maxDegree
  const circle = isWhole ? members : [...members].sort((a, b) => hashText(a.name) - hashText(b.name) || (a.name < b.name ? -1 : 1))
  for (const [i, a] of circle.entries()) {
    for (let step = 1; step <= (isWhole ? circle.length - 1 : reach); step += 1) {
      const b = circle[(i + step) % circle.length]
      if (b) both(a, b)
    }
  }
}

/** Pairs of agents of which at least one knows the other. */
export function linksIn(graph: Graph): number {
  const sets = new Map([...graph].map(([name, known]) => [name, new Set(known)]))
  let ends = 0
  for (const [name, known] of graph) for (const other of known) ends += sets.get(other)?.has(name) ? 1 : 2
  return ends / 2
}
