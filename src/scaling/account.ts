import { hourlyMicros, openLedger, readLedger, writeLedger, type Ledger, type Rate, type StoredLedger } from './cost.ts'
import { formatDollars } from './money.ts'

/** A sandbox of an agent that runs, as far as is known, and costs something. */
export type Costing = {
  readonly uid: string
  readonly group: string
  readonly rate: Rate
  readonly startedMs: number
  /** The provider has shown it since the account was opened; before that it may long have ended. */
  readonly isSeen: boolean
  /** How long it lives on at most when nobody gives it more time. */
  readonly timeoutMs: number
}

/** All sandboxes of a swarm: those that run, those that are there and cost nothing, and those of lost agents, with when that was seen. */
export type Sandboxes = {
  readonly running: readonly Costing[]
  readonly sleeping?: readonly string[]
  readonly lost?: readonly (Costing & { readonly lostMs: number })[]
}

/** What is stored of one group; the moment is the one of the whole. */
export type StoredGroupCost = Omit<StoredLedger, 'through'> & { readonly name: string; readonly hourly: string }

/** What is stored of a swarm: what it costs an hour now, and all that it has cost up to a moment, in all and by group. */
export type StoredCost = StoredLedger & { readonly hourly: string; readonly groups: StoredGroupCost[] }

/** What is spent and what is being spent, for metrics. */
export type Spent = { readonly group: string; readonly hourlyMicros: bigint; readonly units: bigint }

/** What a sandbox costs if it ran until the account was opened, and how much of it is charged if it did not. */
type Owed = { readonly group: string; readonly whole: bigint; readonly atMost: bigint; readonly untilMs: number }

type Purse = { units: bigint; rate: Rate }

/**
 * What a swarm costs, kept up from one look at its sandboxes to the next: between two looks each costs what it did at the first. What is
 * stored goes on exactly where it was. A sandbox that is new since then is charged from its beginning.
 *
 * Of the time since the account was stored, in which perhaps nobody looked, a sandbox that is there yet is charged the whole, but only once the
 * provider has shown that it is. One that has gone is charged until it was seen to be gone, and no longer than it can have lived by itself.
 */
export class Account {
  /** Time up to which the stored account had been charged; none of it is charged again. */
  readonly #openedMs: number
  #total: Ledger
  readonly #groups = new Map<string, Purse>()
  /** Sandboxes that were there at the last look. */
  #known: ReadonlySet<string> = new Set()
  #rate: Rate = 0n
  /** By sandbox: what is not charged yet, as it is not known whether it is there. */
  readonly #owed = new Map<string, Owed>()
  /** Nobody has looked yet. */
  #isFirst = true

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

  /** Everything that was spent is charged; until then it is not to be stored. */
  get isSettled(): boolean {
    return this.#owed.size === 0
  }

  /** Whether it matters that the provider has shown this sandbox. */
  awaits(uid: string): boolean {
    return this.#owed.has(uid)
  }

  /** Takes what there is now. */
  look({ running, sleeping = [], lost = [] }: Sandboxes, nowMs: number): void {
    const toMs = Math.max(nowMs, this.#total.throughMs)
    const passedMs = BigInt(Math.round(toMs - this.#total.throughMs))
    let units = this.#total.units + this.#rate * passedMs
    for (const purse of this.#groups.values()) purse.units += purse.rate * passedMs
    const charge = (group: string, cost: bigint) => {
      units += cost
      this.#purse(group).units += cost
    }
    for (const { uid, ...each } of running) {
      if (this.#known.has(uid)) continue // one that was paused costs from now on
      const owed = this.#owedBy(each, toMs)
      if (each.isSeen || each.startedMs >= this.#openedMs) charge(each.group, owed.whole)
      else this.#owed.set(uid, owed)
    }
    if (this.#isFirst)
      for (const each of lost) if (each.lostMs > this.#openedMs) charge(each.group, this.#owedBy(each, Math.min(toMs, each.lostMs)).atMost)
    this.#isFirst = false
    const seen = new Set(running.flatMap(({ uid, isSeen }) => (isSeen ? uid : [])))
    const there = new Set(running.map(({ uid }) => uid))
    for (const [uid, { group, whole, atMost, untilMs }] of this.#owed) {
      if (there.has(uid) && !seen.has(uid) && toMs < untilMs) continue
      charge(group, seen.has(uid) ? whole : atMost)
      this.#owed.delete(uid)
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

  /** Charges a sandbox that has gone and that no look has seen. One that was seen is charged until the next look. */
  gone({ uid, group, rate, startedMs }: Pick<Costing, 'uid' | 'group' | 'rate' | 'startedMs'>, nowMs: number): void {
    if (this.#known.has(uid) || this.#owed.has(uid)) return
    const cost = rate * BigInt(Math.max(0, Math.round(nowMs - Math.max(startedMs, this.#openedMs))))
    this.#total = { ...this.#total, units: this.#total.units + cost }
    this.#purse(group).units += cost
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

  /** What a sandbox that nobody has charged for costs up to a moment. */
  #owedBy({ group, rate, startedMs, timeoutMs }: Omit<Costing, 'uid'>, toMs: number): Owed {
    const ms = Math.max(0, toMs - Math.max(startedMs, this.#openedMs))
    const cost = (passedMs: number) => rate * BigInt(Math.round(passedMs))
    return { group, whole: cost(ms), atMost: cost(Math.min(ms, timeoutMs)), untilMs: toMs + timeoutMs }
  }

  #purse(group: string): Purse {
    const known = this.#groups.get(group)
    if (known) return known
    const made = { units: 0n, rate: 0n }
    this.#groups.set(group, made)
    return made
  }
}
