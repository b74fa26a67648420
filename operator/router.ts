#!/usr/bin/env node
import { Access } from '../src/access/access.ts'
import type { Logger } from 'winston'
import { createRegistry, observeRequests, runtimeMetrics } from '../src/metrics/registry.ts'
import { KubeClient } from '../src/kube/client.ts'
import { createLog } from '../src/log.ts'
import type { Serve } from '../src/router/front.ts'
import { Router } from '../src/router/router.ts'
import { certificateOf } from './ports.ts'
import { clusterConfig, logEverything, refuse } from './refusals.ts'
import { readRouterConfig, routerUsage, type RouterConfig } from './router-config.ts'

/** Runs a router until it is asked to stop; a second request ends it at once. */
async function run(config: RouterConfig, log: Logger): Promise<void> {
  const registry = createRegistry()
  const metrics = runtimeMetrics(registry)
  // The list of files in KUBECONFIG is read by the client library itself.
  const client = new KubeClient(clusterConfig({}), { userAgent: 'swarm-router', observe: observeRequests(metrics) })
  const access = config.auth === 'kubernetes' ? new Access({ client, log, registry, audiences: config.audiences }) : undefined
  // Loaded only where it is wanted: it is larger than the router.
  const tracing = config.tracing && (await import('../src/tracing/otlp.ts')).startTracing({ ...config.tracing, log, registry })
  const certificate = certificateOf(config.tls, { log, registry })
  const serve: Serve | undefined = certificate && ((options, listener) => certificate.serve(options, listener))
  const router = new Router({ ...config, access, serve, client, log, registry, runtimeMetrics: metrics, tracer: tracing?.tracer })
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>()
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      ask()
      process.once(signal, () => process.exit(1))
    })
  }
  await router.start()
  const ready = new AbortController()
  router.ready(ready.signal).then(
    () => log.info('router is ready'),
    () => undefined,
  )
  await asked
  ready.abort()
  await router.stop(config.drainMs, config.shutdownDelayMs)
  await tracing?.stop()
  await client.close()
}

let log: Logger | undefined
try {
  const config = readRouterConfig(process.argv.slice(2), process.env)
  if (config === 'help') console.log(routerUsage())
  else {
    log = createLog({ level: config.logLevel, ...(config.logShape && { shape: config.logShape }) })
    logEverything(log)
    await run(config, log)
  }
} catch (error) {
  refuse(error, '--port', log)
  process.exit() // what was started before keeps the process alive otherwise, and nobody would start it again
}
