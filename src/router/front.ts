import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerOptions, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { MAX_BODY_BYTES, MAX_CLIENTS, MAX_DISCARDED_BYTES, MAX_HEADER_BYTES, MAX_URL_CHARS } from './limits.ts'
import { Problem, type ProblemCode } from './problem.ts'
import { endConnection } from './streams.ts'

/** What the front hands on: one function for each thing that a client can do. */
export interface Routes {
  task(place: SwarmPlace, request: IncomingMessage, response: ServerResponse): void
  swarms(namespace: string, response: ServerResponse): void
  swarm(place: SwarmPlace, response: ServerResponse): void
  events(place: SwarmPlace, response: ServerResponse): void
  stats(response: ServerResponse): void
  health(path: '/healthz' | '/readyz', response: ServerResponse): void
  metrics(response: ServerResponse): void
  /** Something threw that nobody expected. */
  broken(error: unknown, response: ServerResponse): void
}

/** A swarm in a path. */
export type SwarmPlace = { readonly namespace: string; readonly swarm: string }

/** Makes the server of a front. */
export type Serve = (options: ServerOptions, listener: RequestListener) => Server

/** The HTTP server: limits, paths and methods; what to do is in the routes. */
export class Front {
  readonly #routes: Routes
  readonly #server: Server
  /** Without a listener an error of one answer would end the process. */
  readonly #failed: (this: ServerResponse, error: unknown) => void
  #sendsAway = false

  constructor(routes: Routes, serve: Serve = createServer) {
    this.#routes = routes
    this.#failed = function (error) {
      routes.broken(error, this)
    }
    this.#server = serve(
      {
        maxHeaderSize: MAX_HEADER_BYTES,
        headersTimeout: 10_000,
        requestTimeout: 60_000,
        connectionsCheckingInterval: 5_000,
        keepAliveTimeout: 75_000,
        noDelay: true,
      },
      (request, response) => this.#answer(request, response),
    )
    this.#server.maxConnections = MAX_CLIENTS
    this.#server.on('clientError', refuseMalformed)
  }

  /** Listens; resolves with the port, which matters when 0 was asked for. */
  async listen(host: string, port: number): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    this.#server.once('error', reject)
    this.#server.listen({ host, port, backlog: 1024 }, resolve)
    await promise
    this.#server.off('error', reject)
    return (this.#server.address() as AddressInfo).port // a server that listens on TCP has one
  }

  /** From now on a connection ends with its next answer: its client comes back by another one, which may lead to another router. */
  sendAway(): void {
    this.#sendsAway = true
  }

  /** Closes the port and every connection; call it when all answers are written. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#server.closeIdleConnections()
    const force = setTimeout(() => this.#server.closeAllConnections(), 500)
    await closed
    clearTimeout(force)
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    if (this.#sendsAway) response.shouldKeepAlive = false
    request.on('error', ignore)
    response.on('error', this.#failed)
    attempt(this.#routes, response, () => this.#route(request, response))
  }

  #route(request: IncomingMessage, response: ServerResponse): void {
    const { url = '/', method = '' } = request
    if (url.length > MAX_URL_CHARS) throw new Problem('UrlTooLong', { detail: `the path has more than ${MAX_URL_CHARS} characters` })
    const query = url.indexOf('?')
    const path = query < 0 ? url : url.slice(0, query)
    const [root, v1, namespaces, namespace = '', swarms, swarm, action, ...rest] = path.split('/')
    if (root === '' && v1 === 'v1' && namespaces === 'namespaces' && namespace && swarms === 'swarms' && rest.length === 0) {
      if (swarm === undefined) return allow(method, 'GET', () => this.#routes.swarms(name(namespace), response))
      const place = { namespace: name(namespace), swarm: name(swarm) }
      if (action === undefined) return allow(method, 'GET', () => this.#routes.swarm(place, response))
      if (action === 'events') return allow(method, 'GET', () => this.#routes.events(place, response))
      if (action === 'tasks') return allow(method, 'POST', () => this.#routes.task(place, request, response))
    }
    if (path === '/healthz' || path === '/readyz') return allow(method, 'GET', () => this.#routes.health(path, response))
    if (path === '/internal/stats') return allow(method, 'GET', () => this.#routes.stats(response))
    if (path === '/metrics') return allow(method, 'GET', () => this.#routes.metrics(response))
    throw new Problem('NotFound', { detail: 'tasks go to POST /v1/namespaces/{namespace}/swarms/{swarm}/tasks' })
  }
}

/** A request fails when its client goes away, which its answer tells as well. */
const ignore = () => undefined

/** Does something that ends in an answer, whatever it throws. */
export function attempt(routes: Pick<Routes, 'broken'>, response: ServerResponse, then: () => void): void {
  try {
    then()
  } catch (error) {
    if (error instanceof Problem) sendProblem(response, error)
    else routes.broken(error, response)
  }
}

/** Sends JSON that is already text. */
export function sendJson(response: ServerResponse, status: number, text: string): void {
  if (response.headersSent || response.destroyed) return
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
  response.end(text)
}

/** Sends a failure. The connection goes on, unless too much of the request is still to come to wait for it. */
export function sendProblem(response: ServerResponse, problem: Problem, options: { readonly mustClose?: boolean } = {}): void {
  if (response.headersSent || response.destroyed) return
  const text = problem.body()
  const { retryAfterSeconds } = problem.fields
  const mustClose = options.mustClose || isLong(response.req)
  response.writeHead(problem.status, {
    'content-type': 'application/problem+json',
    'content-length': Buffer.byteLength(text),
    ...(retryAfterSeconds !== undefined && { 'retry-after': String(retryAfterSeconds) }),
    ...(mustClose && { connection: 'close' }),
  })
  response.end(text)
  if (!response.req.complete && !mustClose) response.req.resume()
}

/** Whether more of the request may come than is read for nothing. */
function isLong(request: IncomingMessage): boolean {
  const { 'content-length': length, 'transfer-encoding': encoding } = request.headers
  return !request.complete && (encoding !== undefined || Number(length ?? 0) > MAX_BODY_BYTES)
}

/**
 * Reads a body up to the limit. What is somewhat larger is read to its end and thrown away, because a client that is cut off
 * while it sends may never see the answer.
 */
export function readBody(request: IncomingMessage, done: (body: Buffer | Problem) => void): void {
  const tooLarge = () =>
    new Problem('BodyTooLarge', { detail: `the body has more than ${MAX_BODY_BYTES} bytes; send a reference to large data` })
  if (Number(request.headers['content-length'] ?? 0) > MAX_DISCARDED_BYTES) return done(tooLarge())
  const chunks: Buffer[] = []
  let size = 0
  request.on('data', (chunk: Buffer) => {
    size += chunk.length
    if (size <= MAX_BODY_BYTES) chunks.push(chunk)
    else if (size > MAX_DISCARDED_BYTES && !request.isPaused()) {
      request.pause()
      done(tooLarge())
    }
  })
  request.on('end', () => {
    if (size > MAX_BODY_BYTES) done(tooLarge())
    else done(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks))
  })
}

const NAME = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/

function name(text: string): string {
  if (NAME.test(text)) return text
  throw new Problem('NotFound', { detail: 'names in the path are Kubernetes names: lower case letters, digits, - and .' })
}

function allow(method: string, allowed: string, then: () => void): void {
  if (method !== allowed) throw new Problem('MethodNotAllowed', { detail: `use ${allowed} here, not ${method.slice(0, 20)}` })
  then()
}

const MALFORMED: Readonly<Record<string, ProblemCode>> = {
  HPE_HEADER_OVERFLOW: 'HeadersTooLarge',
  ERR_HTTP_REQUEST_TIMEOUT: 'RequestTimeout',
}

const MALFORMED_TEXT: Partial<Record<ProblemCode, string>> = {
  HeadersTooLarge: `the headers have more than ${MAX_HEADER_BYTES} bytes, all in all; send fewer or shorter ones`,
  RequestTimeout: 'the request did not arrive in time (10 s for its headers, 60 s for all of it); send it in one go',
}

/** Answers what the parser of HTTP has refused. Nobody else hears an answer: a TLS handshake that failed would have to end before it. */
function refuseMalformed({ code: cause = '' }: NodeJS.ErrnoException, socket: Socket): void {
  const code = MALFORMED[cause] ?? (cause.startsWith('HPE_') ? 'BadRequest' : undefined)
  if (code === undefined || !socket.writable) return void socket.destroy()
  const problem = new Problem(code, { detail: MALFORMED_TEXT[code] ?? 'the request is not valid HTTP/1.1; send it again' })
  const text = problem.body()
  const head = `HTTP/1.1 ${problem.status} Refused\r\nContent-Type: application/problem+json\r\nConnection: close\r\n`
  endConnection(socket, `${head}Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`)
}
