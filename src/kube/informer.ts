import type { Logger } from 'winston'
import type { RuntimeMetrics } from '../metrics/registry.ts'
import type { KubeApiError } from './api-error.ts'
import type { KubeClient } from './client.ts'
import { refKey, type KubeObject, type ObjectRef, type ResourceKind } from './objects.ts'
import { inScope, ObjectStore, type ChangeHandler, type Indexer } from './object-store.ts'
import { Reflector, type WatchTimes } from './reflector.ts'

/** `namespaces`: those to watch, all when absent or empty. `transform` makes objects smaller before they are kept; it must not change metadata other than leaving things out. */
export interface InformerOptions<T extends KubeObject, I extends string = string> {
  readonly client: KubeClient
  readonly kind: ResourceKind<T>
  readonly log: Logger
  readonly namespaces?: readonly string[]
  readonly labelSelector?: string
  readonly fieldSelector?: string
  readonly metadataOnly?: boolean
  readonly indexers?: Readonly<Record<I, Indexer<T>>>
  readonly transform?: (object: T) => T
  readonly metrics?: RuntimeMetrics | undefined
  readonly times?: Partial<WatchTimes>
  /** Called when a scope got its first list, and when the failure to list or watch changed. */
  readonly onState?: () => void
}

/**
 * A cache of objects that follows the API server: lists, then watches, and takes up again where it was after any interruption. Handlers hear
 * each change once, in order; several changes that happened while the server was away are heard as one.
 */
export class Informer<T extends KubeObject, I extends string = string> {
  readonly kind: ResourceKind<T>
  readonly #options: InformerOptions<T, I>
  readonly #store: ObjectStore<T>
  readonly #scopes: readonly string[]
  readonly #reflectors: readonly Reflector<T>[]
  readonly #handlers = new Set<ChangeHandler<T>>()
  readonly #stopping = new AbortController()
  readonly #firstLists = new Map<string, () => void>()
  readonly #allListed: Promise<unknown>
  #running: Promise<unknown> | undefined

  constructor(options: InformerOptions<T, I>) {
    this.#options = options
    this.kind = options.kind
    this.#store = new ObjectStore(options.indexers ?? {}, (...change) => this.#tell(...change))
    this.#scopes = options.kind.namespaced && options.namespaces?.length ? [...new Set(options.namespaces)] : ['']
    this.#allListed = Promise.all(this.#scopes.map((scope) => new Promise<void>((resolve) => this.#firstLists.set(scope, resolve))))
    this.#reflectors = this.#scopes.map((scope) => this.#reflect(scope))
  }

  /** Whether every namespace has been listed once: only then does absence from the cache mean that there is no such object. */
  get hasSynced(): boolean {
    return this.#firstLists.size === 0
  }

  /** Why listing or watching fails just now, if it does. */
  get failure(): KubeApiError | undefined {
    return this.#reflectors.find((reflector) => reflector.failure)?.failure
  }

  get size(): number {
    return this.#store.size
  }

  /** Begins to list and watch. */
  start(): void {
    this.#running ??= Promise.all(this.#reflectors.map((reflector) => reflector.run(this.#stopping.signal)))
  }

  /** Resolves when `hasSynced`; rejects with the signal's reason when that comes first. */
  async synced(signal?: AbortSignal): Promise<void> {
    if (!signal) return void (await this.#allListed)
    signal.throwIfAborted()
    const { promise, reject } = Promise.withResolvers<never>()
    const stop = () => reject(signal.reason)
    signal.addEventListener('abort', stop, { once: true })
    await Promise.race([this.#allListed, promise]).finally(() => signal.removeEventListener('abort', stop))
  }

  /** Ends list and watch; the cache stays as it is. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the informer stops'))
    await this.#running
  }

  /** The object at this place, or with this key (`namespace/name`). Not to be mutated. */
  get(where: ObjectRef | string): T | undefined {
    return this.#store.get(typeof where === 'string' ? where : refKey(where))
  }

  /** All objects, or those of one namespace. */
  list(namespace?: string): readonly T[] {
    const all = [...this.#store.values()]
    return namespace === undefined ? all : all.filter((object) => object.metadata.namespace === namespace)
  }

  /** The objects whose indexer gave this value. */
  index(name: I, value: string): readonly T[] {
    return this.#store.index(name, value)
  }

  /** Calls back for each change from now on, and at once with `added` for what is already there. Returns how to end it. */
  onChange(handler: ChangeHandler<T>): () => void {
    this.#handlers.add(handler)
    for (const object of this.#store.values()) this.#call(handler, 'added', object, undefined)
    return () => this.#handlers.delete(handler)
  }

  /**
   * Read your own writes: takes what the API server returned for a create, apply or patch into the cache at once, if it is newer. Handlers hear
   * of it now, and not again when the watch brings the same. Only for objects that this informer selects.
   */
  wrote(object: T): void {
    const scope = this.#scopes.find((candidate) => inScope(candidate, object))
    if (scope === undefined) return
    const { deletionTimestamp, finalizers = [] } = object.metadata
    // Removing the last finalizer of an object being deleted answers with the object, but it is gone.
    if (deletionTimestamp && finalizers.length === 0) return this.deleted(object)
    this.#store.wrote(scope, this.#shrink(object))
  }

  /** The same for a delete: `left` is what `KubeClient.delete` returned, `object` what was deleted. Without `left` the object is gone. */
  deleted(object: KubeObject, left?: T): void {
    if (left) this.wrote(left)
    else this.#store.deleted(object)
  }

  #reflect(scope: string): Reflector<T> {
    const { labelSelector, fieldSelector, metadataOnly } = this.#options
    const store = this.#store
    return new Reflector<T>({
      ...this.#options,
      selection: {
        ...(scope && { namespace: scope }),
        ...(labelSelector && { labelSelector }),
        ...(fieldSelector && { fieldSelector }),
        ...(metadataOnly && { metadataOnly }),
      },
      sink: {
        listed: (items, version) => {
          store.listed(
            scope,
            items.map((item) => this.#shrink(item)),
            version,
          )
          const first = this.#firstLists.get(scope)
          this.#firstLists.delete(scope)
          first?.()
          if (first) this.#options.onState?.()
        },
        seen: (object) => store.seen(scope, this.#shrink(object)),
        gone: (object) => store.gone(scope, this.#shrink(object)),
        progressed: (version) => store.progressed(scope, version),
      },
    })
  }

  #shrink(object: T): T {
    const { transform = dropManagedFields } = this.#options
    return transform(object)
  }

  #tell(...[type, object, old]: Parameters<ChangeHandler<T>>): void {
    const { metrics, kind } = this.#options
    metrics?.informerEvents.inc({ kind: kind.kind, type })
    if (type === 'added') metrics?.informerObjects.inc({ kind: kind.kind })
    if (type === 'deleted') metrics?.informerObjects.dec({ kind: kind.kind })
    for (const handler of this.#handlers) this.#call(handler, type, object, old)
  }

  #call(handler: ChangeHandler<T>, ...change: Parameters<ChangeHandler<T>>): void {
    try {
      handler(...change)
    } catch (error) {
      this.#options.log.error('change handler threw', { kind: this.kind.kind, error })
    }
  }
}

/** The default transform: the record of who owns which field is half of an object's size and of no use in a cache. */
function dropManagedFields<T extends KubeObject>(object: T): T {
  if (!('managedFields' in object.metadata)) return object
  const { managedFields: _, ...metadata } = object.metadata
  return { ...object, metadata }
}
