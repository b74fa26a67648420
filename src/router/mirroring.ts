import type { SwarmMirror } from '../api/rollout-traffic.ts'

/** What came of a task that was to be done a second time: `Dropped` when no agent was free for it, or too many were on their way. */
export type MirrorResult = 'Same' | 'Different' | 'Failed' | 'Dropped'

/** What one swarm mirrors in this router, and what has come of it. */
export class Mirroring {
  /** May be replaced while the run goes on: the percentage of a run can change. */
  settings: SwarmMirror
  readonly counts: Record<Lowercase<MirrorResult>, number> = { same: 0, different: 0, failed: 0, dropped: 0 }
  #credit = 0

  constructor(settings: SwarmMirror) {
    this.settings = settings
  }

  /** Whether the next task is one of those: exactly as many of every hundred as the percentage says, evenly spread. */
  next(): boolean {
    this.#credit += this.settings.percent
    if (this.#credit < 100) return false
    this.#credit -= 100
    return true
  }

  /** Counts what one of those tasks has come to. */
  count(result: MirrorResult): void {
    this.counts[FIELDS[result]] += 1
  }
}

const FIELDS = { Same: 'same', Different: 'different', Failed: 'failed', Dropped: 'dropped' } as const
