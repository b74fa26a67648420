import { REASON, type Reason } from '../api/reasons.ts'
import { type OperatorError, StalledError, TransientError, WaitingError } from '../errors.ts'

/**
 * Nobody knows whether the sandbox exists: the request left, and no answer that can be relied on came back. Look for
 * its nonce before another create.
 */
export class AmbiguousCreateError extends TransientError {
  constructor(message: string, options?: ErrorOptions) {
    super(REASON.providerUnavailable, message, options)
  }
}

/** The sandbox is no more. The next pass sees that and decides. */
export class SandboxGoneError extends TransientError {
  constructor(message: string, options?: ErrorOptions) {
    super(REASON.sandboxGone, message, options)
  }
}

/**
 * What a call does. `about` is what it does it to, as a person knows it: a sandbox id or a template, never a secret.
 * `refusal` is the reason when what was sent is refused.
 */
export type Doing = { readonly what: string; readonly about?: string; readonly isCreate?: boolean; readonly refusal?: Reason }

/** Words for a message: `creating a sandbox of template base`. */
export const wordsOf = (doing: Doing): string => (doing.about === undefined ? doing.what : `${doing.what} ${doing.about}`)

/** The decision behind an answer that is not 2xx. 401 and 429 are the business of the credential's limits. `said` are the provider's words. */
export function classifyStatus(status: number, doing: Doing, said?: string): OperatorError {
  const words = wordsOf(doing)
  if (status >= 500) {
    if (doing.isCreate) return new AmbiguousCreateError(`E2B answered ${status} while ${words}; looking whether the sandbox was made`)
    return new TransientError(REASON.providerUnavailable, `E2B answered ${status} while ${words}; it is tried again`)
  }
  if (status === 404) {
    if (!doing.isCreate) return new SandboxGoneError(`the sandbox was gone while ${words}`)
    const what = `E2B knows no such template (404) while ${words}`
    return new StalledError(REASON.templateNotFound, `${what}; check spec.template.sandboxTemplate and that the key's team may use it`)
  }
  if (status === 403) {
    const what = `E2B does not allow this key (403) while ${words}`
    return new StalledError(REASON.credentialsRejected, `${what}; check spec.credentialsSecretRef and spec.template.sandboxTemplate`)
  }
  if (status === 408 || status === 409 || status === 425) {
    return new TransientError(REASON.conflict, `E2B answered ${status} while ${words}; it is tried again`)
  }
  const why = said === undefined ? String(status) : `${status}: ${said}`
  return new StalledError(REASON.requestRejected, `E2B refused the request (${why}) while ${words}; check spec.template and spec.lifecycle`)
}

/** Codes of failures before anything was sent: the provider cannot have done anything. */
const NOT_SENT: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
  'CERT_HAS_EXPIRED',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
])

/** The decision behind a request without an answer. `timedOutAfterMs` when our own limit ended it. */
export function classifyNoAnswer(cause: unknown, doing: Doing, timedOutAfterMs?: number): OperatorError {
  const code = codeOf(cause)
  const why = timedOutAfterMs === undefined ? (code ?? nameOf(cause)) : `no answer within ${timedOutAfterMs} ms`
  const message = `E2B could not be reached while ${wordsOf(doing)} (${why})`
  if (doing.isCreate && !(code !== undefined && NOT_SENT.has(code))) {
    return new AmbiguousCreateError(`${message}; looking whether the sandbox was made`, { cause })
  }
  return new TransientError(REASON.providerUnavailable, `${message}; it is tried again`, { cause })
}

/** The decision behind an error of the `e2b` package's files and commands. Asks for names, since its classes share no base class. */
export function classifySandboxError(cause: unknown, doing: Doing): OperatorError {
  const words = wordsOf(doing)
  switch (nameOf(cause)) {
    case 'SandboxNotFoundError':
      return new SandboxGoneError(`the sandbox was gone while ${words}`, { cause })
    case 'AuthenticationError':
      return new TransientError(REASON.providerUnavailable, `the sandbox refused its access token while ${words}; connecting again`, {
        cause,
      })
    case 'RateLimitError':
      return new WaitingError(REASON.rateLimited, `the sandbox takes no more requests for now while ${words}`, 2_000, { cause })
    case 'InvalidArgumentError':
    case 'NotEnoughSpaceError':
    case 'NotFoundError':
    case 'FileNotFoundError': {
      const message = `the sandbox refused (${nameOf(cause)}) while ${words}; check the files and the command of spec.template`
      return new StalledError(doing.refusal ?? REASON.requestRejected, message, { cause })
    }
    case 'TimeoutError':
    case 'ServiceBusyError':
      return new TransientError(REASON.providerUnavailable, `the sandbox did not answer in time while ${words}; it is tried again`, {
        cause,
      })
    default:
      return new TransientError(
        REASON.providerUnavailable,
        `the sandbox could not be reached while ${words} (${codeOf(cause) ?? nameOf(cause)})`,
        { cause },
      )
  }
}

/** The first machine-readable code in the chain of causes. */
export function codeOf(error: unknown): string | undefined {
  for (let at: unknown = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth++) {
    if ('code' in at && typeof at.code === 'string') return at.code
  }
  return undefined
}

/** Errors of `undici` without a code: a request that was given up, and an answer that is no HTTP. */
const NO_ANSWER: ReadonlySet<string> = new Set(['AbortError', 'HTTPParserError'])

/** Whether a request has no answer because of the other side or the way to it; false for a mistake of this program. */
export const isNoAnswer = (error: unknown): boolean => codeOf(error) !== undefined || NO_ANSWER.has(nameOf(error))

/** The class of an error by its name, which a second copy of a package does not change. */
export const nameOf = (error: unknown): string => (error instanceof Error ? error.name : 'unknown error')
