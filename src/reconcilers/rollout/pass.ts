import type { Rollout, Swarm } from '../../api/objects.ts'
import { REASON } from '../../api/reasons.ts'
import { keyOf } from '../../kube/objects.ts'
import type { Plan } from '../../rollouts/world.ts'
import type { Stores } from '../shared/stores.ts'
import type { Analyst } from './analyst.ts'
import { askedOf, heldBack, type Asked } from './asked.ts'
import { attachedTo, nameOf } from './attach.ts'
import type { RolloutMetrics } from './metrics.ts'
import { checksOf, courseOf, planOf } from './plan.ts'
import type { Seen } from './seen.ts'
import { countedOf, newlyEnded, rolloutStatus } from './status.ts'
import { storeStatus, type StatusStore } from './store-status.ts'
import { worldOf } from './world.ts'

/** What rollouts are worked on with. */
export type RolloutDeps = StatusStore & { readonly analyst: Analyst; readonly rolloutMetrics: RolloutMetrics }

/** Writes new weights, and leaves all else that routers follow as it is. */
export type WriteWeights = (traffic: Plan['weights']) => Promise<void>

/**
 * One pass over the rollout that a swarm follows, if there is one: what it has decided is stored before it is done. Only tasks that go back
 * do not wait for that: whatever is lost by a crash, stable may have them. Without a rollout a revision that an earlier one gave up is
 * kept back, until the template changes.
 */
export async function passRollout(
  seen: Seen,
  deps: RolloutDeps,
  writeWeights: WriteWeights,
  signal: AbortSignal,
): Promise<Asked | undefined> {
  const { stores, analyst } = deps
  const key = keyOf(seen.swarm)
  const rollout = attachedTo(seen.swarm, stores)
  tellAttached(seen, rollout, stores)
  if (!rollout) {
    analyst.forget(key)
    deps.wroteAt.delete(key)
    return heldBack(seen)
  }
  const of = { uid: rollout.metadata.uid, stored: rollout.status?.metrics ?? [] }
  const look = analyst.look(key, of)
  const world = worldOf(seen, rollout, { routers: stores.routers, checks: look.checks })
  const plan = planOf(rollout, world)
  const course = courseOf(rollout)
  const status = rolloutStatus(course, plan, {
    generation: rollout.metadata.generation,
    stored: rollout.status,
    inForce: world.inForce,
    counts: { ...countedOf(rollout.status, plan.state.attempt), ...analyst.counts(key) },
    metrics: look.metrics,
    now: new Date(world.nowMs).toISOString(),
  })
  if (goesBack(seen.swarm, plan)) await writeWeights(plan.weights)
  const againMs = await storeStatus({ key, rollout, status }, deps, signal)
  for (const event of plan.events) stores.events.record(rollout, event)
  for (const ended of newlyEnded(rollout.status, status)) deps.rolloutMetrics.ended(rollout, ended)
  const { state } = plan
  analyst.follow(key, {
    ...of,
    rollout: { kind: rollout.kind, namespace: rollout.metadata.namespace, name: rollout.metadata.name },
    swarm: seen.swarm.metadata.name,
    attempt: state.attempt,
    target: state.targetRevision,
    stable: state.stableRevision ?? '',
    checks: checksOf(rollout, plan),
    counted: countedOf(rollout.status, state.attempt),
  })
  const hasRouters = stores.routers.inForce(seen.swarm.metadata.namespace, seen.swarm.metadata.name) !== undefined
  return askedOf(seen, { rollout, course, plan, againMs, hasRouters })
}

/** Whether the stable revision gets tasks back. */
function goesBack({ status }: Swarm, { state: { stableRevision }, weights }: Plan): boolean {
  const percentOf = (shares: Plan['weights']) => shares.find(({ revision }) => revision === stableRevision)?.percent ?? 0
  return stableRevision !== undefined && status?.traffic !== undefined && percentOf(weights) > percentOf(status.traffic)
}

/** Revisions that the rollout of a swarm may still need the template of. */
export function revisionsOfRollout(swarm: Swarm, stores: Stores): string[] {
  const state = attachedTo(swarm, stores)?.status?.state
  if (!state) return []
  return [
    state.stableRevision ?? '',
    state.targetRevision,
    state.wantedRevision,
    ...state.recentStable,
    ...state.kept.map((k) => k.revision),
  ]
}

/** Tells people which rollout the swarm follows from now on, and which one it does not follow any more. */
function tellAttached({ swarm }: Seen, rollout: Rollout | undefined, { events }: Stores): void {
  const before = swarm.status?.rollout
  const now = rollout && nameOf(rollout)
  if (before === now) return
  if (before !== undefined)
    events.record(swarm, { type: 'Normal', reason: REASON.rolloutDetached, message: `${before} is not followed any more` })
  if (now !== undefined) events.record(swarm, { type: 'Normal', reason: REASON.rolloutAttached, message: `template changes follow ${now}` })
}
