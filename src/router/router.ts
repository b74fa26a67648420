import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { ServerResponse } from 'node:http'
import type { Registry } from 'prom-client'
import type { Logger } from 'winston'
import type { Access } from '../access/access.ts'
import type { KubeClient } from '../kube/client.ts'
import type { RuntimeMetrics } from '../metrics/registry.ts'
import { VERDICTS } from '../routing/verdict.ts'
import type { Call } from './call.ts'
import { Dispatcher, type AttemptEnd } from './dispatcher.ts'
import { Front, sendJson, sendProblem, type Routes, type Serve, type SwarmPlace } from './front.ts'
import { guardedRoutes } from './guarded.ts'
import type { Host } from './host.ts'
import { isLed } from '../topology/parts.ts'
import { Leaders, type LeaderChange } from './leadership.ts'
import { DRAIN_MS } from './limits.ts'
import { LiveViews, summaryOf, viewOf } from './live-view.ts'
import { routerMetrics, type RouterMetrics } from './metrics.ts'
import { Mirrors } from './mirrors.ts'
import { NamespaceLimits } from './namespace-limits.ts'
import { Problem } from './problem.ts'
import { Prober } from './prober.ts'
import { StatsHub } from './stats-hub.ts'
import type { SwarmEntry } from './swarm-entry.ts'
import { Tasks, swarmNotFound } from './tasks.ts'
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
  readonly #world: World<Call>
  readonly #upstream = new Upstream()
  readonly #probes = new Upstream()
  readonly #watch: Watch<Call>
  readonly #dispatcher: Dispatcher
  readonly #prober: Prober
  readonly #leaders: Leaders
  readonly #metrics: RouterMetrics
  readonly #mirrors: Mirrors
  readonly #stats: StatsHub
  readonly #views = new LiveViews(now)
  readonly #tasks: Tasks
  readonly #front: Front
  #isStopping = false

  constructor(options: RouterOptions) {
    this.#o = options
    const { client, log, namespaces, labelSelector, registry, sandboxUrl } = options
    const world = new World<Call>({ sandboxUrl, now })
    this.#world = world
    this.#watch = new Watch(world, { client, log, metrics: options.runtimeMetrics, namespaces, labelSelector })
    const limits = new NamespaceLimits(options, now)
    this.#metrics = routerMetrics(registry, {
      entries: () => world.entries,
      openTasks: () => this.#tasks.open,
      openTasksOf: () => limits.open(),
      now,
    })
    this.#stats = new StatsHub(world, randomUUID(), now)
    this.#dispatcher = new Dispatcher({
      upstream: this.#upstream,
      now,
      random: Math.random,
      observer: {
        attemptBegan: (entry, host) => this.#attemptBegan(entry, host),
        attemptEnded: (entry, host, ended) => this.#attemptEnded(entry, host, ended),
        queueChanged: (entry) => this.#queueChanged(entry),
      },
    })
    this.#prober = new Prober({
      upstream: this.#probes,
      now,
      perSecond: options.probesPerSecond,
      observe: ({ namespace, name: swarm, settings }, _host, isFound) => {
        if (settings) this.#metrics.probes.inc({ namespace, swarm, result: isFound ? 'found' : 'missed' })
      },
      healthChanged: (entry, host) => this.#healthChanged(entry, host),
    })
    this.#leaders = new Leaders({
      now,
      isKnowing: () => this.#watch.hasSynced,
      changed: (entry, change) => this.#leaderChanged(entry, change),
    })
    this.#mirrors = new Mirrors({ dispatcher: this.#dispatcher, metrics: this.#metrics, now })
    this.#tasks = new Tasks({
      world,
      desk: {
        dispatcher: this.#dispatcher,
        leaders: this.#leaders,
        mirrors: this.#mirrors,
        metrics: this.#metrics,
        now,
        random: Math.random,
      },
      metrics: this.#metrics,
      maxOpen: options.maxInFlight,
      maxBytes: options.maxInFlightBytes,
      limits,
      isKnowing: () => this.#watch.hasSynced,
      broken: (error, response) => this.#broken(error, response),
      tracer: options.tracer,
    })
    this.#front = new Front(guardedRoutes(this.#routes(), { ...options, metrics: this.#metrics }), options.serve)
    this.#listen()
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

  #listen(): void {
    this.#world.listen({
      agentChanged: (entry, host) => {
        entry.version += 1
        this.#prober.know(entry, host)
        this.#leaders.look(entry)
        this.#prober.lead(host, isLed(entry.settings?.topology) && entry.succession.own.leader === host.slot.facts.name)
        this.#stats.agentChanged(entry, host)
      },
      agentGone: (entry, host) => {
        entry.version += 1
        this.#prober.forget(host)
        this.#leaders.look(entry)
        this.#stats.agentGone(entry, host)
      },
      swarmChanged: (entry) => {
        entry.version += 1
        this.#leaders.look(entry)
        const leader = entry.hosts.get(entry.succession.own.leader ?? '')
        if (leader) this.#prober.lead(leader, isLed(entry.settings?.topology))
        this.#stats.swarmChanged(entry)
      },
      swarmGone: (entry) => {
        this.#dispatcher.swarmGone(entry)
        this.#tasks.swarmGone(entry)
        this.#stats.swarmGone(entry)
        this.#views.swarmGone(entry)
        this.#metrics.forget(entry.namespace, entry.name)
      },
      mayPlace: (entry) => this.#dispatcher.pump(entry),
    })
  }

  #attemptBegan(entry: SwarmEntry<Call>, host: Host): void {
    entry.version += 1
    this.#prober.began(entry, host)
    this.#stats.agentChanged(entry, host)
  }

  #attemptEnded(entry: SwarmEntry<Call>, host: Host, ended: AttemptEnd): void {
    const { namespace, name: swarm } = entry
    const { group, revision, name: agent } = host.slot.facts
    const { outcome, openedCircuit, trippedGuard, willRetry, isOverBudget } = ended
    const { isSignOfLife } = VERDICTS[outcome]
    entry.version += 1
    this.#prober.ended(entry, host, isSignOfLife)
    this.#stats.attemptEnded(entry, host, ended)
    if (!isSignOfLife || openedCircuit || trippedGuard) this.#leaders.look(entry)
    if (trippedGuard) this.#guardTripped(entry)
    if (!entry.settings) return // its metrics are gone, and would come back for ever
    this.#metrics.attempts.inc({ namespace, swarm, group, revision, outcome })
    if (willRetry) this.#metrics.retries.inc({ namespace, swarm })
    if (isOverBudget) this.#metrics.overBudget.inc({ namespace, swarm })
    if (openedCircuit) {
      this.#metrics.circuitOpens.inc({ namespace, swarm })
      this.#o.log.warn('circuit opened', { namespace, swarm, agent, outcome })
    }
  }

  #guardTripped(entry: SwarmEntry<Call>): void {
    const { namespace, name: swarm, guarding } = entry
    if (!guarding) return
    const { run, revision, inFavourOf: stable } = guarding.settings
    this.#metrics.guardTrips.inc({ namespace, swarm })
    this.#o.log.warn('guard tripped', { namespace, swarm, run, revision, stable, ...guarding.seen, why: guarding.message })
    this.#stats.tell(entry)
  }

  #queueChanged(entry: SwarmEntry<Call>): void {
    entry.version += 1
    this.#stats.swarmChanged(entry)
  }

  #healthChanged(entry: SwarmEntry<Call>, host: Host): void {
    const { isUnreachable, facts } = host.slot
    entry.version += 1
    const fields = { namespace: entry.namespace, swarm: entry.name, agent: facts.name }
    if (isUnreachable) this.#o.log.warn('agent does not answer', fields)
    else this.#o.log.info('agent answers again', fields)
    this.#leaders.look(entry)
    this.#dispatcher.pump(entry)
  }

  #leaderChanged(entry: SwarmEntry<Call>, { before, after, cause }: LeaderChange): void {
    const { namespace, name: swarm, hosts } = entry
    const isOther = before.leader !== after.leader
    const [old, next] = [before.leader, after.leader].map((leader) => (leader === undefined ? undefined : hosts.get(leader)))
    entry.version += 1
    if (old && isOther) this.#prober.lead(old, false)
    if (next) this.#prober.lead(next, true)
    const lastSign = old && isOther && old.aliveMs > 0 && { oldLeaderSilentMs: Math.round(now() - old.aliveMs) }
    const fields = { namespace, swarm, epoch: after.epoch, leader: after.leader, oldEpoch: before.epoch, oldLeader: before.leader }
    const message = !isOther ? 'epoch has changed' : before.leader === undefined ? 'swarm has a leader' : 'another agent leads'
    this.#o.log.info(message, { ...fields, cause, ...lastSign })
    if (isOther && before.leader !== undefined) this.#metrics.leaderChanges.inc({ namespace, swarm, cause })
    // Not at once: who asks for the leader may be looking through those who wait.
    setImmediate(() => this.#dispatcher.pump(entry))
  }

  #broken(error: unknown, response: ServerResponse): void {
    this.#o.log.error('request failed', { error })
    sendProblem(response, new Problem('Internal', { detail: 'the router made a mistake; its log says more' }), { mustClose: true })
  }

  #mustKnow(): void {
    if (this.#watch.hasSynced) return
    throw new Problem('NotReady', { retryAfterSeconds: 1, detail: 'this router has just started; ask again' })
  }

  #entry({ namespace, swarm }: SwarmPlace): SwarmEntry<Call> {
    this.#mustKnow()
    const entry = this.#world.find(namespace, swarm)
    if (!entry) throw swarmNotFound(namespace, swarm)
    return entry
  }

  #routes(): Routes {
    return {
      task: (place, request, response) => this.#tasks.accept(place, request, response),
      swarms: (namespace, response) => {
        this.#mustKnow()
        const entries = [...this.#world.entries].filter((entry) => entry.namespace === namespace && entry.settings)
        sendJson(response, 200, JSON.stringify({ swarms: entries.map(summaryOf) }))
      },
      swarm: (place, response) => {
        const entry = this.#entry(place)
        this.#leaders.look(entry)
        sendJson(response, 200, JSON.stringify(viewOf(entry, now())))
      },
      events: (place, response) => {
        const entry = this.#entry(place)
        this.#leaders.look(entry)
        if (this.#views.isFullFor(place.namespace)) throw tooManyStreams()
        this.#views.serve(entry, response)
      },
      stats: (response) => {
        if (this.#stats.isFull) throw tooManyStreams()
        this.#stats.serve(response)
      },
      health: (path, response) => {
        const why = this.#isStopping ? 'stopping' : this.#watch.hasSynced ? undefined : 'the swarms have not been read yet'
        const isFine = path === '/healthz' || why === undefined
        response.writeHead(isFine ? 200 : 503, { 'content-type': 'text/plain' }).end(isFine ? 'ok\n' : `${why}\n`)
      },
      metrics: (response) => {
        const { registry } = this.#o
        registry.metrics().then(
          (text) => response.writeHead(200, { 'content-type': registry.contentType }).end(text),
          (error: unknown) => this.#broken(error, response),
        )
      },
      broken: (error, response) => this.#broken(error, response),
    }
  }
}

const tooManyStreams = () =>
  new Problem('TooManyStreams', { retryAfterSeconds: 5, detail: 'close other streams of this router, or ask another one' })
