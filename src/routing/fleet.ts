import { PART } from '../topology/parts.ts'
import { Rates, expectedWaitMs, type Server } from './expected-wait.ts'
import { AdaptiveShares, drawGroup, type GroupShare } from './adaptive.ts'
import { hashText } from '../stats/hash.ts'
import { ANY, poolKey, type PoolWish } from './pools.ts'
import { Roster } from './roster.ts'
import type { CutOff, FleetRules } from './rules.ts'
import { SmoothShares, revisionOfSession, sameShares, type Share } from './shares.ts'
import type { AgentFacts, Pool, Slot } from './slot.ts'
import { agentOfSession, leastRecent, lessLoadedOfMany, lessLoaded, type Random } from './strategy.ts'
import type { Ending, PanelSize, Refusal, Wish } from './wish.ts'

type UpWish = { readonly capability?: string | undefined; readonly least?: number }

/**
 * The agents of one swarm and the choice among them: revision by weight, then capability, then health and circuit, then strategy.
 * A choice costs no more with more agents, except for sessions and RoundRobin, which look at each free one.
 */
export class Fleet {
  #rules: FleetRules
  readonly #roster: Roster
  readonly #shares = new Map<string, SmoothShares>()
  readonly #adaptive = new AdaptiveShares()
  #weighted: readonly Share[] = []
  #cutOff: CutOff | undefined
  /** Agents with an open circuit: as long as there is none, nobody has to be counted. */
  readonly #open = new Set<Slot>()
  readonly #rates = new Rates()
  #turns = 0

  constructor(rules: FleetRules) {
    this.#rules = rules
    this.#roster = new Roster(rules, () => this.#weigh())
    this.setRules(rules, 0)
  }

  /** Its agents, by name, in whatever state. */
  get slots(): ReadonlyMap<string, Slot> {
    return this.#roster.slots
  }

  /** Those that were taken last. */
  get rules(): FleetRules {
    return this.#rules
  }

  /** The weights in force: those of the swarm, or, before it has any, every revision alike. */
  get shares(): readonly Share[] {
    return this.#weighted
  }

  /** What new tasks go by: the weights that the swarm says, none before it says any, or the revision that gets them all after a cut. */
  get inForce(): readonly Share[] {
    return this.#cutOff ? [{ revision: this.#cutOff.inFavourOf, percent: 100 }] : this.#rules.shares
  }

  /** With the strategy Adaptive the share of each group in tasks that all of them can do; otherwise nothing. */
  groupShares(nowMs: number): readonly GroupShare[] {
    const { adaptive, groups } = this.#rules
    return adaptive ? this.#adaptive.among([...groups.keys()], nowMs, adaptive) : []
  }

  /** Takes other rules. Tasks that wait may have an agent now. */
  setRules(rules: FleetRules, nowMs: number): void {
    this.#rules = rules
    this.#roster.setRules(rules, nowMs)
    this.#adaptive.keep(rules.groups)
    this.#weigh()
  }

  /**
   * Sends a revision nothing more but tasks that ask for it, and all others to another one, whatever the weights are; undefined goes by
   * the weights again. Tasks that wait may have an agent now.
   */
  cutOff(cut: CutOff | undefined): void {
    if (cut === this.#cutOff) return
    this.#cutOff = cut
    this.#weigh()
  }

  /** Whether the revision gets nothing but tasks that ask for it. */
  isCutOff(revision: string): boolean {
    return revision === this.#cutOff?.revision
  }

  /** Adds an agent or takes its newer facts. Another uid under the same name is another agent. */
  put(facts: AgentFacts, nowMs: number): Slot {
    const old = this.#roster.slots.get(facts.name)
    if (old && old.facts.uid !== facts.uid) this.remove(facts.name)
    return this.#roster.put(facts, nowMs)
  }

  /** Forgets an agent; tasks that it still has end by themselves. */
  remove(name: string): Slot | undefined {
    const slot = this.#roster.remove(name)
    if (slot) this.#open.delete(slot)
    return slot
  }

  /** Chooses an agent, or says why there is none. Changes only the turn of the weights; `begin` takes the agent. */
  choose(wish: Wish, nowMs: number, random: Random): Slot | Refusal {
    const impossible = this.#impossible(wish)
    if (impossible) return impossible
    const chosen = this.#pick(wish, nowMs, random)
    if (chosen) return chosen
    const reachable = this.#hopes(wish)
    if (wish.tried.length > 0 && !reachable.some((slot) => !wish.tried.includes(slot))) {
      const again = this.#pick({ ...wish, tried: [] }, nowMs, random)
      if (again) return again
    }
    return reachable.length > 0 ? 'Busy' : 'NoAgentReady'
  }

  /**
   * Chooses several different agents of one revision, all of them free now, or says why there are none. `tried` does not matter.
   * A revision is passed over while fewer than `least` of its agents are up. Open circuits are never ignored: each of the panel gets a call
   * of its own, which would wait for that one agent while others are free.
   */
  choosePanel(wish: Wish, { size, least }: PanelSize, nowMs: number, random: Random): readonly Slot[] | Refusal {
    const impossible = this.#impossible(wish)
    if (impossible) return impossible
    const wanted = (revision: string) => this.#roster.countUp(revision, wish, size, nowMs)
    const free = (revision: string) => this.#roster.pool(revision, wish)?.free ?? []
    const usable = (revision: string) => wanted(revision) >= least && free(revision).length >= wanted(revision)
    const revision = wish.revision ?? this.#pickRevision(wish, usable)
    if (revision !== undefined && usable(revision)) return lessLoadedOfMany(free(revision), wanted(revision), random)
    return this.#meant(revision).some((hope) => wanted(hope.revision) >= least) ? 'Busy' : 'NoAgentReady'
  }

  /**
   * The revision of a session: that of its key among those with an agent that can be reached, busy or not, so that a session waits
   * for its revision instead of leaving it.
   */
  revisionOfSession(wish: Pick<Wish, 'sessionKey' | 'capability' | 'part'>): string | undefined {
    if (wish.sessionKey === undefined) return undefined
    return revisionOfSession(wish.sessionKey, this.#weighted, (revision) => {
      for (const slot of this.#roster.pool(revision, wish)?.members ?? []) if (!slot.isUnreachable) return true
      return false
    })
  }

  /** Whether a group of the part lists the capability. */
  canDo(part: string, capability: string): boolean {
    return this.#roster.canDo(part, capability)
  }

  /** The groups whose agents could have it; all agents of a group can do the same. */
  groupsFor(wish: PoolWish): readonly string[] {
    return this.#roster.groupsFor(wish)
  }

  /** Whether there is an agent of the revision, in whatever state. */
  has(revision: string): boolean {
    return this.#roster.revisions.has(revision)
  }

  /** Whether one agent of the revision, or so many, are up in the part, busy or not, for tasks that do not ask for the revision. */
  hasUp(part: string, revision: string, nowMs: number, { capability, least = 1 }: UpWish = {}): boolean {
    return !this.isCutOff(revision) && this.#roster.countUp(revision, { part, capability }, least, nowMs) >= least
  }

  /** Whether one of these is free in the part. */
  hasFree(part: string, revision: string): boolean {
    return !this.isCutOff(revision) && (this.#roster.pool(revision, { part })?.free.length ?? 0) > 0
  }

  /** Agents of a part that can be reached, in no particular order; of all revisions that have a weight, or of this one. */
  *members(part: string, only?: string): Generator<Slot> {
    for (const { revision } of this.#meant(only)) {
      for (const slot of this.#roster.pool(revision, { part })?.members ?? []) if (!slot.isUnreachable) yield slot
    }
  }

  /** How long a task behind so many others, each of which needs so many places, waits for an agent; undefined while that is not known. */
  expectedWaitMs(wish: Wish, ahead: number, needs: number, nowMs: number): number | undefined {
    const revision = wish.revision ?? this.revisionOfSession(wish)
    const rate = this.#rates.get(`${revision ?? ''}\n${poolKey(wish)}`, nowMs, () => this.#servers(wish, revision, nowMs))
    return rate === undefined ? undefined : expectedWaitMs(ahead, needs, rate)
  }

  /** A task goes to the agent. */
  begin(slot: Slot, nowMs: number): void {
    slot.inFlight += 1
    slot.turn = ++this.#turns
    slot.breaker.begin()
    this.refresh(slot, nowMs)
  }

  /** A task on the agent ended. Returns true when that opened its circuit. Tasks that are done for nobody leave the shares of groups as they are. */
  end(slot: Slot, ending: Ending, nowMs: number, isMirrored = false): boolean {
    slot.inFlight -= 1
    let opened = false
    const { adaptive, breaker } = this.#rules
    if (adaptive && ending !== 'Abandoned' && !isMirrored) this.#adaptive.observe(slot.facts.group, ending !== 'Answered', nowMs, adaptive)
    if (ending === 'Answered') {
      slot.breaker.succeeded()
      if (slot.absence === 'Silent') slot.absence = undefined
    } else if (ending === 'Abandoned') slot.breaker.abandoned()
    else {
      opened = slot.breaker.failed(breaker, nowMs)
      if (ending === 'Lost') slot.absence = 'Lost'
      else if (ending === 'Silent') slot.absence ??= 'Silent'
    }
    if (slot.breaker.isOpen && slot.isKnown) this.#open.add(slot)
    else this.#open.delete(slot)
    this.refresh(slot, nowMs)
    return opened
  }

  /** Looks again whether the agent is free: call it after its health changed and when its `blockedUntil` has passed. */
  refresh(slot: Slot, nowMs: number): void {
    this.#roster.refresh(slot, nowMs)
  }

  /** Why nobody can ever do this, as things are. */
  #impossible({ capability = ANY, part = PART.whole, revision }: Wish): Refusal | undefined {
    if (capability !== ANY && !this.#roster.canDo(part, capability)) return 'NoAgentWithCapability'
    if (revision === undefined) return undefined
    if (!this.#roster.revisions.has(revision)) return 'RevisionNotFound'
    return capability === ANY || this.#roster.canEver(revision, capability) ? undefined : 'NoAgentWithCapability'
  }

  *#servers(wish: Wish, only: string | undefined, nowMs: number): Generator<Server> {
    for (const { revision } of this.#meant(only)) {
      for (const slot of this.#roster.pool(revision, wish)?.members ?? []) {
        if (slot.isUp(nowMs)) yield { places: slot.limit, serviceMs: slot.service.meanMs(nowMs) }
      }
    }
  }

  #pick(wish: Wish, nowMs: number, random: Random): Slot | undefined {
    if (wish.agent !== undefined) {
      const only = this.#roster.slots.get(wish.agent)
      return only?.isFree(nowMs) ? only : undefined
    }
    const usable = (revision: string) => this.#options(revision, wish, nowMs).length > 0
    const revision = wish.revision ?? this.#pickRevision(wish, usable)
    if (revision === undefined) return undefined
    const options = this.#options(revision, wish, nowMs)
    if (wish.sessionKey !== undefined) return agentOfSession(options, hashText(wish.sessionKey))
    switch (this.#rules.strategy) {
      case 'LeastLoaded':
      case 'Consensus':
        return lessLoaded(options, random)
      case 'Adaptive':
        return lessLoaded(this.#ofOneGroup(revision, wish, nowMs, random) ?? options, random)
      case 'RoundRobin':
        return leastRecent(options)
    }
  }

  /**
   * The free agents of one of the groups that have any for the task, drawn by their shares. None when more than half of all agents are
   * ejected: then error rates say nothing about groups.
   */
  #ofOneGroup(revision: string, wish: Wish, nowMs: number, random: Random): readonly Slot[] | undefined {
    const { adaptive, groups } = this.#rules
    const all = this.#roster.pool(revision, wish)
    if (!adaptive || !all || this.#isPanic(all)) return undefined
    const free = (group: string) => untried(this.#roster.poolOfGroup(revision, wish, group)?.free ?? [], wish)
    const usable: string[] = []
    for (const group of groups.keys()) if (free(group).length > 0) usable.push(group)
    const drawn = usable.length > 1 ? drawGroup(this.#adaptive.among(usable, nowMs, adaptive), random) : usable[0]
    return drawn === undefined ? undefined : free(drawn)
  }

  #pickRevision(wish: Wish, usable: (revision: string) => boolean): string | undefined {
    if (wish.sessionKey !== undefined) return this.revisionOfSession(wish)
    if (this.#weighted.length === 1) return this.#weighted[0]?.revision
    const key = poolKey(wish)
    let shares = this.#shares.get(key)
    if (!shares) {
      shares = new SmoothShares()
      shares.set(this.#weighted)
      this.#shares.set(key, shares)
    }
    return shares.next(usable)
  }

  /**
   * Agents of a revision that may get the task now. When more than half of the candidates are ejected, open circuits are ignored
   * (the fault is then rather the tasks' or everybody's, and the rest would be overrun), but never agents that do not answer at all.
   * Not so in a ring: nobody overruns the rest there, as a stage whose circuits are all open gets no new tasks.
   */
  #options(revision: string, wish: Wish, nowMs: number): readonly Slot[] {
    const pool = this.#roster.pool(revision, wish)
    if (!pool) return []
    const isPanic = this.#isPanic(pool)
    return untried(isPanic ? [...pool.members].filter((slot) => slot.hasRoom(nowMs) && !slot.isUnreachable) : pool.free, wish)
  }

  #isPanic(pool: Pool): boolean {
    return this.#open.size > 0 && this.#rules.topology?.type !== 'Ring' && pool.isMostlyEjected()
  }

  /** Agents that could take the task in the end, were they free: at least one untried one if there is any. */
  #hopes(wish: Wish): readonly Slot[] {
    if (wish.agent !== undefined) {
      const only = this.#roster.slots.get(wish.agent)
      return only && only.facts.isCandidate && !only.isUnreachable ? [only] : []
    }
    const hopes: Slot[] = []
    for (const { revision } of this.#meant(wish.revision)) {
      for (const slot of this.#roster.pool(revision, wish)?.members ?? []) {
        if (slot.isUnreachable) continue
        hopes.push(slot)
        if (!wish.tried.includes(slot)) return hopes
      }
    }
    return hopes
  }

  /** This revision, or all that have a weight. */
  #meant(only: string | undefined): readonly Pick<Share, 'revision'>[] {
    return only === undefined ? this.#weighted : [{ revision: only }]
  }

  #weigh(): void {
    const shares = this.inForce
    const weighted = shares.length > 0 ? shares : [...this.#roster.revisions.keys()].map((revision) => ({ revision, percent: 1 }))
    const before = this.#weighted
    this.#weighted = weighted.filter((share) => share.percent > 0)
    if (sameShares(before, this.#weighted)) return // their turns go on, so that they stay exact
    for (const state of this.#shares.values()) state.set(this.#weighted)
  }
}

const untried = (slots: readonly Slot[], { tried }: Wish) => (tried.length === 0 ? slots : slots.filter((slot) => !tried.includes(slot)))
