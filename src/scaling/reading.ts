/** A value and when it was measured, in Unix milliseconds. */
export type Sample = { readonly atMs: number; readonly value: number }

/** Samples of one metric, the oldest first. */
export type Series = readonly Sample[]

/** Parts that the time that is kept is divided into: samples that come faster replace each other. */
const RESOLUTION = 512

/**
 * The series with one more sample, which may come late: it goes where it belongs by its time. What is no number is left out, and so is what
 * is older than `keepMs` before the newest, but for the last one from before then, which still held at that time.
 */
export function withSample(series: Series, sample: Sample, keepMs: number): Series {
  if (!Number.isFinite(sample.value) || !Number.isFinite(sample.atMs)) return series
  const at = series.findLastIndex((s) => s.atMs <= sample.atMs)
  const before = series.slice(0, at + 1)
  if (before.at(-1)?.atMs === sample.atMs) before.pop()
  const anchor = before.at(-2)
  if (anchor && at === series.length - 1 && sample.atMs - anchor.atMs < keepMs / RESOLUTION) before.pop()
  const all = [...before, sample, ...series.slice(at + 1)]
  const oldestMs = (all.at(-1)?.atMs ?? 0) - keepMs
  const first = all.findIndex((s) => s.atMs > oldestMs)
  return first > 1 ? all.slice(first - 1) : all
}

/** What a series says now. */
export type Reading =
  | { readonly state: 'Fresh' | 'Stale'; readonly value: number; readonly atMs: number; readonly ageMs: number }
  | { readonly state: 'NoData' }

/** The newest value and whether it still counts. A measurement from the future, by a clock that is ahead, counts as made now. */
export function read(series: Series, maxAgeMs: number, nowMs: number): Reading {
  const newest = series.at(-1)
  if (!newest) return { state: 'NoData' }
  const ageMs = Math.max(0, nowMs - newest.atMs)
  return { state: ageMs < maxAgeMs ? 'Fresh' : 'Stale', value: newest.value, atMs: newest.atMs, ageMs }
}

/** How much of which time must agree. */
export type ConfidenceSettings = { readonly windowMs: number; readonly percent: number }

/** What is needed to judge a window of answers. */
export type Judged = ConfidenceSettings & {
  /** How long a sample says something, unless a newer one comes. */
  readonly maxAgeMs: number
  readonly current: number
  /** Agents that a value asks for; undefined when it asks for no change. */
  readonly wantedFor: (value: number) => number | undefined
  readonly nowMs: number
}

/**
 * The agents that enough of the window asks for: up to the number that at least so many percent of the time asked for or for more, else down to
 * the number that as much of the time asked for or for fewer, else as many as there are. A sample counts for the time until the next one;
 * time of which nothing is known asks for no change, in either direction.
 */
export function confidentAnswer(series: Series, { windowMs, percent, maxAgeMs, current, wantedFor, nowMs }: Judged): number {
  const answers: { wanted: number; ms: number }[] = []
  for (const [i, sample] of series.entries()) {
    const untilMs = Math.min(series[i + 1]?.atMs ?? Infinity, sample.atMs + maxAgeMs, nowMs)
    const ms = untilMs - Math.max(sample.atMs, nowMs - windowMs)
    if (ms > 0) answers.push({ wanted: wantedFor(sample.value) ?? current, ms })
  }
  const enoughMs = (windowMs * percent) / 100
  const up = firstWith(
    enoughMs,
    answers.toSorted((a, b) => b.wanted - a.wanted),
  )
  if (up !== undefined && up > current) return up
  const down = firstWith(
    enoughMs,
    answers.toSorted((a, b) => a.wanted - b.wanted),
  )
  return down !== undefined && down < current ? down : current
}

/** The answer at which the times of the answers so far are enough. */
function firstWith(enoughMs: number, answers: readonly { wanted: number; ms: number }[]): number | undefined {
  let sumMs = 0
  return answers.find(({ ms }) => (sumMs += ms) >= enoughMs)?.wanted
}
