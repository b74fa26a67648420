import type { Agent } from '../../src/api/objects.ts'
import { Informer } from '../../src/kube/informer.ts'
import { RESOURCE_QUOTAS } from '../../src/kube/objects.ts'
import { createLog } from '../../src/log.ts'
import { AGENTS } from '../../src/reconcilers/shared/kinds.ts'
import type { System } from './system.ts'
import { eventually } from './wait.ts'

/** What a namespace has of agents at one moment: all, those whose sandbox runs or may, and sandboxes that run at the provider. */
export type Used = { objects: number; sandboxes: number; atProvider: number }

/** Looks at what all swarms of a namespace have at every change, until it is stopped; then tells the most there ever was. */
export function watchUse({ client, namespace, e2b }: System): { stop(): Promise<Used> } {
  const log = createLog({ level: 'error', shape: 'text' })
  const informer = new Informer<Agent>({ client, kind: AGENTS, namespaces: [namespace], log })
  const most: Used = { objects: 0, sandboxes: 0, atProvider: 0 }
  const look = () => {
    if (!informer.hasSynced) return
    most.objects = Math.max(most.objects, informer.size)
    const running = informer.list().filter((a) => a.spec.state !== 'Paused' && !a.status?.failed)
    most.sandboxes = Math.max(most.sandboxes, running.length)
    most.atProvider = Math.max(most.atProvider, e2b.admin.sandboxes().filter(({ state }) => state === 'running').length)
  }
  informer.onChange(look)
  informer.start()
  return {
    stop: async () => {
      await informer.synced(AbortSignal.timeout(10_000))
      look()
      await informer.stop()
      return most
    },
  }
}

/** Writes a ResourceQuota, and waits until the cluster counts what of it is its own to count. */
export async function writeQuota({ client, namespace }: System, name: string, hard: Record<string, string>): Promise<void> {
  await client.apply(RESOURCE_QUOTAS, { metadata: { name, namespace }, spec: { hard } }, { fieldManager: 'test', force: true })
  const counted = Object.keys(hard).filter((resource) => resource.startsWith('count/'))
  await eventually(`the quota ${name} is counted`, async () => {
    const used = (await client.get(RESOURCE_QUOTAS, { namespace, name }))?.status?.used ?? {}
    return counted.every((resource) => resource in used)
  })
}

/** Deletes one. */
export async function removeQuota({ client, namespace }: System, name: string): Promise<void> {
  await client.delete(RESOURCE_QUOTAS, { namespace, name })
}
