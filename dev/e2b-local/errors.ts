/** An answer of the control plane that is not a success: its code is the HTTP status and the `code` of the body. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly code: number
  readonly headers: Readonly<Record<string, string>>
  constructor(code: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message)
    this.code = code
    this.headers = headers
  }
}

/** The status words of the Connect protocol that are used here. */
export type ConnectCode =
  | 'canceled'
  | 'unknown'
  | 'invalid_argument'
  | 'deadline_exceeded'
  | 'not_found'
  | 'already_exists'
  | 'permission_denied'
  | 'resource_exhausted'
  | 'failed_precondition'
  | 'unimplemented'
  | 'internal'
  | 'unavailable'
  | 'unauthenticated'

const HTTP_STATUS: Record<ConnectCode, number> = {
  canceled: 499,
  unknown: 500,
  invalid_argument: 400,
  deadline_exceeded: 504,
  not_found: 404,
  already_exists: 409,
  permission_denied: 403,
  resource_exhausted: 429,
  failed_precondition: 400,
  unimplemented: 501,
  internal: 500,
  unavailable: 503,
  unauthenticated: 401,
}

/** A refusal from inside a sandbox: a Connect status for the services, the matching HTTP status for `/files`. */
export class EnvdError extends Error {
  override readonly name = 'EnvdError'
  readonly code: ConnectCode
  readonly httpStatus: number
  constructor(code: ConnectCode, message: string, httpStatus = HTTP_STATUS[code]) {
    super(message)
    this.code = code
    this.httpStatus = httpStatus
  }
}

const BY_ERRNO: Record<string, ConnectCode> = {
  ENOENT: 'not_found',
  ENOTDIR: 'invalid_argument',
  EISDIR: 'invalid_argument',
  EEXIST: 'already_exists',
  EACCES: 'permission_denied',
  EPERM: 'permission_denied',
  ENAMETOOLONG: 'invalid_argument',
  EINVAL: 'invalid_argument',
  E2BIG: 'invalid_argument',
  EAGAIN: 'resource_exhausted',
  EMFILE: 'resource_exhausted',
  ENOMEM: 'resource_exhausted',
  ELOOP: 'invalid_argument',
  ENOTEMPTY: 'failed_precondition',
  Z_DATA_ERROR: 'invalid_argument',
  Z_BUF_ERROR: 'invalid_argument',
  ERR_INVALID_ARG_VALUE: 'invalid_argument',
}

/** Any failure as a refusal that can be sent; a system error keeps its word (`ENOENT`) and loses the local path. */
export function toEnvdError(error: unknown, doing: string): EnvdError {
  if (error instanceof EnvdError) return error
  const errno = error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
  if (errno === 'ENOSPC') return new EnvdError('resource_exhausted', `${doing}: no space left`, 507)
  return new EnvdError(BY_ERRNO[errno] ?? 'internal', `${doing}: ${errno === '' ? 'internal error' : errno}`)
}
