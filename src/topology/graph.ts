import type { GroupSpec } from '../api/swarm-group.ts'
import type { Topology } from '../api/topology.ts'
import { hashText } from '../stats/hash.ts'
import { MAX_NEIGHBOURS } from './limits.ts'
import { PART, partsOf, stagesOf } from './parts.ts'

/** An agent that is linked to others. */
export type Member = { readonly name: string; readonly group: string; readonly place: number }

/** Who knows whom, by name; each list is sorted. In a one-way ring an agent is not known by those it knows. */
export type Graph = ReadonlyMap<string, readonly string[]>

/**
 * The graph of a topology over the agents that take tasks. The same agents give the same graph, in whatever order they come.
 *
 * Nobody knows more than MAX_NEIGHBOURS. A larger mesh is bounded as with a `maxDegree`; of a larger group of others each
 * knows a part, coordinators first, and one that comes or goes changes each list by one at most.
 */
export function graphOf(topology: Topology, groups: readonly GroupSpec[], members: readonly Member[]): Graph {
  const nodes = nodesOf(members)
  const both = (a: Node, b: Node) => {
    link(a, b)
    link(b, a)
  }
  const part = partsOf(topology, groups)
  const inPart = (name: string) => nodes.filter((node) => part?.(node.member).includes(name))
  const coordinators = onCircle(inPart(PART.coordinators))
  switch (topology.type) {
    case 'Mesh':
      mesh(nodes, topology.maxDegree ?? MAX_NEIGHBOURS, both)
      break
    case 'Hierarchical':
    case 'Star':
      for (const node of nodes) for (const coordinator of near(node, coordinators)) both(node, coordinator)
      if (topology.type === 'Hierarchical') mesh(inPart(PART.workers), Math.max(LEAST_DEGREE, MAX_NEIGHBOURS - coordinators.length), both)
      break
    case 'Ring': {
      const stages = stagesOf(groups).map((stage) => onCircle(inPart(stage.part)))
      for (const [i, stage] of stages.entries()) {
        const next = stages[(i + 1) % stages.length] ?? []
        for (const from of stage) for (const to of near(from, next)) (topology.bidirectional ? both : link)(from, to)
      }
    }
  }
  const names = nodes.map((node) => node.member.name)
  return new Map(nodes.map((node) => [node.member.name, known(node, nodes, coordinators).map((i) => names[i] ?? '')]))
}

/** With fewer neighbours a bounded mesh is not connected. */
const LEAST_DEGREE = 2

/** A member with its place in the order of names, its place on the circle, and the places of those it knows. */
type Node = { readonly member: Member; readonly index: number; readonly hash: number; readonly knows: Set<number> }

function nodesOf(members: readonly Member[]): Node[] {
  return [...members]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((member, index) => ({ member, index, hash: hashText(member.name), knows: new Set<number>() }))
}

function link(from: Node, to: Node): void {
  if (from !== to) from.knows.add(to.index)
}

/** The order of the hashes of names, in which the members of a bounded graph stand on a circle. */
const onCircle = (nodes: readonly Node[]) => [...nodes].sort((a, b) => a.hash - b.hash || a.index - b.index)

/**
 * All pairs, or with a bound on the degree a circulant graph: each knows the `maxDegree / 2` before and after it on the
 * circle. It is connected, and one that comes or goes changes only the links of those near it.
 */
function mesh(members: readonly Node[], maxDegree: number, both: (a: Node, b: Node) => void): void {
  const isWhole = members.length - 1 <= maxDegree
  const circle = isWhole ? members : onCircle(members)
  const reach = isWhole ? circle.length - 1 : Math.floor(maxDegree / 2)
  for (const [i, a] of circle.entries()) {
    for (let step = 1; step <= reach; step += 1) {
      const b = circle[(i + step) % circle.length]
      if (b) both(a, b)
    }
  }
}

/** All of them when they are few enough, else those that follow the node on the circle, on which they must stand. */
function near(node: Node, circle: readonly Node[], most = MAX_NEIGHBOURS): readonly Node[] {
  if (circle.length <= most) return circle
  const after = circle.findIndex((other) => other.hash > node.hash)
  return Array.from({ length: most }, (_, i) => circle[(Math.max(0, after) + i) % circle.length]).flatMap((other) => other ?? [])
}

/** The places of those that a node knows, in the order of names; bounded, coordinators first. */
function known(node: Node, nodes: readonly Node[], coordinators: readonly Node[]): number[] {
  let places = [...node.knows]
  if (places.length > MAX_NEIGHBOURS) {
    const first = coordinators.filter((coordinator) => node.knows.has(coordinator.index)).slice(0, MAX_NEIGHBOURS)
    const others = nodes.filter((other) => node.knows.has(other.index) && !first.includes(other))
    places = [...first, ...near(node, onCircle(others), MAX_NEIGHBOURS - first.length)].map((other) => other.index)
  }
  return places.sort((a, b) => a - b)
}

/** Pairs of agents of which at least one knows the other. */
export function linksIn(graph: Graph): number {
  const sets = new Map([...graph].map(([name, others]) => [name, new Set(others)]))
  let ends = 0
  for (const [name, others] of graph) for (const other of others) ends += sets.get(other)?.has(name) ? 1 : 2
  return ends / 2
}
