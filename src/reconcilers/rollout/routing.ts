import type { Rollout } from '../../api/objects.ts'
import type { Guard } from '../../api/swarm-status.ts'
import { isUnderWay } from '../../rollouts/pass.ts'
import type { Plan, Tripped } from '../../rollouts/world.ts'
import type { RoutersFollow } from '../shared/rollout-facts.ts'

/** What routers follow. */
export function routingOf(rollout: Rollout, plan: Plan): RoutersFollow {
  const guard = guardOf(rollout, plan)
  const { testers } = rollout.spec
  const { state, weights, mirror } = plan
  return {
    traffic: [...weights],
    ...(guard && { guard }),
    ...(testers && state.stableRevision !== undefined && isUnderWay(state) && { testers: { revision: state.targetRevision, ...testers } }),
    ...(mirror && { mirror: { ...mirror, run: routerRun(rollout.metadata.uid, mirror.run) } }),
  }
}

/** The trips of the runs of a rollout, by its UID, out of all that routers tell of its swarm. */
export function tripsOf(uid: string, told: readonly Tripped[]): Tripped[] {
  const prefix = routerRun(uid, '')
  return told.filter(({ run }) => run.startsWith(prefix)).map(({ run, message }) => ({ run: run.slice(prefix.length), message }))
}

function guardOf({ metadata, spec }: Rollout, { guard, state }: Plan): Guard | undefined {
  if (!guard || state.stableRevision === undefined) return undefined
  return { run: routerRun(metadata.uid, guard.run), revision: guard.revision, stable: state.stableRevision, ...spec.guard }
}

/** How routers name a run: with the rollout, so that another one never meets the trip of an earlier one. */
const routerRun = (uid: string, run: string) => `${uid.slice(0, 8)}-${run}`
