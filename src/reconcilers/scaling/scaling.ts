import type { Registry } from 'prom-client'
import type { Logger } from 'winston'
import type { Agent, ScalingPolicy } from '../../api/objects.ts'
import type { SandboxUsage } from '../../e2b/types.ts'
import { Controller } from '../../kube/controller.ts'
import { Informer } from '../../kube/informer.ts'
import { keyOf } from '../../kube/objects.ts'
import type { RuntimeMetrics } from '../../metrics/registry.ts'
import type { EndedTasks } from '../agent/vitals.ts'
import { SCALING_POLICIES } from '../shared/kinds.ts'
import { onlyStatusChanged } from '../shared/only-status-changed.ts'
import type { Stores } from '../shared/stores.ts'
import { External } from './external.ts'
import { reconcilePolicy, swarmKey, type ScalingDeps } from './index.ts'
import type { PolicyMemory } from './memory.ts'
import { scalingMetrics } from './metrics.ts'
import { groupOf } from './target.ts'
import { Usages } from './usages.ts'

/** Policies worked on at once. */
const PASSES = 8

/** Changes of agents, and measurements of sandboxes, that come within this time are one look. Milliseconds. */
const GATHER_MS = 50

export type ScalingOptions = {
  readonly stores: Stores
  readonly log: Logger
  readonly metrics: RuntimeMetrics
  readonly registry: Registry
  readonly namespaces: readonly string[]
  /** Hosts that metrics may name; all when there is none. */
  readonly sourceHosts: readonly string[]
}

/** The policies, what is remembered of them, and what wakes them: every figure that they go by, as soon as it is known. */
export class Scaling {
  readonly #deps: ScalingDeps
  readonly #controller: Controller

  constructor({ stores, log, metrics, registry, namespaces, sourceHosts }: ScalingOptions) {
    const policies = new Informer<ScalingPolicy, 'swarm'>({
      client: stores.client,
      kind: SCALING_POLICIES,
      log,
      metrics,
      ...(namespaces.length > 0 && { namespaces: [...namespaces] }),
      indexers: { swarm: (policy) => [swarmKey(policy)] },
    })
    this.#deps = {
      stores,
      policies,
      memories: new Map<string, PolicyMemory>(),
      usages: new Usages(),
      external: new External({
        references: stores.references,
        hosts: sourceHosts,
        now: () => stores.now(),
        onLook: (key) => this.#wake(key),
      }),
      metrics: scalingMetrics(registry, () => policies.list()),
    }
    this.#controller = new Controller({
      log,
      metrics,
      name: 'scaling',
      concurrency: PASSES,
      ready: async (signal) => void (await Promise.all([stores.swarms, stores.agents, policies].map(async (i) => i.synced(signal)))),
      reconcile: async (key, signal) => reconcilePolicy(key, this.#deps, signal),
    })
    policies.onChange((_type, policy, old) => this.#policyChanged(policy, old))
    stores.swarms.onChange((_type, swarm) => this.#wakeLater(keyOf(swarm)))
    stores.agents.onChange((type, agent) => {
      if (type === 'deleted') this.#deps.usages.forget(agent.metadata.uid)
      this.#wakeLater(`${agent.metadata.namespace}/${agent.spec.swarm}`)
    })
  }

  /** Begins to work on policies. */
  start(): void {
    this.#deps.policies.start()
    this.#controller.start()
  }

  /** Starts no new pass and waits for those that run. */
  async stop(): Promise<void> {
    await this.#controller.stop()
    await Promise.all([this.#deps.external.stop(), this.#deps.policies.stop()])
  }

  /** Routers say something new of the tasks of a swarm. */
  swarmChanged(namespace: string, swarm: string): void {
    for (const policy of this.#policiesOf(`${namespace}/${swarm}`)) this.#wake(keyOf(policy))
  }

  /** Tasks have ended on agents; the routers also say that their swarms changed. */
  tasksEnded(ended: readonly EndedTasks[]): void {
    const { stores, memories, policies } = this.#deps
    if (policies.size === 0) return
    for (const { namespace, agent: name, uid, ...counts } of ended) {
      const agent = stores.agents.get({ namespace, name })
      if (agent?.metadata.uid !== uid) continue
      for (const policy of this.#policiesOf(`${namespace}/${agent.spec.swarm}`)) {
        if (groupOf(policy) !== agent.spec.group) continue
        for (const metric of memories.get(keyOf(policy))?.metrics ?? []) metric.tasksEnded(counts, stores.now())
      }
    }
  }

  /** The provider has measured the sandbox of an agent. */
  used(agent: Agent, usage: SandboxUsage): void {
    const { usages, stores } = this.#deps
    if (usages.used(agent, usage, stores.now())) this.#wakeLater(`${agent.metadata.namespace}/${agent.spec.swarm}`)
  }

  /** What the policy with this key refers to may look different. */
  referenceChanged(key: string): void {
    this.#controller.enqueue(key)
  }

  #policyChanged(policy: ScalingPolicy, old: ScalingPolicy | undefined): void {
    if (onlyStatusChanged(policy, old)) return
    this.#controller.enqueue(keyOf(policy))
    // Another one may act now, or may not any more.
    for (const seen of [policy, old]) if (seen) for (const other of this.#policiesOf(swarmKey(seen))) this.#controller.enqueue(keyOf(other))
  }

  #policiesOf(swarm: string): readonly ScalingPolicy[] {
    return this.#deps.policies.index('swarm', swarm)
  }

  /** There is a sample that no pass has looked at. */
  #wake(key: string): void {
    const memory = this.#deps.memories.get(key)
    if (memory) memory.newsMs ??= performance.now()
    this.#controller.enqueue(key)
  }

  #wakeLater(swarm: string): void {
    for (const policy of this.#policiesOf(swarm)) this.#controller.enqueueAfter(keyOf(policy), GATHER_MS)
  }
}
