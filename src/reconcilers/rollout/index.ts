import type { Rollout } from '../../api/objects.ts'
import { REASON } from '../../api/reasons.ts'
import { keyOf } from '../../kube/objects.ts'
import type { Draft } from '../../api/conditions.ts'
import { sameStatus } from '../shared/same-status.ts'
import type { Stores } from '../shared/stores.ts'
import { attachedTo, nameOf, targetOf } from './attach.ts'
import { writeRolloutStatus } from './store-status.ts'
import { idleStatus } from './status.ts'

/** The key of a rollout of either kind: kind, namespace and name. */
export const rolloutKey = (rollout: Pick<Rollout, 'kind' | 'metadata'>) => `${rollout.kind}:${keyOf(rollout)}`

/**
 * One pass over a rollout that no swarm follows: it says why, and does nothing. The one that a swarm follows is worked on in the pass of
 * that swarm, so that agents, weights and the state of the rollout are always decided together.
 */
export async function reconcileRollout(key: string, stores: Stores, signal: AbortSignal): Promise<void> {
  const colon = key.indexOf(':')
  const informer = key.startsWith('CanaryRollout:') ? stores.canaries : stores.blueGreens
  const rollout: Rollout | undefined = informer.get(key.slice(colon + 1))
  if (!rollout || rollout.metadata.deletionTimestamp) return
  const why = whyIdle(rollout, stores)
  if (!why) return
  const at = { generation: rollout.metadata.generation, now: new Date(stores.now()).toISOString() }
  const status = idleStatus(rollout.status, why, at)
  if (sameStatus(rollout.status, status)) return
  await writeRolloutStatus(rollout, status, stores, signal)
  stores.events.record(rollout, { type: 'Warning', reason: why.reason, message: why.message })
}

/** Why no swarm follows it; undefined when one does. */
function whyIdle(rollout: Rollout, stores: Stores): Pick<Draft, 'reason' | 'message'> | undefined {
  const { swarm: name } = rollout.spec
  const swarm = stores.swarms.get(targetOf(rollout))
  if (!swarm)
    return { reason: REASON.swarmNotFound, message: `there is no Swarm ${name} in this namespace; apply it, or correct spec.swarm` }
  const followed = attachedTo(swarm, stores)
  if (!followed || followed.metadata.uid === rollout.metadata.uid) return undefined
  const message = `Swarm ${name} follows ${nameOf(followed)}, which is older; a Swarm has one rollout: delete one of the two`
  return { reason: REASON.anotherRollout, message }
}
