/** Points that a season is recorded in: 5 minutes each for a day. */
export const POINTS_A_SEASON = 288

/** Seasons that are kept. */
const SEASONS = 4

const SECOND_MS = 1_000

/**
 * Agents that were asked for, in steps of the same length, whole seconds: the highest of each, since that is what is needed. The newest point is still being
 * written. Undefined where nothing was recorded.
 */
export type History = { readonly stepMs: number; readonly fromMs: number; readonly points: readonly (number | undefined)[] }

/** How long a step is in a season of this length. */
export const stepMsOf = (seasonMs: number): number => Math.max(1, Math.ceil(seasonMs / POINTS_A_SEASON / SECOND_MS)) * SECOND_MS

/** A history in which nothing is recorded, for a season of this length. */
export function emptyHistory(seasonMs: number, nowMs: number): History {
  const stepMs = stepMsOf(seasonMs)
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

/** Agents that a stored point says at most; more than a Swarm may have. */
const MOST_STORED = 9_999

/** A history as a status holds it. */
export type StoredHistory = { readonly at: string; readonly from: string; readonly stepSeconds: number; readonly load: string }

/** Writes a history: runs of the same number are `numberxcount`, what is unknown is `-`. */
export function writeHistory({ stepMs, fromMs, points }: History, nowMs: number): StoredHistory {
  const runs: { readonly text: string; count: number }[] = []
  for (const point of points) {
    const text = point === undefined ? '-' : String(Math.min(MOST_STORED, Math.round(point)))
    const last = runs.at(-1)
    if (last?.text === text) last.count += 1
    else runs.push({ text, count: 1 })
  }
  return {
    at: new Date(nowMs).toISOString(),
    from: new Date(fromMs).toISOString(),
    stepSeconds: stepMs / 1_000,
    load: runs.map(({ text, count }) => (count === 1 ? text : `${text}x${count}`)).join(' '),
  }
}

/** Reads a stored history as it was at a moment; undefined when it is not one, or is from the future. */
export function readHistory({ from, stepSeconds, load }: StoredHistory, nowMs: number): History | undefined {
  const fromMs = Date.parse(from)
  const isTime = fromMs <= nowMs && Number.isSafeInteger(stepSeconds) && stepSeconds > 0
  if (!isTime || !/^(((\d{1,4}|-)(x\d{1,4})?)( |$))*$/.test(load)) return undefined
  const points: (number | undefined)[] = []
  for (const run of load.split(' ').filter(Boolean)) {
    const [value = '', count = '1'] = run.split('x')
    const most = POINTS_A_SEASON * SEASONS - points.length
    for (let n = Math.min(Number(count), most); n > 0; n -= 1) points.push(value === '-' ? undefined : Number(value))
  }
  return { stepMs: stepSeconds * 1_000, fromMs, points }
}
