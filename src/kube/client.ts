import { KubeConfig } from '@kubernetes/client-node'
import { KubeApiError, errorFromConnection, errorFromStatus } from './api-error.ts'
import { LIST_PAGE, LIST_TIMEOUT_MS, REQUEST_TIMEOUT_MS, WATCH_IDLE_MS } from './limits.ts'
import { apiVersionOf, refKey, type KubeObject, type Manifest, type ObjectRef, type ResourceKind } from './objects.ts'
import { collectionPath, pathOf, queryOf, selectorsOf, writeQuery } from './paths.ts'
import type {
  ApplyOptions,
  CallOptions,
  DeleteOptions,
  JsonPatchOperation,
  ObjectList,
  RequestObserver,
  Selection,
  WatchOptions,
  WriteOptions,
} from './requests.ts'
import { Transport, type HttpRequest, type HttpResponse } from './transport.ts'
import { watchEvents, type WatchEvent } from './watch-stream.ts'

const JSON_TYPE = 'application/json'
const asMetadata = (kind: string) => `application/json;as=${kind};g=meta.k8s.io;v=v1`

/** Loads a kubeconfig: the given file and context, else `KUBECONFIG` or `~/.kube/config`, else the pod's service account. */
export function loadKubeConfig(options: { readonly file?: string | undefined; readonly context?: string | undefined } = {}): KubeConfig {
  const config = new KubeConfig()
  if (options.file) config.loadFromFile(options.file)
  else config.loadFromDefault()
  if (options.context) config.setCurrentContext(options.context)
  return config
}

/** Requests to one API server. Every failure is a `KubeApiError`; nothing is retried in here. */
export class KubeClient {
  readonly #transport: Transport
  readonly #observe: RequestObserver | undefined

  constructor(config: KubeConfig, options: { readonly userAgent?: string; readonly observe?: RequestObserver } = {}) {
    this.#transport = new Transport(config, options.userAgent ?? 'swarm-operator')
    this.#observe = options.observe
  }

  /** Reads one object; `undefined` when there is none. */
  async get<T extends KubeObject>(kind: ResourceKind<T>, ref: ObjectRef, options: CallOptions = {}): Promise<T | undefined> {
    try {
      return await this.#call<T>('get', kind, ref, { method: 'GET', path: pathOf(kind, ref), ...options })
    } catch (error) {
      if (error instanceof KubeApiError && error.isNotFound) return undefined
      throw error
    }
  }

  /** Reads all selected objects, page by page; starts over without pages when the list expires in between. */
  async list<T extends KubeObject>(
    kind: ResourceKind<T>,
    selection: Selection = {},
    options: CallOptions & { readonly pageSize?: number } = {},
  ): Promise<ObjectList<T>> {
    const accept = selection.metadataOnly ? asMetadata('PartialObjectMetadataList') : JSON_TYPE
    const page = async (limit: number, token: string) => {
      const query = { ...selectorsOf(selection), limit: limit ? String(limit) : undefined, continue: token || undefined }
      const path = collectionPath(kind, selection.namespace) + queryOf(query)
      const body = await this.#call<RawList<T>>('list', kind, selection, {
        method: 'GET',
        path,
        accept,
        timeoutMs: LIST_TIMEOUT_MS,
        ...options,
      })
      const found = body?.items === null ? [] : body?.items // what the API server says for no metadata at all
      if (!Array.isArray(found) || !body.metadata?.resourceVersion) {
        throw new KubeApiError({ code: 200, reason: 'BadAnswer', message: `the API server's answer to list ${kind.plural} is not a list` })
      }
      return { items: found, next: body.metadata.continue ?? '', resourceVersion: body.metadata.resourceVersion }
    }
    const items: T[] = []
    try {
      for (let token = ''; ;) {
        const { items: some, next, resourceVersion } = await page(options.pageSize ?? LIST_PAGE, token)
        items.push(...some)
        if (!next) return { items: named(kind, items), resourceVersion }
        token = next
      }
    } catch (error) {
      if (!(error instanceof KubeApiError && error.isGone)) throw error
      const whole = await page(0, '')
      return { items: named(kind, whole.items), resourceVersion: whole.resourceVersion }
    }
  }

  /** Creates an object; fails with `isAlreadyExists` when the name is taken. */
  async create<T extends KubeObject>(kind: ResourceKind<T>, manifest: Manifest, options: WriteOptions = {}): Promise<T> {
    const path = collectionPath(kind, manifest.metadata.namespace) + writeQuery(options)
    return this.#call<T>('create', kind, manifest.metadata, {
      method: 'POST',
      path,
      body: bodyOf(kind, manifest),
      contentType: JSON_TYPE,
      ...options,
    })
  }

  /** Creates what belongs to an object and has no name of its own, such as a token of a ServiceAccount. `manifest` names its own kind. */
  async createFor<R extends object>(
    kind: ResourceKind,
    ref: ObjectRef,
    { subresource, manifest }: { readonly subresource: string; readonly manifest: object },
    options: CallOptions = {},
  ): Promise<R> {
    const path = pathOf(kind, ref, subresource)
    return this.#call<R>('create', kind, ref, { method: 'POST', path, body: JSON.stringify(manifest), contentType: JSON_TYPE, ...options })
  }

  /** Server-side apply: creates the object or makes the given fields ours. */
  async apply<T extends KubeObject>(kind: ResourceKind<T>, manifest: Manifest, options: ApplyOptions): Promise<T> {
    const path = pathOf(kind, manifest.metadata, options.subresource) + writeQuery(options, options.force)
    const contentType = 'application/apply-patch+yaml'
    return this.#call<T>('apply', kind, manifest.metadata, { method: 'PATCH', path, body: bodyOf(kind, manifest), contentType, ...options })
  }

  /** JSON merge patch: `null` removes a field, arrays are replaced. Put `metadata.resourceVersion` in it for a precondition. */
  async mergePatch<T extends KubeObject>(kind: ResourceKind<T>, ref: ObjectRef, patch: object, options: WriteOptions = {}): Promise<T> {
    return this.#patch(kind, ref, { patch, contentType: 'application/merge-patch+json' }, options)
  }

  /** JSON patch, all or nothing. */
  async jsonPatch<T extends KubeObject>(
    kind: ResourceKind<T>,
    ref: ObjectRef,
    patch: readonly JsonPatchOperation[],
    options: WriteOptions = {},
  ): Promise<T> {
    return this.#patch(kind, ref, { patch, contentType: 'application/json-patch+json' }, options)
  }

  /**
   * Replaces the whole status of the object that was seen. Fails with a conflict when it is another object by now, and, unless
   * `precondition` is `uid`, when anything in it changed. A status with one writer needs no more than `uid`.
   */
  async patchStatus<T extends KubeObject>(
    kind: ResourceKind<T>,
    seen: KubeObject,
    status: object,
    options: WriteOptions & { readonly precondition?: 'uid' | 'resourceVersion' } = {},
  ): Promise<T> {
    const { uid, resourceVersion } = seen.metadata
    // With a version, replacing it by what it must be makes the server answer 409; it does not look at the uid of a status that way.
    const patch: JsonPatchOperation[] = [{ op: 'test', path: '/metadata/uid', value: uid }]
    if (options.precondition !== 'uid') patch.push({ op: 'replace', path: '/metadata/resourceVersion', value: resourceVersion })
    patch.push({ op: 'add', path: '/status', value: status })
    try {
      return await this.jsonPatch<T>(kind, seen.metadata, patch, { subresource: 'status', ...options })
    } catch (error) {
      // A failed test is a 422 like an invalid status, but only the latter names the fields.
      if (!(error instanceof KubeApiError && error.code === 422 && error.causes.length === 0)) throw error
      throw new KubeApiError({ code: 409, reason: 'Conflict', message: `${error.message}; it is another object by now` }, { cause: error })
    }
  }

  /** Deletes an object. Returns it when it stays for its finalizers or a grace period, `undefined` when it is gone, also when it was before. */
  async delete<T extends KubeObject>(kind: ResourceKind<T>, ref: ObjectRef, options: DeleteOptions = {}): Promise<T | undefined> {
    const { uid, resourceVersion, propagationPolicy = 'Background', gracePeriodSeconds, ...call } = options
    const body = JSON.stringify({
      kind: 'DeleteOptions',
      apiVersion: 'v1',
      preconditions: { uid, resourceVersion },
      propagationPolicy,
      gracePeriodSeconds,
    })
    try {
      const left = await this.#call<T>('delete', kind, ref, {
        method: 'DELETE',
        path: pathOf(kind, ref),
        body,
        contentType: JSON_TYPE,
        ...call,
      })
      return left.kind === kind.kind && left.metadata.deletionTimestamp ? left : undefined
    } catch (error) {
      if (error instanceof KubeApiError && error.isNotFound) return undefined
      throw error
    }
  }

  /**
   * Watches from `resourceVersion` on, until the server ends it; the first batch is empty and says that the watch is open. Fails also when
   * nothing comes for `idleMs`, and with `WatchBroken` when the stream cannot be understood.
   */
  async *watch(kind: ResourceKind, selection: Selection, options: WatchOptions): AsyncGenerator<readonly WatchEvent[]> {
    const { resourceVersion, timeoutSeconds, idleMs = WATCH_IDLE_MS, signal } = options
    const query = {
      ...selectorsOf(selection),
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion,
      timeoutSeconds: String(timeoutSeconds),
    }
    const path = collectionPath(kind, selection.namespace) + queryOf(query)
    const accept = selection.metadataOnly ? `${asMetadata('PartialObjectMetadata')}` : JSON_TYPE
    const doing = describe('watch', kind, selection)
    const request = { method: 'GET', path, doing, accept, timeoutMs: REQUEST_TIMEOUT_MS, signal } as const
    const stream = await this.#observed('watch', kind.kind, this.#transport.stream(request, idleMs))
    if (stream.code !== 200) throw errorFromStatus(doing, stream.code, await stream.body.json().catch(() => undefined), stream.retryAfter)
    try {
      yield [] // says that the watch is open, which may be long before anything happens
      yield* watchEvents(stream.body, doing)
    } catch (error) {
      throw error instanceof KubeApiError ? error : errorFromConnection(doing, error)
    } finally {
      stream.body.on('error', () => undefined).destroy()
    }
  }

  /** The body of a path such as `/version`, for what is no resource. */
  async raw(path: string, options: CallOptions = {}): Promise<unknown> {
    const doing = `get ${path}`
    const request = { method: 'GET', path, doing, accept: JSON_TYPE, timeoutMs: REQUEST_TIMEOUT_MS, ...options } as const
    return check(doing, await this.#observed('get', '', this.#transport.send(request)))
  }

  /** Cuts every connection, watches included. */
  async close(): Promise<void> {
    await this.#transport.close()
  }

  async #patch<T extends KubeObject>(
    kind: ResourceKind<T>,
    ref: ObjectRef,
    { patch, contentType }: { readonly patch: object; readonly contentType: string },
    options: WriteOptions,
  ): Promise<T> {
    const path = pathOf(kind, ref, options.subresource) + writeQuery(options)
    return this.#call<T>('patch', kind, ref, { method: 'PATCH', path, body: JSON.stringify(patch), contentType, ...options })
  }

  async #call<R>(
    verb: string,
    kind: ResourceKind,
    ref: Partial<ObjectRef>,
    options: Partial<HttpRequest> & Pick<HttpRequest, 'method' | 'path'>,
  ): Promise<R> {
    const doing = describe(verb, kind, ref)
    const { method, path, body, contentType, accept = JSON_TYPE, timeoutMs = REQUEST_TIMEOUT_MS, signal } = options
    const request = { method, path, doing, accept, timeoutMs, signal, ...(body && { body }), ...(contentType && { contentType }) }
    return check(doing, await this.#observed(verb, kind.kind, this.#transport.send(request))) as R // the parse border: the API server validates what it stores
  }

  async #observed<R extends { readonly code: number }>(verb: string, kind: string, answering: Promise<R>): Promise<R> {
    const started = performance.now()
    let code = 0
    try {
      const answer = await answering
      code = answer.code
      return answer
    } finally {
      this.#observe?.({ verb, kind, code, seconds: (performance.now() - started) / 1000 })
    }
  }
}

interface RawList<T> {
  readonly items?: T[] | null
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string }
}

function check(doing: string, response: HttpResponse): unknown {
  if (response.code >= 200 && response.code < 300) return response.body
  throw errorFromStatus(doing, response.code, response.body, response.retryAfter)
}

/** The items of a list of a core kind carry no kind of their own. */
function named<T extends KubeObject>(kind: ResourceKind, items: T[]): T[] {
  const apiVersion = apiVersionOf(kind)
  return items.map((item) => (item.kind ? item : { ...item, apiVersion, kind: kind.kind }))
}

function describe(verb: string, kind: ResourceKind, ref: Partial<ObjectRef>): string {
  return ref.name
    ? `${verb} ${kind.kind} ${refKey({ ...ref, name: ref.name })}`
    : `${verb} ${kind.plural}${ref.namespace ? ` in ${ref.namespace}` : ''}`
}

/** Written as Go writes JSON, since the API server compares some fields byte by byte with what it wrote itself later. */
function bodyOf(kind: ResourceKind, manifest: Manifest): string {
  const text = JSON.stringify({ ...manifest, apiVersion: apiVersionOf(kind), kind: kind.kind })
  return text.replaceAll(/[<>&\u2028\u2029]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
