import { graphOf, linksIn, type Graph, type Member } from '../../topology/graph.ts'
import type { Observed } from './world.ts'

/** A graph and the number of its links. */
export type Linked = { readonly graph: Graph; readonly links: number }

/** The graphs of swarms, built again only when an agent has come or gone: a pass has no need of all links of a large mesh. */
export class Graphs {
  readonly #built = new Map<string, Linked & { readonly from: string }>()

  /** The graph over these agents; the same object as long as it has not changed. */
  of(key: string, { spec, groups }: NonNullable<Observed['topology']>, members: readonly Member[]): Linked {
    const from = JSON.stringify([
      spec,
      groups.map(({ name, role, replicas }) => [name, role, replicas]),
      members.map(({ name, group, place }) => [name, group, place]),
    ])
    const built = this.#built.get(key)
    if (built?.from === from) return built
    const graph = graphOf(spec, groups, members)
    const made = { graph, links: linksIn(graph), from }
    this.#built.set(key, made)
    return made
  }

  /** The swarm is gone, or has no topology. */
  forget(key: string): void {
    this.#built.delete(key)
  }
}
