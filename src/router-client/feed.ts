import type { Ended } from '../stats/tally.ts'
import type { Changes } from '../stats/mirror.ts'
import type { SharedQueue, SwarmRef, TripStats } from '../stats/wire.ts'
import { Connection, type FeedLog } from './connection.ts'

/** An agent of which a router said something new. */
export type ChangedAgent = { readonly namespace: string; readonly swarm: string; readonly agent: string }

/** Tasks that wait, and for how long the oldest of them does; 0 without any. `shared` are those that other groups could take as well. */
export type Waiting = { readonly queued: number; readonly oldestMs: number; readonly shared: readonly SharedQueue[] }

/** Percent of new tasks that a revision has in the router where it has fewest, and in the one where it has most. */
export type ShareInForce = { readonly least: number; readonly most: number }

/** `urls` are those of the routers' ports; `now` gives milliseconds that never go back. */
export type RouterFeedOptions = {
  readonly urls: readonly string[]
  readonly token: string
  readonly onChange: (agents: readonly ChangedAgent[]) => void
  /** Hears of a swarm of which the shares in force or a trip changed in any router, also because a router was lost or has come back. */
  readonly onSwarmChange?: (namespace: string, swarm: string) => void
  /** Hears of attempts of tasks that have ended. */
  readonly onEnded?: (ended: readonly Ended[]) => void
  /** Hears of swarms of which a router said something new, or says nothing any more. */
  readonly onSwarms?: (swarms: readonly SwarmRef[]) => void
  readonly log: FeedLog
  readonly now: () => number
  /** Between 0 and 1; spreads the attempts to connect. */
  readonly random?: () => number
}

/** What all routers say about agents, as they say it: one stream for each, connected again whenever it ends. */
export class RouterFeed {
  readonly #connections: readonly Connection[]
  readonly #o: Pick<RouterFeedOptions, 'onChange' | 'onSwarmChange'>

  constructor(options: RouterFeedOptions) {
    const { urls, token, log, now, random = Math.random, onEnded = () => undefined, onSwarms = () => undefined } = options
    this.#o = options
    this.#connections = [...new Set(urls)].map(
      (url) => new Connection({ url, token, log, now, random, onChange: (changes) => this.#changed(changes), onEnded, onSwarms }),
    )
  }

  /** Whether every router is connected and has told everything it knows. */
  get connected(): boolean {
    return this.#connections.length > 0 && this.#connections.every((connection) => connection.isConnected)
  }

  start(): void {
    for (const connection of this.#connections) connection.start()
  }

  stop(): void {
    for (const connection of this.#connections) connection.stop()
  }

  /** Tasks that the agent works on, as far as connected routers say; 0 when none knows it. */
  inFlight(namespace: string, agent: string): number {
    let sum = 0
    for (const connection of this.#connections) sum += connection.agent(namespace, agent)?.inFlight ?? 0
    return sum
  }

  /**
   * Whether the agent has no task and gets none any more: all routers are connected, and each has seen that it is to end and has
   * none of its tasks left. False when in doubt.
   */
  isDrained(namespace: string, agent: string): boolean {
    if (!this.connected) return false
    return this.#connections.every((connection) => {
      const stats = connection.agent(namespace, agent)
      return stats !== undefined && stats.draining && stats.inFlight === 0
    })
  }

  /** Tasks that wait for a swarm in all routers, or those that a group of it could take; undefined unless every router is connected. */
  waiting(namespace: string, swarm: string, group: string): Waiting | undefined {
    if (!this.connected) return undefined
    const sum = { queued: 0, oldestMs: 0 }
    const shared: SharedQueue[] = []
    for (const connection of this.#connections) {
      const said = connection.swarm(namespace, swarm)
      const queue = group === '' ? said?.stats : said?.stats.groups?.find((each) => each.group === group)
      if (!said || !queue || queue.queued === 0) continue
      sum.queued += queue.queued
      sum.oldestMs = Math.max(sum.oldestMs, (queue.oldestMs ?? 0) + said.agoMs)
      shared.push(...(said.stats.shared ?? []).filter(({ groups }) => groups.includes(group)))
    }
    return { ...sum, shared }
  }

  /**
   * What the routers go by when they choose a revision; one without an entry gets nothing from any. A router that is not connected, or
   * does not say, counts as one where each revision has 0. Undefined without routers.
   */
  shares(namespace: string, swarm: string): Readonly<Record<string, ShareInForce>> | undefined {
    if (this.#connections.length === 0) return undefined
    const all = this.#connections.map((connection) => connection.swarm(namespace, swarm)?.stats.shares ?? [])
    const revisions = new Set(all.flatMap((shares) => shares.map(({ revision }) => revision)))
    const inForce: Record<string, ShareInForce> = {}
    for (const revision of revisions) {
      const percents = all.map((shares) => shares.find((share) => share.revision === revision)?.percent ?? 0)
      inForce[revision] = { least: Math.min(...percents), most: Math.max(...percents) }
    }
    return inForce
  }

  /** Guards of the swarm that have tripped, one entry for each router. */
  trips(namespace: string, swarm: string): readonly TripStats[] {
    return this.#connections.flatMap((connection) => connection.swarm(namespace, swarm)?.stats.trip ?? [])
  }

  #changed({ agents, swarms }: Changes): void {
    if (agents.length > 0) this.#o.onChange(agents.map(({ namespace, swarm, agent }) => ({ namespace, swarm, agent })))
    for (const { namespace, swarm } of swarms) this.#o.onSwarmChange?.(namespace, swarm)
  }
}
