import { MAX_RECENT_FAILURES, type RecentFailure } from '../api/health.ts'

/** A place whose agent was lost, and when that last happened. Unix milliseconds. */
export type Failure = { readonly place: string; readonly atMs: number }

/** Failures older than this do not count, in milliseconds. */
export const FAILURE_WINDOW_MS = 60_000

/** Percent of the agents that may be lost within the window; more is a mass failure. */
const MASS_PERCENT = 30

/** Fewer lost agents than this are never a mass failure, however small the swarm. */
const LEAST_FAILURES = 2

/** A mass failure: so many places of so many lost their agents within a minute; over at `untilMs` if no more do. */
export type Brake = { readonly failed: number; readonly of: number; readonly untilMs: number }

/** An agent as far as its loss is concerned. */
export type Lost = {
  readonly group: string
  readonly place: number
  readonly revision: string
  readonly failed?: { readonly atMs: number } | undefined
}

/**
 * The failures of the last minute, from those that are stored and the lost agents that are still there, one for each place: an
 * agent that fails again and again is one failure, not many. The oldest come first.
 */
export function recentFailures(stored: readonly RecentFailure[], agents: readonly Lost[], nowMs: number): readonly Failure[] {
  const latest = new Map<string, number>()
  const see = (place: string, atMs: number) => {
    if (nowMs - atMs < FAILURE_WINDOW_MS) latest.set(place, Math.max(atMs, latest.get(place) ?? 0))
  }
  for (const { place, at } of stored) see(place, Date.parse(at))
  for (const { group, place, revision, failed } of agents) if (failed) see(`${group}/${place}@${revision}`, failed.atMs)
  return [...latest]
    .map(([place, atMs]) => ({ place, atMs }))
    .sort((a, b) => a.atMs - b.atMs || (a.place < b.place ? -1 : 1))
    .slice(-MAX_RECENT_FAILURES)
}

/** Whether so many of `size` agents were lost within a minute that nothing more may be risked; undefined when not. */
export function brakeOf(failures: readonly Failure[], size: number): Brake | undefined {
  const allowed = Math.max(LEAST_FAILURES - 1, Math.floor((size * MASS_PERCENT) / 100))
  const deciding = failures.at(-1 - allowed)
  return deciding && { failed: failures.length, of: size, untilMs: deciding.atMs + FAILURE_WINDOW_MS }
}
