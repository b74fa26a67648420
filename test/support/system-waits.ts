import type { E2bLocal } from '../../dev/e2b-local/server.ts'
import { isTrue } from '../../src/api/conditions.ts'
import { LABEL } from '../../src/api/names.ts'
import type { Agent, Swarm } from '../../src/api/objects.ts'
import { METADATA } from '../../src/e2b/metadata.ts'
import type { KubeClient } from '../../src/kube/client.ts'
import { CONTROLLER_REVISIONS, SECRETS, type CoreEvent, type KubeObject } from '../../src/kube/objects.ts'
import { AGENTS } from '../../src/reconcilers/shared/kinds.ts'
import { sandboxIds, SystemObjects } from './system-objects.ts'
import { eventually, GARBAGE_MS } from './wait.ts'

/** The objects of one namespace and its sandboxes, and waits until they are as they should be. */
export class SystemWaits extends SystemObjects {
  readonly e2b: E2bLocal

  constructor(client: KubeClient, namespace: string, e2b: E2bLocal) {
    super(client, namespace)
    this.e2b = e2b
  }

  /** Waits for an Event about an object. */
  async told(name: string, reason: string, message: RegExp): Promise<CoreEvent> {
    return eventually(`an Event ${reason} of ${name} says ${message}`, async () => {
      const events = (await this.allEvents()).filter((e) => e.involvedObject.name === name)
      const found = events.find((e) => e.reason === reason && message.test(e.message ?? ''))
      if (found) return found
      throw new Error(JSON.stringify(events.map((e) => [e.reason, e.message])))
    })
  }

  /** Waits until nothing is left of any swarm: no agent, no sandbox, no token, no revision. */
  async isEmpty({ timeoutMs = GARBAGE_MS } = {}): Promise<void> {
    const look = async () => {
      const within = { namespace: this.namespace, labelSelector: LABEL.swarm }
      const lists = await Promise.all([AGENTS, SECRETS, CONTROLLER_REVISIONS].map((kind) => this.client.list<KubeObject>(kind, within)))
      const objects = lists.flatMap((list) => list.items.map((o) => `${o.kind} ${o.metadata.name}`))
      const left = [...objects, ...this.#sandboxes().map((s) => s.sandboxId)]
      if (left.length > 0) throw new Error(left.join(', '))
      return true
    }
    await eventually('nothing is left', look, { timeoutMs })
  }

  /** Waits until agents, sandboxes and the swarm's spec agree exactly: nothing is missing, left over, or there twice. */
  async isExact(swarm: string, { timeoutMs = 60_000 } = {}): Promise<void> {
    await eventually(
      `agents and sandboxes of ${swarm} agree`,
      async () => {
        const agents = await this.agents(swarm)
        const sandboxes = this.#sandboxes().filter((s) => s.metadata[METADATA.swarm] === swarm)
        const seen = { agents: sandboxIds(agents), sandboxes: sandboxes.map((s) => s.sandboxId).sort() }
        const wanted = (await this.swarm(swarm))?.status?.desiredReplicas
        if (agents.length === wanted && JSON.stringify(seen.agents) === JSON.stringify(seen.sandboxes)) return true
        throw new Error(JSON.stringify({ wanted, ...seen }))
      },
      { timeoutMs },
    )
  }

  #sandboxes() {
    return this.e2b.admin.sandboxes().filter((s) => s.metadata[METADATA.namespace] === this.namespace)
  }

  /** Waits until a swarm is as its spec asks and nothing is under way. */
  async settled(name: string, { timeoutMs = 60_000 } = {}): Promise<Swarm> {
    return eventually(
      `swarm ${name} is settled`,
      async () => {
        const swarm = await this.swarm(name)
        if (swarm && isSettled(swarm)) return swarm
        throw new Error(JSON.stringify({ spec: swarm?.metadata.generation, status: swarm?.status }))
      },
      { timeoutMs },
    )
  }

  /** Waits until the swarm's Ready or Stalled condition, or that of an agent, gives this reason. */
  async tells(swarm: string, reason: string): Promise<{ swarm: Swarm; agents: Agent[] }> {
    return eventually(`swarm ${swarm} and its agents tell ${reason}`, async () => {
      const seen = await this.swarm(swarm)
      const agents = await this.agents(swarm)
      const agentTells = agents.some((a) => a.status?.conditions?.some((c) => c.reason === reason))
      const swarmTells = seen?.status?.conditions?.some((c) => c.reason === reason || c.message.includes(reason))
      if (seen && agentTells && swarmTells) return { swarm: seen, agents }
      throw new Error(JSON.stringify({ swarm: seen?.status?.conditions, agents: agents.map((a) => a.status?.conditions) }))
    })
  }
}

/** Seen in its newest form, complete, and nothing to do. */
function isSettled(swarm: Swarm): boolean {
  const { metadata, status } = swarm
  const isDone = !status?.conditions?.some((c) => ['Reconciling', 'Stalled'].includes(c.type))
  return status?.observedGeneration === metadata.generation && isDone && isTrue(swarm, 'Ready')
}
