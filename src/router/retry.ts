import { VERDICTS, type Outcome } from '../routing/verdict.ts'
import type { Call, CallRequest } from './call.ts'
import { MAX_UNBEGUN } from './limits.ts'

/** Whether a call is sent to another agent: not, or as long as the retry budget has something left, or whatever the budget says. */
export type Retry = 'No' | 'WithinBudget' | 'Yes'

/** What of a call decides about its retry, the attempt that has just ended counted. */
export type Tried = Pick<Call, 'hasEnded' | 'spent' | 'unbegun' | 'mostAttempts'> & {
  readonly request: Pick<CallRequest, 'isIdempotent' | 'isMirrored'>
}

/**
 * Whether a call is sent again after an attempt with this outcome; the first row that is true decides. `isTriedOut`: it failed on a
 * revision that is only being tried out.
 *
 * | the attempt, or the call                                    | sent again   |
 * |-------------------------------------------------------------|--------------|
 * | must not be done again, by its outcome (see verdict.ts)     | No           |
 * | has ended meanwhile, or is done a second time, for nobody   | No           |
 * | has had as many attempts as it may                          | No           |
 * | failed, on an agent that can be reached                     | WithinBudget |
 * | anything else: agent lost, task put off, revision tried out | Yes          |
 *
 * An agent that is lost gets no more tasks, and a task meets a new revision once: repeating those cannot become a flood, and none of them
 * is given up for a budget.
 */
export function whetherToRetry(call: Tried, outcome: Outcome, isTriedOut: boolean): Retry {
  const { retry, ending } = VERDICTS[outcome]
  const { isIdempotent, isMirrored } = call.request
  if (retry === 'never' || (retry === 'ifIdempotent' && !isIdempotent)) return 'No'
  if (call.hasEnded || isMirrored) return 'No'
  if (call.spent >= call.mostAttempts || call.unbegun > MAX_UNBEGUN) return 'No'
  return ending === 'Failed' && !isTriedOut ? 'WithinBudget' : 'Yes'
}
