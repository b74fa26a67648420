import type { Rollout } from '../../api/objects.ts'
import type { RolloutStatus } from '../../api/rollout-status.ts'
import { BLUE_GREEN_ROLLOUTS, CANARY_ROLLOUTS, FIELD_MANAGER } from '../shared/kinds.ts'
import { sameStatus } from '../shared/same-status.ts'
import type { Stores } from '../shared/stores.ts'
import { FIGURES_MS } from './followed.ts'
import { withoutFigures } from './status.ts'

/** Where statuses are stored. */
export type StatusStore = {
  readonly stores: Stores
  /** When the status of a rollout was last written, by the key of its swarm. Unix milliseconds. */
  readonly wroteAt: Map<string, number>
}

/** Stores the status, if it says something new; returns in how many milliseconds figures that have changed may be written. */
export async function storeStatus(
  { key, rollout, status }: { key: string; rollout: Rollout; status: RolloutStatus },
  { stores, wroteAt }: StatusStore,
  signal: AbortSignal,
): Promise<number | undefined> {
  if (sameStatus(rollout.status, status)) return undefined
  const isNews = !rollout.status || !sameStatus(withoutFigures(rollout.status), withoutFigures(status))
  const now = stores.now()
  const leftMs = (wroteAt.get(key) ?? 0) + FIGURES_MS - now
  if (!isNews && leftMs > 0) return leftMs
  await writeRolloutStatus(rollout, status, stores, signal)
  wroteAt.set(key, now)
  return undefined
}

/** Writes the whole status. People write `request` into it as well: what was written meanwhile is a conflict, and the pass is made again. */
export async function writeRolloutStatus(rollout: Rollout, status: RolloutStatus, stores: Stores, signal: AbortSignal): Promise<void> {
  const { client, canaries, blueGreens } = stores
  const options = { fieldManager: FIELD_MANAGER, signal }
  if (rollout.kind === 'CanaryRollout') canaries.wrote(await client.patchStatus(CANARY_ROLLOUTS, rollout, status, options))
  else blueGreens.wrote(await client.patchStatus(BLUE_GREEN_ROLLOUTS, rollout, status, options))
}
