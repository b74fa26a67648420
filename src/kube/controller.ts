import { randomUUID } from 'node:crypto'
import type { Logger } from 'winston'
import { OperatorError, type Retry } from '../errors.ts'
import type { RuntimeMetrics } from '../metrics/registry.ts'
import { RECONCILE_TIMEOUT_MS } from './limits.ts'
import { WorkQueue } from './work-queue.ts'

/** What a pass says about the next one: look again in so long, or when something changes. */
export type ReconcileResult = { readonly requeueAfterMs?: number | undefined } | void

/** What a pass gets besides its key: a signal that ends when its time is up or the controller stops, and a logger of its own. */
export interface PassContext {
  readonly signal: AbortSignal
  readonly log: Logger
}

/** One pass over one object. May be called at any time and again; never twice at once for the same key. */
export type Reconcile = (key: string, signal: AbortSignal, context: PassContext) => Promise<ReconcileResult>

/** `concurrency` is the number of keys worked on at once. `ready` is awaited before the first pass (usually the informers' sync). */
export interface ControllerOptions {
  readonly name: string
  readonly concurrency: number
  readonly reconcile: Reconcile
  readonly log: Logger
  readonly metrics?: RuntimeMetrics | undefined
  readonly timeoutMs?: number
  readonly retryMs?: { readonly first: number; readonly longest: number }
  readonly ready?: (signal: AbortSignal) => Promise<void>
}

/**
 * Runs a reconcile function for the keys that want it.
 *
 * | a pass ends with                    | next pass                                  |
 * |-------------------------------------|--------------------------------------------|
 * | a result                            | after `requeueAfterMs`, if given           |
 * | an error with `retry: after`        | after its `retryAfterMs`                   |
 * | an error with `retry: never`        | when something changes                     |
 * | any other error, or a time-out      | after a back-off that doubles each time    |
 *
 * In each case also as soon as `enqueue` asks for one.
 */
export class Controller {
  readonly name: string
  readonly queue: WorkQueue
  readonly #options: ControllerOptions
  readonly #stopping = new AbortController()
  #workers: Promise<void>[] = []

  constructor(options: ControllerOptions) {
    this.name = options.name
    this.#options = options
    this.queue = new WorkQueue({
      name: options.name,
      metrics: options.metrics?.queue,
      ...(options.retryMs && { retryMs: options.retryMs }),
    })
  }

  /** Wants a pass over this key now. */
  enqueue(key: string): void {
    this.queue.add(key)
  }

  /** Wants a pass over this key in `ms`: a small delay gathers many changes into one pass. */
  enqueueAfter(key: string, ms: number): void {
    this.queue.addAfter(key, ms)
  }

  /** Starts the workers; they begin when `ready` resolves. */
  start(): void {
    if (this.#workers.length > 0 || this.#stopping.signal.aborted) return
    const ready = this.#options.ready?.(this.#stopping.signal) ?? Promise.resolve()
    this.#workers = Array.from({ length: this.#options.concurrency }, () => this.#work(ready))
  }

  /** Starts no new pass and waits for the running ones; after `graceMs` their signals are aborted. Resolves when all have ended. */
  async stop(graceMs = 5_000): Promise<void> {
    const idle = this.queue.shutdown()
    const timer = setTimeout(() => this.#stopping.abort(new Error('the controller stops')), this.queue.running > 0 ? graceMs : 0)
    await idle
    clearTimeout(timer)
    this.#stopping.abort(new Error('the controller stops'))
    await Promise.all(this.#workers)
  }

  async #work(ready: Promise<void>): Promise<void> {
    try {
      await ready
    } catch (error) {
      if (!this.#stopping.signal.aborted) this.#options.log.error('controller could not start', { controller: this.name, error })
      return
    }
    for (let key = await this.queue.next(); key !== undefined; key = await this.queue.next()) {
      try {
        await this.#pass(key)
      } finally {
        this.queue.done(key)
      }
    }
  }

  async #pass(key: string): Promise<void> {
    const { reconcile, metrics, timeoutMs = RECONCILE_TIMEOUT_MS } = this.#options
    const log = this.#options.log.child({ controller: this.name, object: key, reconcileId: randomUUID() })
    const limit = new AbortController()
    const stop = () => limit.abort(this.#stopping.signal.reason)
    const timer = setTimeout(() => limit.abort(new Error(`the pass took longer than ${timeoutMs} ms`)), timeoutMs)
    this.#stopping.signal.addEventListener('abort', stop, { once: true })
    let outcome: 'ok' | Retry = 'ok'
    try {
      const result = await reconcile(key, limit.signal, { signal: limit.signal, log })
      this.queue.forget(key)
      if (result?.requeueAfterMs !== undefined) this.queue.addAfter(key, result.requeueAfterMs)
    } catch (error) {
      outcome = this.#failed(key, error, log)
    } finally {
      clearTimeout(timer)
      this.#stopping.signal.removeEventListener('abort', stop)
      metrics?.reconciles.inc({ controller: this.name, outcome })
    }
  }

  #failed(key: string, error: unknown, log: Logger): Retry {
    if (this.#stopping.signal.aborted) return 'backoff' // a pass cut short by the stop is no failure
    const retry = error instanceof OperatorError ? error.retry : 'backoff'
    const fields = error instanceof OperatorError ? { reason: error.reason, error: error.message } : { error }
    if (retry === 'backoff') {
      const retryMs = Math.round(this.queue.addBackoff(key))
      log.error('pass failed', { ...fields, retryMs, failures: this.queue.failures(key) })
    } else if (retry === 'after') {
      const retryMs = retryAfterOf(error)
      this.queue.forget(key)
      this.queue.addAfter(key, retryMs)
      log.info('pass waits', { ...fields, retryMs })
    } else {
      this.queue.forget(key)
      log.warn('pass stalled until something changes', fields)
    }
    return retry
  }
}

function retryAfterOf(error: unknown): number {
  return error instanceof Error && 'retryAfterMs' in error && typeof error.retryAfterMs === 'number' ? error.retryAfterMs : 0
}
