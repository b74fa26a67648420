import { parseArgs } from 'node:util'
import { ConfigError } from './refusals.ts'

/** What a program understands; all of it is in what `--help` prints. */
export type Flags = Readonly<
  Record<
    string,
    { readonly type: 'string' | 'boolean'; readonly multiple?: boolean; readonly default?: string | boolean; readonly help: string }
  >
>

/** The values of flags, or their defaults. Throws a ConfigError on what is no flag. */
export function readFlags<const F extends Flags>(args: readonly string[], flags: F) {
  try {
    return parseArgs({ args: [...args], options: flags, strict: true, allowPositionals: false }).values
  } catch (cause) {
    throw new ConfigError(cause instanceof Error ? cause.message : String(cause), { cause })
  }
}

/** Columns of a terminal that what `--help` prints fits into. */
const COLUMNS = 100

/** What `--help` prints. */
export function usageOf(program: { name: string; does: string; flags: Flags; environment: string }): string {
  const width = Math.max(...Object.keys(program.flags).map((name) => name.length)) + 6
  const lines = Object.entries(program.flags).flatMap(([name, { help, default: value }]) => {
    const text = typeof value === 'string' && value ? `${help} (default: ${value})` : help
    return wrapped(text, COLUMNS - width).map((line, i) => (i === 0 ? `  --${name}` : '').padEnd(width) + line)
  })
  const environment = wrapped(`Environment: ${program.environment}`, COLUMNS)
  return [`Usage: ${program.name} [flags]`, '', program.does, '', ...lines, '', ...environment].join('\n')
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const longer = lines.length > 0 ? `${lines.at(-1)} ${word}` : word
    if (lines.length > 0 && longer.length <= width) lines[lines.length - 1] = longer
    else lines.push(word)
  }
  return lines
}

/** Reads a number, which may have decimals. Throws a ConfigError. */
export function numberOf(flag: string, text: string, most: number): number {
  const value = text.trim() === '' ? NaN : Number(text)
  if (value >= 0 && value <= most) return value
  throw new ConfigError(`${flag} must be a number from 0 to ${most}, not ${JSON.stringify(text)}`)
}

/** Reads a whole number. Throws a ConfigError. */
export function wholeNumberOf(flag: string, text: string, min: number, max: number): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : NaN
  if (value >= min && value <= max) return value
  throw new ConfigError(`${flag} must be a whole number from ${min} to ${max}, not ${JSON.stringify(text)}`)
}

/** Reads the number of a port; 0 is a free one. Throws a ConfigError. */
export const portOf = (flag: string, text: string): number => wholeNumberOf(flag, text, 0, 65_535)

/** An http or https address; undefined for all else. */
export function addressOf(text: string): URL | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined
  return url && /^https?:$/.test(url.protocol) ? url : undefined
}

/** Reads `--namespace`. Throws a ConfigError. */
export function namespacesOf(names: readonly string[]): string[] {
  const bad = names.find((name) => !/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(name))
  if (bad !== undefined)
    throw new ConfigError(`--namespace ${JSON.stringify(bad)} is not the name of a namespace; it has lower case letters, digits and -`)
  return [...names]
}

const LOG_LEVELS = ['error', 'warn', 'info', 'debug'] as const
/** How urgent a line must be to be written. */
export type LogLevel = (typeof LOG_LEVELS)[number]

/** Reads `--log-level`. Throws a ConfigError. */
export function logLevelOf(text: string): LogLevel {
  const level = LOG_LEVELS.find((each) => each === text)
  if (level) return level
  throw new ConfigError(`--log-level must be one of ${LOG_LEVELS.join(', ')}, not ${JSON.stringify(text)}`)
}

/** Reads `--log-format`; undefined: as the terminal wants it. Throws a ConfigError. */
export function logShapeOf(text: string | undefined): 'json' | 'text' | undefined {
  if (text === undefined || text === 'json' || text === 'text') return text
  throw new ConfigError(`--log-format must be json or text, not ${JSON.stringify(text)}`)
}
