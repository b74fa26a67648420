import type { MetricStatus } from '../../api/analysis.ts'
import { merge, type Draft } from '../../api/conditions.ts'
import { REASON } from '../../api/reasons.ts'
import type { Ended } from '../../api/rollout.ts'
import type { RolloutStatus } from '../../api/rollout-status.ts'
import { conditionsOf, stepText } from '../../rollouts/conditions.ts'
import type { Course } from '../../rollouts/course.ts'
import { NO_ATTEMPTS, type AttemptCounts } from '../../rollouts/subject.ts'
import type { Plan, World } from '../../rollouts/world.ts'

/** What status needs beside the plan. `now` is an RFC 3339 time. */
export type Around = {
  readonly generation: number
  readonly stored: RolloutStatus | undefined
  readonly inForce: World['inForce']
  readonly counts: Readonly<Record<string, AttemptCounts>>
  readonly metrics: readonly MetricStatus[]
  readonly now: string
}

/** The status of the rollout that a swarm follows. What a person asks for goes with its answer, so that no field of it gets into the next one by a merge. */
export function rolloutStatus(course: Course, plan: Plan, { generation, stored, inForce, counts, metrics, now }: Around): RolloutStatus {
  const step = stepText(course, plan)
  const request = stored?.request
  return {
    observedGeneration: generation,
    ...(step !== undefined && { step }),
    weights: plan.weights.map(({ revision, percent }) => {
      const { least = 0, most = 0 } = inForce[revision] ?? {}
      return { revision, percent, ...(least === most && { inForce: least }), ...(counts[revision] ?? NO_ATTEMPTS) }
    }),
    state: plan.state,
    ...(metrics.length > 0 && { metrics: [...metrics] }),
    ...(request && request.id !== plan.state.answer?.id && { request }),
    conditions: merge(stored?.conditions ?? [], conditionsOf(course, plan), generation, now),
  }
}

/**
 * The status of a rollout that no swarm follows. What it knew of an earlier time stays, for people; it is not followed any more. A Swarm that
 * is not there may be about to come, applied together with it; that another rollout is followed, a person must change.
 */
export function idleStatus(
  stored: RolloutStatus | undefined,
  draft: Pick<Draft, 'reason' | 'message'>,
  at: { generation: number; now: string },
): RolloutStatus {
  const { state: _, weights: __, step: ___, metrics: ____, ...rest } = stored ?? { observedGeneration: -1 }
  const drafts: Draft[] = [
    { type: 'Ready', status: 'False', ...draft },
    { type: draft.reason === REASON.swarmNotFound ? 'Reconciling' : 'Stalled', status: 'True', ...draft },
  ]
  return { ...rest, observedGeneration: at.generation, conditions: merge(stored?.conditions ?? [], drafts, at.generation, at.now) }
}

/** A status without the figures that change with every measurement. */
export function withoutFigures(status: RolloutStatus): object {
  const { metrics: _, weights, ...rest } = status
  return { ...rest, ...(weights && { weights: weights.map(({ samples: __, failed: ___, ...share }) => share) }) }
}

/** What the history of a rollout has gained. */
export function newlyEnded(before: RolloutStatus | undefined, after: RolloutStatus): readonly Ended[] {
  const known = before?.state?.history[0]?.endedAt
  const history = after.state?.history ?? []
  const old = history.findIndex(({ endedAt }) => endedAt === known)
  return old < 0 ? history : history.slice(0, old)
}

/** Attempts by revision as they were stored for this attempt of the rollout. */
export function countedOf(stored: RolloutStatus | undefined, attempt: number): Readonly<Record<string, AttemptCounts>> {
  if (stored?.state?.attempt !== attempt) return {}
  return Object.fromEntries((stored.weights ?? []).map(({ revision, samples, failed }) => [revision, { samples, failed }]))
}
