import type { IncomingMessage, ServerResponse } from 'node:http'
import { readJsonBody, sendEmpty, sendJson } from './body.ts'
import { ApiError } from './errors.ts'
import type { Fleet } from './fleet.ts'
import { fieldsOf, isTextMap, textMapOf, textOf, type Fields } from './input.ts'
import { DEFAULT_TIMEOUT_S } from './limits.ts'
import { pageOf, parseListQuery } from './listing.ts'
import type { Provider } from './provider.ts'
import type { SandboxSpec } from './sandbox.ts'
import type { Size } from './template.ts'

/** What the control plane stands on. */
export type ControlDeps = {
  readonly fleet: Fleet
  readonly provider: Provider
  readonly templates: ReadonlyMap<string, Size>
  readonly domain: () => string
}

type Call = { readonly request: IncomingMessage; readonly response: ServerResponse; readonly url: URL; readonly id: string }
type Handler = (call: Call, deps: ControlDeps) => Promise<void> | void

const ROUTES: ReadonlyArray<readonly [method: string, path: string, handler: Handler]> = [
  ['POST', '/v2/sandboxes', create],
  ['POST', '/sandboxes', create],
  ['GET', '/v2/sandboxes', list],
  ['GET', '/sandboxes', list],
  ['GET', '/sandboxes/metrics', batchMetrics],
  ['GET', '/sandboxes/{id}', detail],
  ['DELETE', '/sandboxes/{id}', kill],
  ['POST', '/v2/sandboxes/{id}/connect', connect],
  ['POST', '/sandboxes/{id}/connect', connect],
  ['POST', '/sandboxes/{id}/resume', connect],
  ['POST', '/sandboxes/{id}/timeout', setTimeoutOf],
  ['POST', '/sandboxes/{id}/pause', pause],
  ['GET', '/sandboxes/{id}/metrics', metrics],
  ['PUT', '/sandboxes/{id}/network', network],
]

const COMPILED = ROUTES.map(([method, path, handler]) => ({
  name: `${method} ${path}`,
  method,
  pattern: new RegExp(`^${path.replace('{id}', '([A-Za-z0-9_-]{1,128})')}$`),
  handler,
}))

/** A route of the API that fits a request: its name for the counters, and what to run. */
export type Route = { readonly name: string; readonly run: (deps: ControlDeps) => Promise<void> }

/** Finds the route for a request; undefined when the API has none. */
export function controlRoute(request: IncomingMessage, response: ServerResponse, url: URL): Route | undefined {
  for (const { name, method, pattern, handler } of COMPILED) {
    const match = method === request.method ? pattern.exec(url.pathname) : null
    if (match !== null) return { name, run: async (deps) => handler({ request, response, url, id: match[1] ?? '' }, deps) }
  }
  return undefined
}

async function create(call: Call, deps: ControlDeps): Promise<void> {
  const { fleet, provider } = deps
  const spec = specOf(await readJsonBody(call.request), deps)
  provider.admitCreate(fleet.runningCount)
  const lost = provider.losesAnswer()
  const sandbox = await fleet.create(spec, async () => {
    const { createLatencyMs } = provider.behaviour
    if (createLatencyMs > 0) await new Promise((resolve) => setTimeout(resolve, createLatencyMs))
  })
  if (lost === 'reset') call.request.socket.destroy()
  else if (lost === 'bad-gateway') sendJson(call.response, 502, { code: 502, message: 'Bad gateway' })
  else sendJson(call.response, 201, sandbox.connection(deps.domain()))
}

function specOf(body: Fields, deps: ControlDeps): SandboxSpec {
  for (const field of ['metadata', 'envVars'])
    if (body[field] !== undefined && body[field] !== null && !isTextMap(body[field]))
      throw new ApiError(400, `${field} must be an object of texts`)
  const template = textOf(body['templateID'])
  if (template === undefined || template === '') throw new ApiError(400, 'templateID is required')
  const alias = template.split(':')[0] ?? ''
  const size = deps.templates.get(alias)
  if (!size) throw new ApiError(404, `template '${template}' not found`)
  const timeoutMs = deps.provider.endOfLife(body['timeout'] ?? DEFAULT_TIMEOUT_S, Date.now()) - Date.now()
  return {
    templateId: alias,
    alias,
    metadata: textMapOf(body['metadata']),
    envs: textMapOf(body['envVars']),
    timeoutMs,
    autoPause: body['autoPause'] === true,
    autoResume: fieldsOf(body['autoResume'])['enabled'] === true,
    allowInternetAccess: typeof body['allow_internet_access'] === 'boolean' ? body['allow_internet_access'] : undefined,
    size,
    network: body['network'] === undefined ? undefined : fieldsOf(body['network']),
  }
}

function list(call: Call, deps: ControlDeps): void {
  const { items, nextToken } = pageOf(deps.fleet.all, parseListQuery(call.url.searchParams))
  const bodies = items.map((sandbox) => sandbox.summary())
  sendJson(call.response, 200, bodies, nextToken === undefined ? {} : { 'x-next-token': nextToken })
}

function detail(call: Call, deps: ControlDeps): void {
  sendJson(call.response, 200, deps.fleet.find(call.id).detail(deps.domain()))
}

async function kill(call: Call, deps: ControlDeps): Promise<void> {
  await deps.fleet.end(deps.fleet.find(call.id))
  sendEmpty(call.response, 204)
}

async function connect(call: Call, deps: ControlDeps): Promise<void> {
  const { fleet, provider } = deps
  const body = await readJsonBody(call.request)
  const sandbox = fleet.find(call.id)
  const timeout = body['timeout'] ?? DEFAULT_TIMEOUT_S
  // A resumed sandbox starts a new session; a running one is only ever given more time.
  if (sandbox.state === 'paused') provider.admitCreate(fleet.runningCount)
  const resumed = await fleet.resume(sandbox, provider.endOfLife(timeout, Date.now()))
  if (!resumed) fleet.endAt(sandbox, Math.max(sandbox.endAtMs, provider.endOfLife(timeout, sandbox.startedAtMs)))
  sendJson(call.response, resumed ? 201 : 200, fleet.find(call.id).connection(deps.domain()))
}

async function setTimeoutOf(call: Call, deps: ControlDeps): Promise<void> {
  const body = await readJsonBody(call.request)
  const sandbox = deps.fleet.find(call.id)
  if (sandbox.state !== 'running') throw new ApiError(404, `sandbox "${call.id}" is not running`)
  deps.fleet.endAt(sandbox, deps.provider.endOfLife(body['timeout'], sandbox.startedAtMs))
  sendEmpty(call.response, 204)
}

async function pause(call: Call, deps: ControlDeps): Promise<void> {
  const sandbox = deps.fleet.find(call.id)
  if (!(await deps.fleet.pause(sandbox))) throw new ApiError(409, `sandbox "${call.id}" is already paused`)
  sendEmpty(call.response, 204)
}

async function network(call: Call, deps: ControlDeps): Promise<void> {
  const body = await readJsonBody(call.request)
  const sandbox = deps.fleet.find(call.id)
  if (sandbox.state !== 'running') throw new ApiError(409, `sandbox "${call.id}" is not running`)
  const { allow_internet_access: access, ...rest } = body
  // What can only be set at create stays as it is; everything else is replaced as a whole.
  const { allowPublicTraffic, maskRequestHost } = sandbox.network
  sandbox.network = {
    ...rest,
    ...(allowPublicTraffic === undefined ? {} : { allowPublicTraffic }),
    ...(maskRequestHost === undefined ? {} : { maskRequestHost }),
  }
  sandbox.allowInternetAccess = typeof access === 'boolean' ? access : undefined
  sendEmpty(call.response, 204)
}

function metrics(call: Call, deps: ControlDeps): void {
  const { searchParams } = call.url
  const start = Number(searchParams.get('start') ?? 0)
  const end = Number(searchParams.get('end') ?? Number.MAX_SAFE_INTEGER)
  if (Number.isNaN(start) || Number.isNaN(end) || start > end)
    throw new ApiError(400, 'start and end must be Unix seconds, start not after end')
  const points = deps.fleet.find(call.id).metrics.filter((point) => point.timestampUnix >= start && point.timestampUnix <= end)
  sendJson(call.response, 200, points)
}

function batchMetrics(call: Call, deps: ControlDeps): void {
  const ids = (call.url.searchParams.get('sandbox_ids') ?? '').split(',').filter((id) => id !== '')
  if (ids.length === 0 || ids.length > 100) throw new ApiError(400, 'sandbox_ids must name between 1 and 100 sandboxes')
  const latest = ids.map((id) => [id, deps.fleet.get(id)?.metrics.at(-1)]).filter(([, point]) => point !== undefined)
  sendJson(call.response, 200, { sandboxes: Object.fromEntries(latest) })
}
