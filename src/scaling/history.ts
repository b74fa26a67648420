/** Points that a season is recorded in: 5 minutes each for a day. */
export const POINTS_A_SEASON = 288

/** Seasons that are kept. */
const SEASONS = 4

/** Shortest time of a point, in milliseconds. */
const LEAST_STEP_MS = 1_000

/**
 * Agents that were asked for, in steps of the same length: the highest of each, since that is what is needed. The newest point is still being
 * written. Undefined where nothing was recorded.
 */
export type History = { readonly stepMs: number; readonly fromMs: number; readonly points: readonly (number | undefined)[] }

/** A history in which nothing is recorded, for a season of this length. */
export function emptyHistory(seasonMs: number, nowMs: number): History {
  const stepMs = Math.max(LEAST_STEP_MS, Math.ceil(seasonMs / POINTS_A_SEASON))
  return { stepMs, fromMs: Math.floor(nowMs / stepMs) * stepMs, points: [] }
}

/** With what was asked for at a moment. What comes late goes where it belongs; what is older than all that is kept is left out. */
export function record(history: History, asked: number, nowMs: number): History {
  const { stepMs, fromMs, points } = history
  const at = Math.floor((nowMs - fromMs) / stepMs)
  if (at < 0 || !Number.isFinite(asked)) return history
  const most = POINTS_A_SEASON * SEASONS
  const drop = Math.max(0, at + 1 - most)
  const kept = points.slice(drop)
  while (kept.length < Math.min(at + 1, most)) kept.push(undefined)
  kept[at - drop] = Math.max(asked, kept[at - drop] ?? 0)
  return { stepMs, fromMs: fromMs + drop * stepMs, points: kept }
}

/** The points that are complete: those whose time is over. */
export function complete({ stepMs, fromMs, points }: History, nowMs: number): readonly (number | undefined)[] {
  return points.slice(0, Math.max(0, Math.floor((nowMs - fromMs) / stepMs)))
}
