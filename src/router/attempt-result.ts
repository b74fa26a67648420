import type { Ending } from '../routing/wish.ts'
import { VERDICTS } from '../routing/verdict.ts'
import { refusalOf, type Reading } from './answer.ts'
import type { AttemptReport, Call, CallResult } from './call.ts'
import { exhaustedProblem, timeoutProblem, unknownProblem } from './call-problems.ts'
import type { Host } from './host.ts'
import { MAX_ANSWER_BYTES } from './limits.ts'
import { Problem } from './problem.ts'
import { rounded } from './times.ts'
import type { Answer } from './upstream.ts'

/** An attempt that has ended, with the agent's answer if it gave one, and what that means for its health. */
export type EndedAttempt = {
  readonly call: Call
  readonly host: Host
  readonly reading: Reading
  readonly answer: Answer | undefined
  readonly ending: Ending
  readonly durationMs: number
  readonly endedMs: number
}

const STOPPED = {
  Hung: 'it stopped answering its probes',
  Timeout: 'the time of the task was up',
  Cancelled: 'the client went away',
} as const

/** What is read from an attempt that was ended before its agent had answered. */
export const readingOfStopped = (outcome: keyof typeof STOPPED): Reading => ({ outcome, why: STOPPED[outcome] })

/** The attempt, as clients see it. */
export function reportOf({ host, reading: { outcome, status }, durationMs }: EndedAttempt): AttemptReport {
  return { agent: host.slot.facts.name, outcome, ...(status !== undefined && { status }), durationMs: rounded(durationMs) }
}

/** What a call ends with whose last attempt this was; its report is among those of the call. */
export function resultOf({ call, host: { slot }, reading, answer, endedMs }: EndedAttempt): CallResult | Problem {
  const { attempts, queuedMs } = call
  const { outcome } = reading
  const { id: taskId, isIdempotent } = call.request
  const agent = slot.facts.name
  if (outcome === 'Done') {
    const { output, subtasks } = reading
    const agentMs = attempts.at(-1)?.durationMs ?? 0
    const times = { queuedMs: rounded(queuedMs), agentMs, totalMs: rounded(endedMs - call.startedMs) }
    const answerBytes = answer?.kind === 'answer' ? answer.body.length : 0
    return { output, ...(subtasks && { subtasks }), slot, attempts, answerBytes, ...times }
  }
  if (outcome === 'Rejected') {
    const refusal = answer && refusalOf(answer)
    const more = { agent, agentStatus: reading.status, attempts, ...(refusal !== undefined && { answer: refusal }) }
    return new Problem('TaskRejected', { taskId, detail: `agent ${agent} answered ${reading.status}; change the task`, more })
  }
  if (outcome === 'AnswerTooLarge') {
    const detail = `agent ${agent} answered with more than ${MAX_ANSWER_BYTES} bytes; let it answer with a reference instead`
    return new Problem('AnswerTooLarge', { taskId, detail, more: { agent, attempts } })
  }
  if (outcome === 'Timeout') return timeoutProblem(call, true)
  return VERDICTS[outcome].retry === 'ifIdempotent' && !isIdempotent
    ? unknownProblem(call, reading.why)
    : exhaustedProblem(call, reading.why)
}
