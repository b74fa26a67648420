import type { Ending } from './wish.ts'

/** How one attempt ended; a closed set, also the label of metrics. */
export const OUTCOMES = [
  'Done',
  'Rejected',
  'NotNow',
  'AgentError',
  'InvalidAnswer',
  'AnswerTooLarge',
  'Refused',
  'SandboxUnreachable',
  'Reset',
  'Hung',
  'Timeout',
  'Cancelled',
] as const
export type Outcome = (typeof OUTCOMES)[number]

/** What follows from an outcome: for the agent, whether it has shown that it is alive, and whether another one may get the task. */
export type Verdict = { readonly ending: Ending; readonly isSignOfLife: boolean; readonly retry: 'always' | 'ifIdempotent' | 'never' }

/**
 * | outcome            | what happened                                   | agent       | sign of life | sent again    |
 * |--------------------|-------------------------------------------------|-------------|--------------|---------------|
 * | Done               | 200 with an output                              | healthy     | yes          | –             |
 * | Rejected           | another 4xx: the task's own failure             | healthy     | yes          | never         |
 * | NotNow             | 429, or 503 with Retry-After                    | no blame    | yes          | always        |
 * | AgentError         | another 5xx                                     | failed      | yes          | if idempotent |
 * | InvalidAnswer      | an answer that the protocol does not know       | failed      | yes          | if idempotent |
 * | AnswerTooLarge     | more than the router keeps                      | healthy     | yes          | never         |
 * | Refused            | no connection: nothing was sent                 | lost        | no           | always        |
 * | SandboxUnreachable | the sandbox is gone, or its token is wrong      | lost        | no           | always        |
 * | Reset              | connection or agent lost before the answer      | lost        | no           | if idempotent |
 * | Hung               | probes of the agent failed meanwhile            | silent      | no           | if idempotent |
 * | Timeout            | the time of the task was up                     | failed (1)  | no           | never         |
 * | Cancelled          | the client went away                            | no blame    | no           | never         |
 *
 * What may always be sent again cannot have been begun, and does not count as one of the task's attempts.
 *
 * (1) No blame when the agent had less than half of the time that the swarm gives a task: clients may ask for too little, and
 * must not be able to open the circuits of healthy agents.
 */
export const VERDICTS: Readonly<Record<Outcome, Verdict>> = {
  Done: { ending: 'Answered', isSignOfLife: true, retry: 'never' },
  Rejected: { ending: 'Answered', isSignOfLife: true, retry: 'never' },
  NotNow: { ending: 'Abandoned', isSignOfLife: true, retry: 'always' },
  AgentError: { ending: 'Failed', isSignOfLife: true, retry: 'ifIdempotent' },
  InvalidAnswer: { ending: 'Failed', isSignOfLife: true, retry: 'ifIdempotent' },
  AnswerTooLarge: { ending: 'Answered', isSignOfLife: true, retry: 'never' },
  Refused: { ending: 'Lost', isSignOfLife: false, retry: 'always' },
  SandboxUnreachable: { ending: 'Lost', isSignOfLife: false, retry: 'always' },
  Reset: { ending: 'Lost', isSignOfLife: false, retry: 'ifIdempotent' },
  Hung: { ending: 'Silent', isSignOfLife: false, retry: 'ifIdempotent' },
  Timeout: { ending: 'Failed', isSignOfLife: false, retry: 'never' },
  Cancelled: { ending: 'Abandoned', isSignOfLife: false, retry: 'never' },
}

/** What an outcome means for the health of an agent that had the task for so long. */
export function endingOf(outcome: Outcome, durationMs: number, swarmTimeoutMs: number): Ending {
  return outcome === 'Timeout' && durationMs * 2 < swarmTimeoutMs ? 'Abandoned' : VERDICTS[outcome].ending
}

/** Outcome of an answer by its status; a 200 may still turn out invalid. */
export function outcomeOfStatus(status: number, hasRetryAfter: boolean): Outcome {
  if (status === 200) return 'Done'
  if (status === 429 || (status === 503 && hasRetryAfter)) return 'NotNow'
  if (status >= 500) return 'AgentError'
  return status >= 400 ? 'Rejected' : 'InvalidAnswer'
}

/** Milliseconds of a Retry-After in seconds, within bounds; a date or nonsense gives the lower bound. */
export function retryAfterMs(header: string | undefined, bounds: { readonly minMs: number; readonly maxMs: number }): number {
  const seconds = header !== undefined && /^\d{1,9}$/.test(header) ? Number(header) : 0
  return Math.min(bounds.maxMs, Math.max(bounds.minMs, seconds * 1000))
}
