import { Decayed } from './decayed.ts'
import type { Random } from './strategy.ts'

/** How shares follow error rates. */
export type AdaptiveRules = { readonly explorationPercent: number; readonly halfLifeMs: number }

/**
 * How strongly a lower error rate is preferred (no unit). With 1.2, error rates of 5, 2, 8 and 1 % give shares of 9, 26, 5 and 60 %:
 * half the error rate is worth 2.3 times the tasks.
 */
const PREFERENCE = 1.2

/** Error rate of a group that nothing is known of, and the lowest that is told apart: groups below it share alike. */
const LEAST_RATE = 0.01

/** Tasks that an unknown group is taken to have done at `LEAST_RATE`, so that one early failure is not the end of it. */
const PRIOR_TASKS = 20

/** What one group has done lately. */
class GroupRecord {
  readonly #tasks = new Decayed()
  readonly #errors = new Decayed()

  add(hasFailed: boolean, nowMs: number, halfLifeMs: number): void {
    this.#tasks.add(1, nowMs, halfLifeMs)
    if (hasFailed) this.#errors.add(1, nowMs, halfLifeMs)
  }

  rate(nowMs: number, halfLifeMs: number): number {
    const errors = this.#errors.at(nowMs, halfLifeMs) + PRIOR_TASKS * LEAST_RATE
    return Math.max(LEAST_RATE, errors / (this.#tasks.at(nowMs, halfLifeMs) + PRIOR_TASKS))
  }
}

/** Share of new tasks of one group, and the error rate it comes from; both from 0 to 1. */
export type GroupShare = { readonly group: string; readonly share: number; readonly errorRate: number }

/**
 * Shares of the groups of one revision by their error rates.
 *
 *     rate_g  = max(1 %, (errors_g + 0.2) / (tasks_g + 20))      errors and tasks: attempts, halved every halfLife
 *     share_g = (1 - x) * rate_g^-1.2 / sum(rate^-1.2) + x / groups      x = explorationPercent / 100
 *
 * An error is an attempt that is held against the agent (see verdict.ts); attempts without blame do not count. Recent ones count
 * more (an exponentially weighted average, as in Finagle's load balancers), and the prior keeps a group with few tasks near 1 %. The
 * uniform part is that of Exp3 (Auer et al., "The nonstochastic multiarmed bandit problem", 2002): every group keeps at least
 * x / groups of the tasks, so that one that has recovered is noticed.
 */
export class AdaptiveShares {
  readonly #records = new Map<string, GroupRecord>()

  /** An attempt on an agent of the group ended. */
  observe(group: string, hasFailed: boolean, nowMs: number, rules: AdaptiveRules): void {
    let record = this.#records.get(group)
    if (!record) this.#records.set(group, (record = new GroupRecord()))
    record.add(hasFailed, nowMs, rules.halfLifeMs)
  }

  /** Forgets all groups but these. */
  keep(groups: ReadonlyMap<string, unknown>): void {
    for (const group of this.#records.keys()) if (!groups.has(group)) this.#records.delete(group)
  }

  /** The shares among these groups, in their order; they sum to 1. */
  among(groups: readonly string[], nowMs: number, rules: AdaptiveRules): readonly GroupShare[] {
    const rates = groups.map((group) => this.#records.get(group)?.rate(nowMs, rules.halfLifeMs) ?? LEAST_RATE)
    const shares = sharesOf(rates, rules.explorationPercent / 100)
    return groups.map((group, i) => ({ group, share: shares[i] ?? 0, errorRate: rates[i] ?? 0 }))
  }
}

/** Shares by error rates, all from 0 to 1; they sum to 1. */
export function sharesOf(rates: readonly number[], exploration: number): readonly number[] {
  const weights = rates.map((rate) => Math.max(LEAST_RATE, rate) ** -PREFERENCE)
  const all = weights.reduce((sum, weight) => sum + weight, 0)
  return weights.map((weight) => (1 - exploration) * (weight / all) + exploration / rates.length)
}

/** One of the groups, each as often as its share says. */
export function drawGroup(shares: readonly GroupShare[], random: Random): string | undefined {
  let left = random()
  for (const { group, share } of shares) {
    left -= share
    if (left < 0) return group
  }
  return shares.at(-1)?.group
}
