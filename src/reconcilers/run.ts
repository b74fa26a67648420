import type { Registry } from 'prom-client'
import type { Logger } from 'winston'
import type { Providers } from '../e2b/providers.ts'
import type { KubeClient } from '../kube/client.ts'
import { keyOf } from '../kube/objects.ts'
import type { RuntimeMetrics } from '../metrics/registry.ts'
import type { Ended } from '../stats/tally.ts'
import type { AgentDeps } from './agent/deps.ts'
import { Prepared } from './agent/prepared.ts'
import { Prober } from './agent/prober.ts'
import { Sightings } from './agent/sightings.ts'
import { Sweeper } from './agent/sweeper.ts'
import { UsageSampler, type UsageSamplerOptions } from './agent/usage-sampler.ts'
import { Vitals } from './agent/vitals.ts'
import { controllersOf } from './controllers.ts'
import { informersOf, storesOf, synced } from './informers.ts'
import { connectRollouts } from './rollout/connect.ts'
import { rolloutMetrics } from './rollout/metrics.ts'
import { measuring } from './rollout/measuring.ts'
import type { Routers } from './rollout/router-tasks.ts'
import { Scaling } from './scaling/scaling.ts'
import { CredentialStore } from './shared/credentials.ts'
import { costMetrics, fleetMetrics, quotaMetrics } from './shared/metrics.ts'
import { PRICES_OWNER, PriceTable } from './shared/prices.ts'
import type { RouterView, Stores } from './shared/stores.ts'
import { TokenStore } from './shared/tokens.ts'
import { Costs } from './swarm/costs.ts'
import { Graphs } from './swarm/graphs.ts'
import { QuotaUsage } from './swarm/quota-usage.ts'
import { Quotas } from './swarm/quotas.ts'
import type { SwarmDeps } from './swarm/index.ts'
import { Publisher } from './topology/publisher.ts'
import { connect, GATHER_MS, wakeChecked } from './wakes.ts'

export type RunOptions = {
  client: KubeClient
  providers: Providers
  ownKey: string | undefined
  operatorId: string
  /** Namespace of the operator's Lease, where its price table is as well. */
  leaseNamespace: string
  /** Namespaces to look after; all when empty. */
  namespaces: readonly string[]
  routers: RouterView & {
    onDrain(listener: (namespace: string, agent: string) => void): void
    onEnded(listener: (ended: readonly Ended[]) => void): void
    /** Something about the tasks of a swarm changed in a router. */
    onSwarm(listener: (namespace: string, swarm: string) => void): void
    /** Hears of weights in force that have changed, and of guards that have tripped, in any router. */
    onSwarmChange(listener: (namespace: string, swarm: string) => void): void
  }
  /** Hosts that metrics and webhooks may name, as they are or `*.example.com`; all when there is none. */
  sourceHosts: readonly string[]
  /** Where tasks are sent to warm up agents. */
  entrances: Routers
  log: Logger
  registry: Registry
  metrics: RuntimeMetrics
}

/** Runs the reconcilers until the signal ends; then waits for the passes that are under way. Called by the leader only. */
export async function runReconcilers(options: RunOptions, signal: AbortSignal): Promise<void> {
  const { stores, parts } = build(options)
  for (const part of parts) part.start?.()
  await synced(stores, signal).catch((error: unknown) => {
    if (!signal.aborted) throw error
  })
  await Promise.all(parts.map(async (part) => part.run?.(signal)))
  for (const part of parts.toReversed()) await part.stop?.()
}

/** What is started, runs until the signal ends and is stopped then, as far as each of these applies to it. */
interface Part {
  start?(): void
  run?(signal: AbortSignal): Promise<void>
  stop?(): void | Promise<void>
}

/** Several that do not need one another: they stop side by side. */
const together = (...parts: readonly Part[]): Part => ({
  start: () => {
    for (const part of parts) part.start?.()
  },
  run: async (signal) => {
    await Promise.all(parts.map(async (part) => part.run?.(signal)))
  },
  stop: async () => {
    await Promise.all(parts.map(async (part) => part.stop?.()))
  },
})

/** Makes all parts and connects them; in the order in which they are started. */
function build(options: RunOptions): { readonly stores: Stores; readonly parts: readonly Part[] } {
  const { client, providers, operatorId, ownKey, routers, entrances, sourceHosts, log, registry } = options
  const stores = storesOf(options, (owners) => wake(owners))
  const wakeAgent = (key: string) => controllers.agents.enqueue(key)
  const wakeSwarm = (key: string) => controllers.swarms.enqueue(key)
  const sightings = new Sightings()
  const credentials = new CredentialStore({ providers, references: stores.references, ownKey })
  const prepared = new Prepared()
  const prober = new Prober({
    onChange: (key) => wakeChecked(key, controllers, stores),
    onError: (agent, error) => log.error('an agent could not be checked', { agent, error }),
    now: Date.now,
    chance: Math.random,
  })
  const tokens = new TokenStore(client, stores.tokens)
  const probe: AgentDeps['probe'] = (target, timeoutMs) => providers.probe(target, timeoutMs)
  const vitals = new Vitals({ stores, onChange: wakeAgent })
  const deps: AgentDeps = { stores, credentials, sightings, prepared, vitals, prober, tokens, operatorId, probe }
  const publisher = publisherOf(options, deps, wakeSwarm)
  const measurer = measuring({ stores, entrances, sourceHosts, registry, log, wake: wakeSwarm })
  const { table, costs, quotas, usage } = costsOf(options, { stores, sightings }, (key) => controllers.swarms.enqueueAfter(key, GATHER_MS))
  const rollouts = { analyst: measurer.analyst, rolloutMetrics: rolloutMetrics(registry, stores), wroteAt: new Map<string, number>() }
  const swarmDeps: SwarmDeps = { stores, costs, quotas, graphs: new Graphs(), publisher, ...rollouts }
  const controllers = controllersOf(options, deps, swarmDeps)
  const wake = (owners: ReadonlySet<string>) => {
    for (const owner of owners) {
      const key = owner.slice(owner.indexOf(':') + 1)
      if (owner.startsWith('swarm:')) wakeSwarm(key)
      else if (owner.startsWith('scaling:')) scaling.referenceChanged(key)
      else if (owner === PRICES_OWNER) {
        table.read()
        for (const swarm of stores.swarms.list()) wakeSwarm(keyOf(swarm))
      } else wakeAgent(key)
    }
  }
  connect({ stores, controllers, routers })
  const scaling = new Scaling({ ...options, stores })
  routers.onEnded((ended) => vitals.tasksEnded(ended))
  routers.onEnded((ended) => measurer.tasksEnded(ended))
  routers.onEnded((ended) => scaling.tasksEnded(ended))
  routers.onSwarm((namespace, swarm) => scaling.swarmChanged(namespace, swarm))
  connectRollouts({ stores, routers, wakeSwarm, wakeRollout: (key) => controllers.rollouts.enqueue(key) })
  fleetMetrics(registry, stores)
  const own = ownKey ? providers.for(ownKey) : undefined
  const onSeen = costs.whenSeen(wakeSwarm)
  const sweeper = new Sweeper({ stores, credentials, sightings, operatorId, own, enqueue: wakeAgent, onSeen, registry, log })
  const onUsage: UsageSamplerOptions['onUsage'] = (agent, usage) => {
    vitals.used(agent, usage)
    scaling.used(agent, usage)
  }
  const sampler = new UsageSampler({ stores, credentials, log, onUsage })
  // They stop in reverse. Passes end before what they use: a prober that has stopped would begin to check again what a pass has it watch.
  // What everybody reads goes after all who read it, and the Events at last, when nobody is left to record one.
  const world = together(stores.references, ...informersOf(stores))
  const used = [table, prober, usage, quotas, publisher, scaling, measurer]
  const passes = together(...Object.values(controllers))
  return { stores, parts: [stores.events, world, ...used, passes, sweeper, sampler, vitals] }
}

type Costly = { readonly stores: Stores; readonly sightings: Sightings }

/** What swarms cost, the prices that it goes by, which are read once the table is started, and the caps of namespaces. */
function costsOf({ registry, leaseNamespace: namespace, log }: RunOptions, { stores, sightings }: Costly, wake: (key: string) => void) {
  const { client, references, swarms, agents, quotas: informer } = stores
  const table = new PriceTable({ references, namespace, log })
  const costs = new Costs({ prices: () => table.prices, sightings })
  swarms.onChange((type) => {
    if (type === 'deleted') costs.keepOnly(new Set(swarms.list().map((swarm) => swarm.metadata.uid)))
  })
  stores.agents.onChange((type, agent) => {
    if (type === 'deleted') costs.gone(agent, stores.now())
  })
  costMetrics(registry, () => costs.all)
  const usage = new QuotaUsage({ client, quotas: informer, uses: (namespace) => quotas.uses([namespace]), log })
  const quotas: Quotas = new Quotas({ quotas: informer, agents, costs, wake, onUse: (namespace) => usage.note(namespace) })
  quotaMetrics(registry, () => quotas.uses())
  return { table, costs, quotas, usage }
}

function publisherOf(
  { providers, registry, log }: RunOptions,
  { stores, prober, tokens }: AgentDeps,
  wake: (key: string) => void,
): Publisher {
  return new Publisher({
    deliver: (delivery, timeoutMs) => providers.deliver(delivery, timeoutMs),
    addressOf: (sandbox, token) => providers.addressOf(sandbox, token),
    tokenOf: (namespace, swarm, agent) => tokens.get(namespace, swarm, agent),
    answersSinceMs: (uid) => {
      const health = prober.health(uid)
      return health?.outcome === 'ready' ? health.sinceMs : undefined
    },
    wake,
    events: stores.events,
    registry,
    log,
  })
}
