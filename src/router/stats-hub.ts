import type { ServerResponse } from 'node:http'
import { countLatency } from '../stats/latency.ts'
import { WIRE_VERSION, encodeFrame, encodeSnapshot, type AgentStats, type RevisionStats, type SwarmStats } from '../stats/wire.ts'
import type { Call } from './call.ts'
import type { AttemptEnd } from './dispatcher.ts'
import type { Host } from './host.ts'
import { HEARTBEAT_MS, MAX_STATS_READERS, STATS_MS, URGENT_STATS_MS } from './limits.ts'
import { queuesOf } from './queues.ts'
import { endStream, takesMore } from './streams.ts'
import type { SwarmEntry } from './swarm-entry.ts'
import type { World } from './world.ts'

/** What the operator is told of one agent. */
function statsOfAgent({ slot, latency }: Host): AgentStats {
  const { namespace, swarm, name, uid, isDraining } = slot.facts
  const { inFlight, done, failed } = slot
  return { namespace, swarm, agent: name, uid, inFlight, draining: isDraining, done, failed, ...(latency.length > 0 && { latency }) }
}

/** What the operator is told of one swarm. */
function statsOfSwarm(entry: SwarmEntry<Call>, nowMs: number): SwarmStats {
  const revisions = new Map<string, { revision: string; inFlight: number; done: number; failed: number }>()
  for (const { slot } of entry.hosts.values()) {
    const { revision } = slot.facts
    const sum = revisions.get(revision) ?? { revision, inFlight: 0, done: 0, failed: 0 }
    sum.inFlight += slot.inFlight
    sum.done += slot.done
    sum.failed += slot.failed
    revisions.set(revision, sum)
  }
  const list: RevisionStats[] = [...revisions.values()]
  const { namespace, name: swarm, fleet } = entry
  return { namespace, swarm, ...queuesOf(entry, nowMs), revisions: list, shares: fleet.inForce, ...tripOf(entry) }
}

function tripOf({ guarding }: SwarmEntry<Call>): Pick<SwarmStats, 'trip'> {
  const message = guarding?.message
  return guarding && message !== undefined ? { trip: { run: guarding.settings.run, message } } : {}
}

/** Tells readers what changed, at once after a pause and then gathered in few and small frames: nothing is kept or sent while nobody reads. */
export class StatsHub {
  readonly #world: World<Call>
  readonly #router: string
  readonly #now: () => number
  readonly #readers = new Set<ServerResponse>()
  readonly #agents = new Set<Host>()
  readonly #swarms = new Set<SwarmEntry<Call>>()
  readonly #goneAgents = new Map<string, { namespace: string; agent: string }>()
  readonly #goneSwarms = new Map<string, { namespace: string; swarm: string }>()
  #flushTimer: NodeJS.Timeout | undefined
  /** How long after the last line the timer is to go off. */
  #gatherMs = STATS_MS
  #flushedMs = -Infinity
  #heartbeat: NodeJS.Timeout | undefined

  constructor(world: World<Call>, router: string, now: () => number) {
    this.#world = world
    this.#router = router
    this.#now = now
  }

  /** Whether no more readers are possible. */
  get isFull(): boolean {
    return this.#readers.size >= MAX_STATS_READERS
  }

  /** Sends everything, then what changes, until the reader goes away. */
  serve(response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' })
    const entries = [...this.#world.entries]
    const agents = entries.flatMap((entry) => [...entry.hosts.values()].map(statsOfAgent))
    response.write(
      encodeSnapshot(
        this.#router,
        agents,
        entries.filter((entry) => entry.settings).map((entry) => statsOfSwarm(entry, this.#now())),
      ),
    )
    this.#readers.add(response)
    this.#heartbeat ??= setInterval(() => this.#send(HEARTBEAT), HEARTBEAT_MS).unref()
    response.on('close', () => {
      this.#readers.delete(response)
      if (this.#readers.size > 0) return
      clearInterval(this.#heartbeat)
      this.#heartbeat = undefined
      this.#forgetChanges()
    })
  }

  /** Something about the agent or its tasks changed. The end of a drain is told at once. */
  agentChanged(entry: SwarmEntry<Call>, host: Host, gatherMs = STATS_MS): void {
    if (this.#readers.size === 0 || !host.slot.isKnown) return
    this.#agents.add(host)
    this.#swarms.add(entry)
    if (host.slot.facts.isDraining && host.slot.inFlight === 0) this.#flush()
    else this.#flushSoon(gatherMs)
  }

  /** An attempt ended; latencies are counted also while nobody reads, as the other counters are. What may end a rollout is told sooner. */
  attemptEnded(entry: SwarmEntry<Call>, host: Host, { outcome, durationMs }: AttemptEnd): void {
    const { latency, slot } = host
    if (outcome === 'Done') countLatency(latency, durationMs)
    const isUrgent = outcome !== 'Done' && entry.guarding?.settings.revision === slot.facts.revision
    this.agentChanged(entry, host, isUrgent ? URGENT_STATS_MS : STATS_MS)
  }

  /** The object of the agent is gone: readers are told to forget it. */
  agentGone(entry: SwarmEntry<Call>, host: Host): void {
    if (this.#readers.size === 0) return
    const { namespace, name } = host.slot.facts
    this.#agents.delete(host)
    this.#goneAgents.set(`${namespace}/${name}`, { namespace, agent: name })
    this.#swarms.add(entry)
    this.#flushSoon()
  }

  /** The settings of the swarm changed, or what waits for its agents. */
  swarmChanged(entry: SwarmEntry<Call>): void {
    if (this.#readers.size === 0) return
    this.#swarms.add(entry)
    this.#flushSoon()
  }

  /** Tells all that is new at once, with the swarm as it is now. */
  tell(entry: SwarmEntry<Call>): void {
    if (this.#readers.size === 0) return
    this.#swarms.add(entry)
    this.#flush()
  }

  /** The Swarm object is gone: readers are told to forget it. */
  swarmGone({ namespace, name }: SwarmEntry<Call>): void {
    if (this.#readers.size === 0) return
    this.#goneSwarms.set(`${namespace}/${name}`, { namespace, swarm: name })
    this.#flushSoon()
  }

  /** Ends every stream. */
  stop(): void {
    clearInterval(this.#heartbeat)
    clearTimeout(this.#flushTimer)
    const readers = [...this.#readers]
    this.#readers.clear()
    for (const reader of readers) endStream(reader)
  }

  #flushSoon(gatherMs = STATS_MS): void {
    if (this.#flushTimer && gatherMs >= this.#gatherMs) return
    clearTimeout(this.#flushTimer)
    this.#gatherMs = gatherMs
    this.#flushTimer = setTimeout(() => this.#flush(), Math.max(0, this.#flushedMs + gatherMs - this.#now())).unref()
  }

  #flush(): void {
    clearTimeout(this.#flushTimer)
    this.#flushTimer = undefined
    this.#flushedMs = this.#now()
    const goneAgents = [...this.#goneAgents.values()]
    const goneSwarms = [...this.#goneSwarms.values()]
    const agents = [...this.#agents].map(statsOfAgent)
    const swarms = [...this.#swarms].filter((entry) => entry.settings).map((entry) => statsOfSwarm(entry, this.#flushedMs))
    this.#forgetChanges()
    this.#send(
      encodeFrame({
        v: WIRE_VERSION,
        type: 'delta',
        agents,
        swarms,
        ...(goneAgents.length > 0 && { goneAgents }),
        ...(goneSwarms.length > 0 && { goneSwarms }),
      }),
    )
  }

  #forgetChanges(): void {
    this.#agents.clear()
    this.#swarms.clear()
    this.#goneAgents.clear()
    this.#goneSwarms.clear()
  }

  #send(line: string): void {
    for (const reader of this.#readers) if (takesMore(reader)) reader.write(line)
  }
}

const HEARTBEAT = encodeFrame({ v: WIRE_VERSION, type: 'heartbeat' })
