import type { Registry } from 'prom-client'
import type { Logger } from 'winston'
import type { KubeClient } from '../kube/client.ts'
import type { ObjectRef } from '../kube/objects.ts'
import type { Ended } from '../stats/tally.ts'
import type { RouterAccess } from './access.ts'
import { Discovery } from './discovery.ts'
import { RouterFeed } from './feed.ts'
import { feedMetrics } from './metrics.ts'

/** Routers by their addresses, by a Service in front of them, or both; with neither nobody says what agents do. */
export type LinkOptions = {
  readonly urls: readonly string[]
  readonly service: Required<ObjectRef> | undefined
  readonly access: RouterAccess
  readonly client: KubeClient
  readonly log: Logger
  readonly registry: Registry
}

type OfAgent = (namespace: string, agent: string) => void
type OfSwarm = (namespace: string, swarm: string) => void
type OfEnded = (ended: readonly Ended[]) => void

/** What the routers say, and who hears of agents that have drained, of tasks that have ended, and of shares and trips of swarms. */
export function linkRouters({ urls, service, access, client, log, registry }: LinkOptions) {
  const onDrain: OfAgent[] = []
  const onEnded: OfEnded[] = []
  const onSwarm: OfSwarm[] = []
  const onSwarmChange: OfSwarm[] = []
  const hasRouters = urls.length > 0 || service !== undefined
  const feed = new RouterFeed({
    urls,
    hasOthers: service !== undefined,
    access,
    log,
    now: Date.now,
    onChange: (agents) => {
      for (const { namespace, agent } of agents) for (const listener of onDrain) listener(namespace, agent)
    },
    onSwarmChange: (namespace, swarm) => {
      for (const listener of onSwarmChange) listener(namespace, swarm)
    },
    onEnded: (ended) => {
      for (const listener of onEnded) listener(ended)
    },
    onSwarms: (swarms) => {
      for (const { namespace, swarm } of swarms) for (const listener of onSwarm) listener(namespace, swarm)
    },
  })
  feedMetrics(registry, feed)
  const scheme = access.tls ? 'https' : 'http'
  const discovery = service && new Discovery({ client, service, scheme, log, onRouters: (found) => feed.found(found) })
  const routers = {
    inFlight: (namespace: string, agent: string) => feed.inFlight(namespace, agent),
    // Nobody says what agents still have to do when no router is known: they get all of spec.lifecycle.drainTimeout.
    isDrained: (namespace: string, agent: string) => hasRouters && feed.isDrained(namespace, agent),
    isConnected: () => !hasRouters || feed.connected,
    waiting: (namespace: string, swarm: string, group: string) => feed.waiting(namespace, swarm, group),
    inForce: (namespace: string, swarm: string) => feed.shares(namespace, swarm),
    trips: (namespace: string, swarm: string) => feed.trips(namespace, swarm),
    onDrain: (listener: OfAgent) => onDrain.push(listener),
    onEnded: (listener: OfEnded) => onEnded.push(listener),
    onSwarm: (listener: OfSwarm) => onSwarm.push(listener),
    onSwarmChange: (listener: OfSwarm) => onSwarmChange.push(listener),
  }
  return {
    routers,
    entrances: { urls: () => feed.urls, access },
    start: (): void => {
      feed.start()
      discovery?.start()
    },
    stop: async (): Promise<void> => {
      feed.stop()
      await discovery?.stop()
    },
  }
}
