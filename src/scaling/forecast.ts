/** Points in a season, and how many points ahead is looked. */
export type Ahead = { readonly season: number; readonly horizon: number }

/** What is expected at the horizon, and how well that would have gone in the recent past; errors are means of absolute errors. */
export type Forecast =
  | {
      readonly state: 'Made'
      readonly value: number
      readonly error: number
      /** Of the forecast that all stays as it is. */
      readonly naiveError: number
      /** Beats that one, by enough that it is no accident. */
      readonly isBetter: boolean
    }
  | { readonly state: 'TooShort'; readonly missing: number }

type Weights = { readonly level: number; readonly trend: number; readonly season: number }

/** Weights of the newest point that are tried: how fast level, trend and season follow. */
const TRIED: readonly Weights[] = [0.05, 0.2, 0.5].flatMap((level) =>
  [0, 0.02, 0.1].flatMap((trend) => [0.1, 0.3].map((season) => ({ level, trend, season }))),
)

/** What is left of the trend from one point to the next: one that went on for ever would run away. */
const DAMPING = 0.995

/** The part of the naive forecast's error that must not be reached. */
const BETTER_SHARE = 0.9

/** Forecasts that must have come true or not before one is trusted. */
const LEAST_JUDGED = 24

/**
 * Forecast by trend and season (additive Holt-Winters with a damped trend). The first season only sets it up, or the first two when there are three,
 * since one alone does not tell a trend from a season. Its weights are chosen by the first half of the rest and judged by the second, so that the error is one that would have been made, not one that was learnt by heart.
 * Gaps are passed over. The newest point comes last.
 */
export function forecast(points: readonly (number | undefined)[], ahead: Ahead): Forecast {
  const { season, horizon } = ahead
  const needed = season + Math.max(season, 2 * LEAST_JUDGED) + horizon
  if (points.length < needed) return { state: 'TooShort', missing: needed - points.length }
  const from = points.length >= needed + season ? 2 * season : season
  const half = Math.floor((from + horizon + points.length) / 2)
  const start = setUp(points.slice(0, from), season)
  const runs = TRIED.map((weights) => follow(points, { weights, start, from, horizon }))
  const learnt = runs.map((run) => ({ run, error: meanError(points, run.forecasts, { from: from + horizon, to: half }) }))
  const best = learnt.reduce((a, b) => (b.error < a.error ? b : a)).run
  const judged = { from: half, to: points.length }
  const error = meanError(points, best.forecasts, judged)
  const naiveError = meanError(points, naive(points, horizon), judged)
  const count = points.slice(half).filter((point) => point !== undefined).length
  const isBetter = count >= LEAST_JUDGED && error < naiveError * BETTER_SHARE
  return { state: 'Made', value: best.next, error, naiveError, isBetter }
}

/** Agents to start by a forecast: undefined when it is not to be gone by. */
export function agentsAhead(made: Forecast, mode: 'Off' | 'Observe' | 'Scale'): number | undefined {
  return mode === 'Scale' && made.state === 'Made' && made.isBetter ? Math.ceil(made.value - 1e-9) : undefined
}

type Run = { readonly forecasts: readonly (number | undefined)[]; readonly next: number }

type State = { readonly level: number; readonly trend: number; readonly seasonal: readonly number[] }

const mean = (points: readonly (number | undefined)[]): number | undefined => {
  const known = points.filter((point) => point !== undefined)
  return known.length === 0 ? undefined : known.reduce((sum, point) => sum + point, 0) / known.length
}

/** Level and trend at the end of the first seasons, and what is usual in each part of a season. */
function setUp(points: readonly (number | undefined)[], season: number): State {
  const first = mean(points.slice(0, season)) ?? mean(points) ?? 0
  const last = mean(points.slice(-season)) ?? first
  const trend = points.length > season ? (last - first) / season : 0
  const middle = (season - 1) / 2
  const above = points.map((point, at) => (point === undefined ? undefined : point - first - trend * (at - middle)))
  const seasonal = Array.from({ length: season }, (_, phase) => mean(above.filter((_unused, at) => at % season === phase)) ?? 0)
  return { level: last + trend * middle, trend, seasonal }
}

type Way = { readonly weights: Weights; readonly start: State; readonly from: number; readonly horizon: number }

/** Goes through the points once: for each the forecast that was made for it `horizon` points before, and the next one after the last. */
function follow(points: readonly (number | undefined)[], { weights, start, from, horizon }: Way): Run {
  let { level, trend } = start
  const seasonal = [...start.seasonal]
  const season = seasonal.length
  const reach = (DAMPING * (1 - DAMPING ** horizon)) / (1 - DAMPING)
  const expected = (at: number) => Math.max(0, level + reach * trend + (seasonal[(at + horizon) % season] ?? 0))
  const forecasts: (number | undefined)[] = []
  for (let at = from; at < points.length; at += 1) {
    const phase = at % season
    const before = level + DAMPING * trend
    const point = points[at]
    const usual = seasonal[phase] ?? 0
    const next = point === undefined ? before : weights.level * (point - usual) + (1 - weights.level) * before
    trend = point === undefined ? DAMPING * trend : weights.trend * (next - level) + (1 - weights.trend) * DAMPING * trend
    if (point !== undefined) seasonal[phase] = weights.season * (point - next) + (1 - weights.season) * usual
    level = next
    forecasts[at + horizon] = expected(at)
  }
  return { forecasts, next: expected(points.length - 1) }
}

/** For each point the last that was known `horizon` points before. */
function naive(points: readonly (number | undefined)[], horizon: number): readonly (number | undefined)[] {
  let known: number | undefined
  const shifted: (number | undefined)[] = []
  for (const [at, point] of points.entries()) {
    known = point ?? known
    shifted[at + horizon] = known
  }
  return shifted
}

type Span = { readonly from: number; readonly to: number }

/** The mean absolute error over a span of points; infinite where there is nothing to compare. */
function meanError(points: readonly (number | undefined)[], forecasts: readonly (number | undefined)[], { from, to }: Span): number {
  let [sum, count] = [0, 0]
  for (let at = from; at < to; at += 1) {
    const [point, made] = [points[at], forecasts[at]]
    if (point === undefined || made === undefined) continue
    sum += Math.abs(point - made)
    count += 1
  }
  return count === 0 ? Infinity : sum / count
}
