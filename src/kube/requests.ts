/** Applies to every call. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined
  readonly timeoutMs?: number
}

/** Applies to every write. `subresource` is for instance `status` or `scale`. */
export interface WriteOptions extends CallOptions {
  readonly fieldManager?: string
  readonly subresource?: string
}

/** `force` takes fields over from other managers instead of failing with a conflict. */
export interface ApplyOptions extends WriteOptions {
  readonly fieldManager: string
  readonly force?: boolean
}

/** Preconditions: the delete fails with a conflict when the object is another or a newer one. */
export interface DeleteOptions extends CallOptions {
  readonly uid?: string
  readonly resourceVersion?: string
  readonly propagationPolicy?: 'Foreground' | 'Background' | 'Orphan'
  readonly gracePeriodSeconds?: number
}

/** Which objects to list or watch; without `namespace` those of all namespaces. `metadataOnly` leaves out everything else, also on the wire. */
export interface Selection {
  readonly namespace?: string
  readonly labelSelector?: string
  readonly fieldSelector?: string
  readonly metadataOnly?: boolean
}

/** A list as it was at `resourceVersion`, from where a watch continues. */
export interface ObjectList<T> {
  readonly items: T[]
  readonly resourceVersion: string
}

/** One operation of a JSON patch (RFC 6902). */
export interface JsonPatchOperation {
  readonly op: 'add' | 'remove' | 'replace' | 'test'
  readonly path: string
  readonly value?: unknown
}

/**
 * Told of every request that ended; `code` is 0 when no answer came. A watch is told of once it is open or was refused, with the time
 * that took. `kind` is empty for what is no resource.
 */
export type RequestObserver = (request: {
  readonly verb: string
  readonly kind: string
  readonly code: number
  readonly seconds: number
}) => void

/** From where and how long to watch. */
export interface WatchOptions {
  readonly resourceVersion: string
  readonly timeoutSeconds: number
  readonly idleMs?: number
  readonly signal: AbortSignal
}
