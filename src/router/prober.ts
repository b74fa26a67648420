import { doubledMs } from '../time/backoff.ts'
import { readProbe } from './answer.ts'
import type { Call } from './call.ts'
import type { Host } from './host.ts'
import { IDLE_PROBE_MS, LEADER_PROBE_MS, MAX_PROBES_RUNNING, PROBE_TICK_MS, QUIET_MS, SUSPECT_MAX_MS } from './limits.ts'
import type { SwarmEntry } from './swarm-entry.ts'
import type { Answer, Upstream } from './upstream.ts'

/** What the prober works with. */
export type ProberOptions = {
  readonly upstream: Upstream
  readonly now: () => number
  /** Probes a second that the router sends at most. */
  readonly perSecond: number
  /** Hears of every probe. */
  readonly observe: (entry: SwarmEntry<Call>, host: Host, isFound: boolean) => void
  /** The agent is out, or back; tasks that wait may have an agent now. */
  readonly healthChanged: (entry: SwarmEntry<Call>, host: Host) => void
}

/** Share of the probes that agents out of reach may take, so that they cannot starve the watch over running tasks. */
const SUSPECT_SHARE = 0.7

/** Share of the probes that agents without tasks may take. */
const IDLE_SHARE = 0.3

/** What a probe found; `wasOut`: the agent was out already when it was sent. */
type Found = { readonly finding: 'well' | 'answering' | 'missing'; readonly wasTimeout: boolean; readonly wasOut: boolean }

const HEADERS = ['accept', 'application/json']
const MAX_PROBE_BYTES = 64 * 1024

/**
 * Finds out which agents are alive, with a bounded number of probes:
 * - an agent with tasks that gives no sign of life is probed at once; a missed probe takes it out of the choice, as many as its
 *   failure threshold end its requests, so that a hang or a partition costs its tasks less than a second;
 * - an agent that is out is probed until it answers well, then it is back; what it answered before a loss says nothing;
 * - one that leads is probed several times a second, so that it is followed before a task finds out;
 * - the others are probed now and then.
 */
export class Prober {
  readonly #o: ProberOptions
  readonly #busy = new Map<Host, SwarmEntry<Call>>()
  readonly #suspects = new Map<Host, SwarmEntry<Call>>()
  readonly #idle = new Map<Host, SwarmEntry<Call>>()
  #timer: NodeJS.Timeout | undefined
  #tokens: number
  #lastTickMs: number
  #running = 0

  constructor(options: ProberOptions) {
    this.#o = options
    this.#tokens = options.perSecond
    this.#lastTickMs = options.now()
  }

  start(): void {
    this.#timer ??= setInterval(() => this.#tick(), PROBE_TICK_MS).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  /** Watches over an agent from now on. */
  know(entry: SwarmEntry<Call>, host: Host): void {
    if (host.slot.facts.isCandidate) {
      if (!this.#idle.has(host)) {
        host.nextProbeMs = this.#o.now() + host.idleProbeMs
        this.#idle.set(host, entry)
      }
      if (host.slot.isUnreachable) this.suspect(entry, host)
      return
    }
    this.#idle.delete(host)
    this.#suspects.delete(host)
  }

  /** The agent leads from now on, or does not any more. */
  lead(host: Host, isLeading: boolean): void {
    host.idleProbeMs = isLeading ? LEADER_PROBE_MS : IDLE_PROBE_MS
    if (isLeading && !host.slot.isUnreachable) host.nextProbeMs = Math.min(host.nextProbeMs, this.#o.now() + LEADER_PROBE_MS)
  }

  forget(host: Host): void {
    this.#idle.delete(host)
    this.#suspects.delete(host)
  }

  /** The agent has a task: it must give signs of life until that ends. */
  began(entry: SwarmEntry<Call>, host: Host): void {
    if (host.running.size > 1) return
    host.aliveMs = this.#o.now()
    this.#busy.set(host, entry)
  }

  /** A task on the agent ended, with or without an answer from it. */
  ended(entry: SwarmEntry<Call>, host: Host, isAlive: boolean): void {
    if (host.running.size === 0) this.#busy.delete(host)
    if (isAlive) {
      host.aliveMs = this.#o.now()
      host.misses = 0
    }
    if (host.slot.isUnreachable) {
      this.suspect(entry, host)
      if (isAlive) host.nextProbeMs = this.#o.now()
    } else if (isAlive) this.#suspects.delete(host)
  }

  /** The agent could not be reached: it is probed from now on until it answers. */
  suspect(entry: SwarmEntry<Call>, host: Host): void {
    if (this.#suspects.has(host) || !host.slot.isKnown || !host.slot.facts.isCandidate) return
    this.#suspects.set(host, entry)
    host.nextProbeMs = this.#o.now()
  }

  #tick(): void {
    const nowMs = this.#o.now()
    const { perSecond } = this.#o
    this.#tokens = Math.min(perSecond, this.#tokens + ((nowMs - this.#lastTickMs) * perSecond) / 1000)
    this.#lastTickMs = nowMs
    const isDue = (host: Host) => nowMs >= host.nextProbeMs
    this.#probeSome(this.#suspects, perSecond * (1 - SUSPECT_SHARE), isDue)
    this.#probeSome(this.#busy, 0, (host) => nowMs - host.aliveMs >= QUIET_MS && (host.misses === 0 || isDue(host)))
    this.#probeSome(this.#idle, perSecond * (1 - IDLE_SHARE), (host) => isDue(host) && nowMs - host.aliveMs >= host.idleProbeMs)
  }

  /** Probes agents that are due while more than `reserve` probes are left; who was probed goes to the end of the line. */
  #probeSome(hosts: Map<Host, SwarmEntry<Call>>, reserve: number, isDue: (host: Host) => boolean): void {
    const due: [Host, SwarmEntry<Call>][] = []
    const room = Math.min(this.#tokens - reserve, MAX_PROBES_RUNNING - this.#running)
    for (const [host, entry] of hosts) {
      if (due.length + 1 > room) break
      if (!host.isProbing && host.address && isDue(host)) due.push([host, entry])
    }
    for (const [host, entry] of due) {
      hosts.delete(host)
      hosts.set(host, entry)
      this.#probe(entry, host)
    }
  }

  #probe(entry: SwarmEntry<Call>, host: Host): void {
    const { address, probe } = host
    if (!address) return
    this.#tokens -= 1
    this.#running += 1
    host.isProbing = true
    const wasOut = host.slot.isUnreachable
    let isOver = false
    const over = (finding: 'well' | 'answering' | 'missing', wasTimeout: boolean) => {
      if (isOver) return
      isOver = true
      clearTimeout(timer)
      this.#running -= 1
      host.isProbing = false
      this.#found(entry, host, { finding, wasTimeout, wasOut })
    }
    const report = (answer: Answer) => over(readProbe(answer), false)
    const exchange = this.#o.upstream.send(
      { address, method: 'GET', path: probe.path, headers: HEADERS, maxBytes: MAX_PROBE_BYTES },
      report,
    )
    const giveUp = () => {
      if (isOver) return
      exchange.abort()
      over('missing', true)
    }
    // After a pause of this process timers come before the answers that have long arrived: those are read first.
    const timer = setTimeout(() => setImmediate(() => setImmediate(giveUp)), probe.timeoutMs)
  }

  #found(entry: SwarmEntry<Call>, host: Host, probe: Found): void {
    const { slot } = host
    const nowMs = this.#o.now()
    this.#o.observe(entry, host, probe.finding !== 'missing')
    if (probe.finding === 'missing') {
      host.misses += 1
      this.#missed(entry, host, probe.wasTimeout)
      return
    }
    host.misses = 0
    host.aliveMs = nowMs
    const isBack = slot.isUnreachable && probe.finding === 'well' && probe.wasOut
    const pauseMs = !slot.isUnreachable || isBack ? host.idleProbeMs : probe.wasOut ? SUSPECT_MAX_MS : 0
    host.nextProbeMs = nowMs + pauseMs
    if (!slot.isUnreachable || isBack) this.#suspects.delete(host)
    if (!isBack) return
    slot.absence = undefined
    entry.fleet.refresh(slot, nowMs)
    this.#o.healthChanged(entry, host)
  }

  #missed(entry: SwarmEntry<Call>, host: Host, wasTimeout: boolean): void {
    const { slot, misses, probe } = host
    const nowMs = this.#o.now()
    const beyond = misses - probe.failureThreshold
    const soonMs = wasTimeout ? 0 : Math.min(probe.intervalMs, QUIET_MS, SUSPECT_MAX_MS)
    const pauseMs = beyond < 0 ? soonMs : doubledMs({ first: probe.intervalMs, longest: SUSPECT_MAX_MS }, beyond)
    const wasReachable = !slot.isUnreachable
    if (!wasTimeout) slot.absence = 'Lost'
    else slot.absence ??= 'Silent'
    if (wasReachable) {
      entry.fleet.refresh(slot, nowMs)
      this.#o.healthChanged(entry, host)
    }
    this.suspect(entry, host)
    host.nextProbeMs = nowMs + pauseMs
    if (misses >= probe.failureThreshold) for (const running of host.running) running.abort('Hung')
    else if (wasTimeout && this.#tokens >= 1 && this.#running < MAX_PROBES_RUNNING) this.#probe(entry, host)
  }
}
