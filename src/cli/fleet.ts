import { AGENT, BLUE_GREEN_ROLLOUT, CANARY_ROLLOUT, SCALING_POLICY, SWARM } from '../api/kinds.ts'
import { LABEL } from '../api/names.ts'
import type { Agent, BlueGreenRollout, CanaryRollout, Rollout, ScalingPolicy, Swarm } from '../api/objects.ts'
import type { KubeClient } from '../kube/client.ts'
import type { ResourceKind } from '../kube/objects.ts'

const SWARMS: ResourceKind<Swarm> = { ...SWARM, namespaced: true }
/** How agents are addressed. */
export const AGENTS: ResourceKind<Agent> = { ...AGENT, namespaced: true }
const CANARIES: ResourceKind<CanaryRollout> = { ...CANARY_ROLLOUT, namespaced: true }
const BLUE_GREENS: ResourceKind<BlueGreenRollout> = { ...BLUE_GREEN_ROLLOUT, namespaced: true }
const POLICIES: ResourceKind<ScalingPolicy> = { ...SCALING_POLICY, namespaced: true }

/** All kinds that the status of a swarm is put together from. */
export const WATCHED: readonly ResourceKind[] = [SWARMS, AGENTS, CANARIES, BLUE_GREENS, POLICIES]

/** Something that a person asked for and that is not there, or cannot be done; the message says what to do instead. */
export class CliError extends Error {}

/** A person has ended it, who needs no words for that. */
export class InterruptedError extends CliError {}

/** Where an object is. */
export type Ref = { readonly namespace: string; readonly name: string }

/** A swarm with all that belongs to it. */
export type Fleet = {
  readonly swarm: Swarm
  readonly agents: readonly Agent[]
  readonly rollout: Rollout | undefined
  readonly policies: readonly ScalingPolicy[]
}

/** How rollouts of a kind are addressed. */
export const rolloutKind = (kind: string): ResourceKind<Rollout> => (kind === 'CanaryRollout' ? CANARIES : BLUE_GREENS)

/** The swarms of a namespace, or of all. */
export async function readSwarms(client: KubeClient, namespace: string | undefined): Promise<Swarm[]> {
  const { items } = await client.list(SWARMS, namespace === undefined ? {} : { namespace })
  return items.sort((a, b) => compare(a.metadata.namespace, b.metadata.namespace) || compare(a.metadata.name, b.metadata.name))
}

/** A swarm. Throws a CliError that names those that there are. */
export async function readSwarm(client: KubeClient, ref: Ref): Promise<Swarm> {
  const swarm = await client.get(SWARMS, ref)
  if (swarm) return swarm
  const names = (await readSwarms(client, ref.namespace)).map(({ metadata }) => metadata.name)
  const there = names.length === 0 ? 'there is none in it' : `there are ${listed(names)}`
  throw new CliError(`namespace ${ref.namespace} has no swarm ${ref.name}; ${there}`)
}

/** An agent. Throws a CliError that says how to see those that there are. */
export async function readAgent(client: KubeClient, ref: Ref): Promise<Agent> {
  const agent = await client.get(AGENTS, ref)
  if (agent) return agent
  throw new CliError(`namespace ${ref.namespace} has no agent ${ref.name}; kubectl swarm status SWARM shows those of a swarm`)
}

/** The agents of a swarm by name, or all of a namespace, or of all. */
export async function readAgents(client: KubeClient, namespace: string | undefined, swarm?: string): Promise<Agent[]> {
  const selection = {
    ...(namespace !== undefined && { namespace }),
    ...(swarm !== undefined && { labelSelector: `${LABEL.swarm}=${swarm}` }),
  }
  const { items } = await client.list(AGENTS, selection)
  return items.sort((a, b) => compare(a.metadata.name, b.metadata.name))
}

/** An agent of this name, or the agents of the swarm of this name. Throws a CliError when there is neither. */
export async function readAgentOrSwarm(client: KubeClient, ref: Ref): Promise<{ agents: Agent[]; isSwarm: boolean }> {
  const agent = await client.get(AGENTS, ref)
  if (agent) return { agents: [agent], isSwarm: false }
  if (await client.get(SWARMS, ref)) return { agents: await readAgents(client, ref.namespace, ref.name), isSwarm: true }
  throw new CliError(`namespace ${ref.namespace} has neither an agent nor a swarm ${ref.name}; kubectl swarm list shows the swarms`)
}

/** A swarm with all that belongs to it. Throws a CliError when there is none. */
export async function readFleet(client: KubeClient, ref: Ref): Promise<Fleet> {
  const swarm = await readSwarm(client, ref)
  const [agents, rollout, policies] = await Promise.all([
    readAgents(client, ref.namespace, ref.name),
    readRollout(client, swarm),
    client.list(POLICIES, { namespace: ref.namespace }),
  ])
  return {
    swarm,
    agents,
    rollout,
    policies: policies.items.filter(({ spec }) => spec.target.swarm === ref.name),
  }
}

/** The rollout that a swarm follows, if it follows one. */
export async function readRollout(client: KubeClient, { metadata, status }: Swarm): Promise<Rollout | undefined> {
  const [kind, name] = status?.rollout?.split('/') ?? []
  if (kind === undefined || name === undefined) return undefined
  return client.get(rolloutKind(kind), { namespace: metadata.namespace, name })
}

const compare = (a: string, b: string): number => Number(a > b) - Number(a < b)

const MOST_NAMES = 10

/** Some names, and how many more there are. */
function listed(names: readonly string[]): string {
  const more = names.length - MOST_NAMES
  return names.slice(0, MOST_NAMES).join(', ') + (more > 0 ? ` and ${more} more` : '')
}
