import { PART, partsOf } from '../topology/parts.ts'
import { ANY, groupKey, joinPools, leavePools, poolKey, type PoolWish } from './pools.ts'
import type { FleetRules, GroupRules } from './rules.ts'
import { Pool, Slot, type AgentFacts } from './slot.ts'

type Revision = { known: number; readonly pools: Map<string, Pool> }
const NO_GROUP: GroupRules = { capabilities: [], limit: 1 }

/** The agents of one swarm, found by revision, part of the topology and capability, and which of them are free. */
export class Roster {
  #rules: FleetRules
  readonly #slots = new Map<string, Slot>()
  readonly #revisions = new Map<string, Revision>()
  /** What the agents of each part can do. */
  #capabilities = new Map<string, Set<string>>()
  #partsOf: ReturnType<typeof partsOf>
  readonly #revisionsChanged: () => void

  /** `revisionsChanged` hears when the first agent of a revision has come, and when the last one has gone. */
  constructor(rules: FleetRules, revisionsChanged: () => void) {
    this.#rules = rules
    this.#revisionsChanged = revisionsChanged
  }

  /** The agents, by name, in whatever state. */
  get slots(): ReadonlyMap<string, Slot> {
    return this.#slots
  }

  /** Those that have an agent, in whatever state. */
  get revisions(): ReadonlyMap<string, unknown> {
    return this.#revisions
  }

  /** Takes other rules: parts, capabilities and limits of agents may be others. */
  setRules(rules: FleetRules, nowMs: number): void {
    this.#rules = rules
    const groups = [...rules.groups].map(([name, { role = 'Worker' }]) => ({ name, role }))
    this.#partsOf = partsOf(rules.topology, groups)
    this.#capabilities = new Map()
    for (const [name, { capabilities }] of rules.groups) {
      for (const part of [PART.whole, ...(this.#partsOf?.({ group: name, place: 0 }) ?? [])]) {
        this.#capabilities.set(part, new Set([...(this.#capabilities.get(part) ?? []), ...capabilities]))
      }
    }
    for (const slot of this.#slots.values()) this.#place(slot, nowMs)
  }

  /** Adds an agent, or takes the newer facts of one that is here. */
  put(facts: AgentFacts, nowMs: number): Slot {
    const known = this.#slots.get(facts.name)
    const slot = known ?? new Slot(facts)
    slot.facts = facts
    if (!known) {
      this.#slots.set(facts.name, slot)
      const revision = this.#revision(facts.revision)
      revision.known += 1
      if (revision.known === 1) this.#revisionsChanged()
    }
    this.#place(slot, nowMs)
    return slot
  }

  /** Takes an agent out and returns it; undefined when there is none of this name. */
  remove(name: string): Slot | undefined {
    const slot = this.#slots.get(name)
    if (!slot) return undefined
    this.#slots.delete(name)
    slot.isKnown = false
    leavePools(slot)
    const revision = this.#revision(slot.facts.revision)
    revision.known -= 1
    if (revision.known === 0) {
      this.#revisions.delete(slot.facts.revision)
      this.#revisionsChanged()
    }
    return slot
  }

  /** Looks again whether the agent is free. */
  refresh(slot: Slot, nowMs: number): void {
    const isFree = slot.isFree(nowMs)
    for (let i = 0; i < slot.places.length; i++) Pool.setFree(slot, i, isFree)
  }

  /** The agents of a revision in a part that have a capability. */
  pool(revision: string, wish: PoolWish): Pool | undefined {
    return this.#revisions.get(revision)?.pools.get(poolKey(wish))
  }

  /** Those of them that are in a group; known with the strategy Adaptive only. */
  poolOfGroup(revision: string, wish: PoolWish, group: string): Pool | undefined {
    return this.#revisions.get(revision)?.pools.get(groupKey(wish, group))
  }

  /** Agents of a revision for whom tasks may be meant, busy or not, counted up to `most`. */
  countUp(revision: string, wish: PoolWish, most: number, nowMs: number): number {
    let count = 0
    for (const slot of this.pool(revision, wish)?.members ?? []) {
      if (slot.isUp(nowMs) && ++count === most) return count
    }
    return count
  }

  /** Whether a group of the part lists the capability. */
  canDo(part: string, capability: string): boolean {
    return this.#capabilities.get(part)?.has(capability) ?? false
  }

  /** Whether an agent of the revision, in whatever state, is in a group that lists the capability. */
  canEver(revision: string, capability: string): boolean {
    for (const { facts } of this.#slots.values()) {
      if (facts.revision === revision && this.#rules.groups.get(facts.group)?.capabilities.includes(capability)) return true
    }
    return false
  }

  /** The groups whose agents could have it; all agents of a group can do the same. */
  groupsFor({ part = PART.whole, capability = ANY }: PoolWish): readonly string[] {
    const isIn = (group: string) => part === PART.whole || (this.#partsOf?.({ group, place: 0 }).includes(part) ?? false)
    return [...this.#rules.groups].flatMap(([group, { capabilities }]) =>
      isIn(group) && (capability === ANY || capabilities.includes(capability)) ? [group] : [],
    )
  }

  #revision(name: string): Revision {
    let revision = this.#revisions.get(name)
    if (!revision) this.#revisions.set(name, (revision = { known: 0, pools: new Map() }))
    return revision
  }

  /** Puts the agent into the pools where it belongs by now. */
  #place(slot: Slot, nowMs: number): void {
    leavePools(slot)
    const group = this.#rules.groups.get(slot.facts.group) ?? NO_GROUP
    slot.limit = group.limit
    if (!slot.facts.isCandidate) return
    const parts = this.#partsOf?.(slot.facts) ?? []
    const places = { parts, capabilities: group.capabilities, hasGroups: this.#rules.adaptive !== undefined }
    joinPools(slot, this.#revision(slot.facts.revision).pools, places)
    this.refresh(slot, nowMs)
  }
}
