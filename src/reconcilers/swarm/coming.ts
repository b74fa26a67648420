import type { Allowance, Limit, Purpose } from '../../scaling/budget.ts'
import type { AgentSeen } from '../shared/agent-seen.ts'
import { byName } from './order.ts'
import { Places } from './places.ts'
import type { Pool } from './pool.ts'
import { successorOf } from './successor.ts'
import { awaitsSize, isCurrent, isInPlace, type Action, type GroupWorld, type Made, type Successor, type WarmSeen } from './world.ts'

/** What the groups of a swarm use up one after the other. */
export type Stock = {
  readonly allowance: Allowance
  readonly pool: Pool
  /** Successors of agents that are gone already: those that were still to come before, and those that are after this plan. */
  readonly owed: { readonly before: Successor[]; readonly now: Successor[] }
}

/** The agents of a group that come while it is planned. */
export class Coming {
  readonly #of: GroupWorld
  readonly #stock: Stock
  readonly #places: Places
  /** What is done for that. */
  readonly actions: Action[] = []
  /** When more may come, in milliseconds from now. */
  readonly times: number[] = []

  constructor(of: GroupWorld, stock: Stock) {
    this.#of = of
    this.#stock = stock
    this.#places = new Places(of.group, of.world)
  }

  /** Puts successors of the newest revision in the places of lost agents, as far as agents are missing; returns how many places that takes. */
  replaceLost(lost: readonly AgentSeen[], missing: number): number {
    const wanted = lost.filter((a) => a.state === 'Running' && isInPlace(a, this.#of)).slice(0, missing)
    for (const agent of wanted) this.replace(agent, this.#of.world.updateRevision)
    for (const agent of lost) if (!wanted.includes(agent)) this.#remove(agent)
    return wanted.length
  }

  /** Makes a successor and lets the lost one go. Where one more object is too many, the lost one goes first and its successor follows. */
  replace(agent: AgentSeen, revision: string): void {
    const { allowance, owed } = this.#stock
    const { attempt, atMs } = successorOf(agent)
    const isSame = agent.revision === revision
    const waitMs = isSame ? atMs - this.#of.world.nowMs : 0
    if (waitMs > 0) return void this.times.push(waitMs)
    if (this.#awaitsFirst(revision)) return
    const { warm, limit } = this.#sourceOf('Replacement', revision)
    if (limit && limit.cap.counts !== 'Objects') return allowance.hold(limit)
    const replaces = { name: agent.name, reason: agent.failed?.reason ?? '' }
    const place = this.#places.take(revision, agent.place)
    const successor = { group: agent.group, place, revision, attempt: isSame ? attempt : 0, replaces }
    if (limit) owed.now.push(successor)
    else this.#provide(successor, warm)
    this.#remove(agent)
  }

  /** Adds `missing` agents of the newest revision: the cheapest way first. So many of them are `lacking`, the others come besides. */
  fill({ missing, lacking }: { missing: number; lacking: number }, here: readonly AgentSeen[]): void {
    const usable = here.filter((a) => !a.failed && isCurrent(a, this.#of.world))
    const purposeOf = (n: number) => (n < lacking ? 'Scale' : 'Update')
    const draining = usable.filter((a) => a.state === 'Draining').sort((a, b) => Number(b.ready) - Number(a.ready) || byName(a, b))
    const back = this.#fitting(draining).slice(0, missing)
    for (const agent of back) this.#bring(agent, 'keepAgent')
    const paused = usable.filter((a) => a.state === 'Paused').sort(byName)
    const spares = this.#fitting(paused).slice(0, missing - back.length)
    for (const [i, agent] of spares.entries()) if (this.#mayResume(purposeOf(back.length + i))) this.#bring(agent, 'resumeAgent')
    for (let n = back.length + spares.length; n < missing; n += 1) {
      if (this.#awaitsFirst(this.#of.world.updateRevision)) return
      this.#addNew(purposeOf(n))
    }
  }

  /** A new agent, or the successor of one that is gone, should one be still to come. */
  #addNew(purpose: Purpose): void {
    const { group, world } = this.#of
    const { allowance, owed } = this.#stock
    const revision = world.updateRevision
    const successor = this.#owedTo(revision)
    const { warm, limit } = this.#sourceOf(successor ? 'Replacement' : purpose, revision)
    if (limit) {
      allowance.hold(limit)
      if (successor) owed.now.push(successor)
      return
    }
    const place = this.#places.take(revision, successor?.place)
    this.#provide({ attempt: 0, ...successor, group: group.name, place, revision }, warm)
  }

  /** Those of the agents that can come back: where places count, one into each that is free. */
  #fitting(sorted: readonly AgentSeen[]): readonly AgentSeen[] {
    if (!this.#of.world.isOrdered) return sorted
    const isFirstOfPlace = (a: AgentSeen, i: number) => !sorted.slice(0, i).some((b) => b.place === a.place)
    return sorted.filter((a, i) => isInPlace(a, this.#of) && this.#places.isFree(a) && isFirstOfPlace(a, i))
  }

  #bring({ name, revision, place }: AgentSeen, how: 'keepAgent' | 'resumeAgent'): void {
    this.#places.take(revision, place)
    this.actions.push({ do: how, name })
  }

  #remove({ name }: AgentSeen): void {
    this.actions.push({ do: 'deleteAgent', name, reason: 'Replaced' })
  }

  /** Whether one that sleeps may come back for this; it has its object already. */
  #mayResume(purpose: Purpose): boolean {
    const { allowance } = this.#stock
    const limit = allowance.take(purpose, true)
    if (limit) allowance.hold(limit)
    return !limit
  }

  /** Whether one more has to wait until the first of its kind has told its size; one of the warm pool is made already. */
  #awaitsFirst(revision: string): boolean {
    const { group, world } = this.#of
    return !this.#stock.pool.find(revision, group.name) && awaitsSize({ revision, group: group.name }, world, this.actions)
  }

  /** A sandbox of the warm pool for one more agent, if there is one that fits, and what refuses it. One that runs is counted already. */
  #sourceOf(purpose: Purpose, revision: string): { warm?: WarmSeen; limit?: Limit } {
    const { allowance, pool } = this.#stock
    const warm = pool.find(revision, this.#of.group.name)
    const limit = warm && warm.state !== 'Paused' ? undefined : allowance.take(purpose, warm !== undefined)
    return { ...(warm && { warm }), ...(limit && { limit }) }
  }

  #provide(made: Made, warm: WarmSeen | undefined): void {
    if (warm) this.#stock.pool.take(warm)
    this.actions.push(warm ? { do: 'takeAgent', name: warm.name, ...made } : { do: 'createAgent', ...made })
  }

  /** Takes the successor of an agent that is gone from those that are still to come. */
  #owedTo(revision: string): Successor | undefined {
    const { before } = this.#stock.owed
    const at = before.findIndex((each) => each.group === this.#of.group.name && each.revision === revision)
    return at < 0 ? undefined : before.splice(at, 1)[0]
  }
}
