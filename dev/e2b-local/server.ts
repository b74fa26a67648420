import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { mkdirSync, mkdtempSync } from 'node:fs'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Admin, serveAdmin } from './admin.ts'
import { sendJson } from './body.ts'
import { controlRoute, type ControlDeps } from './control.ts'
import { ApiError } from './errors.ts'
import { Fleet } from './fleet.ts'
import { LightBackend } from './light-backend.ts'
import { HEADER_BYTES } from './limits.ts'
import { LocalBackend } from './local-backend.ts'
import { markedProcesses, MarkerScanner, signalIfAlive } from './markers.ts'
import { DEFAULT_BEHAVIOUR, changeBehaviour, type E2bLocalOptions } from './options.ts'
import { LocalPorts } from './ports.ts'
import { Provider } from './provider.ts'
import { PortProxy } from './proxy.ts'
import { seededRandom } from './random.ts'
import { addressOf, serveTraffic, serveUpgrade, type TrafficDeps } from './traffic.ts'
import { UsageSampler } from './usage.ts'

export type { Admin, AdminSandbox, Fault } from './admin.ts'

/** A running server. `stop` ends every sandbox and resolves when no process of one is left. */
export type E2bLocal = {
  readonly url: string
  readonly port: number
  readonly apiKey: string
  readonly admin: Admin
  readonly stop: () => Promise<void>
}

/** The API key of a server that listens on loopback and was given none. */
export const DEFAULT_API_KEY = 'e2b_local'

/** The file in the data directory that names the server whose sandboxes live there. */
const OWNER_FILE = 'server-id'

/** Starts an E2B-compatible server. */
export async function startE2bLocal(options: E2bLocalOptions = {}): Promise<E2bLocal> {
  const { host = '127.0.0.1', port = 0, apiKey = DEFAULT_API_KEY, light = false, seed = 1, templates = [], dataDir, ...given } = options
  const behaviour = changeBehaviour(DEFAULT_BEHAVIOUR, given)
  if (typeof behaviour === 'string') throw new TypeError(behaviour)
  const directory = dataDir ?? mkdtempSync(join(tmpdir(), 'e2b-local-'))
  const serverId = await takeOver(directory)
  const scanner = new MarkerScanner(serverId)
  const space = { usedBytes: 0 }
  const shared = { serverId, dataDir: directory, ports: new LocalPorts(), scanner }
  const fleet = new Fleet(async (identity) => (light ? new LightBackend(space) : LocalBackend.create(shared, identity)))
  const provider = new Provider(behaviour, seededRandom(seed))
  const counters = new Map<string, number>()
  const admin = new Admin({ fleet, provider, scanner, counters })
  const traffic: TrafficDeps = { fleet, proxy: new PortProxy(), provider }
  const control: ControlDeps = { fleet, provider, templates: new Set(['base', ...templates]), domain: () => 'e2b.local' }
  const server = createServer({ maxHeaderSize: HEADER_BYTES, keepAliveTimeout: 65_000 })
  const front = new Front({ traffic, control, admin, counters, apiKey })
  server.on('request', (request, response) => front.serve(request, response))
  server.on('upgrade', (request, socket, head) => void serveUpgrade(traffic, request, socket, head))
  server.on('clientError', (_error, socket) => {
    if (socket.writable)
      socket.end(
        'HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n{"code":400,"message":"the request is not valid HTTP"}',
      )
  })
  await listen(server, port, host)
  const sampler = light ? undefined : new UsageSampler(fleet, scanner)
  const bound = (server.address() as AddressInfo).port
  let stopping: Promise<void> | undefined
  const stop = async () => {
    sampler?.stop()
    server.close()
    await fleet.endAll()
    traffic.proxy.close()
    server.closeAllConnections()
    if (dataDir === undefined) await rm(directory, { recursive: true, force: true })
    else await rm(join(directory, OWNER_FILE), { force: true })
  }
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    port: bound,
    apiKey,
    admin,
    stop: async () => (stopping ??= stop()),
  }
}

/**
 * Makes the data directory ours: what a server that was killed has left there, processes and files, is ended first.
 * Only that server's: the directory says which one it was.
 */
async function takeOver(directory: string): Promise<string> {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const file = join(directory, OWNER_FILE)
  const former = (await readFile(file, 'utf8').catch(() => '')).trim()
  if (former) {
    for (;;) {
      const left = (await markedProcesses()).filter((process) => process.serverId === former)
      if (left.length === 0) break
      for (const { pid } of left) signalIfAlive(pid, 'SIGKILL')
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    const names = (await readdir(directory)).filter((name) => /^i[a-z0-9]{20}$/.test(name))
    await Promise.all(names.map(async (name) => rm(join(directory, name), { recursive: true, force: true })))
  }
  const serverId = randomBytes(8).toString('hex')
  await writeFile(file, serverId, { mode: 0o600 })
  return serverId
}

async function listen(server: Server, port: number, host: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

type FrontDeps = { traffic: TrafficDeps; control: ControlDeps; admin: Admin; counters: Map<string, number>; apiKey: string }

/** The one door: traffic to sandboxes, the control plane, the administration. */
class Front {
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
    const url = new URL(request.url ?? '/', 'http://e2b-local')
    if (url.pathname === '/health') return sendJson(response, 200, { status: 'ok' })
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
