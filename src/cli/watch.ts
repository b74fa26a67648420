import { setTimeout as pause } from 'node:timers/promises'
import type { KubeClient } from '../kube/client.ts'
import { Informer } from '../kube/informer.ts'
import type { KubeObject } from '../kube/objects.ts'
import { createLog } from '../log.ts'
import { WATCHED } from './fleet.ts'

/** Changes within this time are shown together, in milliseconds. */
const GATHER_MS = 200

/** Calls `show` now and after every change of an object of ours in the namespace, until it throws or somebody ends the process. */
export async function follow(client: KubeClient, namespace: string, show: () => Promise<void>): Promise<never> {
  const log = createLog({ level: 'error', shape: 'text' })
  const informers = WATCHED.map((kind) => new Informer<KubeObject>({ client, kind, namespaces: [namespace], log }))
  let changed = Promise.withResolvers<void>()
  for (const informer of informers) informer.onChange(() => changed.resolve())
  try {
    for (const informer of informers) informer.start()
    for (;;) {
      await show()
      await changed.promise
      await pause(GATHER_MS)
      changed = Promise.withResolvers<void>()
    }
  } finally {
    await Promise.all(informers.map((informer) => informer.stop()))
  }
}
