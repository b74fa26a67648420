import { GRAVES } from './limits.ts'
import { compareVersions, keyOf, type KubeObject } from './objects.ts'

/** What happened to an object in the cache. */
export type ChangeType = 'added' | 'updated' | 'deleted'

/** Told of every change, in order; `old` is there for an update. Must neither throw nor wait nor mutate. */
export type ChangeHandler<T> = (type: ChangeType, object: T, old: T | undefined) => void

/** The values under which an object is found in an index. */
export type Indexer<T> = (object: T) => readonly string[]

/** `FOREVER`: the object is known to be gone for good; else it was seen gone at that version. */
const FOREVER = Symbol('forever')

/**
 * Objects by key, with indexes. It takes news from three sides that arrive in any order (watch, list, our own writes) and only ever moves
 * forward: what is older than what it knows is ignored, and what is deleted stays so.
 */
export class ObjectStore<T extends KubeObject> {
  readonly #objects = new Map<string, T>()
  readonly #indexers: Readonly<Record<string, Indexer<T>>>
  readonly #indexes = new Map<string, Map<string, Map<string, T>>>()
  readonly #changed: ChangeHandler<T>
  /** How far the watch of each scope has come. */
  readonly #progress = new Map<string, string>()
  /** Deleted uids, oldest first. An object that only left a selector may come back with a later version. */
  readonly #graves = new Map<string, string | typeof FOREVER>()

  constructor(indexers: Readonly<Record<string, Indexer<T>>>, changed: ChangeHandler<T>) {
    this.#indexers = indexers
    this.#changed = changed
    for (const name of Object.keys(indexers)) this.#indexes.set(name, new Map())
  }

  get size(): number {
    return this.#objects.size
  }

  get(key: string): T | undefined {
    return this.#objects.get(key)
  }

  values(): IterableIterator<T> {
    return this.#objects.values()
  }

  index(name: string, value: string): readonly T[] {
    const index = this.#indexes.get(name)
    if (!index) throw new TypeError(`there is no index ${name}`)
    return [...(index.get(value)?.values() ?? [])]
  }

  /** The watch of `scope` said that the object exists like this. */
  seen(scope: string, object: T): void {
    this.#progress.set(scope, object.metadata.resourceVersion)
    if (!this.#isBuried(object)) this.#put(object)
  }

  /** The watch of `scope` said that the object is gone; the object carries the version of its deletion. */
  gone(scope: string, object: T): void {
    const { uid, resourceVersion } = object.metadata
    this.#progress.set(scope, resourceVersion)
    this.#bury(uid, resourceVersion)
    const known = this.#objects.get(keyOf(object))
    if (known?.metadata.uid !== uid) return
    // It left the selection, and our own later write has brought it back: the watch will say so too.
    if ((compareVersions(known.metadata.resourceVersion, resourceVersion) ?? 0) > 0) return
    this.#drop(known)
  }

  /** The watch of `scope` has come this far without telling of an object. */
  progressed(scope: string, resourceVersion: string): void {
    this.#progress.set(scope, resourceVersion)
  }

  /** All there was in `scope` at that version. What is missing has been deleted, unless we wrote it later. */
  listed(scope: string, items: readonly T[], resourceVersion: string): void {
    const before = this.#progress.get(scope)
    // Versions go back only when the server's data was restored from a backup; then the list is the truth, whatever was seen.
    const restored = before !== undefined && (compareVersions(resourceVersion, before) ?? 0) < 0
    this.#progress.set(scope, resourceVersion)
    const listed = new Set<string>()
    for (const item of items) {
      listed.add(keyOf(item))
      if (restored) this.#replace(item)
      else if (!this.#isBuried(item)) this.#put(item)
    }
    for (const [key, known] of this.#objects) {
      if (listed.has(key) || !inScope(scope, known)) continue
      const isNewer = (compareVersions(known.metadata.resourceVersion, resourceVersion) ?? 0) > 0
      if (isNewer && !restored) continue
      this.#bury(known.metadata.uid, resourceVersion)
      this.#drop(known)
    }
  }

  /** Our own write of an object in `scope` returned this. */
  wrote(scope: string, object: T): void {
    const known = this.#objects.get(keyOf(object))
    const than = known?.metadata.resourceVersion ?? this.#progress.get(scope)
    // Nothing cached although the watch is past this version: it has been deleted since. Versions that cannot be compared are left to the watch.
    if (than !== undefined && !((compareVersions(object.metadata.resourceVersion, than) ?? 0) > 0)) return
    if (!this.#isBuried(object)) this.#put(object)
  }

  /** Our own write made this object go for good. */
  deleted(object: KubeObject): void {
    this.#bury(object.metadata.uid, FOREVER)
    const known = this.#objects.get(keyOf(object))
    if (known?.metadata.uid === object.metadata.uid) this.#drop(known)
  }

  #put(object: T): void {
    const known = this.#objects.get(keyOf(object))
    if (!known) return this.#set(object, undefined)
    const order = compareVersions(object.metadata.resourceVersion, known.metadata.resourceVersion) ?? 1
    if (order <= 0) return
    if (known.metadata.uid !== object.metadata.uid) {
      // The name was given to another object while we were not looking: the first one's end must be heard too.
      this.#bury(known.metadata.uid, FOREVER)
      this.#drop(known)
      return this.#set(object, undefined)
    }
    this.#set(object, known)
  }

  #replace(object: T): void {
    const known = this.#objects.get(keyOf(object))
    this.#graves.delete(object.metadata.uid)
    if (known?.metadata.uid === object.metadata.uid) {
      if (known.metadata.resourceVersion !== object.metadata.resourceVersion) this.#set(object, known)
      return
    }
    if (known) this.#drop(known)
    this.#set(object, undefined)
  }

  #set(object: T, old: T | undefined): void {
    const key = keyOf(object)
    this.#objects.set(key, object)
    for (const [name, indexer] of Object.entries(this.#indexers)) {
      const values = indexer(object)
      if (old) for (const value of indexer(old)) if (!values.includes(value)) this.#unindex(name, value, key)
      for (const value of values) this.#bucket(name, value).set(key, object)
    }
    this.#changed(old ? 'updated' : 'added', object, old)
  }

  #drop(object: T): void {
    const key = keyOf(object)
    this.#objects.delete(key)
    for (const [name, indexer] of Object.entries(this.#indexers)) for (const value of indexer(object)) this.#unindex(name, value, key)
    this.#changed('deleted', object, undefined)
  }

  #bucket(name: string, value: string): Map<string, T> {
    const index = this.#indexes.get(name) ?? new Map<string, Map<string, T>>()
    const bucket = index.get(value) ?? new Map<string, T>()
    index.set(value, bucket)
    return bucket
  }

  #unindex(name: string, value: string, key: string): void {
    const index = this.#indexes.get(name)
    const bucket = index?.get(value)
    bucket?.delete(key)
    if (bucket?.size === 0) index?.delete(value)
  }

  #bury(uid: string, at: string | typeof FOREVER): void {
    if (this.#graves.get(uid) === FOREVER) return
    this.#graves.set(uid, at)
    if (this.#graves.size <= GRAVES) return
    const [oldest] = this.#graves.keys()
    if (oldest !== undefined) this.#graves.delete(oldest)
  }

  #isBuried(object: T): boolean {
    const at = this.#graves.get(object.metadata.uid)
    if (at === undefined) return false
    return at === FOREVER || (compareVersions(object.metadata.resourceVersion, at) ?? 1) <= 0
  }
}

/** A scope is a namespace, or empty for all of them. */
export function inScope(scope: string, object: KubeObject): boolean {
  return scope === '' || object.metadata.namespace === scope
}
