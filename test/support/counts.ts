import { isTrue } from '../../src/api/conditions.ts'
import type { Agent } from '../../src/api/objects.ts'
import type { KubeClient } from '../../src/kube/client.ts'
import { Informer } from '../../src/kube/informer.ts'
import { createLog } from '../../src/log.ts'
import { AGENTS } from '../../src/reconcilers/shared/kinds.ts'

/** Agents of a swarm at one moment: those that are wanted, and those of them that take tasks. */
export type Counts = { running: number; ready: number }

/** Counts the agents of a swarm at every change, without missing one, until it is stopped. */
export function watchCounts(client: KubeClient, namespace: string, swarm: string): { stop(): Promise<Counts[]> } {
  const log = createLog({ level: 'error', shape: 'text' })
  const labelSelector = `swarmops.dev/swarm=${swarm}`
  const informer = new Informer<Agent>({ client, kind: AGENTS, namespaces: [namespace], labelSelector, log })
  const seen: Counts[] = []
  const look = () => {
    if (informer.hasSynced) seen.push(countsOf(informer.list()))
  }
  informer.onChange(look)
  informer.start()
  return {
    stop: async () => {
      await informer.synced(AbortSignal.timeout(10_000))
      look()
      await informer.stop()
      return seen
    },
  }
}

const countsOf = (agents: readonly Agent[]): Counts => {
  const running = agents.filter((a) => a.spec.state === 'Running' && !a.metadata.deletionTimestamp && !a.status?.failed)
  return { running: running.length, ready: running.filter(isReady).length }
}

/** Takes tasks. */
export const isReady = (agent: Agent) => isTrue(agent, 'Ready')
