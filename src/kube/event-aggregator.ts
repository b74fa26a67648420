import { createHash } from 'node:crypto'
import type { KubeObject } from './objects.ts'

/** What is told to the user about an object. `reason` is CamelCase and from a closed set; `message` is a sentence. */
export interface Happening {
  readonly type: 'Normal' | 'Warning'
  readonly reason: string
  readonly message: string
}

/** The same happening to the same object, however often: one Event. */
export interface EventSeries {
  readonly name: string
  readonly object: KubeObject
  readonly happening: Happening
  readonly firstMs: number
  lastMs: number
  /** How often it happened; `written` of them are in the API server. */
  count: number
  written: number
}

/** `burst` Events on one object at once, then one every `refillMs`; `maxSeries` and `maxQueued` bound the memory. */
export interface EventLimits {
  readonly burst: number
  readonly refillMs: number
  readonly maxSeries: number
  readonly maxQueued: number
}

export const EVENT_LIMITS: EventLimits = { burst: 25, refillMs: 10_000, maxSeries: 4_096, maxQueued: 1_000 }

/** Decides which happenings become a write: the same one is counted rather than repeated, and a chatty object is slowed down. No I/O. */
export class EventAggregator {
  readonly #limits: EventLimits
  readonly #series = new Map<string, EventSeries>()
  readonly #buckets = new Map<string, { tokens: number; atMs: number }>()
  readonly #queue = new Set<EventSeries>()

  constructor(limits: EventLimits = EVENT_LIMITS) {
    this.#limits = limits
  }

  get queued(): number {
    return this.#queue.size
  }

  /** Counts a happening; says why when it will not be written now. */
  add(object: KubeObject, happening: Happening, nowMs: number): 'queued' | 'rateLimited' | 'queueFull' {
    const series = this.#seriesOf(object, happening, nowMs)
    series.count += 1
    series.lastMs = nowMs
    if (this.#queue.has(series)) return 'queued' // waits already: one write tells of both
    if (this.#queue.size >= this.#limits.maxQueued) return 'queueFull'
    if (!this.#takeToken(object.metadata.uid, nowMs)) return 'rateLimited'
    this.#queue.add(series)
    return 'queued'
  }

  /** The next one to write. */
  take(): EventSeries | undefined {
    const [series] = this.#queue
    if (series) this.#queue.delete(series)
    return series
  }

  #seriesOf(object: KubeObject, happening: Happening, nowMs: number): EventSeries {
    const { uid, name: objectName } = object.metadata
    const id = createHash('sha256').update([uid, happening.type, happening.reason, happening.message].join('\0')).digest('hex').slice(0, 16)
    const known = this.#series.get(id)
    this.#series.delete(id)
    // The name follows from the content, so that a restarted process finds and continues its predecessor's Event.
    const series = known ?? {
      name: `${objectName.slice(0, 230)}.${id}`,
      object,
      happening,
      firstMs: nowMs,
      lastMs: nowMs,
      count: 0,
      written: 0,
    }
    this.#series.set(id, series) // last used, last forgotten
    trim(this.#series, this.#limits.maxSeries)
    return series
  }

  #takeToken(uid: string, nowMs: number): boolean {
    const { burst, refillMs, maxSeries } = this.#limits
    const bucket = this.#buckets.get(uid) ?? { tokens: burst, atMs: nowMs }
    const tokens = Math.min(burst, bucket.tokens + (nowMs - bucket.atMs) / refillMs)
    this.#buckets.delete(uid)
    this.#buckets.set(uid, { tokens: tokens >= 1 ? tokens - 1 : tokens, atMs: nowMs })
    trim(this.#buckets, maxSeries)
    return tokens >= 1
  }
}

function trim(map: Map<string, unknown>, size: number): void {
  if (map.size <= size) return
  const [oldest] = map.keys()
  if (oldest !== undefined) map.delete(oldest)
}
