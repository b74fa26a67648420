import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { serveAdmin, type Admin } from './admin.ts'
import { sendJson, urlOf } from './body.ts'
import { controlRoute, type ControlDeps } from './control.ts'
import { ApiError } from './errors.ts'
import { signedFor } from './files-http.ts'
import { ENVD_PORT } from './limits.ts'
import { addressOf, serveTraffic, type TrafficDeps } from './traffic.ts'

/** What is behind the one door. */
export type FrontDeps = { traffic: TrafficDeps; control: ControlDeps; admin: Admin; counters: Map<string, number>; apiKey: string }

/** The one door: traffic to sandboxes, the control plane, the administration. */
export class Front {
  readonly #deps: FrontDeps
  readonly #keyHash: Buffer

  constructor(deps: FrontDeps) {
    this.#deps = deps
    this.#keyHash = hash(deps.apiKey)
  }

  serve(request: IncomingMessage, response: ServerResponse): void {
    request.on('error', () => response.destroy())
    const address = addressOf(request)
    if (address !== undefined) {
      this.#count('sandbox traffic')
      serveTraffic(this.#deps.traffic, address, request, response)
      return
    }
    this.#answer(request, response).catch((error: unknown) => this.#refuse(response, error))
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = urlOf(request)
    if (url.pathname === '/health') return sendJson(response, 200, { status: 'ok' })
    const signed = url.pathname === '/files' ? signedFor(this.#deps.traffic.fleet, request.method ?? 'GET', url.searchParams) : undefined
    if (signed !== undefined) {
      this.#count('sandbox traffic')
      return serveTraffic(this.#deps.traffic, { id: signed.id, port: ENVD_PORT }, request, response)
    }
    this.#authenticate(request)
    if (url.pathname.startsWith('/local/')) return serveAdmin(this.#deps.admin, request, response, url)
    const route = controlRoute(request, response, url)
    if (route === undefined) throw new ApiError(404, `no such route: ${request.method} ${url.pathname}`)
    this.#count(route.name)
    this.#deps.control.provider.mayFail()
    return route.run(this.#deps.control)
  }

  #authenticate(request: IncomingMessage): void {
    const given = request.headers['x-api-key']
    if (typeof given === 'string' && timingSafeEqual(hash(given), this.#keyHash)) return
    throw new ApiError(401, 'Invalid API key, please visit https://e2b.dev/docs/api-key for more information.')
  }

  #refuse(response: ServerResponse, error: unknown): void {
    if (error instanceof ApiError) return sendJson(response, error.code, { code: error.code, message: error.message }, error.headers)
    sendJson(response, 500, { code: 500, message: 'internal error' })
  }

  #count(route: string): void {
    this.#deps.counters.set(route, (this.#deps.counters.get(route) ?? 0) + 1)
  }
}

const hash = (text: string) => createHash('sha256').update(text).digest()
