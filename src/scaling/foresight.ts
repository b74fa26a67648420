import type { Answer } from './answer.ts'
import { forecast, type Forecast } from './forecast.ts'
import { complete, emptyHistory, readHistory, record, writeHistory, type History, type StoredHistory } from './history.ts'
import type { Settings } from './settings.ts'

/** Shortest time between two writes of the recorded load, in milliseconds: what a crash costs at most, beside the step that it falls into. */
const STORE_MS = 60_000

/**
 * Agents that are needed by what all metrics say; undefined while one that has a say has failed, since it then asks for what there is, or for
 * a number that somebody wrote.
 */
export function needOf(answers: readonly Pick<Answer, 'state' | 'wanted'>[]): number | undefined {
  const wanted = answers.flatMap((answer) => answer.wanted ?? [])
  const isKnown = answers.every(({ state, wanted: asked }) => state === 'Fresh' || asked === undefined)
  return isKnown && wanted.length > 0 ? Math.max(...wanted) : undefined
}

/** The load as it was, and what it lets expect. */
export class Foresight {
  #history: History | undefined
  /** What was stored and is none. */
  readonly #unread: StoredHistory | undefined
  #made: { readonly atMs: number; readonly forecast: Forecast } | undefined

  /** Goes on with what is stored; the time since then is unknown. */
  constructor(stored: StoredHistory | undefined, nowMs: number) {
    this.#history = stored && readHistory(stored, nowMs)
    this.#unread = this.#history ? undefined : stored
  }

  /** Records what is asked for, if that is known, and tells what all of it lets expect; worked out anew for each new point only. */
  see({ seasonMs, horizonMs }: Settings['predictive'], asked: number | undefined, nowMs: number): Forecast {
    const empty = emptyHistory(seasonMs, nowMs)
    const history = this.#history?.stepMs === empty.stepMs ? this.#history : empty
    this.#history = asked === undefined ? history : record(history, asked, nowMs)
    const { stepMs } = history
    const atMs = Math.floor(nowMs / stepMs)
    if (this.#made?.atMs === atMs) return this.#made.forecast
    const ahead = { season: Math.round(seasonMs / stepMs), horizon: Math.max(1, Math.ceil(horizonMs / stepMs)) }
    const made = forecast(complete(this.#history, nowMs), ahead)
    this.#made = { atMs, forecast: made }
    return made
  }

  /** What is to be stored: what is stored already, until that is a step and a minute old. */
  stored(before: StoredHistory | undefined, nowMs: number): StoredHistory | undefined {
    const history = this.#history
    if (!history) return undefined
    const isSame = before?.stepSeconds === history.stepMs / 1_000 && before.load !== this.#unread?.load
    const dueMs = Date.parse(before?.at ?? '') + Math.max(STORE_MS, history.stepMs)
    return isSame && nowMs < dueMs ? before : writeHistory(history, nowMs)
  }
}
