import { LABEL } from '../../api/names.ts'
import type { Rollout } from '../../api/objects.ts'
import { isMassFailureWithout } from '../../health/brake.ts'
import type { World } from '../../rollouts/world.ts'
import { isServing } from '../shared/agent-seen.ts'
import type { RouterView } from '../shared/stores.ts'
import { countReady, unitsOf } from './plan.ts'
import { tripsOf } from './routing.ts'
import type { Seen } from './seen.ts'

type Told = { readonly routers: Pick<RouterView, 'inForce' | 'trips'>; readonly checks: World['checks'] }

/** What planning may know of a rollout: its swarm, what routers tell, and how the checks stand. */
export function worldOf(seen: Seen, rollout: Rollout, { routers, checks }: Told): World {
  const { swarm, world, update } = seen
  const { namespace, name } = swarm.metadata
  const { status } = swarm
  const asked = Object.fromEntries((status?.traffic ?? []).map(({ revision, percent }) => [revision, { least: percent, most: percent }]))
  const request = rollout.status?.request
  const target = rollout.status?.state?.targetRevision ?? ''
  return {
    nowMs: world.nowMs,
    templateRevision: update.hash,
    currentRevision: status?.currentRevision ?? update.hash,
    ...(status?.rejectedRevision !== undefined && { rejectedRevision: status.rejectedRevision }),
    isMassFailure: world.brake !== undefined && isMassFailureWithout(target, world.failures ?? [], world.brake.of),
    groups: unitsOf(world.groups, world.isOrdered),
    ready: countReady(world.agents.filter(isServing), world.isOrdered),
    // Without routers nobody sends tasks: what is asked for is in force.
    inForce: routers.inForce(namespace, name) ?? asked,
    checks,
    trips: tripsOf(rollout.metadata.uid, routers.trips(namespace, name)),
    revisions: seen.revisions.flatMap(({ metadata }) => metadata.labels?.[LABEL.revision] ?? []).concat(update.hash),
    ...(request && { request }),
  }
}
