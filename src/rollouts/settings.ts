import type { CanarySpec } from '../api/canary-rollout.ts'
import { durationMs } from '../api/duration.ts'
import type { GuardSpec } from '../api/rollout.ts'
import type { Course } from './course.ts'
import type { GuardRules } from './guard.ts'

type Common = Pick<
  CanarySpec,
  'onInconclusive' | 'rollbackWindow' | 'abortScaleDownDelay' | 'scaleDownDelay' | 'progressDeadline' | 'paused'
>

/** What both kinds of rollouts have in common. */
export function commonCourse(spec: Common): Omit<Course, 'steps' | 'dynamicStableScale' | 'backgroundFrom'> {
  return {
    onInconclusive: spec.onInconclusive,
    rollbackWindow: spec.rollbackWindow,
    abortScaleDownDelayMs: durationMs(spec.abortScaleDownDelay),
    scaleDownDelayMs: durationMs(spec.scaleDownDelay),
    deadlineMs: durationMs(spec.progressDeadline),
    paused: spec.paused,
  }
}

/** What a router needs to guard a revision. */
export const guardRulesOf = ({ maxErrorPercent, minSamples, window }: GuardSpec): GuardRules => ({
  maxErrorPercent,
  minSamples,
  windowMs: durationMs(window),
})
