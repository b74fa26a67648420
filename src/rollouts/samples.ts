import { TaskWindow, type TaskCounts } from '../stats/window.ts'

/** Attempts that have ended on the two sides of a rollout within some window. */
export type Sides = { readonly target: TaskCounts; readonly stable: TaskCounts }

/**
 * Attempts of the new and of the stable revision, in a window for each length that a metric asks for. One for each run of an analysis: what
 * ended before it began counts for nothing, so that no step is passed by what was seen at a lower weight. It lives in memory; whoever
 * starts anew has no samples and so no success either.
 */
export class Samples {
  readonly #windows: ReadonlyMap<number, { readonly target: TaskWindow; readonly stable: TaskWindow }>

  constructor(windowsMs: readonly number[]) {
    this.#windows = new Map(windowsMs.map((ms) => [ms, { target: new TaskWindow(), stable: new TaskWindow() }]))
  }

  /** Adds attempts that have just ended, on agents of one of the sides. */
  add(side: 'target' | 'stable', counts: TaskCounts, nowMs: number): void {
    for (const [windowMs, sides] of this.#windows) sides[side].add(counts, nowMs, windowMs)
  }

  /** What ended within the window; undefined for one that was not asked for. The result is valid until the next call. */
  within(windowMs: number, nowMs: number): Sides | undefined {
    const sides = this.#windows.get(windowMs)
    return sides && { target: sides.target.within(windowMs, nowMs), stable: sides.stable.within(windowMs, nowMs) }
  }
}
