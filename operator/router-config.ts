import {
  addressOf,
  logLevelOf,
  logShapeOf,
  namespacesOf,
  numberOf,
  portOf,
  readFlags,
  usageOf,
  wholeNumberOf,
  type LogLevel,
} from './flags.ts'
import { authModeOf, tlsFilesOf, type AuthMode, type TlsFiles } from './ports.ts'
import { ConfigError } from './refusals.ts'

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
  readonly logShape: 'json' | 'text' | undefined
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

const FLAGS = {
  port: { type: 'string', default: '18000', help: 'Port to listen on; 0 takes a free one' },
  host: { type: 'string', default: '127.0.0.1', help: 'Address to listen on' },
  namespace: { type: 'string', multiple: true, help: 'Namespace to watch; repeat it for several (default: all)' },
  selector: { type: 'string', help: 'Only Swarms, Agents and token Secrets with these labels' },
  auth: {
    type: 'string',
    default: 'kubernetes',
    help: 'kubernetes: tasks, live views and metrics need a bearer token that the API server knows and whose user may do this; none: open',
  },
  'token-audience': {
    type: 'string',
    multiple: true,
    help: 'Audience that tokens of tasks and live views must be meant for; repeat it for several (default: that of the API server)',
  },
  'tls-cert-file': {
    type: 'string',
    help: 'Certificate in PEM, with which the port speaks HTTPS; read again when it changes (default: plain HTTP)',
  },
  'tls-key-file': { type: 'string', help: 'Its key' },
  'max-in-flight': { type: 'string', default: '10000', help: 'Tasks open at once; more get 429' },
  'max-in-flight-mib': { type: 'string', default: '256', help: 'MiB of the bodies of these tasks; more get 429' },
  'max-in-flight-per-namespace': { type: 'string', help: 'Tasks of one namespace open at once; more get 429 (default: no limit)' },
  'tasks-per-second-per-namespace': {
    type: 'string',
    help: 'Tasks that one namespace may send a second; more get 429 (default: no limit)',
  },
  'probes-per-second': { type: 'string', default: '100', help: 'Probes of agents that are sent at most' },
  'shutdown-delay-seconds': {
    type: 'string',
    default: '0',
    help: 'Time after a request to stop in which tasks are still taken, while clients are sent to other routers',
  },
  'drain-seconds': { type: 'string', default: '30', help: 'Time that open tasks get after that' },
  'otlp-endpoint': { type: 'string', help: 'Collector of traces, OTLP over HTTP (default: no traces)' },
  'trace-ratio': {
    type: 'string',
    default: '1',
    help: 'Part of the tasks that are traced, 0 to 1; a client that sends a traceparent has decided already',
  },
  'log-level': { type: 'string', default: 'info', help: 'error, warn, info or debug' },
  'log-format': { type: 'string', help: 'json or text (default: text on a terminal)' },
  help: { type: 'boolean', default: false, help: 'Show this' },
} as const

/** What `--help` prints. */
export const routerUsage = (): string =>
  usageOf({
    name: 'router',
    does: 'Takes tasks over HTTP and gives them to the agents of swarms.',
    flags: FLAGS,
    environment:
      'KUBECONFIG; E2B_SANDBOX_URL: one address for all sandboxes; SWARM_INTERNAL_TOKEN: opens /internal/stats to those who send it as a bearer token; OTEL_EXPORTER_OTLP_ENDPOINT: as --otlp-endpoint; OTEL_EXPORTER_OTLP_HEADERS, OTEL_RESOURCE_ATTRIBUTES, OTEL_SERVICE_NAME: as OpenTelemetry has them.',
  })

/** Reads flags and environment; `help` when only the usage is wanted. Throws a ConfigError. */
export function readRouterConfig(args: readonly string[], env: Readonly<Record<string, string | undefined>>): RouterConfig | 'help' {
  const values = readFlags(args, FLAGS)
  if (values.help) return 'help'
  return {
    port: portOf('--port', values.port),
    host: values.host,
    namespaces: namespacesOf(values.namespace ?? []),
    labelSelector: values.selector,
    maxInFlight: wholeNumberOf('--max-in-flight', values['max-in-flight'], 1, 1_000_000),
    maxInFlightBytes: wholeNumberOf('--max-in-flight-mib', values['max-in-flight-mib'], 1, 65_536) * 1024 * 1024,
    maxInFlightPerNamespace: limit('--max-in-flight-per-namespace', values['max-in-flight-per-namespace']),
    tasksPerSecondPerNamespace: limit('--tasks-per-second-per-namespace', values['tasks-per-second-per-namespace']),
    probesPerSecond: wholeNumberOf('--probes-per-second', values['probes-per-second'], 1, 10_000),
    shutdownDelayMs: wholeNumberOf('--shutdown-delay-seconds', values['shutdown-delay-seconds'], 0, 300) * 1000,
    drainMs: wholeNumberOf('--drain-seconds', values['drain-seconds'], 0, 3_600) * 1000,
    logLevel: logLevelOf(values['log-level']),
    logShape: logShapeOf(values['log-format']),
    auth: authModeOf('--auth', values.auth),
    tls: tlsFilesOf('--', values['tls-cert-file'], values['tls-key-file']),
    audiences: values['token-audience'] ?? [],
    kubeconfig: env['KUBECONFIG'] || undefined,
    sandboxUrl: origin('E2B_SANDBOX_URL', env['E2B_SANDBOX_URL'] || undefined),
    tracing: tracingOf(values['otlp-endpoint'] ?? env['OTEL_EXPORTER_OTLP_ENDPOINT'], values['trace-ratio']),
    internalToken: env['SWARM_INTERNAL_TOKEN'] || undefined,
  }
}

function tracingOf(endpoint: string | undefined, text: string): RouterConfig['tracing'] {
  const ratio = numberOf('--trace-ratio', text, 1)
  if (!endpoint) return undefined
  if (plainAddressOf(endpoint)) return { endpoint: endpoint.replace(/\/+$/, ''), ratio }
  throw new ConfigError('--otlp-endpoint must be an address such as http://collector:4318, without /v1/traces and without a password')
}

const limit = (flag: string, text: string | undefined) => (text === undefined ? undefined : wholeNumberOf(flag, text, 1, 1_000_000))

function origin(variable: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined
  const url = plainAddressOf(text)
  if (url?.pathname === '/') return url.origin
  throw new ConfigError(`${variable} must be an address such as http://127.0.0.1:3000, without a path`)
}

/** An address without a query and a user. */
function plainAddressOf(text: string): URL | undefined {
  const url = addressOf(text)
  return url && !url.search && !url.username ? url : undefined
}
