import type { Ended } from '../stats/tally.ts'
import type { Changes } from '../stats/mirror.ts'
import type { SharedQueue, SwarmRef, TripStats } from '../stats/wire.ts'
import type { RouterAccess } from './access.ts'
import { Connection, type FeedLog } from './connection.ts'
import type { RouterEndpoint } from './endpoints.ts'

/** An agent of which a router said something new. */
export type ChangedAgent = { readonly namespace: string; readonly swarm: string; readonly agent: string }

/** Tasks that wait, and for how long the oldest of them does; 0 without any. `shared` are those that other groups could take as well. */
export type Waiting = { readonly queued: number; readonly oldestMs: number; readonly shared: readonly SharedQueue[] }

/** Percent of new tasks that a revision has in the router where it has fewest, and in the one where it has most. */
export type ShareInForce = { readonly least: number; readonly most: number }

/** `urls` are those of routers that are always there; `now` gives milliseconds that never go back. */
export type RouterFeedOptions = {
  readonly urls: readonly string[]
  /** Others come by `found`; until it has been called, not all routers are known. */
  readonly hasOthers?: boolean
  readonly access: RouterAccess
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

type Router = { readonly connection: Connection; isServing: boolean; readonly isFixed: boolean }

/**
 * What all routers say about agents, as they say it: one stream for each, connected again whenever it ends. Nothing is sure without the word of a
 * router that serves; one that starts, ends or is broken counts as long as it says something.
 */
export class RouterFeed {
  readonly #routers = new Map<string, Router>()
  readonly #o: RouterFeedOptions
  #areAllKnown: boolean
  #isRunning = false

  constructor(options: RouterFeedOptions) {
    this.#o = options
    this.#areAllKnown = !options.hasOthers
    for (const url of new Set(options.urls)) this.#routers.set(url, { connection: this.#connect(url), isServing: true, isFixed: true })
  }

  /** Whether every router that serves is connected and has told everything it knows; false where none does. */
  get connected(): boolean {
    if (!this.#areAllKnown) return false
    let isAnyServing = false
    for (const { connection, isServing } of this.#routers.values()) {
      if (!isServing) continue
      if (!connection.isConnected) return false
      isAnyServing = true
    }
    return isAnyServing
  }

  /** Where tasks can be sent. */
  get urls(): readonly string[] {
    return [...this.#routers].filter(([, { isServing }]) => isServing).map(([url]) => url)
  }

  /** How many routers serve, and how many of them are connected and have told everything they know. */
  get routers(): { readonly known: number; readonly connected: number } {
    const serving = [...this.#routers.values()].filter(({ isServing }) => isServing)
    return { known: serving.length, connected: serving.filter(({ connection }) => connection.isConnected).length }
  }

  start(): void {
    this.#isRunning = true
    for (const { connection } of this.#routers.values()) connection.start()
  }

  stop(): void {
    this.#isRunning = false
    for (const { connection } of this.#routers.values()) connection.stop()
  }

  /** All routers there are, besides those that are always there. Those that are not among them any more are forgotten with all they said. */
  found(endpoints: readonly RouterEndpoint[]): void {
    const wanted = new Map(endpoints.map(({ url, isServing }) => [url, isServing]))
    for (const [url, router] of this.#routers) {
      if (router.isFixed) continue
      const isServing = wanted.get(url)
      if (isServing === undefined) {
        router.connection.stop()
        this.#routers.delete(url)
      } else router.isServing = isServing
    }
    for (const [url, isServing] of wanted) {
      if (this.#routers.has(url)) continue
      const connection = this.#connect(url)
      this.#routers.set(url, { connection, isServing, isFixed: false })
      if (this.#isRunning) connection.start()
    }
    this.#areAllKnown = true
    // What was in doubt for want of a router's word may be sure now, and the other way round.
    for (const { connection } of this.#routers.values()) this.#changed(connection.everything)
  }

  /** Tasks that the agent works on, as far as connected routers say; 0 when none knows it. */
  inFlight(namespace: string, agent: string): number {
    let sum = 0
    for (const { connection } of this.#routers.values()) sum += connection.agent(namespace, agent)?.inFlight ?? 0
    return sum
  }

  /**
   * Whether the agent has no task and gets none any more: all routers that serve are connected, and each has seen that it is to end and has
   * none of its tasks left. False when in doubt.
   */
  isDrained(namespace: string, agent: string): boolean {
    if (!this.connected) return false
    for (const { connection, isServing } of this.#routers.values()) {
      const stats = connection.agent(namespace, agent)
      if (stats ? !stats.draining || stats.inFlight > 0 : isServing) return false
    }
    return true
  }

  /** Tasks that wait for a swarm in all routers, or those that a group of it could take; undefined unless every router that serves is connected. */
  waiting(namespace: string, swarm: string, group: string): Waiting | undefined {
    if (!this.connected) return undefined
    const sum = { queued: 0, oldestMs: 0 }
    const shared: SharedQueue[] = []
    for (const { connection } of this.#routers.values()) {
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
   * What the routers go by when they choose a revision; one without an entry gets nothing from any. A router that serves and is not connected, or
   * does not say, counts as one where each revision has 0. Undefined without routers that serve.
   */
  shares(namespace: string, swarm: string): Readonly<Record<string, ShareInForce>> | undefined {
    const all = [...this.#routers.values()].map(({ connection, isServing }) => ({
      shares: connection.swarm(namespace, swarm)?.stats.shares ?? [],
      isServing,
    }))
    if (!all.some(({ isServing }) => isServing)) return this.#areAllKnown ? undefined : {}
    const revisions = new Set(all.flatMap(({ shares }) => shares.map(({ revision }) => revision)))
    const inForce: Record<string, ShareInForce> = {}
    for (const revision of revisions) {
      let [least, most] = [100, 0]
      for (const { shares, isServing } of all) {
        const percent = shares.find((share) => share.revision === revision)?.percent ?? 0
        if (isServing) least = Math.min(least, percent)
        most = Math.max(most, percent)
      }
      inForce[revision] = { least, most }
    }
    return inForce
  }

  /** Guards of the swarm that have tripped, one entry for each router. */
  trips(namespace: string, swarm: string): readonly TripStats[] {
    return [...this.#routers.values()].flatMap(({ connection }) => connection.swarm(namespace, swarm)?.stats.trip ?? [])
  }

  #connect(url: string): Connection {
    const { access, log, now, random = Math.random, onEnded = () => undefined, onSwarms = () => undefined } = this.#o
    return new Connection({ url, access, log, now, random, onChange: (changes) => this.#changed(changes), onEnded, onSwarms })
  }

  #changed({ agents, swarms }: Changes): void {
    if (agents.length > 0) this.#o.onChange(agents.map(({ namespace, swarm, agent }) => ({ namespace, swarm, agent })))
    for (const { namespace, swarm } of swarms) this.#o.onSwarmChange?.(namespace, swarm)
  }
}
