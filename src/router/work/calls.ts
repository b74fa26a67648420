import type { CallRequest, CallResult } from '../call.ts'
import type { Answered, Task } from './work.ts'

/** Fields of an agent's request besides those that every call has; `inputJson` is sent as it is. */
export type CallFields = Partial<
  Pick<
    CallRequest,
    'part' | 'agent' | 'panel' | 'isMirrored' | 'attempts' | 'isImpatient' | 'isContinued' | 'epoch' | 'mayPlan' | 'capability'
  >
> & {
  readonly inputJson?: string
  /** Tells the calls of one task apart: the id and the idempotency key of the call end with it. */
  readonly suffix?: string
  /** More fields of the body, such as `stage` or `phase`. */
  readonly body?: Readonly<Record<string, unknown>>
  /** The same as JSON without the outer braces; goes before `body`. */
  readonly bodyJson?: string
}

/** A call for a task, or for a part of it, with the time that the task has left. */
export function callOf(task: Task, nowMs: number, fields: CallFields = {}): CallRequest {
  const { inputJson = task.input, suffix = '', body, bodyJson = body && JSON.stringify(body).slice(1, -1), ...rest } = fields
  const capability = 'capability' in fields ? fields.capability : task.capability
  const id = task.id + suffix
  const asked = capability === undefined ? '' : `,"capability":${JSON.stringify(capability)}`
  const more = bodyJson === undefined ? '' : `,${bodyJson}`
  const request = {
    ...rest,
    id,
    entry: task.entry,
    bodyFields: `"id":"${id}","input":${inputJson}${asked}${more}`,
    capability,
    sessionKey: task.sessionKey,
    revision: task.revision,
    isIdempotent: task.isIdempotent,
    idempotencyKey: task.idempotencyKey + suffix,
    trace: task.trace,
    timeoutMs: Math.max(1, task.timeoutMs - (nowMs - task.startedMs)),
  }
  if (!task.isTester) return request
  return {
    ...request,
    get revision() {
      return task.revision
    },
  }
}

/** A task that ended with the result of one call. */
export function answeredBy({ output, slot, attempts, queuedMs, agentMs, totalMs }: CallResult): Answered {
  const { name: agent, group, revision } = slot.facts
  return { output, agent, group, revision, attempts, queuedMs, agentMs, totalMs }
}
