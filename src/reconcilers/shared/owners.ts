import { LABEL } from '../../api/names.ts'
import { controllerOf, type KubeObject } from '../../kube/objects.ts'

/** The value under which the index `swarm` holds what nobody owns but what carries the name of a swarm. */
export const orphansOf = (namespace: string, swarm: string) => `${namespace}/${swarm}`

/** The values of the index `swarm` of an object: the UID of the Swarm that owns it, else the name of the one it belonged to. */
export function bySwarm(object: KubeObject): string[] {
  const { namespace = '', labels } = object.metadata
  const owner = controllerOf(object)
  return [owner ? owner.uid : orphansOf(namespace, labels?.[LABEL.swarm] ?? '')]
}

/** The indexes of agents. */
export const AGENT_INDEXERS = { swarm: bySwarm, namespace: ({ metadata }: KubeObject): string[] => [metadata.namespace ?? ''] }
