import type { AgentStatus } from '../../api/agent.ts'
import { durationMs } from '../../api/duration.ts'
import type { Agent, Swarm } from '../../api/objects.ts'
import { groupsOf } from '../../api/swarm-group.ts'
import { controllerOf } from '../../kube/objects.ts'
import { Account, type Costing, type StoredCost } from '../../scaling/account.ts'
import { limitOf, type Cap, type Limit } from '../../scaling/budget.ts'
import { DEFAULT_SIZE, rateOf, rateOfMicros, type Prices, type Rate, type Size } from '../../scaling/cost.ts'
import { parseDollars } from '../../scaling/money.ts'
import { madeFrom, type Sightings } from '../agent/sightings.ts'

/** Time between two writes of a cost of which only the sum has grown, in milliseconds. The sum itself is exact at any time. */
export const TELL_COST_MS = 300_000

export type CostsOptions = { readonly prices: () => Prices; readonly sightings: Sightings }

/** What agents of a swarm are made from. */
type Kind = { readonly revision: string; readonly group: string }

type Kept = { readonly namespace: string; readonly swarm: string; readonly account: Account }

/** What swarms cost, kept in memory between the writes of their status. */
export class Costs {
  readonly #options: CostsOptions
  readonly #kept = new Map<string, Kept>()

  constructor(options: CostsOptions) {
    this.#options = options
  }

  /** Takes what runs now and gives what is to be stored; undefined while nothing has ever cost anything. */
  look({ metadata, spec, status }: Swarm, agents: readonly Agent[], nowMs: number): StoredCost | undefined {
    const { namespace, name, uid } = metadata
    const kept = this.#kept.get(uid) ?? { namespace, swarm: name, account: new Account(status?.cost, nowMs) }
    this.#kept.set(uid, kept)
    const running: Costing[] = []
    const sleeping: string[] = []
    const lost: (Costing & { lostMs: number })[] = []
    for (const agent of agents) {
      const { sandbox, failed } = agent.status ?? {}
      if (!sandbox) continue
      if (failed) lost.push({ ...this.#costing(agent, sandbox), lostMs: Date.parse(failed.at) })
      else if (sandbox.state === 'Paused') sleeping.push(agent.metadata.uid)
      else if (sandbox.state === 'Running') running.push(this.#costing(agent, sandbox))
    }
    kept.account.look({ running, sleeping, lost }, nowMs)
    if (!kept.account.isSettled) return status?.cost
    if (!status?.cost && running.length === 0 && kept.account.isEmpty) return undefined
    return kept.account.stored(groupsOf(spec).map((group) => group.name))
  }

  /**
   * What the budget of a swarm leaves when one more agent costs `rate`. Agents whose sandbox is yet to come count as well, paused and lost
   * ones do not; `doubtful` are those that may have been made.
   */
  limits(swarm: Swarm, agents: readonly Agent[], { rate, doubtful }: { rate: Rate; doubtful: number }): readonly Limit[] {
    const { budget } = swarm.spec
    if (!budget) return []
    const { maxAgents, maxHourlyCost } = budget
    const counted = agents.filter(runs)
    const cost = maxHourlyCost === undefined ? undefined : parseDollars(maxHourlyCost)
    const caps: Cap[] = []
    if (maxAgents !== undefined)
      caps.push({
        by: 'Budget',
        name: 'spec.budget.maxAgents',
        counts: 'Sandboxes',
        most: BigInt(maxAgents),
        used: BigInt(counted.length + doubtful),
      })
    if (cost !== undefined) {
      const used = counted.reduce((sum, agent) => sum + this.rateOf(agent), rate * BigInt(doubtful))
      caps.push({ by: 'Budget', name: 'spec.budget.maxHourlyCost', counts: 'Cost', most: rateOfMicros(cost), used })
    }
    return caps.map((cap) => limitOf(cap, rate))
  }

  /** What one more agent of this revision will cost beside these: as much as the dearest of them or of the groups that have agents. */
  rateOfNext(swarm: Swarm, agents: readonly Agent[], revision: string): Rate {
    const groups = groupsOf(swarm.spec).filter(({ replicas }) => replicas > 0)
    const next = groups.map(({ name }) => rateOf(this.#usualSize(swarm, { revision, group: name }) ?? DEFAULT_SIZE, this.#options.prices()))
    return [...next, ...agents.filter(runs).map((agent) => this.rateOf(agent))].reduce((most, rate) => (rate > most ? rate : most), 0n)
  }

  /** What an agent costs while it runs, as far as its size is known. */
  rateOf(agent: Agent): Rate {
    const { cpus, memoryMib } = agent.status?.sandbox ?? {}
    const { sightings, prices } = this.#options
    const stored = cpus !== undefined && memoryMib !== undefined ? { cpus, memoryMib } : undefined
    const kind = madeFrom(agent)
    // After a restart what is stored is all that is known.
    if (stored && !sightings.usualSize(kind)) sightings.remember(kind, stored)
    return rateOf(stored ?? sightings.sizeOf(agent.metadata.uid, kind) ?? DEFAULT_SIZE, prices())
  }

  /** Those of the groups and revisions of which is known what an agent costs. */
  sized(swarm: Swarm, kinds: readonly Kind[]): readonly Kind[] {
    return kinds.filter((kind) => this.#usualSize(swarm, kind) !== undefined)
  }

  /** Takes agents whose sandbox the provider has shown, and wakes the swarm whose account waits for that. */
  whenSeen(wake: (swarm: string) => void): (agent: Agent) => void {
    return (agent) => {
      const kept = this.#kept.get(controllerOf(agent)?.uid ?? '')
      if (kept?.account.awaits(agent.metadata.uid)) wake(`${kept.namespace}/${kept.swarm}`)
    }
  }

  /** Charges an agent whose sandbox came and went between two looks. */
  gone(agent: Agent, nowMs: number): void {
    const { sandbox, failed } = agent.status ?? {}
    if (sandbox?.state === 'Running' && !failed)
      this.#kept.get(controllerOf(agent)?.uid ?? '')?.account.gone(this.#costing(agent, sandbox), nowMs)
  }

  /** The accounts of all swarms, for metrics. */
  get all(): Iterable<Kept> {
    return this.#kept.values()
  }

  /** Forgets swarms that are gone. */
  keepOnly(uids: ReadonlySet<string>): void {
    for (const uid of this.#kept.keys()) if (!uids.has(uid)) this.#kept.delete(uid)
  }

  #costing(agent: Agent, { startedAt, timeout }: NonNullable<AgentStatus['sandbox']>): Costing {
    const { uid } = agent.metadata
    return {
      uid,
      group: agent.spec.group,
      rate: this.rateOf(agent),
      startedMs: Date.parse(startedAt),
      isSeen: this.#options.sightings.isSeen(uid),
      timeoutMs: timeout === undefined ? Infinity : durationMs(timeout),
    }
  }

  #usualSize({ metadata }: Swarm, { revision, group }: Kind): Size | undefined {
    return this.#options.sightings.usualSize(madeFrom({ metadata, spec: { swarm: metadata.name, revision, group } }))
  }
}

/** It has a sandbox that runs, or is to have one. */
export const runs = ({ spec, status }: Agent) =>
  !status?.failed && spec.state !== 'Paused' && !(spec.state === 'Warm' && status?.sandbox?.state === 'Paused')

/** Whether a cost is to be written now, though nothing else is: what it costs an hour has changed, or it has not been written for long. */
export function isDue(stored: StoredCost | undefined, cost: StoredCost | undefined): boolean {
  if (!cost) return false
  if (!stored || hourlyOf(stored) !== hourlyOf(cost)) return true
  return Number(cost.hourly) > 0 && Date.parse(cost.through) - Date.parse(stored.through) >= TELL_COST_MS
}

const hourlyOf = ({ hourly, groups }: StoredCost): string => JSON.stringify([hourly, ...groups.map((group) => [group.name, group.hourly])])
