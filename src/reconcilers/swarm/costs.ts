import type { Agent, Swarm } from '../../api/objects.ts'
import { groupsOf } from '../../api/swarm.ts'
import { Account, type Costing, type StoredCost } from '../../scaling/account.ts'
import { roomOf, type Room } from '../../scaling/budget.ts'
import { DEFAULT_SIZE, rateOf, type Prices, type Rate } from '../../scaling/cost.ts'
import { parseDollars } from '../../scaling/money.ts'
import { madeFrom, type Sightings } from '../agent/sightings.ts'

/** Time between two writes of a cost of which only the sum has grown, in milliseconds. The sum itself is exact at any time. */
export const TELL_COST_MS = 300_000

export type CostsOptions = { readonly prices: () => Prices; readonly sightings: Sightings }

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
    for (const agent of agents) {
      const { sandbox, failed } = agent.status ?? {}
      if (!sandbox || sandbox.state === 'Gone' || failed) continue
      if (sandbox.state === 'Paused') sleeping.push(agent.metadata.uid)
      else
        running.push({
          uid: agent.metadata.uid,
          group: agent.spec.group,
          rate: this.#rateOf(agent),
          startedMs: Date.parse(sandbox.startedAt),
        })
    }
    kept.account.look(running, sleeping, nowMs)
    if (!status?.cost && running.length === 0 && kept.account.isEmpty) return undefined
    return kept.account.stored(groupsOf(spec).map((group) => group.name))
  }

  /** How many agents the budget has room for. Those whose sandbox is yet to come count as well, paused and lost ones do not. */
  room({ spec: { budget } }: Swarm, agents: readonly Agent[]): Room | undefined {
    if (!budget) return undefined
    const maxHourlyCost = budget.maxHourlyCost === undefined ? undefined : parseDollars(budget.maxHourlyCost)
    const rates = agents.filter((a) => a.spec.state !== 'Paused' && !a.status?.failed).map((agent) => this.#rateOf(agent))
    const used = { agents: rates.length, rate: rates.reduce((sum, rate) => sum + rate, 0n) }
    const usual = rateOf(DEFAULT_SIZE, this.#options.prices())
    const dearest = rates.length === 0 ? usual : rates.reduce((most, rate) => (rate > most ? rate : most), 0n)
    return roomOf({ maxAgents: budget.maxAgents, maxHourlyCost }, used, dearest)
  }

  /** The accounts of all swarms, for metrics. */
  get all(): Iterable<Kept> {
    return this.#kept.values()
  }

  /** Forgets swarms that are gone. */
  keepOnly(uids: ReadonlySet<string>): void {
    for (const uid of this.#kept.keys()) if (!uids.has(uid)) this.#kept.delete(uid)
  }

  #rateOf(agent: Agent): Rate {
    const { cpus, memoryMib } = agent.status?.sandbox ?? {}
    const { sightings, prices } = this.#options
    const size = cpus !== undefined && memoryMib !== undefined ? { cpus, memoryMib } : sightings.sizeOf(agent.metadata.uid, madeFrom(agent))
    return rateOf(size ?? DEFAULT_SIZE, prices())
  }
}

/** Whether a cost is to be written now, though nothing else is: what it costs an hour has changed, or it has not been written for long. */
export function isDue(stored: StoredCost | undefined, cost: StoredCost | undefined): boolean {
  if (!cost) return false
  if (!stored || hourlyOf(stored) !== hourlyOf(cost)) return true
  return Number(cost.hourly) > 0 && Date.parse(cost.through) - Date.parse(stored.through) >= TELL_COST_MS
}

const hourlyOf = ({ hourly, groups }: StoredCost): string => JSON.stringify([hourly, ...groups.map((group) => [group.name, group.hourly])])
