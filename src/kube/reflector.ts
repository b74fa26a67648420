import type { Logger } from 'winston'
import type { RuntimeMetrics } from '../metrics/registry.ts'
import { errorFromConnection, errorFromStatus, KubeApiError } from './api-error.ts'
import type { KubeClient } from './client.ts'
import { backoffMs } from '../time/backoff.ts'
import { WATCH_IDLE_MS, WATCH_RETRY_MS, WATCH_SECONDS } from './limits.ts'
import type { KubeObject, ResourceKind } from './objects.ts'
import { pause } from '../time/pause.ts'
import type { Selection } from './requests.ts'
import { WatchBroken, type WatchEvent } from './watch-stream.ts'

/** `idleMs`: a watch without a byte for so long is given up. `seconds`: a watch is renewed after this, up to twice of it. */
export interface WatchTimes {
  readonly idleMs: number
  readonly seconds: number
  readonly retryMs: { readonly first: number; readonly longest: number }
}

/** Where the news go. */
export interface Sink<T> {
  listed(items: readonly T[], resourceVersion: string): void
  seen(object: T): void
  gone(object: T): void
  progressed(resourceVersion: string): void
}

/** What to follow, and who hears of it. */
export interface ReflectorOptions<T extends KubeObject> {
  readonly client: KubeClient
  readonly kind: ResourceKind<T>
  readonly selection: Selection
  readonly sink: Sink<T>
  readonly log: Logger
  readonly metrics?: RuntimeMetrics | undefined
  readonly times?: Partial<WatchTimes>
  readonly onState?: () => void
}

/**
 * Follows one selection of objects for ever.
 *
 * | what happens                                   | what follows                                       |
 * |------------------------------------------------|----------------------------------------------------|
 * | the watch ends or breaks off, or is idle       | watch again from the last version, after a back-off |
 * | 410, an error within the watch, a line unknown | list again, then watch                             |
 * | the list fails                                 | list again after a back-off                        |
 */
export class Reflector<T extends KubeObject> {
  readonly #options: ReflectorOptions<T>
  readonly #times: WatchTimes
  /** Where the watch continues; `undefined` when a list is needed. */
  #version: string | undefined
  #failures = 0
  failure: KubeApiError | undefined

  constructor(options: ReflectorOptions<T>) {
    this.#options = options
    this.#times = { idleMs: WATCH_IDLE_MS, seconds: WATCH_SECONDS, retryMs: WATCH_RETRY_MS, ...options.times }
  }

  /** Runs until the signal aborts; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        if (this.#version === undefined) await this.#list(signal)
        await this.#watch(signal)
      } catch (error) {
        if (signal.aborted) return
        this.#failed(error)
      }
      if (this.#failures > 0) await pause(backoffMs(this.#times.retryMs, this.#failures - 1, Math.random()), signal)
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { client, kind, selection, sink, metrics } = this.#options
    metrics?.informerLists.inc({ kind: kind.kind })
    const { items, resourceVersion } = await client.list(kind, selection, { signal })
    sink.listed(items, resourceVersion)
    this.#version = resourceVersion
    this.#works()
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { client, kind, selection, metrics } = this.#options
    metrics?.informerWatches.inc({ kind: kind.kind })
    const timeoutSeconds = Math.round(this.#times.seconds * (1 + Math.random()))
    const began = performance.now()
    let heard = false
    for await (const events of client.watch(kind, selection, {
      resourceVersion: this.#version ?? '',
      timeoutSeconds,
      idleMs: this.#times.idleMs,
      signal,
    })) {
      this.#works()
      if (events.length === 0) continue
      heard = true
      for (const event of events) this.#take(event)
      this.#failures = 0
    }
    if (!heard && performance.now() - began < 1_000)
      this.#failures += 1 // a server that ends each watch at once must not be asked in a tight loop
    else this.#failures = 0
  }

  #take(event: WatchEvent): void {
    const { sink, kind } = this.#options
    const doing = `watch ${kind.plural}`
    if (event.type === 'ERROR') {
      this.#version = undefined
      const code = 'code' in event.object && typeof event.object.code === 'number' ? event.object.code : 500
      throw errorFromStatus(doing, code, event.object)
    }
    const { object } = event
    const version = versionOf(object)
    if (version === undefined) throw new WatchBroken(doing, 'an object has no resource version')
    if (event.type === 'BOOKMARK') sink.progressed(version)
    else if (!isObject<T>(object)) throw new WatchBroken(doing, 'an object has no name or uid')
    else if (event.type === 'DELETED') sink.gone(object)
    else sink.seen(object)
    this.#version = version
  }

  #failed(error: unknown): void {
    const { log, kind, selection, onState } = this.#options
    if (error instanceof WatchBroken || (error instanceof KubeApiError && error.isGone)) this.#version = undefined
    this.#failures += 1
    const failure = error instanceof KubeApiError ? error : errorFromConnection(`watch ${kind.plural}`, error)
    const isNews = this.failure?.reason !== failure.reason
    this.failure = failure
    if (isNews) onState?.()
    // The first break is ordinary (a server restarts, a connection is recycled); one that lasts is not.
    const level = this.#failures === 3 ? 'warn' : 'debug'
    log.log(level, 'watch interrupted', {
      kind: kind.kind,
      ...selection,
      reason: failure.reason,
      error: failure.message,
      failures: this.#failures,
    })
  }

  /** Listing or watching is possible (again). */
  #works(): void {
    if (!this.failure) return
    const { log, kind, onState } = this.#options
    if (this.#failures >= 3) log.info('watch is back', { kind: kind.kind, failures: this.#failures })
    this.failure = undefined
    onState?.()
  }
}

function versionOf(object: object): string | undefined {
  if (!('metadata' in object) || typeof object.metadata !== 'object' || object.metadata === null) return undefined
  const { metadata } = object
  return 'resourceVersion' in metadata && typeof metadata.resourceVersion === 'string' && metadata.resourceVersion !== ''
    ? metadata.resourceVersion
    : undefined
}

function isObject<T extends KubeObject>(object: object): object is T {
  if (!('metadata' in object) || typeof object.metadata !== 'object' || object.metadata === null) return false
  const { metadata } = object
  return 'name' in metadata && typeof metadata.name === 'string' && 'uid' in metadata && typeof metadata.uid === 'string'
}
