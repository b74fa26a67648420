import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { Registry } from 'prom-client'
import type { Logger } from 'winston'
import type { Access } from '../access/access.ts'
import type { KubeClient } from '../kube/client.ts'
import type { RuntimeMetrics } from '../metrics/registry.ts'
import type { Call } from './call.ts'
import { Dispatcher } from './dispatcher.ts'
import { Front, type Serve } from './front.ts'
import { guardedRoutes } from './guarded.ts'
import { Leaders } from './leadership.ts'
import { DRAIN_MS } from './limits.ts'
import { LiveViews } from './live-view.ts'
import { routerMetrics } from './metrics.ts'
import { Mirrors } from './mirrors.ts'
import { NamespaceLimits } from './namespace-limits.ts'
import { Prober } from './prober.ts'
import { Reactions } from './reactions.ts'
import { brokenTo, routesOf } from './routes.ts'
import { StatsHub } from './stats-hub.ts'
import { Tasks } from './tasks.ts'
import type { Tracer } from './trace.ts'
import { Upstream } from './upstream.ts'
import { Watch } from './watch.ts'
import { World } from './world.ts'

/** What a router is started with. */
export type RouterOptions = {
  readonly client: KubeClient
  readonly log: Logger
  readonly registry: Registry
  readonly runtimeMetrics: RuntimeMetrics
  readonly host: string
  readonly port: number
  readonly namespaces: readonly string[]
  readonly labelSelector?: string | undefined
  readonly maxInFlight: number
  /** Bytes of the bodies of all open tasks. */
  readonly maxInFlightBytes: number
  /** What one namespace may have of them, and send a second; as much as there is where they are undefined. */
  readonly maxInFlightPerNamespace: number | undefined
  readonly tasksPerSecondPerNamespace: number | undefined
  readonly probesPerSecond: number
  /** The one address of all sandboxes; without it each port has its own host name. */
  readonly sandboxUrl: string | undefined
  /** Who may do what; absent where everybody may do all. */
  readonly access: Access | undefined
  /** Makes the server; one of plain HTTP when absent. */
  readonly serve: Serve | undefined
  /** Opens the statistics; without it, and without access, they are closed. */
  readonly internalToken: string | undefined
  /** Records tasks, where somebody wants that. */
  readonly tracer?: Tracer | undefined
}

const now = () => performance.now()

/** The data plane: takes tasks over HTTP and gives them to agents, on what the API server last told it. */
export class Router {
  readonly #o: RouterOptions
  readonly #upstream = new Upstream()
  readonly #probes = new Upstream()
  readonly #watch: Watch<Call>
  readonly #prober: Prober
  readonly #mirrors: Mirrors
  readonly #stats: StatsHub
  readonly #views = new LiveViews(now)
  readonly #tasks: Tasks
  readonly #reactions: Reactions
  readonly #front: Front
  #isStopping = false

  constructor(options: RouterOptions) {
    this.#o = options
    const { client, log, namespaces, labelSelector, registry, sandboxUrl } = options
    const world = new World<Call>({ sandboxUrl, now })
    this.#watch = new Watch(world, { client, log, metrics: options.runtimeMetrics, namespaces, labelSelector })
    const isKnowing = () => this.#watch.hasSynced
    const broken = brokenTo(log)
    const limits = new NamespaceLimits(options, now)
    const metrics = routerMetrics(registry, {
      entries: () => world.entries,
      openTasks: () => this.#tasks.open,
      openTasksOf: () => limits.open(),
      now,
    })
    this.#stats = new StatsHub(world, randomUUID(), now)
    const dispatcher = new Dispatcher({
      upstream: this.#upstream,
      now,
      random: Math.random,
      observer: {
        attemptBegan: (entry, host) => this.#reactions.attemptBegan(entry, host),
        attemptEnded: (entry, host, ended) => this.#reactions.attemptEnded(entry, host, ended),
        queueChanged: (entry) => this.#reactions.queueChanged(entry),
      },
    })
    this.#prober = new Prober({
      upstream: this.#probes,
      now,
      perSecond: options.probesPerSecond,
      observe: (entry, _host, isFound) => this.#reactions.probed(entry, isFound),
      healthChanged: (entry, host) => this.#reactions.healthChanged(entry, host),
    })
    const leaders = new Leaders({ now, isKnowing, changed: (entry, change) => this.#reactions.leaderChanged(entry, change) })
    this.#mirrors = new Mirrors({ dispatcher, metrics, now })
    this.#tasks = new Tasks({
      world,
      desk: { dispatcher, leaders, mirrors: this.#mirrors, metrics, now, random: Math.random },
      metrics,
      maxOpen: options.maxInFlight,
      maxBytes: options.maxInFlightBytes,
      limits,
      isKnowing,
      broken,
      tracer: options.tracer,
    })
    const shared = { tasks: this.#tasks, leaders, stats: this.#stats, views: this.#views, now }
    this.#reactions = new Reactions({ ...shared, dispatcher, prober: this.#prober, metrics, log })
    const routes = routesOf({ ...shared, world, registry, isKnowing, isStopping: () => this.#isStopping, broken })
    this.#front = new Front(guardedRoutes(routes, { ...options, metrics }), options.serve)
    world.listen(this.#reactions)
  }

  /** Opens the port at once, and takes tasks when the swarms have been read. Resolves with the port. */
  async start(): Promise<number> {
    const { host, port, log } = this.#o
    const actual = await this.#front.listen(host, port)
    this.#watch.start()
    this.#prober.start()
    log.info('router listens', { host, port: actual })
    return actual
  }

  /** Resolves when the router takes tasks. */
  async ready(signal: AbortSignal): Promise<void> {
    await this.#watch.synced(signal)
  }

  /**
   * Sends clients away with each answer, then takes no more tasks, waits for those it has, and closes. For `delayMs` before that it takes
   * tasks as always: those who share them out among routers learn of its end only after it has begun.
   */
  async stop(drainMs: number = DRAIN_MS, delayMs = 0): Promise<void> {
    this.#isStopping = true
    this.#front.sendAway()
    this.#o.log.info('router is stopping', { openTasks: this.#tasks.open, delayMs })
    if (delayMs > 0) await pause(delayMs)
    await this.#tasks.stop(drainMs)
    this.#mirrors.stop()
    this.#views.stop()
    this.#stats.stop()
    await this.#front.close()
    this.#prober.stop()
    await this.#watch.stop()
    await Promise.all([this.#upstream.close(), this.#probes.close()])
    this.#o.log.info('router has stopped')
  }
}
