import { OperatorError, type Retry } from '../errors.ts'

interface Status {
  readonly code?: number
  readonly reason?: string
  readonly message?: string
  readonly details?: { readonly retryAfterSeconds?: number; readonly causes?: readonly { readonly reason?: string }[] }
}

/** What is known of a request that failed. `code` is the HTTP status, 0 when no answer came. */
export interface Failure {
  readonly code: number
  readonly reason: string
  readonly message: string
  readonly retryAfterMs?: number
  readonly causes?: readonly string[]
  /** What a ResourceQuota refused. */
  readonly quota?: string | undefined
}

/**
 * A request to the API server that failed. `code` is 0 when no answer came, `reason` is then `Unreachable`, `Timeout` or `Aborted`.
 *
 * | answer                                           | retry   |
 * |--------------------------------------------------|---------|
 * | 429 or 5xx with Retry-After                      | after   |
 * | 400, 405, 406, 413, 415, 422; namespace is going | never   |
 * | all else (conflict, reset, 401, 403, 404, 5xx)   | backoff |
 */
export class KubeApiError extends OperatorError {
  readonly retry: Retry
  readonly code: number
  readonly retryAfterMs: number
  readonly causes: readonly string[]
  /** Which ResourceQuota refuses what, in the words of the API server; undefined when it is not that. */
  readonly quota: string | undefined

  constructor(failure: Failure, options?: ErrorOptions) {
    super(failure.reason, failure.message, options)
    this.code = failure.code
    this.retryAfterMs = failure.retryAfterMs ?? 0
    this.causes = failure.causes ?? []
    this.quota = failure.quota
    this.retry = retryOf(this)
  }

  get isNotFound(): boolean {
    return this.code === 404
  }

  /** The precondition no longer holds: look again before writing again. */
  get isConflict(): boolean {
    return this.code === 409 && this.reason !== 'AlreadyExists'
  }

  get isAlreadyExists(): boolean {
    return this.code === 409 && this.reason === 'AlreadyExists'
  }

  get isForbidden(): boolean {
    return this.code === 403
  }

  /** The resource version is too old to continue from: list again. */
  get isGone(): boolean {
    return this.code === 410
  }
}

const HOPELESS = new Set([400, 405, 406, 413, 415, 422])

function retryOf(error: KubeApiError): Retry {
  if (HOPELESS.has(error.code) || error.causes.includes('NamespaceTerminating')) return 'never'
  return error.retryAfterMs > 0 ? 'after' : 'backoff'
}

/** Translates a `Status` body, or anything else that came with an error code. `doing` says what was asked of which object. */
export function errorFromStatus(doing: string, code: number, body: unknown, retryAfterHeader?: string): KubeApiError {
  const status: Status = typeof body === 'object' && body !== null ? body : {}
  const seconds = Number(retryAfterHeader ?? status.details?.retryAfterSeconds ?? 0)
  return new KubeApiError({
    code,
    reason: status.reason || (REASONS[code] ?? 'ServerError'),
    message: `the API server refused to ${doing} (${code}): ${status.message || 'no reason given'}`,
    retryAfterMs: Number.isFinite(seconds) ? seconds * 1000 : 0,
    causes: (status.details?.causes ?? []).flatMap((cause) => cause.reason ?? []),
    quota: code === 403 ? QUOTA_REFUSAL.exec(status.message ?? '')?.[0] : undefined,
  })
}

/** What a quota refuses is told from what a role does not allow by its text alone: both are Forbidden, without a cause. */
const QUOTA_REFUSAL = /(?:exceeded quota|insufficient quota|status unknown for quota): .*/s

const REASONS: Readonly<Record<number, string>> = {
  400: 'BadRequest',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  410: 'Gone',
  422: 'Invalid',
  429: 'TooManyRequests',
}

/** Translates an error of the connection. */
export function errorFromConnection(doing: string, cause: unknown): KubeApiError {
  const message = cause instanceof Error ? cause.message || cause.name : String(cause)
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? String(cause.code) : ''
  const reason = /TIMEOUT/.test(code) ? 'Timeout' : 'Unreachable'
  return new KubeApiError({ code: 0, reason, message: `no answer from the API server to ${doing}: ${message}` }, { cause })
}
