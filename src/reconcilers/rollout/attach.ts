import type { Rollout, Swarm } from '../../api/objects.ts'
import { keyOf } from '../../kube/objects.ts'
import { attachedRollout } from '../../rollouts/attached.ts'
import type { Stores } from '../shared/stores.ts'

/** The key of the swarm that a rollout points at: the value of the index `target`. */
export const targetOf = ({ metadata, spec }: Pick<Rollout, 'metadata' | 'spec'>) => `${metadata.namespace}/${spec.swarm}`

/** How people name a rollout: kind and name. */
export const nameOf = ({ kind, metadata }: Pick<Rollout, 'kind' | 'metadata'>) => `${kind}/${metadata.name}`

/** All rollouts that point at a swarm. */
export function rolloutsFor(key: string, stores: Pick<Stores, 'canaries' | 'blueGreens'>): Rollout[] {
  return [...stores.canaries.index('target', key), ...stores.blueGreens.index('target', key)]
}

/** The rollout that a swarm follows. */
export function attachedTo(
  swarm: Pick<Swarm, 'metadata' | 'status'>,
  stores: Pick<Stores, 'canaries' | 'blueGreens'>,
): Rollout | undefined {
  const key = keyOf(swarm)
  const candidates = rolloutsFor(key, stores).map((rollout) => ({
    kind: rollout.kind,
    name: rollout.metadata.name,
    swarm: key,
    createdAt: rollout.metadata.creationTimestamp,
    isDeleted: rollout.metadata.deletionTimestamp !== undefined,
    isFollowed: swarm.status?.rollout === nameOf(rollout),
    rollout,
  }))
  return attachedRollout(key, candidates)?.rollout
}
