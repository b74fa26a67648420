import { ROLLOUT_REASON as REASON, MAX_HISTORY, MAX_KEPT, type Ended, type RolloutReason, type RolloutState } from '../api/rollout.ts'
import { hashText } from '../stats/hash.ts'
import type { Course } from './course.ts'
import type { RolloutEvent, Verdict, WaitsFor, World } from './world.ts'

/** One pass over a rollout: the state is a copy that is changed until nothing more follows. */
export type Pass = {
  readonly course: Course
  readonly world: World
  readonly state: RolloutState
  readonly events: RolloutEvent[]
  /** When to look again, in milliseconds from now. */
  readonly times: number[]
  waitsFor?: WaitsFor | undefined
}

/** A time as it is stored. */
export const timeText = (ms: number) => new Date(ms).toISOString()

/** Something is tried out, or becomes stable. */
export const isUnderWay = ({ activity }: RolloutState) => activity === 'Stepping' || activity === 'Promoting'

/** The present step is a check: how that comes out decides whether it goes on. */
export const isChecking = ({ course, state }: Pass) => state.activity === 'Stepping' && course.steps[state.step]?.do === 'check'

/** Nothing goes on until a person says so. */
export const isHeld = ({ course, state }: Pass) => course.paused || state.hold !== undefined

/** Name of the run of the present step's check: another one for each attempt, and each time that analyses begin anew. */
export const runOfStep = ({ attempt, round, step }: RolloutState) => `${attempt}.${round}/${step + 1}`

/** Name of the run of what is measured all the time: another one as often. */
export const runOfBackground = ({ attempt, round }: RolloutState) => `${attempt}.${round}/background`

/** Whether a run goes on until the end of the rollout. */
export const isBackgroundRun = (run: string) => run.endsWith('/background')

/** Name of the run of the guard: one for an attempt, so that no trip is missed when analyses begin anew. */
export const runOfGuard = ({ attempt }: RolloutState) => `${attempt}`

/** Names the steps, whatever is measured in them. */
export const hashOfSteps = ({ steps }: Course) => hashText(JSON.stringify(steps))

/** Whether something is measured all the time by now. */
export const hasBackground = ({ course, state }: Pass) => course.backgroundFrom !== undefined && state.step + 1 >= course.backgroundFrom

/** How a check stands; Running when nothing is known of it. */
export function verdictOf({ world }: Pass, run: string): Verdict {
  return world.checks.find((check) => check.run === run)?.verdict ?? { state: 'Running', message: 'nothing was measured yet' }
}

/** Tells people of something, once the state is stored. */
export const tell = ({ events }: Pass, type: RolloutEvent['type'], reason: RolloutReason, message: string) =>
  events.push({ type, reason, message })

/** The step that is being done, the first one being 1. */
export const stepNumber = ({ course, state }: Pass) => Math.min(state.step + 1, course.steps.length)

/** Goes to the next step. */
export function nextStep({ state, world }: Pass): void {
  state.step += 1
  state.stepSince = timeText(world.nowMs)
  delete state.deadline
}

/** Begins all analyses anew, with nothing of what was measured. */
export function beginChecksAnew({ state, world }: Pass): void {
  state.round += 1
  state.stepSince = timeText(world.nowMs)
}

/** Goes back to stable: no weight is ever added from here on until it is there. */
export function goBack(pass: Pass, reason: RolloutReason, message: string): void {
  const { state, world } = pass
  const result = resultOf(reason)
  state.activity = 'Returning'
  state.failure = { reason, message: message.slice(0, 1024), at: timeText(world.nowMs), step: stepNumber(pass) }
  if (result === 'Aborted') state.rejectedRevision = state.wantedRevision
  if (state.hold?.reason !== REASON.pausedByRequest || result === 'Aborted') delete state.hold
  delete state.deadline
  delete state.mirror
  const back = `revision ${state.targetRevision} goes back to ${state.stableRevision ?? 'nothing'}`
  tell(pass, result === 'Aborted' ? 'Warning' : 'Normal', reason, `${back} at step ${state.failure.step}: ${message}`)
}

/** What history says of a rollout that went back for this reason. */
export function resultOf(reason: string): Ended['result'] {
  if (reason === REASON.templateReverted || reason === REASON.rolledBack) return 'Reverted'
  return reason === REASON.templateChanged ? 'Replaced' : 'Aborted'
}

/** Remembers how the rollout ended. */
export function remember({ state, world }: Pass, ended: Pick<Ended, 'result' | 'reason' | 'message' | 'step'>): void {
  const entry = { ...ended, revision: state.targetRevision, startedAt: state.startedAt, endedAt: timeText(world.nowMs) }
  state.history = [entry, ...state.history].slice(0, MAX_HISTORY)
}

/** Keeps the agents of a revision that has no more tasks for a while. */
export function keep({ state, world }: Pass, revision: string, { delayMs, wasStable }: { delayMs: number; wasStable: boolean }): void {
  const others = state.kept.filter((kept) => kept.revision !== revision)
  const until = timeText(world.nowMs + delayMs)
  state.kept = delayMs <= 0 ? others : [...others, { revision, until, wasStable }].slice(-MAX_KEPT)
}
