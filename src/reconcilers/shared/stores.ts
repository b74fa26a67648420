import type { Agent, BlueGreenRollout, CanaryRollout, Swarm } from '../../api/objects.ts'
import type { KubeClient } from '../../kube/client.ts'
import type { EventRecorder } from '../../kube/events.ts'
import type { Informer } from '../../kube/informer.ts'
import type { ControllerRevision, ResourceQuota, Secret } from '../../kube/objects.ts'
import type { References } from '../../kube/references.ts'
import type { Queue } from '../../scaling/share.ts'

/** Tasks that wait, and for how long the oldest of them has; 0 without any. */
export type Waiting = Queue & { readonly oldestMs: number }

/** What the routers say about the tasks of agents. */
export type RouterView = {
  /** Tasks that routers have given the agent and not seen the end of. */
  inFlight(namespace: string, agent: string): number
  /** Every router sends the agent no more tasks and waits for none. */
  isDrained(namespace: string, agent: string): boolean
  /**
   * Percent of new tasks that each revision of a swarm has in the routers: the lowest and the highest of all of them; one that is not
   * connected counts as lowest 0. Undefined when no router is known.
   */
  inForce(namespace: string, swarm: string): Readonly<Record<string, { readonly least: number; readonly most: number }>> | undefined
  /** Guards that have tripped in any router. */
  trips(namespace: string, swarm: string): readonly { readonly run: string; readonly message: string }[]
  /** Every router is connected, so that no task ends unheard. */
  isConnected(): boolean
  /**
   * Tasks that wait for a swarm, or those that a group of it could take (`''` for a swarm without groups), and for how long the oldest does.
   * `shared` are those that other groups could take as well. Undefined while some router, or every one, is unknown.
   */
  waiting(namespace: string, swarm: string, group: string): Waiting | undefined
}

/** The world as the reconcilers see it. `swarm` indexes by the UID of the owning Swarm, `target` by the key of the one that a rollout points at. */
export type Stores = {
  client: KubeClient
  swarms: Informer<Swarm>
  agents: Informer<Agent, 'swarm' | 'namespace'>
  revisions: Informer<ControllerRevision, 'swarm'>
  canaries: Informer<CanaryRollout, 'target'>
  blueGreens: Informer<BlueGreenRollout, 'target'>
  tokens: Informer<Secret>
  /** Only what they say of agents. */
  quotas: Informer<ResourceQuota>
  references: References
  events: EventRecorder
  routers: RouterView
  /** Nonces of agents that this process made and for which no sandbox can exist yet. */
  fresh: Set<string>
  /** Unix milliseconds. */
  now(): number
}
