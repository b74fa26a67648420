import type { Registry } from 'prom-client'
import type { Logger } from 'winston'
import { LABEL, TOKENS_SECRET_TYPE } from '../api/names.ts'
import type { Agent, BlueGreenRollout, CanaryRollout, Rollout, Swarm } from '../api/objects.ts'
import type { Providers } from '../e2b/providers.ts'
import type { KubeClient } from '../kube/client.ts'
import { Controller } from '../kube/controller.ts'
import { EventRecorder } from '../kube/events.ts'
import { Informer } from '../kube/informer.ts'
import {
  CONTROLLER_REVISIONS,
  keyOf,
  RESOURCE_QUOTAS,
  SECRETS,
  type ControllerRevision,
  type ResourceQuota,
  type Secret,
} from '../kube/objects.ts'
import { References } from '../kube/references.ts'
import type { RuntimeMetrics } from '../metrics/registry.ts'
import type { Ended } from '../stats/tally.ts'
import type { AgentDeps } from './agent/deps.ts'
import { reconcileAgent } from './agent/index.ts'
import { Prepared } from './agent/prepared.ts'
import { Prober } from './agent/prober.ts'
import { Sightings } from './agent/sightings.ts'
import { Sweeper } from './agent/sweeper.ts'
import { UsageSampler, type UsageSamplerOptions } from './agent/usage-sampler.ts'
import { Vitals } from './agent/vitals.ts'
import { targetOf } from './rollout/attach.ts'
import { connectRollouts } from './rollout/connect.ts'
import { reconcileRollout } from './rollout/index.ts'
import { rolloutMetrics } from './rollout/metrics.ts'
import { measuring } from './rollout/measuring.ts'
import type { Routers } from './rollout/router-tasks.ts'
import { Scaling } from './scaling/scaling.ts'
import { CredentialStore } from './shared/credentials.ts'
import { costMetrics, fleetMetrics, quotaMetrics } from './shared/metrics.ts'
import { PRICES_OWNER, PriceTable } from './shared/prices.ts'
import { AGENTS, BLUE_GREEN_ROLLOUTS, CANARY_ROLLOUTS, SWARMS } from './shared/kinds.ts'
import { AGENT_INDEXERS, bySwarm } from './shared/owners.ts'
import { sameMetadata } from './shared/same-metadata.ts'
import type { RouterView, Stores } from './shared/stores.ts'
import { TokenStore } from './shared/tokens.ts'
import { Costs } from './swarm/costs.ts'
import { Graphs } from './swarm/graphs.ts'
import { QuotaUsage } from './swarm/quota-usage.ts'
import { quotaOfAgents, Quotas } from './swarm/quotas.ts'
import { reconcileSwarm, type SwarmDeps } from './swarm/index.ts'
import { Publisher } from './topology/publisher.ts'

/** Changes of agents that come within this time are one look at their swarm. Milliseconds. */
const GATHER_MS = 40

/** Agents worked on at once: most of a pass is waiting for the provider. */
const AGENT_PASSES = 128

/** Swarms worked on at once. */
const SWARM_PASSES = 8

/** Longest pass over one agent, in milliseconds: a slow create and its wait for a turn. */
const AGENT_PASS_MS = 120_000

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
  const parts = build(options)
  const { stores, prober, controllers } = parts
  const informers = informersOf(stores)
  for (const informer of informers) informer.start()
  for (const controller of controllers) controller.start()
  parts.scaling.start()
  await Promise.all(informers.map((informer) => informer.synced(signal))).catch((error: unknown) => {
    if (!signal.aborted) throw error
  })
  await Promise.all([parts.sweeper.run(signal), parts.sampler.run(signal), parts.vitals.run(signal)])
  await Promise.all(controllers.map((controller) => controller.stop()))
  await parts.measurer.stop()
  await parts.scaling.stop()
  parts.publisher.stop()
  parts.quotas.stop()
  parts.usage.stop()
  prober.stop()
  await Promise.all([stores.references, ...informers].map((source) => source.stop()))
  await stores.events.stop()
}

function build(options: RunOptions) {
  const { client, providers, operatorId, log, ownKey, routers } = options
  const stores = storesOf(options, (owners) => wake(owners))
  const sightings = new Sightings()
  const credentials = new CredentialStore({ providers, references: stores.references, ownKey })
  const prepared = new Prepared()
  const prober = new Prober({ onChange: (key) => checked(key), now: Date.now, chance: Math.random })
  const tokens = new TokenStore(client, stores.tokens)
  const probe: AgentDeps['probe'] = (target, timeoutMs) => providers.probe(target, timeoutMs)
  const vitals = new Vitals({ stores, onChange: (key) => agentController.enqueue(key) })
  const deps: AgentDeps = { stores, credentials, sightings, prepared, vitals, prober, tokens, operatorId, probe }
  const publisher = publisherOf(options, deps, (key) => swarmController.enqueue(key))
  const { entrances, sourceHosts, registry } = options
  const measurer = measuring({ stores, entrances, sourceHosts, registry, log, wake: (key) => swarmController.enqueue(key) })
  const { table, costs, quotas, usage } = costsOf(options, { stores, sightings }, (key) => swarmController.enqueueAfter(key, GATHER_MS))
  const rollouts = { analyst: measurer.analyst, rolloutMetrics: rolloutMetrics(registry, stores), wroteAt: new Map<string, number>() }
  const swarmDeps: SwarmDeps = { stores, costs, quotas, graphs: new Graphs(), publisher, ...rollouts }
  const { agentController, swarmController, rolloutController } = controllersOf(options, deps, swarmDeps)
  const checked = (key: string) => {
    agentController.enqueue(key)
    const agent = stores.agents.get(key)
    if (agent) wakeLinked(swarmController, stores, `${agent.metadata.namespace}/${agent.spec.swarm}`)
  }
  const wake = (owners: ReadonlySet<string>) => {
    for (const owner of owners) {
      const key = owner.slice(owner.indexOf(':') + 1)
      if (owner.startsWith('swarm:')) swarmController.enqueue(key)
      else if (owner.startsWith('scaling:')) scaling.referenceChanged(key)
      else if (owner === PRICES_OWNER) {
        table.read()
        for (const swarm of stores.swarms.list()) swarmController.enqueue(keyOf(swarm))
      } else agentController.enqueue(key)
    }
  }
  connect({ stores, swarmController, agentController, routers })
  const scaling = new Scaling({ ...options, stores })
  routers.onEnded((ended) => vitals.tasksEnded(ended))
  routers.onEnded((ended) => measurer.tasksEnded(ended))
  routers.onEnded((ended) => scaling.tasksEnded(ended))
  routers.onSwarm((namespace, swarm) => scaling.swarmChanged(namespace, swarm))
  connectRollouts({
    stores,
    routers,
    wakeSwarm: (key) => swarmController.enqueue(key),
    wakeRollout: (key) => rolloutController.enqueue(key),
  })
  table.start()
  fleetMetrics(options.registry, stores)
  const own = ownKey ? providers.for(ownKey) : undefined
  const enqueue = (key: string) => agentController.enqueue(key)
  const onSeen = costs.whenSeen((key) => swarmController.enqueue(key))
  const sweeper = new Sweeper({ stores, credentials, sightings, operatorId, own, enqueue, onSeen, registry, log })
  const onUsage: UsageSamplerOptions['onUsage'] = (agent, usage) => {
    vitals.used(agent, usage)
    scaling.used(agent, usage)
  }
  const sampler = new UsageSampler({ stores, credentials, log, onUsage })
  const controllers = [swarmController, agentController, rolloutController]
  return { stores, controllers, quotas, usage, measurer, prober, publisher, sweeper, sampler, vitals, scaling }
}

function storesOf({ client, log, metrics, namespaces, routers }: RunOptions, onReference: (owners: ReadonlySet<string>) => void): Stores {
  const common = { client, log, metrics, ...(namespaces.length > 0 && { namespaces: [...namespaces] }) }
  const indexers = { swarm: bySwarm }
  const byTarget = { target: (rollout: Rollout) => [targetOf(rollout)] }
  const labelSelector = 'swarmops.dev/swarm'
  return {
    client,
    swarms: new Informer<Swarm>({ ...common, kind: SWARMS }),
    agents: new Informer<Agent, 'swarm' | 'namespace'>({ ...common, kind: AGENTS, indexers: AGENT_INDEXERS }),
    revisions: new Informer<ControllerRevision, 'swarm'>({ ...common, kind: CONTROLLER_REVISIONS, labelSelector, indexers }),
    canaries: new Informer<CanaryRollout, 'target'>({ ...common, kind: CANARY_ROLLOUTS, indexers: byTarget }),
    blueGreens: new Informer<BlueGreenRollout, 'target'>({ ...common, kind: BLUE_GREEN_ROLLOUTS, indexers: byTarget }),
    tokens: new Informer<Secret>({ ...common, kind: SECRETS, fieldSelector: `type=${TOKENS_SECRET_TYPE}` }),
    quotas: new Informer<ResourceQuota>({ ...common, kind: RESOURCE_QUOTAS, transform: quotaOfAgents }),
    references: new References({ client, log, metrics, onChange: onReference }),
    events: new EventRecorder({ client, component: 'swarm-operator', log, metrics }),
    routers,
    fresh: new Set(),
    now: Date.now,
  }
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

function publisherOf({ providers, registry }: RunOptions, { stores, prober, tokens }: AgentDeps, wake: (key: string) => void): Publisher {
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
  })
}

function controllersOf(
  { log, metrics }: RunOptions,
  deps: AgentDeps,
  swarmDeps: SwarmDeps,
): { agentController: Controller; swarmController: Controller; rolloutController: Controller } {
  const { stores } = deps
  const ready = async (signal: AbortSignal) => {
    await Promise.all(informersOf(stores).map((informer) => informer.synced(signal)))
  }
  const agentController = new Controller({
    log,
    metrics,
    ready,
    name: 'agent',
    concurrency: AGENT_PASSES,
    timeoutMs: AGENT_PASS_MS,
    reconcile: (key, signal) => reconcileAgent(key, deps, signal),
  })
  const swarmController = new Controller({
    log,
    metrics,
    ready,
    name: 'swarm',
    concurrency: SWARM_PASSES,
    reconcile: async (key, signal) => {
      const result = await reconcileSwarm(key, swarmDeps, signal)
      await tidyTokens(key, deps)
      return result
    },
  })
  const rolloutController = new Controller({
    log,
    metrics,
    ready,
    name: 'rollout',
    concurrency: SWARM_PASSES,
    reconcile: (key, signal) => reconcileRollout(key, stores, signal),
  })
  return { agentController, swarmController, rolloutController }
}

type Connections = { stores: Stores; swarmController: Controller; agentController: Controller; routers: RunOptions['routers'] }

const informersOf = ({ swarms, agents, revisions, canaries, blueGreens, tokens, quotas }: Stores) =>
  [swarms, agents, revisions, canaries, blueGreens, tokens, quotas] as const

/** What wakes whom: each object its own pass, an agent also its swarm, a swarm's spec its agents. */
function connect({ stores, swarmController, agentController, routers }: Connections): void {
  const wakeSwarmOf = (agent: Agent) => swarmController.enqueueAfter(`${agent.metadata.namespace}/${agent.spec.swarm}`, GATHER_MS)
  stores.swarms.onChange((type, swarm, old) => {
    const statusOnly = type === 'updated' && old?.metadata.generation === swarm.metadata.generation && sameMetadata(old, swarm)
    // An epoch that another operator has settled meanwhile: ours would be refused.
    if (statusOnly && old.status?.topology?.epoch === swarm.status?.topology?.epoch) return
    swarmController.enqueue(keyOf(swarm))
    if (type === 'updated')
      for (const agent of stores.agents.index('swarm', swarm.metadata.uid))
        if (agent.metadata.deletionTimestamp || agent.spec.state === 'Warm') agentController.enqueue(keyOf(agent))
  })
  stores.agents.onChange((type, agent, old) => {
    const isOwnStatus = type === 'updated' && old?.metadata.generation === agent.metadata.generation && sameMetadata(old, agent)
    if (!isOwnStatus) agentController.enqueue(keyOf(agent))
    wakeSwarmOf(agent)
  })
  stores.tokens.onChange((_type, { metadata }) => {
    wakeLinked(swarmController, stores, `${metadata.namespace}/${metadata.labels?.[LABEL.swarm] ?? ''}`)
  })
  routers.onDrain((namespace, name) => {
    const agent = stores.agents.get({ namespace, name })
    if (agent?.spec.state === 'Draining') swarmController.enqueue(`${namespace}/${agent.spec.swarm}`)
  })
}

/** Agents of a swarm with a topology may have to be told something: one answers again, or has another token. */
function wakeLinked(swarmController: Controller, { swarms }: Stores, key: string): void {
  if (swarms.get(key)?.spec.topology) swarmController.enqueueAfter(key, GATHER_MS)
}

async function tidyTokens(key: string, { stores, tokens }: AgentDeps): Promise<void> {
  const swarm = stores.swarms.get(key)
  if (!swarm || swarm.metadata.deletionTimestamp) return
  const agents = new Map(stores.agents.index('swarm', swarm.metadata.uid).map((a) => [a.metadata.name, a]))
  await tokens.keepOnly(swarm, agents)
}
