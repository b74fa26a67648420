import { parseDuration } from '../api/duration.ts'
import { DIRECTIONS, type AskedDirection } from '../routing/stages.ts'
import { isTooDeep } from './json-depth.ts'
import { MAX_JSON_DEPTH, MAX_KEY_CHARS, MAX_TASK_MS } from './limits.ts'
import { Problem } from './problem.ts'

/** A task as the client sent it. */
export type TaskRequest = {
  readonly input: unknown
  readonly capability: string | undefined
  readonly sessionKey: string | undefined
  readonly timeoutMs: number | undefined
  readonly isIdempotent: boolean
  readonly direction: AskedDirection | undefined
}

const FIELDS = ['input', 'capability', 'sessionKey', 'timeout', 'idempotent', 'direction'] as const

/** Reads and checks the body of a task. Throws a Problem that says what is wrong, where, and what to write instead. */
export function parseTask(body: Buffer): TaskRequest {
  if (body.length === 0) throw invalid('InvalidJson', 'the body is empty; send a JSON object such as {"input": {"n": 1}}')
  if (isTooDeep(body)) throw invalid('InvalidJson', `the body nests deeper than ${MAX_JSON_DEPTH} levels; send a flatter input`)
  const task = parseJson(body)
  if (typeof task !== 'object' || task === null || Array.isArray(task)) {
    throw invalid('InvalidTask', 'the body must be a JSON object such as {"input": {"n": 1}}')
  }
  const unknown = Object.keys(task).find((name) => !FIELDS.some((field) => field === name))
  if (unknown !== undefined) throw invalid('InvalidTask', `there is no field ${quote(unknown)}; a task has ${FIELDS.join(', ')}`)
  const fields: Record<string, unknown> = { ...task }
  if (!('input' in fields)) throw invalid('InvalidTask', 'the field input is missing; write "input": null for a task without one')
  const { idempotent = true } = fields
  if (typeof idempotent !== 'boolean') throw invalid('InvalidTask', 'idempotent must be true or false')
  return {
    input: fields['input'],
    capability: textOf(fields, 'capability'),
    sessionKey: textOf(fields, 'sessionKey'),
    timeoutMs: timeoutOf(fields['timeout']),
    isIdempotent: idempotent,
    direction: directionOf(fields['direction']),
  }
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'))
  } catch (error) {
    const why = error instanceof Error ? error.message.slice(0, 120) : 'it cannot be read'
    throw invalid('InvalidJson', `the body is not valid JSON: ${why}`)
  }
}

function textOf(fields: Record<string, unknown>, name: 'capability' | 'sessionKey'): string | undefined {
  const value = fields[name]
  if (value === undefined) return undefined
  if (typeof value === 'string' && value.length > 0 && value.length <= MAX_KEY_CHARS) return value
  throw invalid('InvalidTask', `${name} must be a text of 1 to ${MAX_KEY_CHARS} characters; leave it out if the task has none`)
}

function timeoutOf(value: unknown): number | undefined {
  if (value === undefined) return undefined
  const ms = typeof value === 'string' && value.length <= 24 ? parseDuration(value) : undefined
  if (ms !== undefined && ms >= 1 && ms <= MAX_TASK_MS) return ms
  throw invalid('InvalidTask', 'timeout must be a duration from 1ms to 24h, such as 500ms, 30s or 1m30s')
}

function directionOf(value: unknown): AskedDirection | undefined {
  if (value === undefined) return undefined
  const known = DIRECTIONS.find((direction) => direction === value)
  if (known) return known
  throw invalid('InvalidTask', `direction must be one of ${DIRECTIONS.join(', ')}`)
}

const quote = (text: string) => JSON.stringify(text.slice(0, 60))
const invalid = (code: 'InvalidJson' | 'InvalidTask', detail: string) => new Problem(code, { detail })
