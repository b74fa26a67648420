import { hostname } from 'node:os'
import { addressOf, logLevelOf, logShapeOf, namespacesOf, numberOf, portOf, readFlags, usageOf, type LogLevel } from './flags.ts'
import { authModeOf, tlsFilesOf, type AuthMode, type TlsFiles } from './ports.ts'
import { ConfigError } from './refusals.ts'
import { parseDuration } from '../src/api/duration.ts'

/** How the operator is run. Times are milliseconds. */
export type OperatorConfig = {
  kubeconfig: string | undefined
  context: string | undefined
  namespaces: string[]
  metricsHost: string
  metricsPort: number
  metricsAuth: AuthMode
  sourceHosts: string[]
  metricsTls: TlsFiles | undefined
  leaseNamespace: string
  leaseName: string
  leaseMs: number
  identity: string
  createsPerSecond: number
  routerUrls: string[]
  routerService: { namespace: string; name: string } | undefined
  routerCaFile: string | undefined
  routerTokenFile: string | undefined
  internalToken: string | undefined
  apiKey: string | undefined
  endpoints: { apiUrl?: string; sandboxUrl?: string; domain?: string }
  logLevel: LogLevel
  logShape: 'json' | 'text' | undefined
}

const FLAGS = {
  kubeconfig: { type: 'string', help: 'File with the cluster to use (default: KUBECONFIG, ~/.kube/config, then the pod itself)' },
  context: { type: 'string', help: 'Context of that file' },
  namespace: { type: 'string', multiple: true, help: 'Namespace to look after; repeat it for several (default: all)' },
  'metrics-host': { type: 'string', default: '127.0.0.1', help: 'Address of /metrics, /healthz and /readyz' },
  'metrics-port': { type: 'string', default: '18080', help: 'Port of /metrics, /healthz and /readyz' },
  'metrics-auth': {
    type: 'string',
    default: 'kubernetes',
    help: 'kubernetes: /metrics needs a bearer token whose user may get that path; none: open',
  },
  'metrics-tls-cert-file': { type: 'string', help: 'Certificate in PEM, with which that port speaks HTTPS; read again when it changes' },
  'metrics-tls-key-file': { type: 'string', help: 'Its key' },
  'lease-namespace': { type: 'string', default: 'default', help: 'Namespace of the Lease by which one of several operators leads' },
  'lease-name': { type: 'string', default: 'swarm-operator', help: 'Name of that Lease' },
  'lease-duration': { type: 'string', default: '15s', help: 'Time after which another operator takes over from one that is silent' },
  'create-rate': { type: 'string', default: '5', help: 'Sandboxes created per second and API key; 0 for no limit' },
  'router-urls': { type: 'string', default: '', help: 'Addresses of routers that are always there, separated by commas' },
  'source-hosts': {
    type: 'string',
    default: '',
    help: 'Hosts that metrics and webhooks of manifests may name, separated by commas, *.DOMAIN for all below one; all when left out',
  },
  'router-service': {
    type: 'string',
    help: 'NAMESPACE/NAME of a Service in front of routers; each that serves is found by its EndpointSlices',
  },
  'router-tls-ca-file': {
    type: 'string',
    help: 'Certificates that vouch for the routers of that Service, which then speak https as NAME.NAMESPACE.svc',
  },
  'router-token-file': { type: 'string', help: 'Bearer token for the routers, read again when it is renewed' },
  'log-level': { type: 'string', default: 'info', help: 'error, warn, info or debug' },
  'log-format': { type: 'string', help: 'json or text (default: text on a terminal)' },
  help: { type: 'boolean', default: false, help: 'Show this' },
} as const

/** What `--help` prints. */
export const operatorUsage = (): string =>
  usageOf({
    name: 'operator',
    does: 'Runs the controllers of swarm-operator.',
    flags: FLAGS,
    environment:
      'E2B_API_KEY (for swarms that name no key), E2B_API_URL, E2B_SANDBOX_URL, E2B_DOMAIN, SWARM_INTERNAL_TOKEN (shared with the routers), KUBECONFIG.',
  })

/** Reads flags and environment; `help` when only the usage is wanted. Throws a ConfigError. */
export function readOperatorConfig(args: readonly string[], env: Readonly<Record<string, string | undefined>>): OperatorConfig | 'help' {
  const values = readFlags(args, FLAGS)
  if (values.help) return 'help'
  return {
    kubeconfig: values.kubeconfig,
    context: values.context,
    namespaces: namespacesOf(values.namespace ?? []),
    metricsHost: values['metrics-host'],
    metricsPort: portOf('--metrics-port', values['metrics-port']),
    metricsAuth: authModeOf('--metrics-auth', values['metrics-auth']),
    metricsTls: tlsFilesOf('--metrics-', values['metrics-tls-cert-file'], values['metrics-tls-key-file']),
    leaseNamespace: values['lease-namespace'],
    leaseName: values['lease-name'],
    leaseMs: leaseMs(values['lease-duration']),
    identity: `${hostname()}-${process.pid}`,
    createsPerSecond: numberOf('--create-rate', values['create-rate'], 1_000),
    sourceHosts: hostsOf(values['source-hosts']),
    routerUrls: values['router-urls']
      .split(',')
      .map((url) => url.trim())
      .filter(Boolean)
      .map(checkedUrl),
    routerService: serviceOf(values['router-service'], values['router-tls-ca-file']),
    routerCaFile: values['router-tls-ca-file'],
    routerTokenFile: values['router-token-file'],
    internalToken: env['SWARM_INTERNAL_TOKEN'] || undefined,
    apiKey: env['E2B_API_KEY'] || undefined,
    endpoints: endpointsOf(env),
    logLevel: logLevelOf(values['log-level']),
    logShape: logShapeOf(values['log-format']),
  }
}

/** Where E2B is, as the environment says; where nothing is said it is the cloud. */
export const endpointsOf = (env: Readonly<Record<string, string | undefined>>): OperatorConfig['endpoints'] => ({
  ...(env['E2B_API_URL'] && { apiUrl: env['E2B_API_URL'] }),
  ...(env['E2B_SANDBOX_URL'] && { sandboxUrl: env['E2B_SANDBOX_URL'] }),
  ...(env['E2B_DOMAIN'] && { domain: env['E2B_DOMAIN'] }),
})

function leaseMs(text: string): number {
  const ms = parseDuration(text)
  if (ms === undefined || ms < 1_000 || ms > 300_000)
    throw new ConfigError(`--lease-duration must be from 1s to 5m, not ${JSON.stringify(text)}`)
  return ms
}

function serviceOf(text: string | undefined, caFile: string | undefined): OperatorConfig['routerService'] {
  if (text === undefined) {
    if (caFile === undefined) return undefined
    throw new ConfigError(
      '--router-tls-ca-file needs --router-service NAMESPACE/NAME: the name is what the certificates are checked against',
    )
  }
  const [, namespace, name] = /^([a-z0-9][a-z0-9-]{0,62})\/([a-z0-9][a-z0-9-]{0,62})$/.exec(text) ?? []
  if (namespace !== undefined && name !== undefined) return { namespace, name }
  throw new ConfigError(`--router-service must be NAMESPACE/NAME such as swarm-system/swarm-router, not ${JSON.stringify(text)}`)
}

function hostsOf(text: string): string[] {
  const hosts = text
    .split(',')
    .map((host) => host.trim().toLowerCase())
    .filter(Boolean)
  const bad = hosts.find((host) => !/^(\*\.)?[a-z0-9:]([a-z0-9._:-]*[a-z0-9:])?$/.test(host))
  if (bad === undefined) return hosts
  throw new ConfigError(
    `--source-hosts must hold names of hosts such as prometheus.monitoring.svc or *.example.com, not ${JSON.stringify(bad)}`,
  )
}

function checkedUrl(url: string): string {
  if (addressOf(url)) return url
  throw new ConfigError(`--router-urls must hold http addresses such as http://127.0.0.1:18000, not ${JSON.stringify(url)}`)
}
