import { LABEL } from '../api/names.ts'
import type { Agent } from '../api/objects.ts'
import { keyOf } from '../kube/objects.ts'
import type { Controllers } from './controllers.ts'
import { onlyStatusChanged } from './shared/only-status-changed.ts'
import type { Stores } from './shared/stores.ts'

/** Changes of agents that come within this time are one look at their swarm. Milliseconds. */
export const GATHER_MS = 40

export type Connections = {
  readonly stores: Stores
  readonly controllers: Controllers
  readonly routers: { onDrain(listener: (namespace: string, agent: string) => void): void }
}

/** What wakes whom: each object its own pass, an agent also its swarm, a swarm's spec its agents. */
export function connect({ stores, controllers, routers }: Connections): void {
  const wakeSwarmOf = (agent: Agent) => controllers.swarms.enqueueAfter(`${agent.metadata.namespace}/${agent.spec.swarm}`, GATHER_MS)
  stores.swarms.onChange((type, swarm, old) => {
    // An epoch that another operator has settled meanwhile: ours would be refused.
    if (onlyStatusChanged(swarm, old) && old?.status?.topology?.epoch === swarm.status?.topology?.epoch) return
    controllers.swarms.enqueue(keyOf(swarm))
    if (type === 'updated')
      for (const agent of stores.agents.index('swarm', swarm.metadata.uid))
        if (agent.metadata.deletionTimestamp || agent.spec.state === 'Warm') controllers.agents.enqueue(keyOf(agent))
  })
  stores.agents.onChange((_type, agent, old) => {
    if (!onlyStatusChanged(agent, old)) controllers.agents.enqueue(keyOf(agent))
    wakeSwarmOf(agent)
  })
  stores.tokens.onChange((_type, { metadata }) => {
    wakeLinked(`${metadata.namespace}/${metadata.labels?.[LABEL.swarm] ?? ''}`, controllers, stores)
  })
  routers.onDrain((namespace, name) => {
    const agent = stores.agents.get({ namespace, name })
    if (agent?.spec.state === 'Draining') controllers.swarms.enqueue(`${namespace}/${agent.spec.swarm}`)
  })
}

/** A check of an agent has something new. */
export function wakeChecked(key: string, controllers: Controllers, stores: Stores): void {
  controllers.agents.enqueue(key)
  const agent = stores.agents.get(key)
  if (agent) wakeLinked(`${agent.metadata.namespace}/${agent.spec.swarm}`, controllers, stores)
}

/** Agents of a swarm with a topology may have to be told something: one answers again, or has another token. */
function wakeLinked(key: string, controllers: Controllers, { swarms }: Stores): void {
  if (swarms.get(key)?.spec.topology) controllers.swarms.enqueueAfter(key, GATHER_MS)
}
