import { isDeepStrictEqual } from 'node:util'
import { LABEL } from '../../api/names.ts'
import type { Rollout } from '../../api/objects.ts'
import { conditionsOf } from '../../rollouts/conditions.ts'
import type { Course } from '../../rollouts/course.ts'
import type { Plan } from '../../rollouts/world.ts'
import type { RolloutFacts } from '../shared/rollout-facts.ts'
import type { Sides } from '../shared/sides.ts'
import { nameOf } from './attach.ts'
import { groupsOfUnits } from './plan.ts'
import { routingOf } from './routing.ts'
import type { Seen } from './seen.ts'

/** What a rollout asks of its swarm: agents, what to tell of it, and when to look again. */
export type Asked = { readonly sides: Sides; readonly facts: RolloutFacts; readonly checkAgainMs?: number | undefined }

/** A pass over a rollout that is done. `againMs`: when its status is to be stored at the latest, if it was not. */
export type Passed = {
  readonly rollout: Rollout
  readonly course: Course
  readonly plan: Plan
  readonly againMs: number | undefined
  readonly hasRouters: boolean
}

/** What the rollout that a swarm follows asks of it. */
export function askedOf({ swarm, world: { isOrdered } }: Seen, { rollout, course, plan, againMs, hasRouters }: Passed): Asked {
  const { state } = plan
  const working = conditionsOf(course, plan).find(({ type }) => type === 'Reconciling')
  // Nobody tells of weights in force where there is no router: once they are written they are.
  const isAtOnce = !hasRouters && !isDeepStrictEqual(swarm.status?.traffic, plan.weights)
  const times = [plan.checkAgainMs, againMs, isAtOnce ? 1 : undefined].filter((ms) => ms !== undefined)
  return {
    sides: {
      sides: plan.sides.map(({ revision, groups }) => ({ revision, groups: groupsOfUnits(groups, isOrdered) })),
      kept: plan.kept,
    },
    facts: {
      name: nameOf(rollout),
      stable: state.stableRevision,
      routing: routingOf(rollout, plan),
      rejected: state.rejectedRevision === state.templateRevision ? state.rejectedRevision : undefined,
      work: working && { reason: working.reason, message: `${nameOf(rollout)}: ${working.message}` },
    },
    ...(times.length > 0 && { checkAgainMs: Math.min(...times) }),
  }
}

/** Without a rollout: the revision that one gave up stays given up, and what was stable before has all agents and tasks. */
export function heldBack({ swarm, world, update, revisions }: Seen): Asked | undefined {
  const { rejectedRevision, currentRevision } = swarm.status ?? {}
  if (rejectedRevision !== update.hash || currentRevision === undefined || currentRevision === rejectedRevision) return undefined
  if (!revisions.some(({ metadata }) => metadata.labels?.[LABEL.revision] === currentRevision)) return undefined
  return {
    sides: { sides: [{ revision: currentRevision, groups: world.groups }], kept: [] },
    facts: { stable: currentRevision, routing: { traffic: [{ revision: currentRevision, percent: 100 }] }, rejected: rejectedRevision },
  }
}
