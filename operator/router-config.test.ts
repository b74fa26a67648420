import { describe, it } from 'mocha'
import { expect } from 'chai'
import { ConfigError } from './refusals.ts'
import { readRouterConfig } from './router-config.ts'

const DEFAULTS = {
  port: 18000,
  host: '127.0.0.1',
  namespaces: [],
  labelSelector: undefined,
  maxInFlight: 10_000,
  maxInFlightBytes: 268_435_456,
  maxInFlightPerNamespace: undefined,
  tasksPerSecondPerNamespace: undefined,
  probesPerSecond: 100,
  drainMs: 30_000,
  shutdownDelayMs: 0,
  logLevel: 'info',
  logShape: undefined,
  kubeconfig: undefined,
  sandboxUrl: undefined,
  internalToken: undefined,
  tracing: undefined,
  auth: 'kubernetes',
  audiences: [],
  tls: undefined,
}

describe('configuration of the router', () => {
  it('has defaults for everything', () => expect(readRouterConfig([], {})).to.deep.equal(DEFAULTS))

  it('reads flags and environment', () => {
    const args = [
      '--port',
      '0',
      '--namespace',
      'a',
      '--namespace',
      'b',
      '--max-in-flight',
      '5',
      '--log-format',
      'json',
      '--log-level',
      'debug',
      '--drain-seconds',
      '1',
      '--shutdown-delay-seconds',
      '5',
    ]
    const env = { E2B_SANDBOX_URL: 'http://127.0.0.1:3000/', SWARM_INTERNAL_TOKEN: 't', KUBECONFIG: '/k' }
    expect(readRouterConfig(args, env)).to.deep.equal({
      ...DEFAULTS,
      port: 0,
      namespaces: ['a', 'b'],
      maxInFlight: 5,
      logLevel: 'debug',
      logShape: 'json',
      drainMs: 1000,
      shutdownDelayMs: 5000,
      sandboxUrl: 'http://127.0.0.1:3000',
      internalToken: 't',
      kubeconfig: '/k',
    })
  })

  it('takes a collector of traces by flag or as OpenTelemetry names it', () => {
    const asked = readRouterConfig(['--otlp-endpoint', 'http://c:4318/', '--trace-ratio', '0.1'], {})
    expect(asked).to.deep.include({ tracing: { endpoint: 'http://c:4318', ratio: 0.1 } })
    const named = readRouterConfig([], { OTEL_EXPORTER_OTLP_ENDPOINT: 'https://c/otlp' })
    expect(named).to.deep.include({ tracing: { endpoint: 'https://c/otlp', ratio: 1 } })
  })

  it('can only ask for help', () => expect(readRouterConfig(['--help'], {})).to.equal('help'))

  const bad = {
    'a port that is no number': { args: ['--port', 'x'], env: {} },
    'a port that is too large': { args: ['--port', '70000'], env: {} },
    'a delay that is too long': { args: ['--shutdown-delay-seconds', '301'], env: {} },
    'an unknown flag': { args: ['--prot', '1'], env: {} },
    'a word too many': { args: ['x'], env: {} },
    'an unknown way to know users': { args: ['--auth', 'ldap'], env: {} },
    'a certificate without a key': { args: ['--tls-cert-file', 'tls.crt'], env: {} },
    'an unknown log level': { args: ['--log-level', 'verbose'], env: {} },
    'an unknown log format': { args: ['--log-format', 'xml'], env: {} },
    'a namespace that cannot be': { args: ['--namespace', 'A b'], env: {} },
    'a collector that is none': { args: ['--otlp-endpoint', 'collector:4318'], env: {} },
    'a collector with a password': { args: [], env: { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://a:b@c' } },
    'a part of tasks above one': { args: ['--trace-ratio', '2'], env: {} },
    'a sandbox address with a path': { args: [], env: { E2B_SANDBOX_URL: 'http://x/y' } },
    'a sandbox address that is none': { args: [], env: { E2B_SANDBOX_URL: 'x' } },
  }
  for (const [name, c] of Object.entries(bad))
    it(`refuses ${name}`, () => expect(() => readRouterConfig(c.args, c.env)).to.throw(ConfigError))
})
