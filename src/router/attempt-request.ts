import type { CallRequest } from './call.ts'

/** Characters of the id of a task, a UUID, and of what stands between it and the name of a part of it. */
const TASK_ID_CHARS = 37

/** Which part of its task a call is; empty for a task of one part. */
export const partOf = ({ id }: CallRequest): string => id.slice(TASK_ID_CHARS)

/**
 * The term that the agent is told of. Also where nobody leads agents may have been told of one, by the operator or by this router, and
 * refuse lower ones.
 */
export const epochOf = ({ epoch, entry }: CallRequest): number =>
  epoch ?? Math.max(entry.settings?.settled.epoch ?? 0, entry.succession.own.epoch)

/** The headers of an attempt, as undici takes them: names and values in turn. `leftMs` is what the agent has of the task's time. */
export function headersOf({ idempotencyKey, isMirrored }: CallRequest, traceparent: string, leftMs: number, epoch: number): string[] {
  const headers = [
    'content-type',
    'application/json',
    'traceparent',
    traceparent,
    'idempotency-key',
    idempotencyKey,
    'swarm-timeout-ms',
    String(leftMs),
    'swarm-epoch',
    String(epoch),
  ]
  if (isMirrored) headers.push('swarm-mirror', 'true')
  return headers
}

/** The body of an attempt; `attempt` counts from 1. */
export const bodyOf = ({ bodyFields }: CallRequest, attempt: number, epoch: number): string =>
  `{${bodyFields},"attempt":${attempt},"epoch":${epoch}}`
