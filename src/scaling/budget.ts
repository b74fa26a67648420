import { hourlyMicros, rateOfMicros, type Rate } from './cost.ts'
import { formatDollars } from './money.ts'

/** What asks for agents, the most urgent first: what replaces lost agents comes before anything that grows. */
export const PURPOSES = ['Replacement', 'Scale', 'Update', 'WarmPool'] as const
export type Purpose = (typeof PURPOSES)[number]

/** What a cap counts: sandboxes that run or are about to, what they cost an hour, or Agent objects of any state. */
export type Counted = 'Sandboxes' | 'Cost' | 'Objects'

/** One cap and what is used of it. What is reserved and not created yet is used. */
export type Cap = {
  readonly by: 'Budget' | 'Quota'
  /** Where people find it, such as `spec.budget.maxAgents`. */
  readonly name: string
  readonly counts: Counted
  /** How a cost is written: in dollars, or in cents. */
  readonly unit?: 'dollars' | 'cents'
  /** Agents; for a cost a rate. */
  readonly most: bigint
  readonly used: bigint
  /** Objects among the used ones that are gone, and still counted for a moment. */
  readonly gone?: bigint
}

/** What somebody else waits for under the same cap. */
export type Claim = { readonly purpose: Purpose; readonly sandboxes: number; readonly objects: number; readonly rate: Rate }

/** What a cap leaves for one who asks. */
export type Limit = {
  readonly cap: Cap
  /** What one more agent takes of it. */
  readonly each: bigint
  /** How many more there may be for each purpose; below zero when some are too many. More urgent claims of others are left for them. */
  readonly left: Readonly<Record<Purpose, number>>
}

/** What a cap leaves for agents that cost `each`, beside the claims of others. */
export function limitOf(cap: Cap, each: Rate, claims: readonly Claim[] = []): Limit {
  const unit = cap.counts === 'Cost' ? each : 1n
  const left = (purpose: Purpose) => {
    const urgent = claims.filter((claim) => PURPOSES.indexOf(claim.purpose) < PURPOSES.indexOf(purpose))
    return moreOf(cap.most - cap.used - urgent.reduce((sum, claim) => sum + claimedOf(claim, cap.counts), 0n), unit)
  }
  return {
    cap,
    each: unit,
    left: { Replacement: left('Replacement'), Scale: left('Scale'), Update: left('Update'), WarmPool: left('WarmPool') },
  }
}

function claimedOf({ sandboxes, objects, rate }: Claim, counts: Counted): bigint {
  if (counts === 'Cost') return BigInt(sandboxes) * rate
  return BigInt(counts === 'Sandboxes' ? sandboxes : objects)
}

/** How many of `each` fit in what is left; below zero when some must go. */
function moreOf(left: bigint, each: bigint): number {
  if (each <= 0n) return left >= 0n ? Infinity : 0
  return Number(left >= 0n ? left / each : -((-left + each - 1n) / each))
}

/** The cap with what was granted since it was read, in words: `spec.budget.maxAgents (2 of 2 used)`. */
export function textOf({ cap, each }: Limit, granted: number): string {
  const used = cap.used + BigInt(granted) * each
  if (cap.counts !== 'Cost') return `${cap.name} (${used} of ${cap.most} used)`
  const [now, most] = [used, cap.most].map((rate) => formatDollars(hourlyMicros(rate) * (cap.unit === 'cents' ? 100n : 1n)))
  return `${cap.name} (${now} of ${most} ${cap.unit ?? 'dollars'} an hour used)`
}

/** The rate that so many cents an hour are. */
export const rateOfCents = (cents: bigint): Rate => rateOfMicros(cents * 10_000n)

type Count = { sandboxes: number; objects: number }

/** How many agents were asked for, by purpose; `objects` are those that are not there yet, `sandboxes` also those that sleep. */
export type Tally = Readonly<Record<Purpose, Count>>

const emptyTally = (): Tally => ({
  Replacement: { sandboxes: 0, objects: 0 },
  Scale: { sandboxes: 0, objects: 0 },
  Update: { sandboxes: 0, objects: 0 },
  WarmPool: { sandboxes: 0, objects: 0 },
})

/**
 * What may still be created in one plan. All that will be asked for may be told beforehand: then it does not matter in which order that
 * happens, nothing is granted to one purpose that a more urgent one will ask for, or has been refused.
 */
export class Allowance {
  readonly #limits: readonly Limit[]
  readonly #toCome: Tally
  readonly #granted: Count = { sandboxes: 0, objects: 0 }
  /** What was asked for, and what was refused of it by a ResourceQuota. */
  readonly asked: Tally = emptyTally()
  readonly missed: Tally = emptyTally()
  #withheld = 0
  /** How many of them for want of an object. */
  heldObjects = 0
  /** The first limit that refused. */
  #heldBy: Limit | undefined

  constructor(limits: readonly Limit[], toCome: Tally = emptyTally()) {
    this.#limits = limits
    this.#toCome = structuredClone(toCome)
  }

  /** How many are held back, and by what, in words. */
  get held(): { withheld: number; heldBy?: { by: Cap['by']; text: string } } {
    return { withheld: this.#withheld, ...(this.#heldBy && { heldBy: this.told(this.#heldBy) }) }
  }

  /** The first limit by which something was held back. */
  get heldBy(): Limit | undefined {
    return this.#heldBy
  }

  /** A limit in words, with what was granted so far. */
  told(limit: Limit): { by: Cap['by']; text: string } {
    return { by: limit.cap.by, text: textOf(limit, this.#granted[limit.cap.counts === 'Objects' ? 'objects' : 'sandboxes']) }
  }

  /** Grants one more agent, or gives the limit that refuses it. One that sleeps has its object already. */
  take(purpose: Purpose, isThere = false): Limit | undefined {
    count(this.asked[purpose], 1, isThere)
    const limit = this.#limits.find((each) => !(each.cap.counts === 'Objects' && isThere) && this.#leaves(each, purpose) <= 0)
    if (!limit) {
      count(this.#toCome[purpose], -1, isThere)
      count(this.#granted, 1, isThere)
      return undefined
    }
    if (limit.cap.by === 'Quota') count(this.missed[purpose], 1, isThere)
    return limit
  }

  /** Notes agents that were held back by a limit. */
  hold(limit: Limit, agents = 1): void {
    this.#withheld += agents
    this.#heldBy ??= limit
    if (limit.cap.counts === 'Objects') this.heldObjects += agents
  }

  /** Whether these limits would have refused nothing of what was asked for. */
  isWithin(limits: readonly Limit[]): boolean {
    const all = PURPOSES.reduce((sum, purpose) => sum + this.asked[purpose].sandboxes, 0)
    return limits.every(({ left }) => all <= Math.min(...Object.values(left)))
  }

  #leaves({ cap, left }: Limit, purpose: Purpose): number {
    const of = cap.counts === 'Objects' ? 'objects' : 'sandboxes'
    const urgent = PURPOSES.slice(0, PURPOSES.indexOf(purpose)).reduce((sum, each) => sum + Math.max(0, this.#toCome[each][of]), 0)
    return left[purpose] - this.#granted[of] - urgent
  }
}

function count(what: Count, by: number, isThere: boolean): void {
  what.sandboxes += by
  if (!isThere) what.objects += by
}
