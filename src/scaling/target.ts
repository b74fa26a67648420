/** A value to aim at, and by how many percent of it a value may be off before anything changes. */
export type TargetSettings = { readonly target: number; readonly tolerancePercent: number }

/** The agents that a policy sees. Those that are not ready are starting, or are yet to come. */
export type Fleet = {
  /** Replicas that are asked for now. */
  readonly current: number
  /** Those of them that take tasks. */
  readonly ready: number
  /** Those that take tasks and of which the metric knows nothing. */
  readonly unmeasured?: number | undefined
  /** The fewest and the most replicas that there were in the time that the value speaks of; current ones when left out. */
  readonly least?: number
  readonly most?: number
}

/** Agents for this much work, without a remainder that only comes of how numbers are stored: 1.1 / 0.1 is 11. */
const ceil = (agents: number): number => Math.max(0, Math.ceil(agents - 1e-9 * Math.max(1, agents)))

const isWithin = (ratio: number, tolerancePercent: number): boolean => Math.abs(1 - ratio) * 100 <= tolerancePercent + 1e-9

/**
 * Agents for a value that counts the work of all of them, of which each can do `target`. Agents that start change nothing about it, so that
 * nothing need be known of them; it works from zero as well.
 */
export function agentsForTotal(value: number, { target, tolerancePercent }: TargetSettings, current: number): number {
  if (current > 0 && isWithin(value / (target * current), tolerancePercent)) return current
  return ceil(value / target)
}

/**
 * Agents at which a value would be what is aimed at, when it falls as agents are added: the HorizontalPodAutoscaler's formula, ready agents ×
 * value ÷ target. Undefined when agents are there and nothing is known of any.
 *
 * - Before more are asked for, those that start and those not measured count as if they had nothing to do, so that agents that are on their way
 *   are not asked for twice.
 * - Before fewer are, those not measured count as `unmeasured` says, so that what is not known lets nobody go; those that start do not count.
 * - A value that speaks of a time in which there were fewer or more agents is multiplied by the fewest before more are asked for, and by the
 *   most before fewer are: a latency of the last minute does not fall when agents come, and would ask for more and more of them.
 * - If that turns more into fewer, or fewer into more, nothing changes.
 * - From zero there is nothing to multiply: any load asks for one.
 */
export function agentsForRatio(
  value: number,
  settings: TargetSettings & { readonly unmeasured: number },
  fleet: Fleet,
): number | undefined {
  const { target, tolerancePercent } = settings
  const { current, ready, unmeasured = 0, least = current, most = 0 } = fleet
  if (current === 0) return value > 0 ? 1 : 0
  const measured = ready - unmeasured
  if (measured <= 0) return undefined
  const ratio = value / target
  const isMore = ratio > 1
  const counted = isMore ? Math.max(current, ready) : ready
  const assumed = isMore ? 0 : unmeasured * (settings.unmeasured / target)
  const spokenOf = isMore ? Math.min(measured, least) : Math.max(measured, most)
  const padded = (ratio * spokenOf + assumed) / counted
  if (isWithin(padded, tolerancePercent) || padded > 1 !== isMore) return current
  const wanted = ceil(padded * counted)
  return isMore ? Math.max(current, wanted) : Math.min(current, wanted)
}
