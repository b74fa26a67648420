import { forecast, type Forecast } from './forecast.ts'
import { complete, emptyHistory, record, type History } from './history.ts'
import type { Settings } from './settings.ts'

/** The load as it was, and what it lets expect. */
export class Foresight {
  #history: History | undefined
  #made: { readonly atMs: number; readonly forecast: Forecast } | undefined

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
}
