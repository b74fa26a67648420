import { tokensSecretName } from '../../api/names.ts'
import type { Swarm } from '../../api/objects.ts'
import { controllerOf, controllerReference, CONTROLLER_REVISIONS, SECRETS, type KubeObject, type ResourceKind } from '../../kube/objects.ts'
import type { Informer } from '../../kube/informer.ts'
import { AGENTS, FIELD_MANAGER } from '../shared/kinds.ts'
import { orphansOf } from '../shared/owners.ts'
import type { Stores } from '../shared/stores.ts'

/**
 * Takes over the agents, revisions and tokens that an earlier Swarm of this name left without an owner, as `kubectl delete
 * --cascade=orphan` does: a Deployment takes its ReplicaSets over like that.
 */
export async function adopt(swarm: Swarm, stores: Stores, signal: AbortSignal): Promise<void> {
  const { namespace, name } = swarm.metadata
  const orphans = orphansOf(namespace, name)
  const take = async <T extends KubeObject>(kind: ResourceKind<T>, informer: Informer<T>, objects: readonly T[]) => {
    for (const { metadata } of objects) {
      if (metadata.deletionTimestamp) continue
      const patch = { metadata: { uid: metadata.uid, ownerReferences: [controllerReference(swarm)] } }
      informer.wrote(await stores.client.mergePatch(kind, metadata, patch, { fieldManager: FIELD_MANAGER, signal }))
    }
  }
  const secret = stores.tokens.get({ namespace, name: tokensSecretName(name) })
  await take(CONTROLLER_REVISIONS, stores.revisions, stores.revisions.index('swarm', orphans))
  await take(SECRETS, stores.tokens, secret && !controllerOf(secret) ? [secret] : [])
  await take(AGENTS, stores.agents, stores.agents.index('swarm', orphans))
}
