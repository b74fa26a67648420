import { randomUUID } from 'node:crypto'
import type { Agent, Rollout, Swarm } from '../../src/api/objects.ts'
import type { Request } from '../../src/api/rollout.ts'
import type { KubeClient } from '../../src/kube/client.ts'
import { CONFIG_MAPS, EVENTS, NAMESPACES, SECRETS, type CoreEvent, type ResourceKind, type Secret } from '../../src/kube/objects.ts'
import { AGENTS, BLUE_GREEN_ROLLOUTS, CANARY_ROLLOUTS, SWARMS } from '../../src/reconcilers/shared/kinds.ts'
import { agentProgram, TEMPLATE } from './agent-program.ts'
import { isReady } from './counts.ts'

/** The kinds of rollouts as the API server has them. */
export const ROLLOUT_KINDS: Readonly<Record<Rollout['kind'], ResourceKind<Rollout>>> = {
  CanaryRollout: CANARY_ROLLOUTS,
  BlueGreenRollout: BLUE_GREEN_ROLLOUTS,
}
/** The objects of one namespace, written and read as a person with kubectl does. */
export class SystemObjects {
  readonly client: KubeClient
  readonly namespace: string

  constructor(client: KubeClient, namespace: string) {
    this.client = client
    this.namespace = namespace
  }

  /** Writes a ConfigMap. */
  async configMap(name: string, data: Record<string, string>): Promise<void> {
    await this.client.apply(CONFIG_MAPS, { metadata: { name, namespace: this.namespace }, data }, { fieldManager: 'test', force: true })
  }

  /** Writes the ConfigMap with the small agent; `more` is done for each task, `always` also when its health is asked for. */
  async useAgentProgram(name = 'agent', more = '', always = ''): Promise<void> {
    await this.configMap(name, { 'agent.mjs': agentProgram({ more, always }) })
  }

  /** Writes a Secret. */
  async secret(name: string, stringData: Record<string, string>): Promise<void> {
    await this.client.apply(SECRETS, { metadata: { name, namespace: this.namespace }, stringData }, { fieldManager: 'test', force: true })
  }

  async removeSecret(name: string): Promise<void> {
    await this.client.delete(SECRETS, { name, namespace: this.namespace })
  }

  /** Applies a Swarm as `kubectl apply --server-side` does; its template runs the small agent unless another one is given. */
  async apply(name: string, spec: { template?: object; [field: string]: unknown } = {}): Promise<Swarm> {
    const manifest = { metadata: { name, namespace: this.namespace }, spec: { ...spec, template: { ...TEMPLATE, ...spec.template } } }
    return this.client.apply(SWARMS, manifest, { fieldManager: 'test', force: true })
  }

  async swarm(name: string): Promise<Swarm | undefined> {
    return this.client.get(SWARMS, { namespace: this.namespace, name })
  }

  /** Deletes a swarm; `Orphan` leaves what it owns. */
  async remove(name: string, propagationPolicy: 'Background' | 'Orphan' = 'Background'): Promise<void> {
    await this.client.delete(SWARMS, { namespace: this.namespace, name }, { propagationPolicy })
  }

  /** What `kubectl scale` does. */
  async scale(name: string, replicas: number): Promise<void> {
    await this.client.mergePatch(SWARMS, { namespace: this.namespace, name }, { spec: { replicas } }, { subresource: 'scale' })
  }

  /** Applies a rollout of either kind for a swarm, as `kubectl apply --server-side` does. */
  async applyRollout(kind: Rollout['kind'], name: string, spec: { swarm: string; [field: string]: unknown }): Promise<Rollout> {
    const manifest = { metadata: { name, namespace: this.namespace }, spec }
    return this.client.apply<Rollout>(ROLLOUT_KINDS[kind], manifest, { fieldManager: 'test', force: true })
  }

  async rollout(kind: Rollout['kind'], name: string): Promise<Rollout | undefined> {
    return this.client.get<Rollout>(ROLLOUT_KINDS[kind], { namespace: this.namespace, name })
  }

  async removeRollout(kind: Rollout['kind'], name: string): Promise<void> {
    await this.client.delete(ROLLOUT_KINDS[kind], { namespace: this.namespace, name })
  }

  /** What a person asks of a rollout, in its status, as `kubectl patch --subresource=status` does. */
  async request(kind: Rollout['kind'], name: string, action: Request['action'], more: Partial<Request> = {}): Promise<string> {
    const id = randomUUID()
    const patch = { status: { request: { id, action, by: 'a test', ...more } } }
    await this.client.mergePatch(ROLLOUT_KINDS[kind], { namespace: this.namespace, name }, patch, { subresource: 'status' })
    return id
  }

  async annotate({ metadata }: Agent, annotation: string, value: string): Promise<void> {
    await this.client.mergePatch(AGENTS, metadata, { metadata: { annotations: { [annotation]: value } } })
  }

  async removeAgent({ metadata }: Agent): Promise<void> {
    await this.client.delete(AGENTS, metadata)
  }

  /** Makes an Agent object vanish without its sandbox, as a person with too many rights could. */
  async loseAgent(agent: Agent): Promise<void> {
    await this.removeAgent(agent)
    await this.client.mergePatch(AGENTS, agent.metadata, { metadata: { finalizers: null } })
  }

  async removeNamespace(): Promise<void> {
    await this.client.delete(NAMESPACES, { name: this.namespace })
  }

  async namespaceExists(): Promise<boolean> {
    return (await this.client.get(NAMESPACES, { name: this.namespace })) !== undefined
  }

  /** The agents of a swarm, by name. */
  async agents(swarm: string): Promise<Agent[]> {
    const { items } = await this.client.list(AGENTS, { namespace: this.namespace, labelSelector: `swarmops.dev/swarm=${swarm}` })
    return items.sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
  }

  /** All Events of the namespace. */
  async allEvents(): Promise<CoreEvent[]> {
    return (await this.client.list(EVENTS, { namespace: this.namespace })).items
  }

  /** The traffic access tokens of a swarm's agents. */
  async tokens(swarm: string): Promise<string[]> {
    const secret: Secret | undefined = await this.client.get(SECRETS, { namespace: this.namespace, name: `${swarm}-agent-tokens` })
    return Object.values(secret?.data ?? {}).map((text) => Buffer.from(text, 'base64').toString('utf8'))
  }
}

/** The agents that take tasks. */
export const readyAgents = (agents: readonly Agent[]): Agent[] => agents.filter(isReady)

/** The ids of the sandboxes of agents, sorted. */
export const sandboxIds = (agents: readonly Agent[]): string[] => agents.flatMap((a) => a.status?.sandbox?.id ?? []).sort()
