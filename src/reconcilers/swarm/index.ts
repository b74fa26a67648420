import { OperatorError } from '../../errors.ts'
import type { Swarm } from '../../api/objects.ts'
import type { SwarmStatus } from '../../api/swarm.ts'
import { swarmSelector } from './selector.ts'
import { SWARMS, FIELD_MANAGER } from '../shared/kinds.ts'
import type { Stores } from '../shared/stores.ts'
import { sameStatus } from '../shared/same-status.ts'
import { adopt } from './adopt.ts'
import { act, keepRevisions } from './act.ts'
import { observeSwarm, type Seen } from './observe.ts'
import { planSwarm } from './plan.ts'
import { statusOf, waitingStatus } from './status.ts'

/** One pass over a swarm: look, decide, do, tell. Safe to run again at any time and after a crash at any line. */
export async function reconcileSwarm(key: string, stores: Stores, signal: AbortSignal): Promise<{ requeueAfterMs?: number }> {
  const swarm = stores.swarms.get(key)
  if (swarm && !swarm.metadata.deletionTimestamp) {
    await defaultReplicas(swarm, stores, signal)
    await adopt(swarm, stores, signal)
  }
  let seen: Seen | undefined
  try {
    seen = observeSwarm(key, stores)
  } catch (error) {
    if (error instanceof OperatorError) await tellWaiting(key, error, stores, signal)
    throw error
  }
  if (!seen) return {}
  const plan = planSwarm(seen.world)
  await keepRevisions(seen, stores, signal)
  const error = await act(seen, plan.actions, stores, signal)
  const { metadata, status: stored = UNSEEN } = seen.swarm
  const status = statusOf(seen.world, plan, error, {
    generation: metadata.generation,
    stored,
    selector: swarmSelector(metadata.name),
    troubles: seen.troubles,
    now: new Date(stores.now()).toISOString(),
  })
  await writeStatus(seen.swarm, status, stores, signal)
  if (error) throw error
  return plan.checkAgainMs === undefined ? {} : { requeueAfterMs: plan.checkAgainMs }
}

/**
 * Writes the one agent that a spec without a number means, and takes the number away when groups come instead. The API
 * server cannot do it, since a default would stand beside `groups` too; and without a number autoscalers cannot read /scale.
 */
async function defaultReplicas({ spec, metadata }: Swarm, { client, swarms }: Stores, signal: AbortSignal): Promise<void> {
  if ((spec.groups === undefined) === (spec.replicas !== undefined)) return
  const { uid, resourceVersion } = metadata
  const patch = { metadata: { uid, resourceVersion }, spec: { replicas: spec.groups === undefined ? 1 : null } }
  swarms.wrote(await client.mergePatch(SWARMS, metadata, patch, { fieldManager: FIELD_MANAGER, signal }))
}

const UNSEEN: SwarmStatus = { observedGeneration: -1 }

/** Tells why a swarm cannot even be planned; what runs is left as it is. */
async function tellWaiting(key: string, error: OperatorError, stores: Stores, signal: AbortSignal): Promise<void> {
  const swarm = stores.swarms.get(key)
  if (!swarm) return
  const now = new Date(stores.now()).toISOString()
  await writeStatus(swarm, waitingStatus(swarm.status ?? UNSEEN, error, { generation: swarm.metadata.generation, now }), stores, signal)
}

async function writeStatus(swarm: Seen['swarm'], status: SwarmStatus, stores: Stores, signal: AbortSignal): Promise<void> {
  if (sameStatus(swarm.status, status)) return
  stores.swarms.wrote(await stores.client.patchStatus(SWARMS, swarm, status, { precondition: 'uid', fieldManager: FIELD_MANAGER, signal }))
}
