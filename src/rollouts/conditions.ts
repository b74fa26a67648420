import { progress, type Draft } from '../api/conditions.ts'
import { ROLLOUT_REASON as REASON } from '../api/rollout.ts'
import { StalledError } from '../errors.ts'
import { textOf, type Course } from './course.ts'
import { isUnderWay } from './pass.ts'
import type { Plan } from './world.ts'

/** Where a rollout is, in one line: `3/8 setWeight 25`; undefined when it is in no step. */
export function stepText(course: Course, { state }: Pick<Plan, 'state'>): string | undefined {
  const step = course.steps[state.step]
  if (state.activity === 'Promoting') return 'promoting'
  return state.activity === 'Stepping' && step ? `${state.step + 1}/${course.steps.length} ${textOf(step)}` : undefined
}

/**
 * The conditions of a rollout by the rules of kstatus: Ready always, Reconciling or Stalled only while true. Paused is true while nothing
 * goes on before a person acts; it says what to do.
 *
 * | state                        | Ready | besides     |
 * |------------------------------|-------|-------------|
 * | nothing to roll out          | True  |             |
 * | under way, or going back     | False | Reconciling |
 * | waits for a person           | False | Reconciling, Paused |
 * | aborted                      | False | Stalled     |
 */
export function conditionsOf(course: Course, plan: Plan): Draft[] {
  const { state } = plan
  const { targetRevision: target, stableRevision: stable, failure } = state
  if (state.activity === 'Aborted') {
    const message = `revision ${state.rejectedRevision ?? target} was given up: ${failure?.message ?? ''}; ${stable} has all tasks. Change spec.template of the Swarm, or ask for Retry`
    const reason = failure?.reason ?? REASON.abortedByRequest
    return progress({ type: 'Ready', status: 'False', reason, message }, undefined, new StalledError(reason, message))
  }
  if (state.activity === 'Idle')
    return progress({ type: 'Ready', status: 'True', reason: REASON.idle, message: `revision ${stable} is stable` }, undefined, undefined)
  const draft = draftOf(course, plan)
  const conditions = progress({ type: 'Ready', status: 'False', ...draft }, { type: 'Reconciling', status: 'True', ...draft }, undefined)
  const isPaused = plan.waitsFor === 'Person'
  return isPaused ? [...conditions, { type: 'Paused', status: 'True', ...draft }] : conditions
}

function draftOf(course: Course, plan: Plan): Pick<Draft, 'reason' | 'message'> {
  const { state, waitsFor } = plan
  const { targetRevision: target, stableRevision: stable, hold } = state
  const share = plan.weights.find(({ revision }) => revision === target)?.percent ?? 0
  const where = `revision ${target} has ${share} % of the tasks`
  if (state.activity === 'Returning')
    return { reason: REASON.returning, message: `${where} and gives them back to ${stable}: ${state.failure?.message ?? ''}` }
  const step = stepText(course, plan) ?? ''
  if (isUnderWay(state) && waitsFor === 'Person') {
    if (course.paused) return { reason: REASON.pausedBySpec, message: `${where}, ${step}: spec.paused is true; set it to false to go on` }
    if (hold) return { reason: hold.reason, message: `${where}, ${step}: ${hold.message}; ask for Resume, PromoteFully or Abort` }
    return { reason: REASON.pauseStep, message: `${where}, ${step}: ask for Promote to go on, or Abort` }
  }
  if (waitsFor === 'Replicas')
    return { reason: REASON.noAgents, message: `${where}: the Swarm has no agents; it goes on when it is scaled up` }
  const reason = state.activity === 'Promoting' ? REASON.promoting : REASON.stepping
  return { reason, message: `${where}, ${step}${waitsFor ? WAITS[waitsFor] : ''}` }
}

const WAITS = {
  Agents: ': waits for agents to be ready',
  Routers: ': waits for all routers to follow',
  Check: ': waits for what is measured',
  Time: '',
  Person: '',
  Replicas: '',
  MassFailure: ': waits for the end of a mass failure of the Swarm',
} as const
