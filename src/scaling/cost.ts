import { formatDollars, parseDollars } from './money.ts'

/** What a running sandbox costs an hour, in micro-dollars. */
export type Prices = { readonly cpuHour: bigint; readonly gibHour: bigint }

/** What E2B publishes: 0.000014 dollars a second for a CPU, and 0.0000045 for a GiB of memory, of what is allocated. */
export const DEFAULT_PRICES: Prices = { cpuHour: 50_400n, gibHour: 16_200n }

/** What E2B allocates unless the template says otherwise. */
export const DEFAULT_SIZE: Size = { cpus: 2, memoryMib: 512 }

/** What is allocated to a sandbox: whole CPUs and MiB of memory, used or not. */
export type Size = { readonly cpus: number; readonly memoryMib: number }

/**
 * The cost of a sandbox in parts an hour. A part is 1/1024 of a micro-dollar, so that the price of a MiB is a whole number; with times in
 * milliseconds every cost is one, and sums are exact.
 */
export type Rate = bigint

const PARTS_A_MICRO = 1024n
const MS_AN_HOUR = 3_600_000n

/** Parts × milliseconds in a micro-dollar. */
const UNITS_A_MICRO = PARTS_A_MICRO * MS_AN_HOUR

/** What a sandbox of this size costs while it runs. Paused ones cost nothing. */
export function rateOf({ cpus, memoryMib }: Size, { cpuHour, gibHour }: Prices): Rate {
  return BigInt(cpus) * cpuHour * PARTS_A_MICRO + BigInt(memoryMib) * gibHour
}

/** Micro-dollars an hour, rounded up: a cost is never shown, or compared with a cap, as less than it is. */
export const hourlyMicros = (rate: Rate): bigint => (rate + PARTS_A_MICRO - 1n) / PARTS_A_MICRO

/** The rate that so many micro-dollars an hour are. */
export const rateOfMicros = (micros: bigint): Rate => micros * PARTS_A_MICRO

/** A price table as people write it, such as `{cpuHour: '0.0504', gibHour: '0.0162'}`; what is left out, or wrong, has its default and is named in `wrong`. */
export function readPrices(table: Readonly<Record<string, string>>): { prices: Prices; wrong: readonly string[] } {
  const wrong: string[] = []
  const read = (key: keyof Prices): bigint => {
    const text = table[key]
    const micros = text === undefined ? DEFAULT_PRICES[key] : parseDollars(text)
    if (micros === undefined)
      wrong.push(`${key}: ${JSON.stringify(text)} is not a price; write dollars an hour with up to six decimals, such as "0.0504"`)
    return micros ?? DEFAULT_PRICES[key]
  }
  const known = Object.keys(DEFAULT_PRICES)
  const prices = { cpuHour: read('cpuHour'), gibHour: read('gibHour') }
  for (const key of Object.keys(table)) if (!known.includes(key)) wrong.push(`${key} is not a price; write ${known.join(' or ')}`)
  return { prices, wrong }
}

/** A sandbox that ran from `fromMs` until `untilMs`, or still runs. Unix milliseconds. */
export type Running = { readonly fromMs: number; readonly untilMs?: number | undefined; readonly rate: Rate }

/** All that has been spent up to a moment. It is stored as a whole, so that total and moment never disagree. */
export type Ledger = { readonly units: bigint; readonly throughMs: number }

/** A ledger that nothing is in. */
export const openLedger = (nowMs: number): Ledger => ({ units: 0n, throughMs: nowMs })

/**
 * The ledger with what was spent since it was last written. Time before `throughMs` is never charged again, however often this runs
 * and whoever runs it. To miss nothing, a sandbox stays in `sandboxes` until a ledger from after its end is stored, and `upToMs` is no
 * later than `chargeableUpTo` says. Neither time nor total ever goes back.
 */
export function charge(ledger: Ledger, sandboxes: readonly Running[], upToMs: number): Ledger {
  if (upToMs <= ledger.throughMs) return ledger
  let { units } = ledger
  for (const { fromMs, untilMs = upToMs, rate } of sandboxes) {
    const ms = Math.min(untilMs, upToMs) - Math.max(fromMs, ledger.throughMs)
    if (ms > 0) units += rate * BigInt(Math.round(ms))
  }
  return { units, throughMs: upToMs }
}

/** How long the charge waits for sandboxes whose creation is under way, in milliseconds. */
export const MAX_PENDING_MS = 600_000

/**
 * Up to when may be charged: not past the moment at which a creation began of which it is not known whether, and when, a sandbox came of it.
 * One that takes longer than `MAX_PENDING_MS` no longer holds the others up.
 */
export function chargeableUpTo(pendingSinceMs: readonly number[], nowMs: number): number {
  return Math.min(nowMs, ...pendingSinceMs.filter((sinceMs) => nowMs - sinceMs <= MAX_PENDING_MS))
}

/** A ledger as a status holds it: dollars, what is left below a micro-dollar, and the moment. */
export type StoredLedger = { readonly accumulated: string; readonly remainder: number; readonly through: string }

/** Writes a ledger so that `readLedger` gives exactly the same one. */
export function writeLedger({ units, throughMs }: Ledger): StoredLedger {
  const through = new Date(throughMs).toISOString()
  return { accumulated: formatDollars(units / UNITS_A_MICRO), remainder: Number(units % UNITS_A_MICRO), through }
}

/** Dollars that so many units are, for metrics; exact to a micro-dollar. */
export const dollarsOf = (units: bigint): number => Number(units / UNITS_A_MICRO) / 1e6

/** Reads a stored ledger; undefined when it is not one. */
export function readLedger({ accumulated, remainder, through }: StoredLedger): Ledger | undefined {
  const micros = parseDollars(accumulated)
  const throughMs = Date.parse(through)
  const isWhole = Number.isSafeInteger(remainder) && remainder >= 0 && BigInt(remainder) < UNITS_A_MICRO
  if (micros === undefined || Number.isNaN(throughMs) || !isWhole) return undefined
  return { units: micros * UNITS_A_MICRO + BigInt(remainder), throughMs }
}
