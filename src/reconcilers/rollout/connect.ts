import type { Rollout } from '../../api/objects.ts'
import { keyOf } from '../../kube/objects.ts'
import type { ChangeType } from '../../kube/object-store.ts'
import { onlyStatusChanged } from '../shared/only-status-changed.ts'
import type { Stores } from '../shared/stores.ts'
import { rolloutsFor, targetOf } from './attach.ts'
import { rolloutKey } from './index.ts'

/** What rollouts are woken by. */
export type RolloutConnections = {
  readonly stores: Stores
  readonly routers: {
    onSwarmChange(listener: (namespace: string, swarm: string) => void): void
  }
  readonly wakeSwarm: (key: string) => void
  readonly wakeRollout: (key: string) => void
}

/**
 * What wakes whom: a rollout the swarm that it points at and the other rollouts that do; a swarm that comes or goes its rollouts; routers
 * that follow other weights, or have tripped, the swarm.
 */
export function connectRollouts({ stores, routers, wakeSwarm, wakeRollout }: RolloutConnections): void {
  const wakeRolloutsFor = (key: string) => {
    for (const rollout of rolloutsFor(key, stores)) wakeRollout(rolloutKey(rollout))
  }
  const changed = (type: ChangeType, rollout: Rollout, old: Rollout | undefined) => {
    if (type === 'updated' && old && isOwnWrite(rollout, old)) return
    for (const key of new Set([targetOf(rollout), ...(old ? [targetOf(old)] : [])])) {
      wakeSwarm(key)
      wakeRolloutsFor(key)
    }
  }
  stores.canaries.onChange(changed)
  stores.blueGreens.onChange(changed)
  stores.swarms.onChange((type, swarm) => {
    if (type !== 'updated') wakeRolloutsFor(keyOf(swarm))
  })
  routers.onSwarmChange((namespace, swarm) => {
    const key = `${namespace}/${swarm}`
    if (rolloutsFor(key, stores).length > 0) wakeSwarm(key)
  })
}

/** Nothing but the status has changed, and nobody asks for anything new in it. */
const isOwnWrite = (rollout: Rollout, old: Rollout) =>
  onlyStatusChanged(rollout, old) && (rollout.status?.request === undefined || rollout.status.request.id === old.status?.request?.id)
