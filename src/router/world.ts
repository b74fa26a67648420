import { isDeepStrictEqual } from 'node:util'
import type { Agent, Swarm } from '../api/objects.ts'
import { addressOf } from '../api/address.ts'
import { Host } from './host.ts'
import { SwarmEntry, UNKNOWN_PROBE, factsOf, sandboxOf, settingsOf } from './swarm-entry.ts'
import type { Sandbox } from '../api/address.ts'

/** Told of what changed; `mayPlace` when tasks that wait may have an agent now. */
export interface Listener<T> {
  agentChanged(entry: SwarmEntry<T>, host: Host): void
  agentGone(entry: SwarmEntry<T>, host: Host): void
  swarmChanged(entry: SwarmEntry<T>): void
  swarmGone(entry: SwarmEntry<T>): void
  mayPlace(entry: SwarmEntry<T>): void
}

/** Everything that the router knows: swarms, agents, tokens, as the API server last told it. Takes one change at a time. */
export class World<T> {
  readonly #swarms = new Map<string, SwarmEntry<T>>()
  readonly #agents = new Map<string, { entry: SwarmEntry<T>; host: Host; sandbox: Sandbox | undefined }>()
  readonly #sandboxUrl: string | undefined
  readonly #now: () => number
  readonly #listeners: Listener<T>[] = []

  constructor(options: { readonly sandboxUrl: string | undefined; readonly now: () => number }) {
    this.#sandboxUrl = options.sandboxUrl
    this.#now = options.now
  }

  /** The listener hears of every change from now on, before the call that made it returns. */
  listen(listener: Listener<T>): void {
    this.#listeners.push(listener)
  }

  /** The swarm, if there is a Swarm object of this name. */
  find(namespace: string, name: string): SwarmEntry<T> | undefined {
    const entry = this.#swarms.get(`${namespace}/${name}`)
    return entry?.settings && entry
  }

  /** All swarms, those without a Swarm object included. */
  get entries(): Iterable<SwarmEntry<T>> {
    return this.#swarms.values()
  }

  /** Takes a new Swarm or the newer state of a known one; says nothing when its settings are the same. */
  putSwarm(swarm: Swarm): void {
    const entry = this.#entry(swarm.metadata.namespace, swarm.metadata.name)
    const settings = settingsOf(swarm)
    if (isDeepStrictEqual(settings, entry.settings)) return
    const hasNewRules = !isDeepStrictEqual(settings.rules, entry.settings?.rules)
    entry.settings = settings
    if (hasNewRules) entry.fleet.setRules(settings.rules, this.#now())
    entry.guard(settings.guard)
    entry.mirror(settings.mirror)
    for (const host of entry.hosts.values()) host.probe = settings.probe
    this.#tell((listener) => listener.swarmChanged(entry))
    this.#tell((listener) => listener.mayPlace(entry))
  }

  /** The Swarm object is gone: its entry stays as long as agents or tokens of it are there. */
  removeSwarm(namespace: string, name: string): void {
    const entry = this.#swarms.get(`${namespace}/${name}`)
    if (!entry?.settings) return
    entry.settings = undefined
    entry.guard(undefined)
    entry.mirror(undefined)
    this.#tell((listener) => listener.swarmGone(entry))
    this.#dropIfEmpty(entry)
  }

  /** Takes a new Agent or the newer state of a known one; another uid under its name is another agent. */
  putAgent(agent: Agent): void {
    if (agent.spec.state === 'Warm') return // it is one once it is taken from the warm pool
    const facts = factsOf(agent)
    const entry = this.#entry(facts.namespace, facts.swarm)
    const key = `${facts.namespace}/${facts.name}`
    if (this.#agents.get(key)?.host.slot.facts.uid !== facts.uid) this.removeAgent(facts.namespace, facts.name)
    const sandbox = sandboxOf(agent)
    const known = this.#agents.get(key)
    const isSameSandbox = isDeepStrictEqual(known?.sandbox, sandbox)
    if (known && isSameSandbox && isDeepStrictEqual(known.host.slot.facts, facts)) return
    const slot = entry.fleet.put(facts, this.#now())
    const host = known?.host ?? new Host(slot, entry.settings?.probe ?? UNKNOWN_PROBE)
    this.#agents.set(key, { entry, host, sandbox })
    entry.hosts.set(facts.name, host)
    if (!isSameSandbox) {
      host.address = sandbox && addressOf(sandbox, entry.tokens.get(facts.name), this.#sandboxUrl)
      slot.absence = undefined
      host.misses = 0
      entry.fleet.refresh(slot, this.#now())
    }
    this.#tell((listener) => listener.agentChanged(entry, host))
    this.#tell((listener) => listener.mayPlace(entry))
  }

  /** The Agent object is gone; tasks that it still has end by themselves. */
  removeAgent(namespace: string, name: string): void {
    const known = this.#agents.get(`${namespace}/${name}`)
    if (!known) return
    const { entry, host } = known
    this.#agents.delete(`${namespace}/${name}`)
    entry.hosts.delete(name)
    entry.fleet.remove(name)
    this.#tell((listener) => listener.agentGone(entry, host))
    this.#tell((listener) => listener.mayPlace(entry)) // a call that avoided another agent may have to take that one now
    this.#dropIfEmpty(entry)
  }

  /** Takes the traffic access tokens of a swarm's agents, by agent name. */
  putTokens(namespace: string, swarm: string, tokens: ReadonlyMap<string, string>): void {
    const entry = this.#entry(namespace, swarm)
    entry.tokens = tokens
    for (const [name, host] of entry.hosts) {
      const sandbox = this.#agents.get(`${namespace}/${name}`)?.sandbox
      host.address = sandbox && addressOf(sandbox, tokens.get(name), this.#sandboxUrl)
    }
    this.#dropIfEmpty(entry)
  }

  #entry(namespace: string, name: string): SwarmEntry<T> {
    const key = `${namespace}/${name}`
    let entry = this.#swarms.get(key)
    if (!entry) this.#swarms.set(key, (entry = new SwarmEntry(namespace, name)))
    return entry
  }

  #dropIfEmpty(entry: SwarmEntry<T>): void {
    if (entry.isEmpty) this.#swarms.delete(`${entry.namespace}/${entry.name}`)
  }

  #tell(call: (listener: Listener<T>) => void): void {
    for (const listener of this.#listeners) call(listener)
  }
}
