import type { KubeClient } from '../../kube/client.ts'
import { NAMESPACES } from '../../kube/objects.ts'

/**
 * The id that this installation stamps on its sandboxes: the cluster, by the UID of its kube-system namespace, and the
 * Lease it leads by. Two operators that share an API key never take each other's sandboxes for orphans.
 */
export async function operatorIdOf(client: KubeClient, lease: { namespace: string; name: string }, signal: AbortSignal): Promise<string> {
  const system = await client.get(NAMESPACES, { name: 'kube-system' }, { signal })
  return `${system?.metadata.uid ?? 'cluster'}.${lease.namespace}.${lease.name}`
}
