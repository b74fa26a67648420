import type { IncomingMessage, ServerResponse } from 'node:http'
import { readJsonBody, sendEmpty, sendJson } from './body.ts'
import { ApiError } from './errors.ts'
import type { Fleet } from './fleet.ts'
import { integerOf, type Fields } from './input.ts'
import type { MarkerScanner } from './markers.ts'
import type { Behaviour } from './options.ts'
import type { Provider } from './provider.ts'
import type { Sandbox } from './sandbox.ts'

/** What can be done to one running sandbox to see how its users cope. */
export type Fault =
  /** It vanishes, as when the provider's machine dies. */
  | { readonly type: 'kill' }
  /** All its processes stop; the control plane takes it for running. */
  | { readonly type: 'freeze' }
  /** Connections to it hang. */
  | { readonly type: 'cut-off' }
  /** Every request to it takes so much longer. */
  | { readonly type: 'slow'; readonly delayMs: number }
  /** All of that is over, except a kill. */
  | { readonly type: 'restore' }

/** A sandbox as the administrator sees it. */
export type AdminSandbox = {
  sandboxId: string
  templateId: string
  state: string
  metadata: Record<string, string>
  startedAt: string
  endAt: string
  pids: number[]
  isFrozen: boolean
}

type AdminDeps = {
  readonly fleet: Fleet
  readonly provider: Provider
  readonly scanner: MarkerScanner
  readonly counters: ReadonlyMap<string, number>
}

/** What tests and benchmarks do to a server, and what it tells them. */
export class Admin {
  readonly #deps: AdminDeps

  constructor(deps: AdminDeps) {
    this.#deps = deps
  }

  /** All sandboxes. */
  sandboxes(): AdminSandbox[] {
    return [...this.#deps.fleet.all].map((s) => ({
      sandboxId: s.id,
      templateId: s.templateId,
      state: s.state,
      metadata: { ...s.metadata },
      startedAt: new Date(s.startedAtMs).toISOString(),
      endAt: new Date(s.endAtMs).toISOString(),
      pids: s.backend.pids(),
      isFrozen: s.isFrozen,
    }))
  }

  /** Does something to a sandbox. */
  async fault(id: string, fault: Fault): Promise<void> {
    const sandbox = this.#deps.fleet.find(id)
    switch (fault.type) {
      case 'kill':
        return this.#deps.fleet.end(sandbox)
      case 'freeze':
        sandbox.isFrozen = true
        return sandbox.backend.freeze()
      case 'cut-off':
        sandbox.gate.shut()
        return undefined
      case 'slow':
        sandbox.gate.delayMs = fault.delayMs
        return undefined
      case 'restore':
        return this.#restore(sandbox)
    }
  }

  /** Requests by route since the start. */
  counters(): Record<string, number> {
    return Object.fromEntries(this.#deps.counters)
  }

  /** Changes how the server behaves. */
  setOptions(changes: Partial<Behaviour>): void {
    this.#deps.provider.change(changes)
  }

  /** Live processes of all sandboxes, those included that left their group. */
  async processes(): Promise<{ pid: number; sandboxId: string }[]> {
    return (await this.#deps.scanner.scan()).map(({ pid, sandboxId }) => ({ pid, sandboxId }))
  }

  async #restore(sandbox: Sandbox): Promise<void> {
    sandbox.gate.delayMs = 0
    sandbox.gate.open()
    const wasFrozen = sandbox.isFrozen
    sandbox.isFrozen = false
    // A paused one stays asleep until it is resumed.
    if (wasFrozen && sandbox.state === 'running') await sandbox.backend.thaw()
  }
}

/** The administration over HTTP, under `/local/`. */
export async function serveAdmin(admin: Admin, request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
  const route = `${request.method} ${url.pathname}`
  const fault = /^POST \/local\/sandboxes\/([A-Za-z0-9_-]{1,128})\/faults$/.exec(route)
  if (fault) {
    await admin.fault(fault[1] ?? '', faultOf(await readJsonBody(request)))
    return sendEmpty(response, 204)
  }
  switch (route) {
    case 'GET /local/sandboxes':
      return sendJson(response, 200, admin.sandboxes())
    case 'GET /local/processes':
      return sendJson(response, 200, await admin.processes())
    case 'GET /local/counters':
      return sendJson(response, 200, admin.counters())
    case 'PUT /local/options':
      admin.setOptions(await readJsonBody(request))
      return sendEmpty(response, 204)
    default:
      throw new ApiError(404, `no such route: ${route}; see dev/e2b-local/README.md`)
  }
}

function faultOf(body: Fields): Fault {
  const { type } = body
  if (type === 'kill' || type === 'freeze' || type === 'cut-off' || type === 'restore') return { type }
  const delayMs = integerOf(body['delayMs'])
  if (type === 'slow' && delayMs !== undefined && delayMs >= 0 && delayMs <= 600_000) return { type, delayMs }
  throw new ApiError(400, 'type must be kill, freeze, cut-off, restore, or slow with delayMs from 0 to 600000')
}
