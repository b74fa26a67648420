import { setTimeout as pause } from 'node:timers/promises'
import type { KubeClient } from '../kube/client.ts'
import { Informer } from '../kube/informer.ts'
import type { KubeObject, ObjectRef, ResourceKind } from '../kube/objects.ts'
import { createLog } from '../log.ts'
import { WATCHED } from './fleet.ts'

/** Changes within this time are shown together, in milliseconds. */
const GATHER_MS = 200

/** What is waited for, and how long at most. */
export type Awaited<T extends KubeObject> = { readonly kind: ResourceKind<T>; readonly ref: ObjectRef; readonly timeoutMs: number }

/**
 * Waits until `look` finds something in an object, which it is shown at every change, and as undefined when it is gone. Gives what that is,
 * or undefined when it has not come in time.
 */
export async function waitFor<T extends KubeObject, R>(
  client: KubeClient,
  { kind, ref, timeoutMs }: Awaited<T>,
  look: (object: T | undefined) => R | undefined,
): Promise<R | undefined> {
  const { promise, resolve } = Promise.withResolvers<R | undefined>()
  const informer = new Informer<T>({
    client,
    kind,
    ...(ref.namespace !== undefined && { namespaces: [ref.namespace] }),
    fieldSelector: `metadata.name=${ref.name}`,
    log: createLog({ level: 'error', shape: 'text' }),
  })
  const see = (object: T | undefined) => {
    const found = look(object)
    if (found !== undefined) resolve(found)
  }
  informer.onChange((type, object) => see(type === 'deleted' ? undefined : object))
  const timer = setTimeout(() => resolve(undefined), timeoutMs)
  informer.start()
  void informer.synced().then(() => informer.get(ref) ?? see(undefined))
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    await informer.stop()
  }
}

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
