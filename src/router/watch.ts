import type { Logger } from 'winston'
import { AGENT, SWARM } from '../api/kinds.ts'
import { LABEL, TOKENS_SECRET_TYPE } from '../api/names.ts'
import type { Agent, Swarm } from '../api/objects.ts'
import type { KubeClient } from '../kube/client.ts'
import { Informer } from '../kube/informer.ts'
import { SECRETS, type KubeObject, type ResourceKind, type Secret } from '../kube/objects.ts'
import type { RuntimeMetrics } from '../metrics/registry.ts'
import type { World } from './world.ts'

const AGENTS: ResourceKind<Agent> = { ...AGENT, namespaced: true }
const SWARMS: ResourceKind<Swarm> = { ...SWARM, namespaced: true }

/** What is watched. */
export type WatchOptions = {
  readonly client: KubeClient
  readonly log: Logger
  readonly metrics: RuntimeMetrics
  readonly namespaces: readonly string[]
  /** Selects Swarms, Agents and token Secrets by label; all when absent. */
  readonly labelSelector?: string | undefined
}

/** Follows the API server and keeps the world as it was last told while the server is away. */
export class Watch<T> {
  readonly #informers: readonly Pick<Informer<KubeObject>, 'start' | 'stop' | 'synced' | 'hasSynced'>[]

  constructor(world: World<T>, options: WatchOptions) {
    const { labelSelector, ...rest } = options
    const common = { ...rest, ...(labelSelector !== undefined && { labelSelector }) }
    const swarms = new Informer<Swarm>({ ...common, kind: SWARMS })
    const agents = new Informer<Agent>({ ...common, kind: AGENTS })
    const fieldSelector = `type=${TOKENS_SECRET_TYPE}`
    const secrets = new Informer<Secret>({ ...common, kind: SECRETS, fieldSelector, transform: withoutManagedFields })
    swarms.onChange((type, swarm) => {
      if (type === 'deleted') world.removeSwarm(swarm.metadata.namespace, swarm.metadata.name)
      else world.putSwarm(swarm)
    })
    agents.onChange((type, agent) => {
      if (type === 'deleted') world.removeAgent(agent.metadata.namespace, agent.metadata.name)
      else world.putAgent(agent)
    })
    secrets.onChange((type, secret) => {
      const swarm = secret.metadata.labels?.[LABEL.swarm]
      if (swarm === undefined) return
      world.putTokens(secret.metadata.namespace ?? '', swarm, type === 'deleted' ? new Map() : tokensOf(secret))
    })
    this.#informers = [secrets, swarms, agents]
  }

  /** Whether everything has been read once. */
  get hasSynced(): boolean {
    return this.#informers.every((informer) => informer.hasSynced)
  }

  /** Begins to read and to follow; does nothing when it has begun. */
  start(): void {
    for (const informer of this.#informers) informer.start()
  }

  /** Resolves when everything has been read once. */
  async synced(signal: AbortSignal): Promise<void> {
    await Promise.all(this.#informers.map((informer) => informer.synced(signal)))
  }

  /** Ends all watches; the world stays as it was last told. */
  async stop(): Promise<void> {
    await Promise.all(this.#informers.map((informer) => informer.stop()))
  }
}

function tokensOf(secret: Secret): ReadonlyMap<string, string> {
  return new Map(Object.entries(secret.data ?? {}).map(([agent, token]) => [agent, Buffer.from(token, 'base64').toString('utf8')]))
}

function withoutManagedFields(secret: Secret): Secret {
  return 'managedFields' in secret.metadata
    ? { ...secret, metadata: { ...secret.metadata, managedFields: undefined } as Secret['metadata'] }
    : secret
}
