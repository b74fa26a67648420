import { MAX_RECENT_FAILURES, type RecentFailure } from '../api/health.ts'

/** A place whose agent was lost, when that last happened (Unix milliseconds), and how many agents there were then. */
export type Failure = { readonly place: string; readonly atMs: number; readonly of: number }

/** Failures older than this do not count, in milliseconds. */
export const FAILURE_WINDOW_MS = 60_000

/** Percent of the agents that may be lost within the window; more is a mass failure. */
const MASS_PERCENT = 30

/** More than a sum of shares can be off by. */
const ROUNDING = 1e-6

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

/** What is seen of a swarm: its agents, how many it has, and the time in Unix milliseconds. */
export type Seen = { readonly agents: readonly Lost[]; readonly size: number; readonly nowMs: number }

/**
 * The failures of the last minute, from those that are stored and the lost agents that are still there, one for each place: an
 * agent that fails again and again is one failure, not many. The oldest come first.
 */
export function recentFailures(stored: readonly RecentFailure[], { agents, size, nowMs }: Seen): readonly Failure[] {
  const latest = new Map<string, Failure>()
  const see = (failure: Failure) => {
    const known = latest.get(failure.place)
    if (nowMs - failure.atMs < FAILURE_WINDOW_MS && !(known && known.atMs >= failure.atMs)) latest.set(failure.place, failure)
  }
  for (const { place, at, of } of stored) see({ place, atMs: Date.parse(at), of })
  for (const { group, place, revision, failed } of agents)
    if (failed) see({ place: `${group}/${place}@${revision}`, atMs: failed.atMs, of: Math.max(1, size) })
  return [...latest.values()].sort((a, b) => a.atMs - b.atMs || (a.place < b.place ? -1 : 1)).slice(-MAX_RECENT_FAILURES)
}

/**
 * Whether so many agents were lost within a minute that nothing more may be risked; undefined when not. Each is a share of the agents
 * that there are, or were when it was lost: a scale-down after it makes nothing worse, and one before it hides nothing.
 */
export function brakeOf(failures: readonly Failure[], sizeNow: number): Brake | undefined {
  let percent = 0
  let count = 0
  for (const failure of failures.toReversed()) {
    count += 1
    percent += 100 / Math.max(sizeNow, failure.of)
    if (count < LEAST_FAILURES || percent <= MASS_PERCENT + ROUNDING) continue
    const of = Math.max(sizeNow, failures.at(-1)?.of ?? 0)
    return { failed: failures.length, of, untilMs: failure.atMs + FAILURE_WINDOW_MS }
  }
  return undefined
}

/**
 * Whether that is so without what one revision has lost. A new one whose agents end again and again must not hold up its own rollout, whose
 * deadline does not count during a mass failure.
 */
export function isMassFailureWithout(revision: string, failures: readonly Failure[], sizeNow: number): boolean {
  const others = failures.filter(({ place }) => !place.endsWith(`@${revision}`))
  return brakeOf(others, sizeNow) !== undefined
}
