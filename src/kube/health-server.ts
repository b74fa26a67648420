import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerOptions, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Logger } from 'winston'

/** Says whether one part works: true, or a sentence that says what does not. */
export type Check = () => true | string | Promise<true | string>

/** Where the metrics come from; a prom-client registry is one. */
export interface MetricsSource {
  readonly contentType: string
  metrics(): Promise<string>
}

/** Why somebody does not get the metrics. */
export interface MetricsRefusal {
  readonly status: number
  readonly detail: string
  readonly challenge?: string
}

/** `live` failing asks for a restart, `ready` failing only for patience. `host` is where to listen, on all addresses unless given. */
export interface HealthServerOptions {
  readonly port: number
  readonly host?: string
  readonly registry: MetricsSource
  readonly log: Logger
  /** Who gets the metrics; everybody when left out. The checks are open always. */
  readonly guard?: ((request: IncomingMessage) => Promise<MetricsRefusal | undefined>) | undefined
  /** Makes the server; one of plain HTTP when left out. */
  readonly serve?: ((options: ServerOptions, listener: RequestListener) => Server) | undefined
  readonly live?: Readonly<Record<string, Check>>
  readonly ready?: Readonly<Record<string, Check>>
}

const CHECK_TIMEOUT_MS = 2_000

/** Connections that are open at once. */
const MAX_CONNECTIONS = 256

/**
 * Serves `/metrics`, `/healthz` and `/readyz`; `?verbose` on the latter two lists the checks also when all is well. A connection gets one
 * answer, and the oldest gives way to a new one: nobody who holds some keeps the probes of the kubelet out.
 */
export class HealthServer {
  readonly #options: HealthServerOptions
  readonly #server: Server
  /** From the oldest to the newest. */
  readonly #sockets = new Set<Socket>()

  constructor(options: HealthServerOptions) {
    this.#options = options
    const serve = options.serve ?? createServer
    this.#server = serve(
      { maxHeaderSize: 8_192, requestTimeout: 5_000, headersTimeout: 5_000, connectionsCheckingInterval: 5_000 },
      (request, response) => {
        response.shouldKeepAlive = false
        this.#answer(request, response).catch((error: unknown) => {
          options.log.error('health request failed', { error })
          if (response.headersSent) response.destroy()
          else reply(response, 500, 'internal error\n')
        })
      },
    )
    this.#server.on('connection', (socket: Socket) => this.#admit(socket))
  }

  /** Listens; resolves with the port, which matters when 0 was asked for. */
  async start(): Promise<number> {
    const { port, host } = this.#options
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#server.once('error', reject)
    this.#server.listen({ port, ...(host && { host }) }, resolve)
    await promise
    this.#server.off('error', reject)
    return (this.#server.address() as AddressInfo).port // a server that listens on TCP has one
  }

  /** Answers what has been asked, for a second at most, and closes. */
  async stop(): Promise<void> {
    if (!this.#server.listening) return
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#server.closeIdleConnections()
    const timer = setTimeout(() => this.#server.closeAllConnections(), 1_000)
    await closed
    clearTimeout(timer)
  }

  #admit(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    const [oldest] = this.#sockets
    if (this.#sockets.size > MAX_CONNECTIONS) oldest?.destroy()
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (request.method !== 'GET' && request.method !== 'HEAD') return reply(response, 405, 'only GET\n')
    // Nothing here takes a body; one that is sent anyway is not read.
    if (request.headers['transfer-encoding'] || Number(request.headers['content-length'] ?? 0) > 0)
      return reply(response, 413, 'no body, please\n')
    const { live = {}, ready = {} } = this.#options
    const [path = '', query = ''] = (request.url ?? '/').split('?')
    switch (path) {
      case '/metrics':
        return this.#metrics(request, response)
      case '/healthz':
        return report(response, live, query)
      case '/readyz':
        return report(response, ready, query)
      default:
        return reply(response, 404, 'try /metrics, /healthz or /readyz\n')
    }
  }

  async #metrics(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { guard, registry } = this.#options
    const refusal = await guard?.(request)
    if (!refusal) return reply(response, 200, await registry.metrics(), registry.contentType)
    if (refusal.challenge !== undefined) response.setHeader('www-authenticate', refusal.challenge)
    reply(response, refusal.status, `${refusal.detail}\n`)
  }
}

async function report(response: ServerResponse, checks: Readonly<Record<string, Check>>, query: string): Promise<void> {
  const results = await Promise.all(Object.entries(checks).map(async ([name, check]) => ({ name, result: await run(check) })))
  const isWell = results.every(({ result }) => result === true)
  const lines = results.map(({ name, result }) => (result === true ? `[+] ${name}: ok\n` : `[-] ${name}: ${result}\n`))
  const isVerbose = !isWell || new URLSearchParams(query).has('verbose')
  reply(response, isWell ? 200 : 503, isVerbose ? `${lines.join('')}${isWell ? 'ok' : 'failed'}\n` : 'ok\n')
}

async function run(check: Check): Promise<true | string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  const timer = setTimeout(() => resolve(`no answer in ${CHECK_TIMEOUT_MS} ms`), CHECK_TIMEOUT_MS)
  try {
    return await Promise.race([Promise.resolve(check()), promise])
  } catch (error) {
    return error instanceof Error ? error.message : 'threw'
  } finally {
    clearTimeout(timer)
  }
}

function reply(response: ServerResponse, code: number, text: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(code, { 'content-type': type, 'content-length': Buffer.byteLength(text), 'x-content-type-options': 'nosniff' })
  response.end(text)
}
