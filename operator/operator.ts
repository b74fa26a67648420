#!/usr/bin/env node
import type { Registry } from 'prom-client'
import type { Logger } from 'winston'
import { Access } from '../src/access/access.ts'
import { metricsGuard } from '../src/access/metrics-guard.ts'
import { createLog } from '../src/log.ts'
import { createRegistry, observeRequests, runtimeMetrics } from '../src/metrics/registry.ts'
import { Providers } from '../src/e2b/providers.ts'
import { KubeClient } from '../src/kube/client.ts'
import { HealthServer } from '../src/kube/health-server.ts'
import { LeaderElection } from '../src/kube/lease.ts'
import { runReconcilers } from '../src/reconcilers/run.ts'
import { operatorIdOf } from '../src/reconcilers/shared/operator-id.ts'
import { followedFile, type RouterAccess } from '../src/router-client/access.ts'
import { linkRouters } from '../src/router-client/link.ts'
import { operatorUsage, readOperatorConfig, type OperatorConfig } from './operator-config.ts'
import { certificateOf } from './ports.ts'
import { clusterConfig, ConfigError, logEverything, refuse } from './refusals.ts'

/** Passes that are under way at the end get this long. Milliseconds. */
const EXIT_MS = 20_000

async function main(config: OperatorConfig, log: Logger): Promise<void> {
  const access = routerAccess(config)
  const stopping = untilAsked(log)
  const registry = createRegistry({ processMetrics: true })
  const metrics = runtimeMetrics(registry)
  const kubeConfig = clusterConfig({ file: config.kubeconfig, context: config.context })
  const client = new KubeClient(kubeConfig, { observe: observeRequests(metrics) })
  // Connections of its own, so that no burst of other requests costs the leadership.
  const leaseClient = new KubeClient(kubeConfig, { observe: observeRequests(metrics) })
  const providers = new Providers({ endpoints: config.endpoints, createsPerSecond: config.createsPerSecond, registry })
  const lease = { namespace: config.leaseNamespace, name: config.leaseName }
  const election = new LeaderElection({
    client: leaseClient,
    ...lease,
    identity: config.identity,
    durationMs: config.leaseMs,
    log,
    metrics,
  })
  const health = healthServer(config, { client, log, registry, election })
  log.info('health server started', { port: await health.start() })

  await election.run(stopping, async (signal) => {
    const link = linkRouters({ urls: config.routerUrls, service: config.routerService, access, client, log, registry })
    link.start()
    try {
      const operatorId = await operatorIdOf(client, lease, signal)
      log.info('leading', { identity: config.identity, operatorId })
      const { namespaces, apiKey: ownKey, leaseNamespace, sourceHosts } = config
      const { routers, entrances } = link
      const world = { client, providers, ownKey, operatorId, leaseNamespace, namespaces, sourceHosts, routers, entrances }
      await runReconcilers({ ...world, log, registry, metrics }, signal)
    } finally {
      await link.stop()
    }
  })
  await health.stop()
  await providers.close()
  await Promise.all([client.close(), leaseClient.close()])
  log.info('stopped')
}

/** Aborts when the program is asked to end, which it then has a limited time for. */
function untilAsked(log: Logger): AbortSignal {
  const stopping = new AbortController()
  const stop = (signal: string) => {
    log.info('stopping', { signal })
    stopping.abort()
    setTimeout(() => process.exit(1), EXIT_MS).unref()
  }
  process.once('SIGTERM', () => stop('SIGTERM'))
  process.once('SIGINT', () => stop('SIGINT'))
  return stopping.signal
}

/** The port for probes and metrics. */
function healthServer(config: OperatorConfig, { client, log, registry, election }: Parts): HealthServer {
  const certificate = certificateOf(config.metricsTls, { log, registry })
  return new HealthServer({
    host: config.metricsHost,
    port: config.metricsPort,
    guard: config.metricsAuth === 'kubernetes' ? metricsGuard(new Access({ client, log, registry })) : undefined,
    serve: certificate && ((options, listener) => certificate.serve(options, listener)),
    registry,
    log,
    ready: { leader: () => election.isLeader || (election.holder !== '' && election.holder !== config.identity) || 'no operator leads' },
  })
}

/** What the port for probes and metrics works with. */
type Parts = { readonly client: KubeClient; readonly log: Logger; readonly registry: Registry; readonly election: LeaderElection }

/** Files are read once at the start, so that one that is not there ends the program with its name. */
function routerAccess({ routerService, routerCaFile, routerTokenFile, internalToken = '' }: OperatorConfig): RouterAccess {
  const token = routerTokenFile === undefined ? () => internalToken : fileOf('--router-token-file', routerTokenFile)
  if (!routerService || routerCaFile === undefined) return { token: () => token().trim() }
  const ca = fileOf('--router-tls-ca-file', routerCaFile)
  const servername = `${routerService.name}.${routerService.namespace}.svc`
  return { token: () => token().trim(), tls: () => ({ ca: ca(), servername }) }
}

function fileOf(flag: string, path: string): () => string {
  const text = followedFile(path, Date.now)
  try {
    text()
  } catch (error) {
    throw new ConfigError(`${flag} ${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
  return text
}

let log: Logger | undefined
try {
  const config = readOperatorConfig(process.argv.slice(2), process.env)
  if (config === 'help') console.log(operatorUsage())
  else {
    log = createLog({ level: config.logLevel, ...(config.logShape && { shape: config.logShape }) })
    logEverything(log)
    await main(config, log)
  }
} catch (error) {
  refuse(error, '--metrics-port', log)
  process.exit() // what was started before keeps the process alive otherwise, and nobody would start it again
}
