import type { ServerResponse } from 'node:http'
import type { GroupShare } from '../routing/adaptive.ts'
import type { Call } from './call.ts'
import type { Host } from './host.ts'
import { MAX_VIEWERS, MAX_VIEWERS_OF_NAMESPACE, VIEW_MS } from './limits.ts'
import { isLed } from '../topology/parts.ts'
import { stateOf } from '../routing/stages.ts'
import { stageLoads } from './stages.ts'
import { endStream, takesMore } from './streams.ts'
import type { SwarmEntry } from './swarm-entry.ts'

/** What this router sees in an agent. */
export type AgentHealth = 'Healthy' | 'CircuitOpen' | 'Unreachable' | 'Draining' | 'NotReady'

function healthOf({ slot }: Host): AgentHealth {
  if (slot.facts.isDraining) return 'Draining'
  if (!slot.facts.isCandidate) return 'NotReady'
  if (slot.isUnreachable) return 'Unreachable'
  return slot.breaker.isOpen ? 'CircuitOpen' : 'Healthy'
}

/** What an agent is in a swarm that is led. */
type AgentRole = 'Leader' | 'Standby' | 'Worker'

function roleOf(entry: SwarmEntry<Call>, { slot: { facts } }: Host): AgentRole {
  if (facts.name === entry.succession.own.leader) return 'Leader'
  return entry.fleet.rules.groups.get(facts.group)?.role === 'Coordinator' ? 'Standby' : 'Worker'
}

/** The topology, and who leads as this router goes by it. */
function topologyOf(entry: SwarmEntry<Call>): object {
  const { settings, succession } = entry
  if (!settings?.topology) return {}
  const { type } = settings.topology
  return { topology: isLed(settings.topology) ? { type, ...succession.own } : { type } }
}

/** The stages of a ring, in their order. */
function stagesOf(entry: SwarmEntry<Call>, nowMs: number): object {
  if (!entry.settings || entry.settings.stages.length === 0) return {}
  const stages = stageLoads(entry, nowMs).map((load) => ({
    stage: load.stage,
    state: stateOf(load),
    agents: load.agents,
    waiting: load.waiting,
  }))
  return { stages }
}

/** What is guarded, what of it was seen within the window, and why it was cut off if it was. */
function guardOf({ guarding }: SwarmEntry<Call>): object {
  if (!guarding) return {}
  const { settings, seen, message } = guarding
  const { run, revision, inFavourOf: stable } = settings
  return { guard: { run, revision, stable, ...seen, tripped: message !== undefined, ...(message !== undefined && { message }) } }
}

/** The swarm as this router sees it now. */
export function viewOf(entry: SwarmEntry<Call>, nowMs: number): object {
  const { namespace, name, fleet, waiting, done, failed, settings } = entry
  const hasRoles = isLed(settings?.topology)
  const agents = [...entry.hosts.values()].map((host) => {
    const { slot, latency } = host
    const { name: agent, group, revision } = slot.facts
    const { inFlight, limit } = slot
    const role = hasRoles ? { role: roleOf(entry, host) } : {}
    return { agent, group, revision, ...role, health: healthOf(host), inFlight, limit, done: slot.done, failed: slot.failed, latency }
  })
  return {
    namespace,
    name,
    strategy: fleet.rules.strategy,
    ...topologyOf(entry),
    ...stagesOf(entry, nowMs),
    weights: fleet.inForce,
    ...guardOf(entry),
    ...(entry.mirroring && { mirror: { ...entry.mirroring.settings, ...entry.mirroring.counts } }),
    ...(settings?.testers && { testers: { revision: settings.testers.revision, header: settings.testers.header } }),
    ...(fleet.rules.adaptive && { shares: fleet.groupShares(nowMs).map(sharesLine) }),
    queue: { length: waiting.size, maxPending: settings?.maxPending ?? 0 },
    tasks: { done, failed },
    agents: agents.sort((a, b) => (a.agent < b.agent ? -1 : 1)),
  }
}

const sharesLine = ({ group, share, errorRate }: GroupShare) => ({ group, percent: percent(share), errorPercent: percent(errorRate) })
const percent = (part: number) => Math.round(part * 10_000) / 100

/** One line of the list of swarms. */
export function summaryOf(entry: SwarmEntry<Call>): object {
  const { namespace, name, waiting, done, failed, hosts } = entry
  let ready = 0
  let inFlight = 0
  for (const host of hosts.values()) {
    if (healthOf(host) === 'Healthy') ready += 1
    inFlight += host.slot.inFlight
  }
  return { namespace, name, agents: hosts.size, ready, inFlight, queued: waiting.size, done, failed }
}

type Viewer = { readonly entry: SwarmEntry<Call>; readonly response: ServerResponse; seen: number }

/** Streams of the live view (server-sent events): at most four a second and only when something changed. */
export class LiveViews {
  readonly #viewers = new Set<Viewer>()
  readonly #now: () => number
  #timer: NodeJS.Timeout | undefined

  constructor(now: () => number) {
    this.#now = now
  }

  /** Whether no more streams are possible, at all or for swarms of this namespace. */
  isFullFor(namespace: string): boolean {
    if (this.#viewers.size >= MAX_VIEWERS) return true
    let count = 0
    for (const { entry } of this.#viewers) if (entry.namespace === namespace) count += 1
    return count >= MAX_VIEWERS_OF_NAMESPACE
  }

  /** Sends the swarm as it is now, and again whenever it has changed, until the reader or the swarm goes away. */
  serve(entry: SwarmEntry<Call>, response: ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    const viewer = { entry, response, seen: entry.version }
    response.write(eventOf(JSON.stringify(viewOf(entry, this.#now()))))
    this.#viewers.add(viewer)
    this.#timer ??= setInterval(() => this.#show(), VIEW_MS).unref()
    response.on('close', () => this.#forget(viewer))
  }

  /** The swarm is gone: its streams end. */
  swarmGone(entry: SwarmEntry<Call>): void {
    for (const viewer of this.#viewers) if (viewer.entry === entry) this.#end(viewer, 'event: gone\ndata: {}\n\n')
  }

  /** Ends every stream. */
  stop(): void {
    for (const viewer of this.#viewers) this.#end(viewer)
  }

  /** Forgets the viewer first: its connection may be there for a while, and takes nothing more. */
  #end(viewer: Viewer, last?: string): void {
    this.#forget(viewer)
    endStream(viewer.response, last)
  }

  #forget(viewer: Viewer): void {
    this.#viewers.delete(viewer)
    if (this.#viewers.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #show(): void {
    const texts = new Map<SwarmEntry<Call>, string>()
    for (const viewer of this.#viewers) {
      const { entry, response } = viewer
      if (viewer.seen === entry.version) continue
      viewer.seen = entry.version
      if (!takesMore(response)) continue
      let text = texts.get(entry)
      if (text === undefined) texts.set(entry, (text = eventOf(JSON.stringify(viewOf(entry, this.#now())))))
      response.write(text)
    }
  }
}

const eventOf = (data: string) => `event: swarm\ndata: ${data}\n\n`
