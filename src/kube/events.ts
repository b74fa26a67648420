import type { Logger } from 'winston'
import type { RuntimeMetrics } from '../metrics/registry.ts'
import { KubeApiError } from './api-error.ts'
import type { KubeClient } from './client.ts'
import { EVENT_LIMITS, EventAggregator, type EventLimits, type EventSeries, type Happening } from './event-aggregator.ts'
import { EVENTS, keyOf, type CoreEvent, type KubeObject } from './objects.ts'
import { pause } from '../time/pause.ts'

/** `component` is shown as the source; `instance` tells the replicas apart. */
export interface EventRecorderOptions {
  readonly client: KubeClient
  readonly component: string
  readonly instance?: string
  readonly log: Logger
  readonly metrics?: RuntimeMetrics | undefined
  readonly limits?: Partial<EventLimits>
}

const TRIES = 3
const RETRY_MS = 500
const FLUSH_MS = 2_000

/** Writes Events beside the work, one at a time: never throws, never makes anybody wait, and drops rather than grows. */
export class EventRecorder {
  readonly #options: EventRecorderOptions
  readonly #aggregator: EventAggregator
  readonly #stopping = new AbortController()
  #writing: Promise<void> | undefined
  #isStopped = false

  constructor(options: EventRecorderOptions) {
    this.#options = options
    this.#aggregator = new EventAggregator({ ...EVENT_LIMITS, ...options.limits })
  }

  /** Tells the user about the object. The same happening again raises the count of the first Event. */
  record(object: KubeObject, happening: Happening): void {
    if (this.#isStopped) return
    const outcome = this.#aggregator.add(object, happening, Date.now())
    const { log, metrics } = this.#options
    if (outcome !== 'queued') metrics?.eventsDropped.inc({ why: outcome })
    const { type, reason, message: text } = happening
    log.log(type === 'Warning' ? 'warn' : 'info', 'event', { object: `${object.kind} ${keyOf(object)}`, reason, text })
    this.#writing ??= this.#drain()
  }

  /** Writes what waits, for two seconds at most, and takes no more. */
  async stop(): Promise<void> {
    this.#isStopped = true
    const timer = setTimeout(() => this.#stopping.abort(), FLUSH_MS)
    await this.#writing
    clearTimeout(timer)
  }

  async #drain(): Promise<void> {
    await Promise.resolve() // several happenings of one pass share the start
    for (let series = this.#aggregator.take(); series && !this.#stopping.signal.aborted; series = this.#aggregator.take()) {
      await this.#write(series)
    }
    this.#writing = undefined
  }

  async #write(series: EventSeries): Promise<void> {
    const { log, metrics } = this.#options
    const { signal } = this.#stopping
    for (let tries = 1; !signal.aborted; tries += 1) {
      try {
        return await this.#send(series, signal)
      } catch (error) {
        const failure = error instanceof KubeApiError ? error : undefined
        if (tries < TRIES && failure && failure.retry !== 'never' && !failure.isForbidden) {
          await pause(Math.max(RETRY_MS, Math.min(failure.retryAfterMs, 5_000)), signal)
          continue
        }
        metrics?.eventsDropped.inc({ why: 'failed' })
        log.debug('event not recorded', {
          event: series.happening.reason,
          object: series.object.metadata.name,
          reason: failure?.reason,
          error,
        })
        return
      }
    }
  }

  /** Raises the count where the Event exists; it may be our predecessor's, and it may have expired. */
  async #send(series: EventSeries, signal: AbortSignal): Promise<void> {
    const { client } = this.#options
    const count = series.count
    const more = count - series.written
    if (more <= 0) return
    const ref = { namespace: namespaceOf(series.object), name: series.name }
    const lastTimestamp = stamp(series.lastMs)
    try {
      if (series.written > 0) {
        await client.mergePatch(EVENTS, ref, { count, lastTimestamp }, { signal })
      } else {
        await client.create(EVENTS, this.#manifest(series, count), { signal })
      }
    } catch (error) {
      if (!(error instanceof KubeApiError)) throw error
      if (error.isNotFound && series.written > 0) {
        await client.create(EVENTS, this.#manifest(series, count), { signal })
      } else if (error.isAlreadyExists) {
        const there: CoreEvent | undefined = await client.get(EVENTS, ref, { signal })
        const before = there?.count ?? 0
        await client.mergePatch(EVENTS, ref, { count: before + more, lastTimestamp }, { signal })
        series.count += before // by now perhaps more than what was just written
        series.written = before + count
        return
      } else throw error
    }
    series.written = count
  }

  #manifest({ name, object, happening, firstMs, lastMs }: EventSeries, count: number) {
    const { component, instance = component } = this.#options
    const { apiVersion, kind, metadata } = object
    const { namespace, uid, resourceVersion } = metadata
    return {
      metadata: { namespace: namespaceOf(object), name },
      involvedObject: { apiVersion, kind, name: metadata.name, uid, resourceVersion, ...(namespace && { namespace }) },
      ...happening,
      message: happening.message.slice(0, 1024),
      count,
      firstTimestamp: stamp(firstMs),
      lastTimestamp: stamp(lastMs),
      source: { component },
      reportingComponent: component,
      reportingInstance: instance,
    }
  }
}

/** Events on cluster-scoped objects live in the namespace `default`. */
function namespaceOf(object: KubeObject): string {
  return object.metadata.namespace ?? 'default'
}

function stamp(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z')
}
