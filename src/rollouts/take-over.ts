import { ROLLOUT_REASON as REASON, type RolloutState } from '../api/rollout.ts'
import type { Course } from './course.ts'
import { hashOfSteps, timeText } from './pass.ts'
import { BY_WEIGHT, canServe } from './sizes.ts'
import type { World } from './world.ts'

/**
 * The state of a rollout that was just attached. What was last complete is stable if it can serve. A rolling update that was under way
 * goes back first, as fast as the stable side has agents for it; then the steps begin.
 */
export function takeOver(course: Course, world: World): RolloutState {
  const { currentRevision, templateRevision, nowMs } = world
  const hasStable = canServe(world, currentRevision)
  const now = timeText(nowMs)
  const weight = world.inForce[templateRevision]?.most ?? 0
  const isMidWay = hasStable && currentRevision !== templateRevision && weight > 0
  const isRejected = hasStable && templateRevision !== currentRevision && templateRevision === world.rejectedRevision
  return {
    activity: isMidWay ? 'Returning' : 'Idle',
    ...(hasStable && { stableRevision: currentRevision }),
    ...(isRejected && { rejectedRevision: templateRevision }),
    targetRevision: isMidWay || !hasStable ? templateRevision : currentRevision,
    wantedRevision: templateRevision,
    templateRevision,
    attempt: 0,
    round: 0,
    startedAt: now,
    step: 0,
    stepSince: now,
    stepsHash: hashOfSteps(course),
    weight: isMidWay ? weight : 0,
    aim: isMidWay ? weight : 0,
    scale: BY_WEIGHT,
    isForced: false,
    isStableShrunk: isMidWay,
    ...(isMidWay && {
      failure: { reason: REASON.templateChanged, message: 'the rollout was attached in the middle of an update', at: now, step: 0 },
    }),
    kept: [],
    recentStable: [],
    history: [],
  }
}
