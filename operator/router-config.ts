import { parseArgs } from 'node:util'
import { authModeOf, tlsFilesOf, type AuthMode, type TlsFiles } from './ports.ts'
import { ConfigError, logLevelOf, namespacesOf, type LogLevel } from './refusals.ts'

/** How a router is run. Everything comes from flags, what is secret from the environment. */
export type RouterConfig = {
  readonly port: number
  readonly host: string
  readonly namespaces: readonly string[]
  readonly labelSelector: string | undefined
  readonly maxInFlight: number
  readonly maxInFlightBytes: number
  readonly maxInFlightPerNamespace: number | undefined
  readonly tasksPerSecondPerNamespace: number | undefined
  readonly probesPerSecond: number
  readonly drainMs: number
  readonly shutdownDelayMs: number
  readonly logLevel: LogLevel
  readonly logFormat: 'json' | 'text' | undefined
  readonly kubeconfig: string | undefined
  readonly sandboxUrl: string | undefined
  readonly internalToken: string | undefined
  readonly auth: AuthMode
  /** Absent: plain HTTP. */
  readonly tls: TlsFiles | undefined
  readonly audiences: readonly string[]
  /** Absent: tasks are not recorded. `ratio` is that of tasks that are part of no trace yet. */
  readonly tracing: { readonly endpoint: string; readonly ratio: number } | undefined
}

/** What `--help` prints. */
export const ROUTER_USAGE = `Usage: router [flags]

Takes tasks over HTTP and gives them to the agents of swarms.

  --port N                port to listen on (18000; 0 takes a free one)
  --host ADDRESS          address to listen on (127.0.0.1)
  --namespace NAME        namespace to watch, may be given again (all)
  --selector LABELS       only Swarms, Agents and token Secrets with these labels
  --auth MODE             kubernetes: tasks, live views and metrics need a bearer token that the
                          API server knows and whose user may do this; none: open (kubernetes)
  --token-audience NAME   audience that tokens must be meant for, may be given again (that of the
                          API server)
  --tls-cert-file FILE    certificate in PEM, with which the port speaks HTTPS; read again when
                          it changes (plain HTTP)
  --tls-key-file FILE     its key
  --max-in-flight N       tasks open at once; more get 429 (10000)
  --max-in-flight-mib N   MiB of the bodies of these tasks; more get 429 (256)
  --max-in-flight-per-namespace N
                          tasks of one namespace open at once; more get 429 (no limit)
  --tasks-per-second-per-namespace N
                          tasks that one namespace may send a second; more get 429 (no limit)
  --probes-per-second N   probes of agents that are sent at most (100)
  --shutdown-delay-seconds N  time after a request to stop in which tasks are still taken,
                          while clients are sent to other routers (0)
  --drain-seconds N       time that open tasks get after that (30)
  --otlp-endpoint URL     collector of traces, OTLP over HTTP (no traces)
  --trace-ratio N         part of the tasks that are traced, 0 to 1; a client that sends a
                          traceparent has decided already (1)
  --log-level LEVEL       error, warn, info or debug (info)
  --log-format FORMAT     json or text (text on a terminal)

Environment: KUBECONFIG; E2B_SANDBOX_URL: one address for all sandboxes;
SWARM_INTERNAL_TOKEN: opens /internal/stats to those who send it as a bearer token;
OTEL_EXPORTER_OTLP_ENDPOINT: as --otlp-endpoint; OTEL_EXPORTER_OTLP_HEADERS,
OTEL_RESOURCE_ATTRIBUTES, OTEL_SERVICE_NAME: as OpenTelemetry has them.
`

const OPTIONS = {
  port: { type: 'string', default: '18000' },
  host: { type: 'string', default: '127.0.0.1' },
  namespace: { type: 'string', multiple: true },
  selector: { type: 'string' },
  auth: { type: 'string', default: 'kubernetes' },
  'token-audience': { type: 'string', multiple: true },
  'tls-cert-file': { type: 'string' },
  'tls-key-file': { type: 'string' },
  'max-in-flight': { type: 'string', default: '10000' },
  'max-in-flight-mib': { type: 'string', default: '256' },
  'max-in-flight-per-namespace': { type: 'string' },
  'tasks-per-second-per-namespace': { type: 'string' },
  'probes-per-second': { type: 'string', default: '100' },
  'shutdown-delay-seconds': { type: 'string', default: '0' },
  'drain-seconds': { type: 'string', default: '30' },
  'otlp-endpoint': { type: 'string' },
  'trace-ratio': { type: 'string', default: '1' },
  'log-level': { type: 'string', default: 'info' },
  'log-format': { type: 'string' },
  help: { type: 'boolean', default: false },
} as const

/** Reads flags and environment; `help` when only the usage is wanted. Throws a ConfigError. */
export function parseRouterConfig(args: readonly string[], env: Readonly<Record<string, string | undefined>>): RouterConfig | 'help' {
  const { values } = read(args)
  if (values.help) return 'help'
  const logFormat = values['log-format']
  if (logFormat !== undefined && logFormat !== 'json' && logFormat !== 'text') throw new ConfigError('--log-format must be json or text')
  return {
    port: integer('--port', values.port, 0, 65_535),
    host: values.host,
    namespaces: namespacesOf(values.namespace ?? []),
    labelSelector: values.selector,
    maxInFlight: integer('--max-in-flight', values['max-in-flight'], 1, 1_000_000),
    maxInFlightBytes: integer('--max-in-flight-mib', values['max-in-flight-mib'], 1, 65_536) * 1024 * 1024,
    maxInFlightPerNamespace: limit('--max-in-flight-per-namespace', values['max-in-flight-per-namespace']),
    tasksPerSecondPerNamespace: limit('--tasks-per-second-per-namespace', values['tasks-per-second-per-namespace']),
    probesPerSecond: integer('--probes-per-second', values['probes-per-second'], 1, 10_000),
    shutdownDelayMs: integer('--shutdown-delay-seconds', values['shutdown-delay-seconds'], 0, 300) * 1000,
    drainMs: integer('--drain-seconds', values['drain-seconds'], 0, 3_600) * 1000,
    logLevel: logLevelOf(values['log-level']),
    logFormat,
    auth: authModeOf('--auth', values.auth),
    tls: tlsFilesOf('--', values['tls-cert-file'], values['tls-key-file']),
    audiences: values['token-audience'] ?? [],
    kubeconfig: env['KUBECONFIG'] || undefined,
    sandboxUrl: origin('E2B_SANDBOX_URL', env['E2B_SANDBOX_URL'] || undefined),
    tracing: tracingOf(values['otlp-endpoint'] ?? env['OTEL_EXPORTER_OTLP_ENDPOINT'], values['trace-ratio']),
    internalToken: env['SWARM_INTERNAL_TOKEN'] || undefined,
  }
}

function read(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: OPTIONS, strict: true, allowPositionals: false })
  } catch (error) {
    throw new ConfigError(error instanceof Error ? error.message : String(error), { cause: error })
  }
}

function tracingOf(endpoint: string | undefined, text: string): RouterConfig['tracing'] {
  const ratio = /^[\d.]+$/.test(text) ? Number(text) : NaN
  if (!(ratio >= 0 && ratio <= 1)) throw new ConfigError(`--trace-ratio must be a number from 0 to 1, not ${text}`)
  if (!endpoint) return undefined
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined
  if (url && /^https?:$/.test(url.protocol) && !url.search && !url.username) return { endpoint: endpoint.replace(/\/+$/, ''), ratio }
  throw new ConfigError('--otlp-endpoint must be an address such as http://collector:4318, without /v1/traces and without a password')
}

function integer(flag: string, text: string, min: number, max: number): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : NaN
  if (value >= min && value <= max) return value
  throw new ConfigError(`${flag} must be a whole number from ${min} to ${max}, not ${text}`)
}

const limit = (flag: string, text: string | undefined) => (text === undefined ? undefined : integer(flag, text, 1, 1_000_000))

function origin(variable: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url && (url.protocol === 'http:' || url.protocol === 'https:') && url.pathname === '/' && !url.search && !url.username)
    return url.origin
  throw new ConfigError(`${variable} must be an address such as http://127.0.0.1:3000, without a path`)
}
