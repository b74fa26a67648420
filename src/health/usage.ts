/** What a sandbox used at a moment, as the provider measured it. */
export type Usage = { readonly cpuPercent: number; readonly memoryPercent: number; readonly atMs: number }

/** Samples that a mean is taken of. */
const SAMPLES = 3

/** Samples below which there is no mean: one alone may be a moment such as a start. */
const LEAST_SAMPLES = 2

/** A sample older than this says nothing about now, in milliseconds. */
const STALE_MS = 30_000

/** The samples of one agent, the newest last, with one more; the same sample twice counts once. */
export function withSample(samples: readonly Usage[], sample: Usage): readonly Usage[] {
  if (samples.at(-1)?.atMs === sample.atMs) return samples
  return [...samples.slice(1 - SAMPLES), sample]
}

/** What the agent used of late; undefined while too little is known. */
export function meanUsage(samples: readonly Usage[], nowMs: number): Omit<Usage, 'atMs'> | undefined {
  const recent = samples.filter((sample) => nowMs - sample.atMs <= STALE_MS)
  if (recent.length < LEAST_SAMPLES) return undefined
  const mean = (read: (sample: Usage) => number) => recent.reduce((sum, sample) => sum + read(sample), 0) / recent.length
  return { cpuPercent: mean((sample) => sample.cpuPercent), memoryPercent: mean((sample) => sample.memoryPercent) }
}
