import { ROLLOUT_REASON as REASON, type Request } from '../api/rollout.ts'
import { beginChecksAnew, goBack, isUnderWay, nextStep, tell, timeText, type Pass } from './pass.ts'

/**
 * Answers a request that has not been answered yet, and does it or says why not:
 *
 * | action       | done when                                       | what it does                                              |
 * |--------------|-------------------------------------------------|-----------------------------------------------------------|
 * | Pause        | a rollout is under way                          | nothing goes on; a breach still goes back                 |
 * | Resume       | it was paused by a request or by an analysis    | goes on; analyses begin anew                              |
 * | Promote      | it waits in a pause step, or is paused          | ends that pause                                           |
 * | PromoteFully | it is under way and there is a stable revision  | leaves out all steps and what is not measured yet         |
 * | SkipStep     | it is in a step                                 | goes to the next step                                     |
 * | Abort        | it is under way and there is a stable revision  | back to stable; not tried again                           |
 * | Retry        | the wanted revision was given up                | tries it again from the first step                        |
 * | RollbackTo   | that revision is stored and not wanted already  | it is wanted until the template changes                   |
 *
 * While `spec.paused` is true, what would go on is refused: whoever wrote that must take it away.
 */
export function answerRequest(pass: Pass): void {
  const { state, world } = pass
  const { request } = world
  if (!request || request.id === state.answer?.id) return
  const refusal = refusalOf(pass, request) ?? DO[request.action](pass, request)
  const message = refusal ?? `${nameOf(request)} was done`
  state.answer = { id: request.id, accepted: refusal === undefined, message: message.slice(0, 1024), at: timeText(world.nowMs) }
}

const nameOf = ({ action, revision }: Request): string => (action === 'RollbackTo' ? `${action} ${revision}` : action)

const GOES_ON: readonly Request['action'][] = ['Resume', 'Promote', 'PromoteFully', 'SkipStep']

function refusalOf({ course, state }: Pass, { action, revision }: Request): string | undefined {
  if (course.paused && GOES_ON.includes(action)) return 'spec.paused is true; set it to false, then nothing else may be needed'
  if (action !== 'RollbackTo' && revision !== undefined && revision !== state.targetRevision)
    return `revision ${revision} was meant, but it is ${state.targetRevision} now; look again and ask again`
  return undefined
}

const NOTHING = 'no rollout is under way'
const FIRST = 'this is the first revision: there is none to go back to, and it has no steps'

type Do = (pass: Pass, request: Request) => string | undefined

/** What each action does; it returns why it cannot. */
const DO: Readonly<Record<Request['action'], Do>> = {
  Pause: ({ state, world }, { by }) => {
    if (!isUnderWay(state)) return NOTHING
    state.hold = { reason: REASON.pausedByRequest, message: `paused by ${by ?? 'a request'}`, since: timeText(world.nowMs) }
    return undefined
  },
  Resume: resume,
  Promote: (pass) => {
    const { course, state } = pass
    if (state.activity !== 'Stepping' || course.steps[state.step]?.do !== 'pause') return resume(pass)
    lift(pass)
    nextStep(pass)
    return undefined
  },
  PromoteFully: ({ state }) => {
    if (!isUnderWay(state)) return NOTHING
    if (state.stableRevision === undefined) return FIRST
    state.activity = 'Promoting'
    state.isForced = true
    delete state.mirror
    delete state.hold
    delete state.deadline
    return undefined
  },
  SkipStep: (pass) => {
    if (pass.state.activity !== 'Stepping') return 'it is in no step'
    if (pass.state.hold?.reason === REASON.analysisInconclusive) lift(pass)
    nextStep(pass)
    return undefined
  },
  Abort: (pass, { by }) => {
    if (!isUnderWay(pass.state)) return NOTHING
    if (pass.state.stableRevision === undefined) return FIRST
    goBack(pass, REASON.abortedByRequest, `aborted by ${by ?? 'a request'}`)
    return undefined
  },
  Retry: ({ state }) => {
    if (state.rejectedRevision === undefined) return 'nothing was given up'
    delete state.rejectedRevision
    return undefined
  },
  RollbackTo: (pass, { revision = '' }) => {
    const { state, world } = pass
    if (revision === state.wantedRevision) return `revision ${revision} is wanted already`
    if (!world.revisions.includes(revision)) {
      const there = [...new Set(world.revisions)].filter((stored) => stored !== state.rejectedRevision)
      return `no revision ${revision} is stored; there are ${there.join(', ')}`
    }
    state.wantedRevision = revision
    delete state.rejectedRevision
    redirect(pass, revision === state.stableRevision ? REASON.rolledBack : REASON.templateChanged)
    return undefined
  },
}

function resume(pass: Pass): string | undefined {
  const { state } = pass
  if (!state.hold) return 'it is not paused by a request or an analysis; to end a pause step, ask for Promote'
  lift(pass)
  tell(pass, 'Normal', REASON.resumed, `revision ${state.targetRevision} goes on`)
  return undefined
}

/** Ends a hold; an analysis that could not tell begins anew. */
function lift(pass: Pass): void {
  if (pass.state.hold?.reason === REASON.analysisInconclusive) beginChecksAnew(pass)
  delete pass.state.hold
}

/** Another revision is wanted: what is under way goes back first. Without a stable one there is nothing to go back to. */
export function redirect(
  pass: Pass,
  reason: typeof REASON.templateChanged | typeof REASON.templateReverted | typeof REASON.rolledBack,
): void {
  const { state } = pass
  if (!isUnderWay(state) || state.wantedRevision === state.targetRevision) return
  if (state.stableRevision === undefined) state.activity = 'Idle'
  else goBack(pass, reason, `revision ${state.wantedRevision} is wanted`)
}
