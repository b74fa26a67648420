import { MAX_CHANGES } from '../api/scaling-policy.ts'

/** How fast replicas may go one way. */
export type DirectionSettings = {
  readonly windowMs: number
  readonly coolDownMs: number
  readonly limits: readonly StepLimit[]
  readonly select: 'Max' | 'Min'
}

/** Agents, or percent of those that there were when the period began, by which replicas may change in it. */
export type StepLimit = { readonly periodMs: number; readonly count?: number; readonly percent?: number }

/** A change of replicas that was made. */
export type Change = { readonly atMs: number; readonly from: number; readonly to: number }

/**
 * The changes with one more, without those older than `keepMs`. When there are too many, the oldest become one, as late as the last of them: limits
 * then count for somewhat longer than they must. Only where each went the other way than the one before, the oldest is forgotten.
 */
export function withChange(changes: readonly Change[], change: Change, keepMs: number): readonly Change[] {
  const all = [...changes.filter(({ atMs }) => atMs > change.atMs - keepMs), change]
  while (all.length > MAX_CHANGES) {
    const at = all.findIndex((c, i) => Math.sign(c.to - c.from) === Math.sign((all[i + 1]?.to ?? 0) - (all[i + 1]?.from ?? 0)))
    const [first, second] = all.slice(Math.max(0, at))
    if (at < 0 || !first || !second) all.shift()
    else all.splice(at, 2, { atMs: second.atMs, from: first.from, to: second.to })
  }
  return all
}

/** A number after something held it back, and when that may be over; absent when nothing did. */
export type Held = { readonly to: number; readonly untilMs?: number }

type Recommendation = { readonly wanted: number; readonly untilMs: number }

/**
 * What was asked for of late, as far as it can still be the highest or the lowest of a window: never more entries than there are different
 * numbers, however often it is asked. Kept in memory; `sinceMs` says from when on, and before that current replicas count as asked for.
 */
export type Recommendations = {
  readonly sinceMs: number
  readonly highs: readonly Recommendation[]
  readonly lows: readonly Recommendation[]
}

/** Nothing has been asked for yet. */
export const noRecommendations = (nowMs: number): Recommendations => ({ sinceMs: nowMs, highs: [], lows: [] })

/** With one more: what was asked for before it was so until now. Nothing older than `keepMs` is kept. */
export function recommend(recent: Recommendations, wanted: number, { nowMs, keepMs }: { nowMs: number; keepMs: number }): Recommendations {
  const add = (list: readonly Recommendation[], isCovered: (old: number) => boolean) => {
    const last = list.at(-1)
    const held = last ? [...list.slice(0, -1), { ...last, untilMs: Math.max(last.untilMs, nowMs) }] : list
    const kept = held.filter(({ wanted: old, untilMs }) => !isCovered(old) && untilMs > nowMs - keepMs)
    return [...kept, { wanted, untilMs: nowMs }]
  }
  return { sinceMs: recent.sinceMs, highs: add(recent.highs, (old) => old <= wanted), lows: add(recent.lows, (old) => old >= wanted) }
}

/**
 * What was asked for at every moment of the window: upwards the lowest of it, downwards the highest, but never past current replicas.
 * The newest recommendation is `wanted`.
 */
export function stabilise(wanted: number, current: number, see: { recent: Recommendations; windowMs: number; nowMs: number }): Held {
  const { recent, windowMs, nowMs } = see
  if (wanted === current || windowMs === 0) return { to: wanted }
  const isUp = wanted > current
  const within = (isUp ? recent.lows : recent.highs).filter(({ untilMs }) => untilMs > nowMs - windowMs)
  const isNew = recent.sinceMs > nowMs - windowMs
  const asked = [wanted, ...within.map((r) => r.wanted), ...(isNew ? [current] : [])]
  const to = isUp ? Math.max(current, Math.min(...asked)) : Math.min(current, Math.max(...asked))
  if (to === wanted) return { to }
  const ends = within.filter((r) => (isUp ? r.wanted < wanted : r.wanted > wanted)).map((r) => r.untilMs)
  return { to, untilMs: Math.min(...ends, ...(isNew ? [recent.sinceMs] : [])) + windowMs }
}

/** As many as there are while it is too early after a change: any change before going down, one upwards before going up. */
export function coolDown(wanted: number, current: number, see: { changes: readonly Change[]; coolDownMs: number; nowMs: number }): Held {
  const { changes, coolDownMs, nowMs } = see
  if (wanted === current) return { to: wanted }
  const last = changes.findLast((change) => wanted < current || change.to > change.from)
  const untilMs = (last?.atMs ?? -Infinity) + coolDownMs
  return untilMs > nowMs ? { to: current, untilMs } : { to: wanted }
}

/**
 * As far as the limits allow, each of them counted from the replicas at the beginning of its period. A percentage is rounded up, and allows at
 * least one agent.
 */
export function limitStep(
  wanted: number,
  current: number,
  see: Pick<DirectionSettings, 'limits' | 'select'> & { changes: readonly Change[]; nowMs: number },
): Held {
  const { limits, select, changes, nowMs } = see
  if (wanted === current || limits.length === 0) return { to: wanted }
  const sign = wanted > current ? 1 : -1
  const allowed = limits.map((limit) => {
    const within = changes.filter(({ atMs, from, to }) => atMs > nowMs - limit.periodMs && Math.sign(to - from) === sign)
    const done = within.reduce((sum, { from, to }) => sum + Math.abs(to - from), 0)
    const start = current - sign * done
    const most = limit.percent === undefined ? (limit.count ?? 0) : Math.max(1, Math.ceil((start * limit.percent) / 100 - 1e-9))
    return { left: Math.max(0, most - done), untilMs: (within[0]?.atMs ?? nowMs) + limit.periodMs }
  })
  const left = select === 'Max' ? Math.max(...allowed.map((a) => a.left)) : Math.min(...allowed.map((a) => a.left))
  if (left >= Math.abs(wanted - current)) return { to: wanted }
  return { to: current + sign * left, untilMs: Math.min(...allowed.map((a) => a.untilMs)) }
}
