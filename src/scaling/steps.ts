import type { Fleet } from './target.ts'

/** By how much: agents, or percent of them; below zero when fewer are asked for. */
export type Change = { readonly by: number; readonly unit: 'agents' | 'percent' }

/** A change, and from which value on it is asked for. */
export type Step = Change & { readonly side: 'above' | 'below'; readonly bound: number }

/** Reads a change such as `+50%` or `-2`. Throws a RangeError on what the API server cannot have let through. */
export function parseChange(text: string): Change {
  const [, by, percent] = /^([+-][0-9]{1,4})(%?)$/.exec(text) ?? []
  if (by === undefined) throw new RangeError(`not a change: ${JSON.stringify(text)}; write it as +2, -1, +50% or -50%`)
  return { by: Number(by), unit: percent === '%' ? 'percent' : 'agents' }
}

/** The step that a value is in: of those whose bound it has passed, the outermost. */
export function stepFor(value: number, steps: readonly Step[]): Step | undefined {
  const outermost = (side: Step['side'], isFurther: (a: number, b: number) => boolean) =>
    steps
      .filter((step) => step.side === side && (side === 'above' ? value > step.bound : value < step.bound))
      .reduce<Step | undefined>((best, step) => (best && !isFurther(step.bound, best.bound) ? best : step), undefined)
  return outermost('above', (a, b) => a > b) ?? outermost('below', (a, b) => a < b)
}

/** So many agents after a change: always at least one more or one fewer, never below zero; of fractions there is rather one agent more. */
export function changed(agents: number, { by, unit }: Change): number {
  const exact = unit === 'agents' ? agents + by : (agents * (100 + by)) / 100
  const whole = Math.ceil(exact - 1e-9)
  return Math.max(0, by > 0 ? Math.max(agents + 1, whole) : Math.min(agents - 1, whole))
}

/**
 * Agents that a value asks for by steps.
 *
 * | steps from | a step holds | none holds |
 * |---|---|---|
 * | a base | the base, changed | the base |
 * | current, up | those that are ready, changed; never fewer than now | as many as now if a step could ask for fewer, else no say |
 * | current, down | current, changed | as many as now if a step could ask for fewer, else no say |
 *
 * Only ready agents are multiplied, so that a step that holds until more agents have arrived does not ask for more and more of them. Steps
 * that can only add have no say about fewer, so that they do not keep the other metrics from letting agents go.
 */
export function agentsForSteps(
  value: number,
  steps: readonly Step[],
  { base, fleet }: { base?: number | undefined; fleet: Fleet },
): number | undefined {
  const step = stepFor(value, steps)
  if (base !== undefined) return step ? changed(base, step) : base
  const { current, ready } = fleet
  if (step) return step.by > 0 ? Math.max(current, changed(Math.min(current, ready), step)) : changed(current, step)
  return steps.some(({ by }) => by < 0) ? current : undefined
}
