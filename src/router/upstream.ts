import { Agent, type Dispatcher } from 'undici'
import type { Address } from '../api/address.ts'
import { CONNECT_MS, MAX_CONNECTIONS, UPSTREAM_KEEP_ALIVE_MS } from './limits.ts'

/** What came back. `wasSent` is false only when no byte of the request can have reached anybody. */
export type Answer =
  | { readonly kind: 'answer'; readonly status: number; readonly retryAfter: string | undefined; readonly body: Buffer }
  | { readonly kind: 'tooLarge'; readonly status: number }
  | { readonly kind: 'failure'; readonly wasSent: boolean; readonly error: Error }

/** One request to an agent. */
export type UpstreamRequest = {
  readonly address: Address
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly headers: readonly string[]
  readonly body?: string
  readonly maxBytes: number
}

const NOTHING = Buffer.alloc(0)

/** Reads one answer and reports it exactly once; an aborted exchange reports nothing. */
class Exchange implements Dispatcher.DispatchHandler {
  readonly #maxBytes: number
  #report: ((answer: Answer) => void) | undefined
  #controller: Dispatcher.DispatchController | undefined
  #status = 0
  #retryAfter: string | undefined
  #size = 0
  #first: Buffer | undefined
  #rest: Buffer[] | undefined

  constructor(maxBytes: number, report: (answer: Answer) => void) {
    this.#maxBytes = maxBytes
    this.#report = report
  }

  /** Cuts the connection and reports nothing any more. */
  abort(): void {
    this.#report = undefined
    this.#controller?.abort(ABORTED)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    if (!this.#report) controller.abort(ABORTED)
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (status < 200) return
    this.#status = status
    const retryAfter = headers['retry-after']
    this.#retryAfter = typeof retryAfter === 'string' ? retryAfter : undefined
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#size += chunk.length
    if (this.#size > this.#maxBytes) {
      const status = this.#status
      this.#end({ kind: 'tooLarge', status })
      this.abort()
    } else if (!this.#first) this.#first = chunk
    else (this.#rest ??= [this.#first]).push(chunk)
  }

  onResponseEnd(): void {
    const body = this.#rest ? Buffer.concat(this.#rest) : (this.#first ?? NOTHING)
    this.#end({ kind: 'answer', status: this.#status, retryAfter: this.#retryAfter, body })
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#end({ kind: 'failure', wasSent: this.#controller !== undefined, error })
  }

  #end(answer: Answer): void {
    const report = this.#report
    this.#report = undefined
    report?.(answer)
  }
}

const ABORTED = new Error('the request was given up')

/** Connections to agents, kept alive and bounded, one request at a time on each. */
export class Upstream {
  readonly #agent = new Agent({
    connections: MAX_CONNECTIONS,
    pipelining: 1,
    allowH2: false,
    keepAliveTimeout: UPSTREAM_KEEP_ALIVE_MS,
    keepAliveMaxTimeout: UPSTREAM_KEEP_ALIVE_MS,
    connect: { timeout: CONNECT_MS },
    headersTimeout: 0,
    bodyTimeout: 0,
  })

  /** Sends a request; `report` hears once how it ended, never before this returns. */
  send(request: UpstreamRequest, report: (answer: Answer) => void): Exchange {
    const exchange = new Exchange(request.maxBytes, report)
    const { address, method, path, headers, body } = request
    const options = { origin: address.origin, path, method, headers: [...address.headers, ...headers], body: body ?? null }
    try {
      this.#agent.dispatch(options, exchange)
    } catch (error) {
      const failure = error instanceof Error ? error : new Error(String(error))
      queueMicrotask(() => exchange.onResponseError(NO_CONTROLLER, failure))
    }
    return exchange
  }

  /** Cuts every connection. */
  async close(): Promise<void> {
    await this.#agent.destroy()
  }
}

const NO_CONTROLLER = {
  aborted: true,
  paused: false,
  reason: null,
  abort: () => undefined,
  pause: () => undefined,
  resume: () => undefined,
}
