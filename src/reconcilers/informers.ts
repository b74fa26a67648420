import type { Logger } from 'winston'
import { TOKENS_SECRET_TYPE } from '../api/names.ts'
import type { Agent, BlueGreenRollout, CanaryRollout, Rollout, Swarm } from '../api/objects.ts'
import type { KubeClient } from '../kube/client.ts'
import { EventRecorder } from '../kube/events.ts'
import { Informer } from '../kube/informer.ts'
import {
  CONTROLLER_REVISIONS,
  RESOURCE_QUOTAS,
  SECRETS,
  type ControllerRevision,
  type ResourceQuota,
  type Secret,
} from '../kube/objects.ts'
import { References } from '../kube/references.ts'
import type { RuntimeMetrics } from '../metrics/registry.ts'
import { targetOf } from './rollout/attach.ts'
import { AGENTS, BLUE_GREEN_ROLLOUTS, CANARY_ROLLOUTS, SWARMS } from './shared/kinds.ts'
import { AGENT_INDEXERS, bySwarm } from './shared/owners.ts'
import type { RouterView, Stores } from './shared/stores.ts'
import { quotaOfAgents } from './swarm/quotas.ts'

export type InformersOptions = {
  readonly client: KubeClient
  readonly routers: RouterView
  /** Namespaces to look after; all when empty. */
  readonly namespaces: readonly string[]
  readonly log: Logger
  readonly metrics: RuntimeMetrics
}

/** The world as the reconcilers see it, not followed yet. `onReference` hears who refers to something that looks different now. */
export function storesOf(
  { client, log, metrics, namespaces, routers }: InformersOptions,
  onReference: (owners: ReadonlySet<string>) => void,
): Stores {
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

/** Those that every pass reads. */
export const informersOf = ({ swarms, agents, revisions, canaries, blueGreens, tokens, quotas }: Stores) =>
  [swarms, agents, revisions, canaries, blueGreens, tokens, quotas] as const

/** Resolves when all of them have been read; rejects when the signal ends before. */
export async function synced(stores: Stores, signal: AbortSignal): Promise<void> {
  await Promise.all(informersOf(stores).map((informer) => informer.synced(signal)))
}
