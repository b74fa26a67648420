import { MAX_RECENT, ROLLOUT_REASON as REASON, type RolloutState } from '../api/rollout.ts'
import { stopAtBreach } from './breach.ts'
import { textOf, type Course } from './course.ts'
import { wait } from './deadline.ts'
import {
  beginChecksAnew,
  hasBackground,
  hashOfSteps,
  isHeld,
  keep,
  nextStep,
  remember,
  resultOf,
  runOfBackground,
  stepNumber,
  tell,
  timeText,
  verdictOf,
  type Pass,
} from './pass.ts'
import { planOf, stableSizes } from './plan.ts'
import { answerRequest, redirect } from './requests.ts'
import { BY_WEIGHT, canServe, hasReady, readyPercent } from './sizes.ts'
import { doStep, isFollowed } from './steps.ts'
import { takeOver } from './take-over.ts'
import type { Plan, World } from './world.ts'

/** Transitions in one pass at most, beside one for each step: more than any way through the machine takes. */
const MAX_TURNS = 32

/**
 * One pass over a rollout. It may run at any time and any number of times: everything it knows is in the stored state, which is to be
 * stored before, or together with, what the plan asks for. Without a stored state it takes the swarm over as it is. Throws when it goes
 * round in a circle, which is a mistake in the machine.
 */
export function planRollout(course: Course, stored: RolloutState | undefined, world: World): Plan {
  const state = stored ? structuredClone(stored) : takeOver(course, world)
  const pass: Pass = { course, world, state, events: [], times: [] }
  seeTemplate(pass)
  answerRequest(pass)
  for (let turns = 0; advance(pass); turns += 1) {
    if (turns === MAX_TURNS + course.steps.length)
      throw new Error(`the rollout of revision ${state.targetRevision} does not come to rest: ${state.activity}, step ${stepNumber(pass)}`)
    pass.times.length = 0
  }
  dropKept(pass)
  noteShrunk(pass)
  return planOf(pass)
}

function seeTemplate(pass: Pass): void {
  const { state, world } = pass
  if (world.templateRevision === state.templateRevision) return
  state.templateRevision = world.templateRevision
  state.wantedRevision = world.templateRevision
  delete state.rejectedRevision
  redirect(pass, state.wantedRevision === state.stableRevision ? REASON.templateReverted : REASON.templateChanged)
}

/** Makes one transition; false when nothing more follows from what is seen. */
function advance(pass: Pass): boolean {
  pass.waitsFor = undefined
  switch (pass.state.activity) {
    case 'Idle':
    case 'Aborted':
      return settle(pass)
    case 'Returning':
      return comeBack(pass)
    case 'Stepping':
    case 'Promoting':
      return goOn(pass)
  }
}

/** All tasks are at the stable revision: what next? */
function settle(pass: Pass): boolean {
  const { state } = pass
  const { wantedRevision, stableRevision, rejectedRevision } = state
  if (wantedRevision !== stableRevision && wantedRevision !== rejectedRevision) return start(pass)
  const next = wantedRevision === stableRevision ? 'Idle' : 'Aborted'
  if (state.activity === next) return false
  state.activity = next
  if (next === 'Idle') rest(state)
  return true
}

/** Nothing is under way: what belonged to the last rollout is put away. */
function rest(state: RolloutState): void {
  state.activity = 'Idle'
  state.targetRevision = state.wantedRevision
  state.weight = 0
  state.aim = 0
  state.scale = BY_WEIGHT
  state.isForced = false
  delete state.mirror
  delete state.hold
  delete state.failure
  delete state.deadline
  delete state.rejectedRevision
}

function start(pass: Pass): boolean {
  const { course, state, world } = pass
  const { wantedRevision, stableRevision } = state
  const isKept = state.kept.some(({ revision, wasStable }) => wasStable && revision === wantedRevision)
  const isFast = stableRevision === undefined || isKept || state.recentStable.slice(0, course.rollbackWindow).includes(wantedRevision)
  const { hold } = state
  rest(state)
  if (hold?.reason === REASON.pausedByRequest) state.hold = hold
  state.activity = isFast ? 'Promoting' : 'Stepping'
  state.isForced = isFast
  state.attempt += 1
  state.round = 0
  state.startedAt = timeText(world.nowMs)
  state.step = 0
  state.stepSince = state.startedAt
  state.stepsHash = hashOfSteps(course)
  state.kept = state.kept.filter(({ revision }) => revision !== wantedRevision)
  const how = isFast ? 'in one step' : `in ${course.steps.length} steps`
  if (stableRevision !== undefined) tell(pass, 'Normal', REASON.started, `revision ${wantedRevision} replaces ${stableRevision} ${how}`)
  return true
}

/** Tasks go back at once, or, when the stable side has shrunk, as fast as it grows. */
function comeBack(pass: Pass): boolean {
  const { course, state, world } = pass
  const { stableRevision = '', targetRevision } = state
  const isPaced = state.isStableShrunk && canServe(world, targetRevision)
  state.weight = isPaced ? Math.min(state.weight, 100 - readyPercent(world, stableRevision)) : 0
  if (state.weight > 0) {
    pass.waitsFor = 'Agents'
    return false
  }
  const { reason, message, step } = state.failure ?? { reason: REASON.templateChanged, message: '', step: 0 }
  const result = resultOf(reason)
  if (state.attempt > 0) remember(pass, { result, reason, message, step })
  keep(pass, targetRevision, { delayMs: result === 'Aborted' ? course.abortScaleDownDelayMs : 0, wasStable: false })
  state.activity = state.wantedRevision === state.rejectedRevision ? 'Aborted' : 'Idle'
  state.aim = 0
  if (state.activity === 'Idle' && state.wantedRevision === state.stableRevision) rest(state)
  return true
}

function goOn(pass: Pass): boolean {
  const { course, state, world } = pass
  if (state.stableRevision === undefined) return becomeFirst(pass)
  if (stopAtBreach(pass)) return true
  if (isHeld(pass)) return wait(pass, 'Person')
  if (!world.groups.some((group) => group.replicas > 0)) return wait(pass, 'Replicas')
  if (world.isMassFailure) return wait(pass, 'MassFailure')
  if (state.activity === 'Promoting') return promote(pass)
  if (state.stepsHash !== hashOfSteps(course)) return beginSteps(pass)
  const step = course.steps[state.step]
  if (!step) {
    state.activity = 'Promoting'
    state.stepSince = timeText(world.nowMs)
    delete state.mirror
    delete state.deadline
    return true
  }
  const waitsFor = doStep(pass, step)
  if (waitsFor) return wait(pass, waitsFor)
  tell(
    pass,
    'Normal',
    REASON.stepDone,
    `revision ${state.targetRevision}: step ${stepNumber(pass)} of ${course.steps.length} done, ${textOf(step)}`,
  )
  nextStep(pass)
  return true
}

/** The first revision of a swarm has nobody to compare with and nobody to take tasks from. */
function becomeFirst(pass: Pass): boolean {
  const { state, world } = pass
  if (!canServe(world, state.targetRevision)) {
    pass.waitsFor = 'Agents'
    return false
  }
  state.stableRevision = state.targetRevision
  rest(state)
  return true
}

/** The steps were changed while it was on its way: they are begun anew, from the weight that it has. */
function beginSteps(pass: Pass): true {
  const { course, state } = pass
  state.stepsHash = hashOfSteps(course)
  state.step = 0
  delete state.mirror
  beginChecksAnew(pass)
  delete state.deadline
  tell(pass, 'Normal', REASON.restarted, `the steps were changed: revision ${state.targetRevision} begins with the first one again`)
  return true
}

/** Whether what is measured all the time has succeeded, unless a person does not ask for it. */
const isProved = (pass: Pass) =>
  pass.state.isForced || !hasBackground(pass) || verdictOf(pass, runOfBackground(pass.state)).state === 'Successful'

/** All agents become new ones, then all tasks go to them, then the revision is the stable one. */
function promote(pass: Pass): boolean {
  const { course, state, world } = pass
  const target = state.targetRevision
  if (state.weight > 0 && state.weight < 100 && !isProved(pass)) return wait(pass, 'Check')
  state.aim = 100
  const isWhole = hasReady(world, target, world.groups)
  const before = state.weight
  if (isWhole) state.weight = 100
  else if (course.dynamicStableScale && canServe(world, target)) state.weight = Math.max(before, readyPercent(world, target))
  if (state.weight !== before) return true
  if (!isWhole) return wait(pass, 'Agents')
  if (!isFollowed(pass)) return wait(pass, 'Routers')
  if (!isProved(pass)) return wait(pass, 'Check')
  const old = state.stableRevision ?? ''
  remember(pass, { result: 'Promoted', reason: REASON.promoted, message: `it replaced revision ${old}`, step: stepNumber(pass) })
  keep(pass, old, { delayMs: course.scaleDownDelayMs, wasStable: true })
  state.recentStable = [old, ...state.recentStable.filter((revision) => revision !== old && revision !== target)].slice(0, MAX_RECENT)
  state.stableRevision = target
  tell(pass, 'Normal', REASON.promoted, `revision ${target} is stable now, in place of ${old}`)
  rest(state)
  return true
}

/** Agents of earlier revisions go when their time is up. */
function dropKept({ state, world, times }: Pass): void {
  state.kept = state.kept.filter(({ until }) => Date.parse(until) > world.nowMs)
  for (const { until } of state.kept) times.push(Date.parse(until) - world.nowMs)
}

/** Whether the stable side is smaller than the swarm, or is to be: then it gets tasks back only as fast as it grows. */
function noteShrunk(pass: Pass): void {
  const { state, world } = pass
  if (state.stableRevision === undefined) return
  const sizes = stableSizes(pass)
  const isWhole = sizes.every(({ replicas }, i) => replicas === world.groups[i]?.replicas)
  if (!isWhole) state.isStableShrunk = true
  else if (hasReady(world, state.stableRevision, sizes)) state.isStableShrunk = false
}
