import { createLogger, format, transports, type Logger } from 'winston'

/** `level` hides what is less urgent; `shape` is `text` on a terminal and JSON lines elsewhere unless given. */
export interface LogOptions {
  readonly level?: 'error' | 'warn' | 'info' | 'debug'
  readonly shape?: 'json' | 'text'
  readonly stream?: NodeJS.WritableStream & { readonly isTTY?: boolean }
}

/** A logger that writes to standard error: a constant message and fields, with everything secret taken out by the name of its field. */
export function createLog(options: LogOptions = {}): Logger {
  const stream = options.stream ?? process.stderr
  const shape = options.shape ?? ('isTTY' in stream && stream.isTTY ? 'text' : 'json')
  const safe = format((info) => Object.assign(info, redact({ ...info })))
  const lines = format.printf(shape === 'json' ? jsonLine : textLine)
  return createLogger({
    level: options.level ?? 'info',
    format: format.combine(safe(), format.timestamp(), lines),
    transports: [new transports.Stream({ stream })],
  })
}

/** Field names whose value is never written. A reference to a Secret (`secretName`, `secretKeyRef`) is not one. */
const SECRET_FIELD =
  /(^|[a-z_.-])(apikey|api[_-]key|token|secret|password|passwd|authorization|cookie|credentials?|private[_-]?key|clientkey|signature)$/i

/** Secrets that stand in the middle of a text. */
const SECRET_TEXT = /\b(Bearer\s+)[\w.~+/=-]+|\be2b_[0-9a-zA-Z]{16,}|([?&](?:signature|token|access_token|api_key)=)[^&\s"]+/g

const REDACTED = '[redacted]'
const DEEPEST = 6

/** A copy without secrets, with errors turned into plain objects. */
export function redact(value: unknown, depth = 0): unknown {
  if (typeof value === 'string')
    return value.replace(SECRET_TEXT, (_, bearer: string | undefined, query: string | undefined) => `${bearer ?? query ?? ''}${REDACTED}`)
  if (typeof value !== 'object' || value === null) return typeof value === 'bigint' ? String(value) : value
  if (depth >= DEEPEST) return '[deep]'
  if (value instanceof Error) return redact(plainError(value), depth)
  if (Array.isArray(value)) return value.map((item) => redact(item, depth + 1))
  if (value instanceof Set) return redact([...value], depth)
  if (value instanceof Map) return redact(Object.fromEntries(value), depth)
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'invalid date' : value.toISOString()
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`
  const copy: Record<string, unknown> = {}
  for (const [name, field] of Object.entries(value)) {
    copy[name] = SECRET_FIELD.test(name) && field !== undefined && field !== null ? REDACTED : redact(field, depth + 1)
  }
  return copy
}

function plainError(error: Error): Record<string, unknown> {
  const { name, message, stack, cause } = error
  const extra: Record<string, unknown> = {}
  if ('reason' in error && typeof error.reason === 'string') extra['reason'] = error.reason
  if ('code' in error && (typeof error.code === 'string' || typeof error.code === 'number')) extra['code'] = error.code
  return { name, message, ...extra, ...(cause !== undefined && { cause }), stack }
}

/** What every line has comes first, so that lines can be read as they are. `redact` has left nothing that JSON does not take. */
function jsonLine(info: Record<string, unknown>): string {
  const { timestamp, level, message, ...fields } = info
  return JSON.stringify({ timestamp, level, message, ...fields })
}

function textLine(info: Record<string, unknown>): string {
  const { timestamp, level, message, ...fields } = info
  const rest = Object.entries(fields).map(([name, value]) => ` ${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
  return `${String(timestamp)} ${String(level).padEnd(5)} ${String(message)}${rest.join('')}`
}
