/** Upper bounds of the buckets that latencies are counted in, in milliseconds; one more bucket is for what is above the last. */
export const LATENCY_BOUNDS_MS = [
  5, 10, 25, 50, 75, 100, 150, 200, 300, 400, 500, 750, 1_000, 1_500, 2_000, 2_500, 3_000, 4_000, 5_000, 7_500, 10_000, 15_000, 20_000,
  30_000, 60_000, 120_000, 300_000, 600_000, 1_800_000, 3_600_000,
] as const

/** Latencies by bucket. Shorter than the bounds when the last buckets are empty; sums of such lists are summaries again. */
export type Latencies = readonly number[]

/** Counts one latency. */
export function countLatency(counts: number[], ms: number): void {
  let bucket = 0
  while (bucket < LATENCY_BOUNDS_MS.length && ms > (LATENCY_BOUNDS_MS[bucket] ?? 0)) bucket += 1
  while (counts.length <= bucket) counts.push(0)
  counts[bucket] = (counts[bucket] ?? 0) + 1
}

/** Adds counts to a sum, or takes them from it with `sign` -1. */
export function addLatencies(sum: number[], counts: Latencies, sign: 1 | -1 = 1): void {
  for (let i = 0; i < counts.length; i += 1) sum[i] = (sum[i] ?? 0) + sign * (counts[i] ?? 0)
}

/** What came to the counts since an earlier state of them. */
export function latenciesSince(counts: Latencies, before: Latencies): Latencies {
  return counts.map((count, i) => Math.max(0, count - (before[i] ?? 0)))
}

/** How many latencies were counted. */
export const latencyCount = (counts: Latencies): number => counts.reduce((sum, count) => sum + count, 0)

/**
 * The latency below which the share `q` of all lies, in milliseconds; undefined without any. Evenly spread within a bucket, so
 * it is off by no more than the bucket is wide.
 */
export function latencyQuantile(counts: Latencies, q: number): number | undefined {
  const wanted = latencyCount(counts) * q
  if (wanted === 0) return undefined
  let below = 0
  for (const [bucket, count] of counts.entries()) {
    if (count > 0 && below + count >= wanted) {
      const from = LATENCY_BOUNDS_MS[bucket - 1] ?? 0
      const to = LATENCY_BOUNDS_MS[bucket] ?? from
      return from + ((to - from) * (wanted - below)) / count
    }
    below += count
  }
  return undefined
}
