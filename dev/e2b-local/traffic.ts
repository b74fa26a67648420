import type { IncomingMessage, ServerResponse } from 'node:http'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { sendJson } from './body.ts'
import { serveEnvd } from './envd.ts'
import type { Fleet } from './fleet.ts'
import { ENVD_PORT } from './limits.ts'
import type { Provider } from './provider.ts'
import { forwarded, type PortProxy } from './proxy.ts'
import type { Sandbox } from './sandbox.ts'

/** Where a request goes that is not for the control plane. */
export type Address = { readonly id: string; readonly port: number }

/** What the way into sandboxes stands on. */
export type TrafficDeps = { readonly fleet: Fleet; readonly proxy: PortProxy; readonly provider: Provider }

type Refusal = { readonly status: number; readonly message: string }

// No hyphen in the id: `10-0-0-7.…`, as machines and pods are named, is not a sandbox.
const HOST = /^(\d{1,5})-([A-Za-z0-9]+)\./

/** The sandbox and port that a request names by its headers or by its host; undefined when it names none. */
export function addressOf(request: IncomingMessage): Address | undefined {
  const id = request.headers['e2b-sandbox-id']
  if (typeof id === 'string') return { id, port: Number(request.headers['e2b-sandbox-port'] ?? ENVD_PORT) }
  const match = HOST.exec(request.headers.host ?? '')
  return match === null ? undefined : { id: match[2] ?? '', port: Number(match[1]) }
}

/** Takes a request to its sandbox. */
export function serveTraffic(deps: TrafficDeps, address: Address, request: IncomingMessage, response: ServerResponse): void {
  if (!isPort(address.port)) return refuse(response, address, BAD_PORT)
  const sandbox = deps.fleet.get(address.id)
  if (sandbox?.state === 'running' && sandbox.gate.isClear) return enter(deps, sandbox, address.port, request, response)
  admit(deps, address.id).then(
    (admitted) => {
      if (admitted === undefined) refuse(response, address, NOT_FOUND)
      else if (!response.destroyed) enter(deps, admitted, address.port, request, response)
    },
    () => refuse(response, address, NOT_FOUND),
  )
}

/** Said of a sandbox that was not there when the request came. */
const NOT_FOUND: Refusal = { status: 502, message: 'The sandbox was not found' }
const BAD_PORT: Refusal = { status: 400, message: 'The port of a sandbox is a number from 1 to 65535' }
/** Said of everything that goes wrong later, also when the sandbox is lost under way: the provider's proxy does not tell these apart. */
const CLOSED: Refusal = { status: 502, message: 'The sandbox is running but port is not open' }

const isPort = (port: number) => Number.isInteger(port) && port > 0 && port < 65_536

/** Waits for a sandbox that is asleep or behind a fault; undefined when it is not to be had. */
async function admit(deps: TrafficDeps, id: string): Promise<Sandbox | undefined> {
  const sandbox = deps.fleet.get(id)
  if (sandbox?.state === 'paused' && sandbox.spec.autoResume)
    await deps.fleet.resume(sandbox, deps.provider.endOfLife(Math.ceil(sandbox.spec.timeoutMs / 1000), Date.now()))
  if (sandbox?.state !== 'running' || !(await sandbox.gate.pass())) return undefined
  return sandbox.state === 'running' ? sandbox : undefined
}

// oxlint-disable-next-line max-params -- the hot path builds no objects
function enter(deps: TrafficDeps, sandbox: Sandbox, port: number, request: IncomingMessage, response: ServerResponse): void {
  const refusal = port === ENVD_PORT ? undefined : tokenRefusal(sandbox, request)
  const address = { id: sandbox.id, port }
  if (refusal !== undefined) return refuse(response, address, refusal)
  const { answer } = sandbox.backend
  if (port !== ENVD_PORT && answer !== undefined) return answer(request, response)
  track(sandbox, response, () => {
    if (response.headersSent) response.destroy()
    else refuse(response, address, CLOSED)
  })
  if (port === ENVD_PORT) return void serveEnvd(sandbox, request, response)
  const local = sandbox.backend.portOf(port)
  if (local === undefined) return refuse(response, address, CLOSED)
  deps.proxy.forward(request, response, local, () => refuse(response, address, CLOSED))
}

function track(sandbox: Sandbox, client: ServerResponse | Duplex, cut: () => void): void {
  sandbox.underWay.add(cut)
  client.once('close', () => sandbox.underWay.delete(cut))
}

function tokenRefusal(sandbox: Sandbox, request: IncomingMessage): Refusal | undefined {
  if (sandbox.trafficAccessToken === undefined) return undefined
  const given = request.headers['e2b-traffic-access-token']
  if (given === sandbox.trafficAccessToken) return undefined
  const header = "Token header 'e2b-traffic-access-token'"
  return given === undefined
    ? { status: 403, message: `Sandbox is secured with traffic access token. ${header} is missing` }
    : { status: 403, message: `Sandbox is secured with traffic access token. ${header} is invalid` }
}

function refuse(response: ServerResponse, address: Address, refusal: Refusal): void {
  sendJson(response, refusal.status, bodyOf(address, refusal))
}

function bodyOf(address: Address, { status, message }: Refusal): Record<string, unknown> {
  return { sandboxId: address.id, message, ...(message === NOT_FOUND.message ? {} : { port: address.port }), code: status }
}

/** Takes a connection that wants to become another protocol, a websocket for instance, to its sandbox. */
export async function serveUpgrade(deps: TrafficDeps, request: IncomingMessage, client: Duplex, head: Buffer): Promise<void> {
  client.on('error', () => client.destroy())
  const address = addressOf(request)
  if (address === undefined)
    return refuseRaw(client, { id: '', port: 0 }, { status: 400, message: 'only ports of sandboxes can be upgraded' })
  if (!isPort(address.port)) return refuseRaw(client, address, BAD_PORT)
  const sandbox = await admit(deps, address.id).catch(() => undefined)
  if (sandbox === undefined) return refuseRaw(client, address, NOT_FOUND)
  const refusal = tokenRefusal(sandbox, request)
  if (refusal !== undefined) return refuseRaw(client, address, refusal)
  const local = sandbox.backend.portOf(address.port)
  if (local === undefined) return refuseRaw(client, address, CLOSED)
  const upstream = connect({ port: local, host: '127.0.0.1', noDelay: true })
  upstream.once('connect', () => {
    upstream.write(requestHead(request))
    if (head.length > 0) upstream.write(head)
    upstream.pipe(client).pipe(upstream)
  })
  upstream.on('error', () => (upstream.bytesRead === 0 ? refuseRaw(client, address, CLOSED) : client.destroy()))
  upstream.once('close', () => client.end())
  client.once('close', () => upstream.destroy())
  track(sandbox, client, () => client.destroy())
}

function requestHead(request: IncomingMessage): string {
  const lines = [
    `${request.method ?? 'GET'} ${request.url ?? '/'} HTTP/1.1`,
    `Connection: Upgrade`,
    `Upgrade: ${request.headers.upgrade ?? ''}`,
  ]
  const headers = forwarded(request.rawHeaders)
  for (let i = 0; i + 1 < headers.length; i += 2) lines.push(`${headers[i] ?? ''}: ${headers[i + 1] ?? ''}`)
  return `${lines.join('\r\n')}\r\n\r\n`
}

function refuseRaw(client: Duplex, address: Address, refusal: Refusal): void {
  const body = JSON.stringify(bodyOf(address, refusal))
  client.end(
    `HTTP/1.1 ${refusal.status} Refused\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  )
}
