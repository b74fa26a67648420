import { hourlyMicros, openLedger, readLedger, writeLedger, type Ledger, type Rate, type StoredLedger } from './cost.ts'
import { formatDollars } from './money.ts'

/** A sandbox of an agent that runs and costs something. */
export type Costing = { readonly uid: string; readonly group: string; readonly rate: Rate; readonly startedMs: number }

/** What is stored of one group; the moment is the one of the whole. */
export type StoredGroupCost = Omit<StoredLedger, 'through'> & { readonly name: string; readonly hourly: string }

/** What is stored of a swarm: what it costs an hour now, and all that it has cost up to a moment, in all and by group. */
export type StoredCost = StoredLedger & { readonly hourly: string; readonly groups: StoredGroupCost[] }

/** What is spent and what is being spent, for metrics. */
export type Spent = { readonly group: string; readonly hourlyMicros: bigint; readonly units: bigint }

type Purse = { units: bigint; rate: Rate }

/**
 * What a swarm costs, kept up from one look at its sandboxes to the next: between two looks each costs what it did at the first. What is
 * stored goes on exactly where it was. A sandbox that is new since then is charged from its beginning.
 */
export class Account {
  /** Time up to which the stored account had been charged; none of it is charged again. */
  readonly #openedMs: number
  #total: Ledger
  readonly #groups = new Map<string, Purse>()
  /** Sandboxes that were there at the last look. */
  #known: ReadonlySet<string> = new Set()
  #rate: Rate = 0n

  constructor(stored: StoredCost | undefined, nowMs: number) {
    const ledger = stored && readLedger(stored)
    this.#total = ledger ?? openLedger(nowMs)
    this.#openedMs = ledger?.throughMs ?? -Infinity
    for (const { name, accumulated, remainder } of ledger ? (stored?.groups ?? []) : []) {
      const units = readLedger({ accumulated, remainder, through: stored?.through ?? '' })?.units
      this.#groups.set(name, { units: units ?? 0n, rate: 0n })
    }
  }

  /** Micro-dollars an hour, rounded up. */
  get hourlyMicros(): bigint {
    return hourlyMicros(this.#rate)
  }

  /** Nothing was ever spent. */
  get isEmpty(): boolean {
    return this.#total.units === 0n
  }

  /** Takes what runs now; `sleeping` are the sandboxes that are there and cost nothing. */
  look(running: readonly Costing[], sleeping: readonly string[], nowMs: number): void {
    const toMs = Math.max(nowMs, this.#total.throughMs)
    const passedMs = BigInt(Math.round(toMs - this.#total.throughMs))
    let units = this.#total.units + this.#rate * passedMs
    for (const purse of this.#groups.values()) purse.units += purse.rate * passedMs
    for (const { uid, group, rate, startedMs } of running) {
      if (this.#known.has(uid)) continue // one that was paused costs from now on
      const cost = rate * BigInt(Math.round(Math.max(0, toMs - Math.max(startedMs, this.#openedMs))))
      units += cost
      this.#purse(group).units += cost
    }
    this.#total = { units, throughMs: toMs }
    this.#known = new Set([...sleeping, ...running.map(({ uid }) => uid)])
    this.#rate = 0n
    for (const purse of this.#groups.values()) purse.rate = 0n
    for (const { group, rate } of running) {
      this.#rate += rate
      this.#purse(group).rate += rate
    }
  }

  /** As it is stored. Groups that are gone stay in the total only. */
  stored(groups: readonly string[]): StoredCost {
    const { throughMs } = this.#total
    return {
      hourly: formatDollars(hourlyMicros(this.#rate)),
      ...writeLedger(this.#total),
      groups: groups.map((name) => {
        const { units, rate } = this.#groups.get(name) ?? { units: 0n, rate: 0n }
        const { accumulated, remainder } = writeLedger({ units, throughMs })
        return { name, hourly: formatDollars(hourlyMicros(rate)), accumulated, remainder }
      }),
    }
  }

  /** By group, as of the last look and up to now. */
  *spent(nowMs: number): Generator<Spent> {
    const passedMs = BigInt(Math.max(0, Math.round(nowMs - this.#total.throughMs)))
    for (const [group, { units, rate }] of this.#groups) yield { group, hourlyMicros: hourlyMicros(rate), units: units + rate * passedMs }
  }

  #purse(group: string): Purse {
    const known = this.#groups.get(group)
    if (known) return known
    const made = { units: 0n, rate: 0n }
    this.#groups.set(group, made)
    return made
  }
}
