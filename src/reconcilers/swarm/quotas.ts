import type { Agent, Swarm } from '../../api/objects.ts'
import { MONOTONIC_CLOCK, type Clock } from '../../time/clock.ts'
import type { Informer } from '../../kube/informer.ts'
import { keyOf, parseKey, type ResourceQuota } from '../../kube/objects.ts'
import { limitOf, PURPOSES, type Claim, type Limit } from '../../scaling/budget.ts'
import { hourlyMicros, type Rate } from '../../scaling/cost.ts'
import { capOf, capsOfQuota, mayHaveGrown, QUOTA_RESOURCES, type QuotaCap, type QuotaResource, type Use } from '../../scaling/quota.ts'
import { runs, type Costs } from './costs.ts'
import { isCreate, type Deed } from './deeds.ts'
import type { Plan, Successor } from './world.ts'

/**
 * How long an agent counts of which it is not known whether the API server has made it, unless it shows before. Milliseconds; the API server
 * gives up a request after a minute.
 */
const DOUBTFUL_MS = 60_000

export type QuotasOptions = {
  readonly quotas: Informer<ResourceQuota>
  readonly agents: Informer<Agent, 'swarm' | 'namespace'>
  readonly costs: Costs
  /** Wants a pass over a swarm. */
  readonly wake: (key: string) => void
  /** Hears that what is used in a namespace with quotas may have changed. */
  readonly onUse?: (namespace: string) => void
  readonly clock?: Pick<Clock, 'after'>
}

/** An agent that is about to be made or woken, or may have been. */
type Pending = { readonly swarm: string; readonly rate: Rate; readonly isThere: boolean }

/** Room that is held for what a pass is about to create. */
export type Reservation = { release(doubtful: readonly string[]): void }

/** What one quota caps, what is used of it, and what it says itself of that. */
export type QuotaUse = {
  readonly namespace: string
  readonly quota: string
  readonly resource: QuotaResource
  readonly hard: number
  readonly used: number
  readonly told?: number
}

/**
 * Room for agents in namespaces with ResourceQuotas, over all of their swarms. Passes over several swarms run at once: what one has decided to
 * create is used from that moment on, without a wait between its look at the room and its reservation.
 */
export class Quotas {
  readonly #options: QuotasOptions
  /** By namespace and name of the quota. */
  readonly #caps = new Map<string, Map<string, readonly QuotaCap[]>>()
  /** By namespace and name of the agent. */
  readonly #pending = new Map<string, Map<string, Pending>>()
  /** Swarms that a quota holds back, by namespace and key: what they wait for. Those that have waited longest come first. */
  readonly #waiting = new Map<string, Map<string, readonly Claim[]>>()
  readonly #owed = new Map<string, readonly Successor[]>()
  /** Swarms that are worked on: what others wait for that cannot be planned is not left to them. */
  readonly #planned = new Set<string>()
  /** Swarms that the API server has refused agents. */
  readonly #refused = new Set<string>()
  readonly #timers = new Set<() => void>()

  constructor(options: QuotasOptions) {
    this.#options = options
    options.quotas.onChange((type, quota) => this.#changed(quota, type === 'deleted' ? [] : capsIn(quota)))
    options.agents.onChange((type, agent, old) => {
      const { namespace, name } = agent.metadata
      if (type === 'added') this.#pending.get(namespace)?.delete(name) // from now on it counts by itself
      if (this.#caps.has(namespace)) options.onUse?.(namespace)
      if (this.#waiting.has(namespace) && (type === 'deleted' || (old && isLess(agent, old)))) this.#wake(namespace)
    })
  }

  /** What the quotas leave now for a swarm of which one more agent costs `rate`; what others wait for that is more urgent is left to them. */
  limits({ metadata }: Swarm, rate: Rate): readonly Limit[] {
    const { namespace } = metadata
    const quotas = this.#caps.get(namespace)
    if (!quotas) return []
    const use = this.#useOf(namespace)
    const claims = this.#claimsBeside(keyOf({ metadata }), namespace)
    return [...quotas.values()].flat().map((cap) => limitOf(capOf(cap, namespace, use), rate, claims))
  }

  /** Agents of a swarm of which it is not known whether the API server has made them. */
  doubtful({ metadata }: Swarm): number {
    const pending = this.#pending.get(metadata.namespace)
    if (!pending) return 0
    const { agents } = this.#options
    return [...pending].filter(([agent, { swarm }]) => swarm === keyOf({ metadata }) && !agents.get({ ...metadata, name: agent })).length
  }

  /** Successors of lost agents that are gone already. They are not stored: after a restart they are agents that are missing. */
  owed(key: string): readonly Successor[] {
    return this.#owed.get(key) ?? []
  }

  /** Notes the successors that are still to come. */
  owe(key: string, successors: readonly Successor[]): void {
    if (successors.length > 0) this.#owed.set(key, successors)
    else this.#owed.delete(key)
  }

  /** Holds room for what a plan is about to create, and notes what it has to wait for. Called without a wait after `limits`. */
  reserve(swarm: Swarm, { plan, deeds, rate }: { plan: Plan; deeds: readonly Deed[]; rate: Rate }): Reservation {
    const key = keyOf(swarm)
    const { namespace } = swarm.metadata
    const owed = plan.owed.length
    const missed = { ...plan.missed, Replacement: { sandboxes: owed, objects: owed } }
    const claims = PURPOSES.map((purpose) => ({ purpose, ...missed[purpose], rate })).filter(({ sandboxes }) => sandboxes > 0)
    this.#planned.add(key)
    const names = deeds.filter((deed) => isCreate(deed) || deed.do === 'resumeAgent' || deed.do === 'takeAgent')
    this.#wait(namespace, key, {
      claims,
      isHeld: [plan.heldBy, plan.pool?.heldBy].some((held) => held?.by === 'Quota') || claims.length > 0,
      hasSome: names.length > 0,
    })
    if (names.length === 0) return { release: () => undefined }
    const pending = this.#pending.get(namespace) ?? new Map<string, Pending>()
    this.#pending.set(namespace, pending)
    for (const deed of names) pending.set(deed.name, { swarm: key, rate, isThere: !isCreate(deed) })
    return {
      release: (doubtful) => {
        for (const { name } of names) if (!doubtful.includes(name)) pending.delete(name)
        this.#tidy(namespace)
        if (doubtful.length > 0) this.#expire(namespace, doubtful)
        // One that was refused would only be refused again, and its release would wake the next one.
        this.#wake(namespace, (other) => other !== key && !this.#refused.has(other))
      },
    }
  }

  /** The API server has refused agents of a swarm because of a quota: it is worked on again when that may have changed. */
  refused({ metadata }: Swarm): void {
    const { namespace } = metadata
    const waiting = this.#waiting.get(namespace) ?? new Map<string, readonly Claim[]>()
    this.#waiting.set(namespace, waiting.set(keyOf({ metadata }), waiting.get(keyOf({ metadata })) ?? []))
    this.#refused.add(keyOf({ metadata }))
  }

  /** A swarm cannot be planned just now: others need not leave anything to it. */
  yield(key: string): void {
    const { namespace } = parseKey(key)
    this.#wait(namespace, key, { claims: [], isHeld: false, hasSome: false })
    if (this.#planned.delete(key)) this.#wake(namespace, (other) => other !== key)
  }

  /** A swarm is gone. */
  forget(key: string): void {
    this.yield(key)
    this.#owed.delete(key)
  }

  stop(): void {
    for (const cancel of this.#timers) cancel()
  }

  /** What is capped in all namespaces, or in one. */
  uses(namespaces: Iterable<string> = this.#caps.keys()): readonly QuotaUse[] {
    return [...namespaces].flatMap((namespace) => {
      const use = this.#useOf(namespace)
      return [...(this.#caps.get(namespace)?.values() ?? [])].flat().map((cap) => {
        const { used } = capOf(cap, namespace, use)
        const isCost = QUOTA_RESOURCES[cap.resource] === 'Cost'
        const { quota, resource, most, told } = cap
        return {
          namespace,
          quota,
          resource,
          hard: Number(most),
          used: isCost ? Number(hourlyMicros(used)) / 1e4 : Number(used),
          ...(told !== undefined && { told: Number(told) }),
        }
      })
    })
  }

  #changed({ metadata }: ResourceQuota, caps: readonly QuotaCap[]): void {
    const { namespace = '', name } = metadata
    const quotas = this.#caps.get(namespace) ?? new Map<string, readonly QuotaCap[]>()
    const before = quotas.get(name) ?? []
    if (caps.length > 0) this.#caps.set(namespace, quotas.set(name, caps))
    else quotas.delete(name)
    if (quotas.size === 0) this.#caps.delete(namespace)
    if (mayHaveGrown(before, caps)) this.#wake(namespace)
    if (caps.length > 0) this.#options.onUse?.(namespace)
  }

  #useOf(namespace: string): Use {
    const { agents, costs } = this.#options
    const existing = agents.index('namespace', namespace)
    const counted = existing.filter(isCounted)
    const pending = [...(this.#pending.get(namespace) ?? [])].filter(([name, { isThere }]) => {
      const agent = agents.get({ namespace, name })
      return agent ? isThere && !isCounted(agent) : !isThere
    })
    return {
      sandboxes: counted.length + pending.length,
      objects: existing.length + pending.filter(([, { isThere }]) => !isThere).length,
      rate: counted.reduce((sum, agent) => sum + costs.rateOf(agent), 0n) + pending.reduce((sum, [, { rate }]) => sum + rate, 0n),
    }
  }

  /** What other swarms wait for: successors of lost agents, also before anybody has looked at those, and what they were refused. */
  #claimsBeside(key: string, namespace: string): readonly Claim[] {
    const { agents, costs } = this.#options
    const isOther = ({ spec }: Agent) => `${namespace}/${spec.swarm}` !== key && this.#planned.has(`${namespace}/${spec.swarm}`)
    const lost = agents.index('namespace', namespace).filter((agent) => isLost(agent) && isOther(agent))
    const waiting = [...(this.#waiting.get(namespace) ?? [])].flatMap(([other, claims]) => (other === key ? [] : claims))
    const replacements = lost.map((agent) => ({ purpose: 'Replacement' as const, sandboxes: 1, objects: 0, rate: costs.rateOf(agent) }))
    return [...replacements, ...waiting]
  }

  /** One that has just got something goes to the end, so that the next room is for another. */
  #wait(
    namespace: string,
    key: string,
    { claims, isHeld, hasSome }: { claims: readonly Claim[]; isHeld: boolean; hasSome: boolean },
  ): void {
    const waiting = this.#waiting.get(namespace) ?? new Map<string, readonly Claim[]>()
    const before = waiting.get(key)
    if (hasSome || !isHeld) waiting.delete(key)
    if (isHeld) this.#waiting.set(namespace, waiting.set(key, claims))
    if (waiting.size === 0) this.#waiting.delete(namespace)
    this.#refused.delete(key)
    if (before && before.length > 0 && claims.length === 0) this.#wake(namespace, (other) => other !== key)
    if (claimed(claims) > claimed(before ?? [])) this.#askForRoom(namespace, key)
  }

  /** Lets swarms look whether what is only kept ready must make room: warm sandboxes, and agents that sleep. */
  #askForRoom(namespace: string, but: string): void {
    const isKept = ({ spec, metadata }: Agent) => ['Warm', 'Paused'].includes(spec.state) && !metadata.deletionTimestamp
    const kept = this.#options.agents.index('namespace', namespace).filter(isKept)
    for (const key of new Set(kept.map(({ spec }) => `${namespace}/${spec.swarm}`))) if (key !== but) this.#options.wake(key)
  }

  /** Counts agents that may exist no longer than they may come to exist. */
  #expire(namespace: string, names: readonly string[]): void {
    const { clock = MONOTONIC_CLOCK } = this.#options
    const cancel = clock.after(DOUBTFUL_MS, () => {
      this.#timers.delete(cancel)
      for (const name of names) this.#pending.get(namespace)?.delete(name)
      this.#tidy(namespace)
      this.#wake(namespace)
    })
    this.#timers.add(cancel)
  }

  #tidy(namespace: string): void {
    if (this.#pending.get(namespace)?.size === 0) this.#pending.delete(namespace)
  }

  /** Wakes the swarms of a namespace that wait. */
  #wake(namespace: string, which: (key: string) => boolean = () => true): void {
    for (const key of this.#waiting.get(namespace)?.keys() ?? []) if (which(key)) this.#options.wake(key)
  }
}

/** Keeps of a quota only what is needed of it, for the cache. */
export function quotaOfAgents({ apiVersion, kind, metadata, spec, status }: ResourceQuota): ResourceQuota {
  const { name, namespace, uid, resourceVersion } = metadata
  const only = (values: Readonly<Record<string, string>> = {}) =>
    Object.fromEntries(Object.entries(values).filter(([resource]) => resource in QUOTA_RESOURCES))
  const isForPods = (spec?.scopes?.length ?? 0) > 0 || spec?.scopeSelector !== undefined
  return {
    apiVersion,
    kind,
    metadata: { name, uid, resourceVersion, ...(namespace !== undefined && { namespace }) },
    spec: { hard: isForPods ? {} : only(spec?.hard) },
    status: { used: only(status?.used) },
  }
}

function capsIn({ metadata: { namespace = '', name }, spec, status }: ResourceQuota): readonly QuotaCap[] {
  return capsOfQuota({ namespace, name, hard: spec?.hard ?? {}, used: status?.used ?? {} })
}

/** How many agents are waited for. */
const claimed = (claims: readonly Claim[]) =>
  claims.reduce((sum, { purpose, sandboxes }) => sum + (purpose === 'WarmPool' ? 0 : sandboxes), 0)

/** A sandbox of it runs, or is about to; one that is being paused does still. */
const isCounted = (agent: Agent) => runs(agent) || (!agent.status?.failed && agent.status?.sandbox?.state === 'Running')

/** It is lost, and its successor has not been made yet. */
const isLost = ({ metadata, spec, status }: Agent) =>
  status?.failed !== undefined && spec.state === 'Running' && !metadata.deletionTimestamp

/** It needs less than before, or it is known by now what it needs. */
function isLess(agent: Agent, old: Agent): boolean {
  const [sandbox, before] = [agent.status?.sandbox, old.status?.sandbox]
  return (isCounted(old) && !isCounted(agent)) || sandbox?.cpus !== before?.cpus || sandbox?.memoryMib !== before?.memoryMib
}
