import type { Figure } from '../benchmark.ts'

/** The value below or at which this share (0 to 1) of the values lies, by nearest rank. NaN without values. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  const rank = Math.max(1, Math.ceil(sorted.length * share))
  return sorted[rank - 1] ?? NaN
}

/** The middle value; of an even number of values the mean of the two in the middle. NaN without values. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const upper = sorted[sorted.length >> 1] ?? NaN
  const lower = sorted[(sorted.length - 1) >> 1] ?? NaN
  return (lower + upper) / 2
}

/** A figure from repeated measurements. */
export function figureOf(name: string, unit: string, samples: readonly number[], more: Pick<Figure, 'beside' | 'note'> = {}): Figure {
  const spread = samples.length > 1 ? { least: Math.min(...samples), most: Math.max(...samples) } : {}
  return { name, unit, value: median(samples), ...spread, ...more }
}
