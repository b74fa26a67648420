import type { AgentOptions, RequestOptions } from 'node:https'
import { setTimeout as startTimer } from 'node:timers'
import type { KubeConfig } from '@kubernetes/client-node'
import { Pool, ProxyAgent, type buildConnector, type Dispatcher } from 'undici'
import { KubeApiError, errorFromConnection } from './api-error.ts'
import { AUTH_REFRESH_MS, CONNECT_TIMEOUT_MS, KEEP_ALIVE_MS, MAX_CONNECTIONS } from './limits.ts'

/** One HTTP request. `doing` names it in errors; `timeoutMs` bounds all of it, or for a stream only the wait for its head. */
export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly doing: string
  readonly body?: string
  readonly contentType?: string
  readonly accept: string
  readonly timeoutMs: number
  readonly signal?: AbortSignal | undefined
}

/** A whole answer, parsed. */
export interface HttpResponse {
  readonly code: number
  readonly body: unknown
  readonly retryAfter: string | undefined
}

/** An answer whose body is still coming. */
export interface HttpStream {
  readonly code: number
  readonly body: Dispatcher.ResponseData['body']
  readonly retryAfter: string | undefined
}

interface Connection {
  readonly fingerprint: string
  readonly headers: Record<string, string>
  /** For requests: bounded, so that a burst waits here and not in the API server. */
  readonly requests: Dispatcher
  /** For watches, which hold their connection as long as they last and must never keep a request waiting. */
  readonly streams: Dispatcher
}

/** HTTP to one API server with the credentials of a kubeconfig: exec plugins, tokens and certificates are looked at again as they rotate. */
export class Transport {
  readonly #config: KubeConfig
  readonly #prefix: string
  readonly #origin: string
  readonly #userAgent: string
  #connection: Promise<Connection> | undefined
  #current: Connection | undefined
  #authenticatedAt = 0

  constructor(config: KubeConfig, userAgent: string) {
    const server = config.getCurrentCluster()?.server
    if (!server) throw new Error('the kubeconfig has no current cluster; choose a context')
    const url = new URL(server)
    this.#config = config
    this.#origin = url.origin
    this.#prefix = url.pathname.replace(/\/$/, '')
    this.#userAgent = userAgent
  }

  /** Sends a request and parses the JSON that comes back, whatever its status code. */
  async send(request: HttpRequest): Promise<HttpResponse> {
    return this.#limited(request, async (signal) => {
      const { statusCode, headers, body } = await this.#dispatch(request, signal, 'requests')
      const text = await body.text()
      return { code: statusCode, body: parse(text), retryAfter: single(headers['retry-after']) }
    })
  }

  /** Sends a request and hands over the body unread. The stream fails when no byte came for `idleMs`, and ends with the signal. */
  async stream(request: HttpRequest, idleMs: number): Promise<HttpStream> {
    const { statusCode, headers, body } = await this.#limited(request, (signal) => this.#dispatch(request, signal, 'streams', idleMs))
    return { code: statusCode, body, retryAfter: single(headers['retry-after']) }
  }

  /** Cuts every connection. Requests under way fail. */
  async close(): Promise<void> {
    const current = this.#current
    this.#connection = this.#current = undefined
    await Promise.all([current?.requests.destroy(), current?.streams.destroy()])
  }

  async #dispatch(
    request: HttpRequest,
    signal: AbortSignal,
    pool: 'requests' | 'streams',
    idleMs?: number,
  ): Promise<Dispatcher.ResponseData> {
    const connection = await this.#connect()
    const headers: Record<string, string> = { ...connection.headers, accept: request.accept }
    if (request.contentType) headers['content-type'] = request.contentType
    const response = await connection[pool].request({
      origin: this.#origin,
      path: this.#prefix + request.path,
      method: request.method,
      headers,
      body: request.body ?? null,
      signal: idleMs === undefined ? signal : (request.signal ?? null),
      headersTimeout: request.timeoutMs,
      bodyTimeout: idleMs ?? request.timeoutMs,
      reset: false, // undici would close the connection after each DELETE with a body
    })
    // A token that was revoked early: ask the plugin or the file again before the next request.
    if (response.statusCode === 401) this.#connection = undefined
    return response
  }

  async #limited<R>(request: HttpRequest, run: (signal: AbortSignal) => Promise<R>): Promise<R> {
    const { doing, timeoutMs, signal } = request
    const limit = new AbortController()
    const cancel = () => limit.abort(new KubeApiError({ code: 0, reason: 'Aborted', message: `stopped before an answer to ${doing}` }))
    const late = () =>
      new KubeApiError({ code: 0, reason: 'Timeout', message: `no answer from the API server to ${doing} in ${timeoutMs} ms` })
    const timer = startTimer(() => limit.abort(late()), timeoutMs)
    signal?.addEventListener('abort', cancel, { once: true })
    if (signal?.aborted) cancel()
    try {
      limit.signal.throwIfAborted()
      return await run(limit.signal)
    } catch (error) {
      if (error instanceof KubeApiError) throw error
      if (limit.signal.aborted) throw limit.signal.reason
      throw errorFromConnection(doing, error)
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', cancel)
    }
  }

  #connect(): Promise<Connection> {
    if (this.#connection && performance.now() - this.#authenticatedAt < AUTH_REFRESH_MS) return this.#connection
    this.#authenticatedAt = performance.now()
    const connecting = this.#authenticate()
    this.#connection = connecting
    connecting.catch(() => {
      if (this.#connection === connecting) this.#connection = undefined
    })
    return connecting
  }

  async #authenticate(): Promise<Connection> {
    const options: RequestOptions & { rejectUnauthorized?: boolean } = {}
    await this.#config.applyToHTTPSOptions(options)
    const headers: Record<string, string> = { 'user-agent': this.#userAgent }
    for (const [name, value] of Object.entries(options.headers ?? {})) headers[name.toLowerCase()] = String(value).trim()
    if (options.auth) headers['authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`
    const { ca, cert, key, pfx, passphrase, rejectUnauthorized, servername } = options
    const fingerprint = JSON.stringify([ca, cert, key, pfx, passphrase, rejectUnauthorized, servername])
    const last = this.#current
    if (last?.fingerprint === fingerprint) return (this.#current = { ...last, headers })

    const how = this.#config.createDispatcherOptions(this.#config.getCurrentCluster(), options as AgentOptions)
    if (how.type === 'socks') throw new Error('a SOCKS proxy to the API server is not supported; use an HTTP proxy')
    const common = { allowH2: false, keepAliveTimeout: KEEP_ALIVE_MS, connectTimeout: CONNECT_TIMEOUT_MS }
    const open = (connections: number | null): Dispatcher => {
      if (how.type === 'proxy')
        return new ProxyAgent({ ...common, uri: how.uri, requestTls: how.requestTls as buildConnector.BuildOptions, connections })
      const connect = { ...(how.type === 'agent' ? how.connect : {}), timeout: CONNECT_TIMEOUT_MS } as buildConnector.BuildOptions
      return new Pool(this.#origin, { ...common, connections, connect })
    }
    this.#current = { fingerprint, headers, requests: open(MAX_CONNECTIONS), streams: open(null) }
    // What is under way on the old connections may finish.
    void last?.requests.close()
    void last?.streams.close()
    return this.#current
  }
}

function parse(text: string): unknown {
  if (text === '') return undefined
  try {
    return JSON.parse(text)
  } catch {
    return { message: text.slice(0, 300) }
  }
}

function single(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header
}
