import { readSubtasks, type Subtask } from '../routing/subtasks.ts'
import { outcomeOfStatus, type Outcome } from '../routing/verdict.ts'
import { isTooDeep } from './json-depth.ts'
import { MAX_JSON_DEPTH, MAX_KEY_CHARS, MAX_REFUSAL_BYTES } from './limits.ts'
import type { Answer } from './upstream.ts'

/** An agent's answer, understood. */
export type Reading = {
  readonly outcome: Outcome
  readonly output?: unknown
  /** Given instead of an output. */
  readonly subtasks?: readonly Subtask[]
  readonly status?: number
  readonly why: string
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)

function parse(body: Buffer): unknown {
  if (isTooDeep(body)) return undefined
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return undefined
  }
}

/**
 * What the provider's proxy says instead of an agent, if it is the proxy: agents have no reason to answer like that. A sandbox that is
 * not there and a wrong token are found before anything is passed on: nothing was begun. A closed port is what it says of every failure
 * after that (e2b-dev/infra, the error handler of the orchestrator's proxy): the agent may have ended while it worked.
 */
function proxyOutcome(status: number, body: unknown): 'SandboxUnreachable' | 'Reset' | undefined {
  if (status < 400 || !isRecord(body) || typeof body['sandboxId'] !== 'string' || typeof body['message'] !== 'string') return undefined
  if (body['code'] !== status) return undefined
  return /sandbox was not found|traffic access token/i.test(body['message']) ? 'SandboxUnreachable' : 'Reset'
}

/** Says what an answer to POST /tasks means; `mayPlan` when it may give subtasks instead of an output. */
export function readAnswer(answer: Answer, mayPlan = false): Reading {
  if (answer.kind === 'tooLarge') return { outcome: 'AnswerTooLarge', status: answer.status, why: 'its answer was too large' }
  if (answer.kind === 'failure') {
    return answer.wasSent
      ? { outcome: 'Reset', why: `its connection ended before the answer (${codeOf(answer.error)})` }
      : { outcome: 'Refused', why: `it could not be reached (${codeOf(answer.error)})` }
  }
  const { status, body } = answer
  const outcome = outcomeOfStatus(status, answer.retryAfter !== undefined)
  if (outcome === 'Done') {
    const parsed = parse(body)
    if (mayPlan && isRecord(parsed) && isPlan(parsed)) {
      const subtasks = readSubtasks(parsed['subtasks'], MAX_KEY_CHARS)
      if (typeof subtasks === 'string') return { outcome: 'InvalidAnswer', status, why: `it answered 200 with ${subtasks}` }
      return { outcome, subtasks, status, why: '' }
    }
    if (isRecord(parsed) && 'output' in parsed) return { outcome, output: parsed['output'], status, why: '' }
    if (isTooDeep(body)) return { outcome: 'InvalidAnswer', status, why: `its answer nests deeper than ${MAX_JSON_DEPTH} levels` }
    return { outcome: 'InvalidAnswer', status, why: 'it answered 200 without a JSON object that has an output' }
  }
  const fromProxy = proxyOutcome(status, parse(body))
  if (fromProxy) return { outcome: fromProxy, status, why: 'the sandbox proxy could not reach it' }
  return { outcome, status, why: `it answered ${status}` }
}

/** Whether it gives subtasks. Some programs write the members they do not use, too: as null, or as an empty list. */
function isPlan({ output, subtasks }: Record<string, unknown>): boolean {
  if (subtasks === undefined || subtasks === null) return false
  return output === undefined || (output === null && !(Array.isArray(subtasks) && subtasks.length === 0))
}

/** Says whether a probe found the agent well, at least answering, or not at all. */
export function readProbe(answer: Answer): 'well' | 'answering' | 'missing' {
  if (answer.kind === 'failure') return 'missing'
  if (answer.status >= 200 && answer.status < 300) return 'well'
  return answer.kind === 'answer' && proxyOutcome(answer.status, parse(answer.body)) ? 'missing' : 'answering'
}

/** What an agent said when it rejected a task, cut to what fits into a problem. */
export function refusalOf(answer: Answer): unknown {
  if (answer.kind !== 'answer' || answer.body.length === 0) return undefined
  if (answer.body.length > MAX_REFUSAL_BYTES) return answer.body.subarray(0, MAX_REFUSAL_BYTES).toString('utf8')
  return parse(answer.body) ?? answer.body.toString('utf8')
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name
}
