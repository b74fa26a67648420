/** How the server behaves like the provider; all of it can be changed while it runs. */
export type Behaviour = {
  /** Milliseconds that a create takes. */
  createLatencyMs: number
  /** Creates per second before a 429; 0 means no limit. */
  createRate: number
  /** Running sandboxes before a 429; 0 means no limit. */
  maxSandboxes: number
  /** Share of control-plane calls that fail with 500, 0 to 1. */
  failureRate: number
  /** Share of creates that succeed but whose answer is lost, 0 to 1. */
  ambiguousRate: number
  /** The longest that a sandbox may live from its start, in milliseconds. */
  maxSessionMs: number
}

/** What a server is started with; everything has a default. */
export type E2bLocalOptions = Partial<Behaviour> & {
  readonly host?: string
  /** 0, the default, takes a free port. */
  readonly port?: number
  /** Where the sandboxes live; by default a directory that goes away with the server. */
  readonly dataDir?: string
  readonly apiKey?: string
  /** No processes and no disk: for benchmarks of what is in front of the sandboxes. */
  readonly light?: boolean
  /** Seed of the failures. */
  readonly seed?: number
  /** Templates known besides `base`: names, or names with what they give a sandbox, such as `large=8x8192`. */
  readonly templates?: readonly string[]
}

/** A provider that is quick, has no limits but a day per sandbox, and does not fail. */
export const DEFAULT_BEHAVIOUR: Readonly<Behaviour> = {
  createLatencyMs: 0,
  createRate: 0,
  maxSandboxes: 0,
  failureRate: 0,
  ambiguousRate: 0,
  maxSessionMs: 24 * 3_600_000,
}

const RATES = ['failureRate', 'ambiguousRate'] as const
const COUNTS = ['createLatencyMs', 'createRate', 'maxSandboxes', 'maxSessionMs'] as const

/** The behaviour with the given fields changed, or a sentence saying which one is wrong. */
export function changeBehaviour(now: Readonly<Behaviour>, changes: Readonly<Record<string, unknown>>): Behaviour | string {
  const next = { ...now }
  for (const [key, value] of Object.entries(changes)) {
    if (value === undefined) continue
    const rate = RATES.find((name) => name === key)
    const count = COUNTS.find((name) => name === key)
    if (rate === undefined && count === undefined)
      return `unknown option ${JSON.stringify(key)}; known are ${[...COUNTS, ...RATES].join(', ')}`
    if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) return `${key} must be a number, 0 or more`
    if (rate !== undefined && value > 1) return `${key} must be between 0 and 1`
    next[rate ?? count ?? 'createRate'] = value
  }
  return next
}
