#!/usr/bin/env node
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
import { Discovery } from '../src/router-client/discovery.ts'
import type { RouterEndpoint } from '../src/router-client/endpoints.ts'
import { RouterFeed } from '../src/router-client/feed.ts'
import type { Ended } from '../src/stats/tally.ts'
import { readConfig, usage, type OperatorConfig } from './operator-config.ts'
import { certificateOf } from './ports.ts'
import { clusterConfig, ConfigError, refuse } from './refusals.ts'

/** Passes that are under way at the end get this long. Milliseconds. */
const EXIT_MS = 20_000

async function main(config: OperatorConfig): Promise<void> {
  const access = routerAccess(config)
  const log = createLog({ level: config.logLevel, shape: config.logShape })
  const stopping = new AbortController()
  const stop = (signal: string) => {
    log.info('stopping', { signal })
    stopping.abort()
    setTimeout(() => process.exit(1), EXIT_MS).unref()
  }
  process.once('SIGTERM', () => stop('SIGTERM'))
  process.once('SIGINT', () => stop('SIGINT'))

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
  const certificate = certificateOf(config.metricsTls, { log, registry })
  const health = new HealthServer({
    guard: config.metricsAuth === 'kubernetes' ? metricsGuard(new Access({ client, log, registry })) : undefined,
    serve: certificate && ((options, listener) => certificate.serve(options, listener)),
    host: config.metricsHost,
    port: config.metricsPort,
    registry,
    log,
    ready: { leader: () => election.isLeader || (election.holder !== '' && election.holder !== config.identity) || 'no operator leads' },
  })
  log.info('health server started', { port: await health.start() })

  await election.run(stopping.signal, async (signal) => {
    const { feed, routers, discovery, entrances } = routersOf({ ...config, access }, client, log)
    feed.start()
    discovery?.start()
    try {
      const operatorId = await operatorIdOf(client, lease, signal)
      log.info('leading', { identity: config.identity, operatorId })
      const { namespaces, apiKey: ownKey, leaseNamespace } = config
      const world = { client, providers, ownKey, operatorId, leaseNamespace, namespaces, routers, entrances }
      await runReconcilers({ ...world, log, registry, metrics }, signal)
    } finally {
      feed.stop()
      await discovery?.stop()
    }
  })
  await health.stop()
  certificate?.stop()
  await providers.close()
  await Promise.all([client.close(), leaseClient.close()])
  log.info('stopped')
}

/** What the routers say, and who hears of agents that have drained, of tasks that have ended, and of shares and trips of swarms. */
function routersOf(config: OperatorConfig & { access: RouterAccess }, client: KubeClient, log: Logger) {
  const { routerUrls, routerService: service, access } = config
  const listeners: ((namespace: string, agent: string) => void)[] = []
  const endedListeners: ((ended: readonly Ended[]) => void)[] = []
  const swarmListeners: ((namespace: string, swarm: string) => void)[] = []
  const changeListeners: ((namespace: string, swarm: string) => void)[] = []
  const hasRouters = routerUrls.length > 0 || service !== undefined
  const feed = new RouterFeed({
    urls: routerUrls,
    hasOthers: service !== undefined,
    access,
    log,
    now: Date.now,
    onChange: (agents) => {
      for (const { namespace, agent } of agents) for (const listener of listeners) listener(namespace, agent)
    },
    onSwarmChange: (namespace, swarm) => {
      for (const listener of changeListeners) listener(namespace, swarm)
    },
    onEnded: (ended) => {
      for (const listener of endedListeners) listener(ended)
    },
    onSwarms: (swarms) => {
      for (const { namespace, swarm } of swarms) for (const listener of swarmListeners) listener(namespace, swarm)
    },
  })
  const routers = {
    inFlight: (namespace: string, agent: string) => feed.inFlight(namespace, agent),
    // Nobody says what agents still have to do when no router is known: they get all of spec.lifecycle.drainTimeout.
    isDrained: (namespace: string, agent: string) => hasRouters && feed.isDrained(namespace, agent),
    isConnected: () => !hasRouters || feed.connected,
    waiting: (namespace: string, swarm: string, group: string) => feed.waiting(namespace, swarm, group),
    onSwarm: (listener: (namespace: string, swarm: string) => void) => swarmListeners.push(listener),
    inForce: (namespace: string, swarm: string) => feed.shares(namespace, swarm),
    trips: (namespace: string, swarm: string) => feed.trips(namespace, swarm),
    onSwarmChange: (listener: (namespace: string, swarm: string) => void) => changeListeners.push(listener),
    onEnded: (listener: (ended: readonly Ended[]) => void) => endedListeners.push(listener),
    onDrain: (listener: (namespace: string, agent: string) => void) => listeners.push(listener),
  }
  const onRouters = (found: readonly RouterEndpoint[]) => feed.found(found)
  const scheme = access.tls ? 'https' : 'http'
  const discovery = service && new Discovery({ client, service, scheme, log, onRouters })
  return { feed, routers, discovery, entrances: { urls: () => feed.urls, access } }
}

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

try {
  const config = readConfig(process.argv.slice(2), process.env, process.stdout.isTTY)
  if (config) await main(config)
  else console.log(usage())
} catch (error) {
  refuse(error, '--metrics-port')
  process.exit() // what was started before keeps the process alive otherwise, and nobody would start it again
}
