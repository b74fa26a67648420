import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Admin } from './admin.ts'
import type { ControlDeps } from './control.ts'
import { giveUp, takeOver } from './data-dir.ts'
import { Fleet } from './fleet.ts'
import { Front } from './front.ts'
import { LightBackend } from './light-backend.ts'
import { HEADER_BYTES } from './limits.ts'
import { hold, listen, refuseInvalid } from './listener.ts'
import { LocalBackend } from './local-backend.ts'
import { MarkerScanner } from './markers.ts'
import { DEFAULT_BEHAVIOUR, changeBehaviour, type E2bLocalOptions } from './options.ts'
import { LocalPorts } from './ports.ts'
import { Provider } from './provider.ts'
import { PortProxy } from './proxy.ts'
import { seededRandom } from './random.ts'
import { parseTemplate, type Size } from './template.ts'
import { addressOf, serveUpgrade, type TrafficDeps } from './traffic.ts'
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

/** Starts an E2B-compatible server. */
export async function startE2bLocal(options: E2bLocalOptions = {}): Promise<E2bLocal> {
  const { host = '127.0.0.1', port = 0, apiKey = DEFAULT_API_KEY, light = false, seed = 1, templates = [], dataDir, ...given } = options
  const behaviour = changeBehaviour(DEFAULT_BEHAVIOUR, given)
  if (typeof behaviour === 'string') throw new TypeError(behaviour)
  const server = createServer({
    maxHeaderSize: HEADER_BYTES,
    keepAliveTimeout: 65_000,
    // Some clients offer HTTP/2 with every request; the control plane does not take it and answers as usual.
    shouldUpgradeCallback: (request) => addressOf(request) !== undefined,
  })
  server.on('clientError', refuseInvalid)
  // The port comes first: a second start by mistake must not end the sandboxes of the server that has it.
  const whileStarting = hold(server)
  await listen(server, port, host)
  const { directory, serverId } = await home(dataDir).catch((error: unknown) => {
    server.close()
    server.closeAllConnections()
    throw error
  })
  const scanner = new MarkerScanner(serverId)
  const space = { usedBytes: 0 }
  const shared = { serverId, dataDir: directory, ports: new LocalPorts(), scanner }
  const fleet = new Fleet(async (identity) => (light ? new LightBackend(space) : LocalBackend.create(shared, identity)))
  const provider = new Provider(behaviour, seededRandom(seed))
  const counters = new Map<string, number>()
  const admin = new Admin({ fleet, provider, scanner, counters })
  const traffic: TrafficDeps = { fleet, proxy: new PortProxy(), provider }
  const control: ControlDeps = { fleet, provider, templates: templatesOf(templates), domain: () => 'e2b.local' }
  const front = new Front({ traffic, control, admin, counters, apiKey })
  whileStarting.release(
    (request, response) => front.serve(request, response),
    (request, socket, head) => void serveUpgrade(traffic, request, socket, head),
  )
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
    else await giveUp(directory)
  }
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    port: bound,
    apiKey,
    admin,
    stop: async () => (stopping ??= stop()),
  }
}

/** The templates by name; throws when one is not written as it should be. */
function templatesOf(texts: readonly string[]): ReadonlyMap<string, Size> {
  return new Map(
    ['base', ...texts].map((text) => {
      const template = parseTemplate(text)
      if (typeof template === 'string') throw new TypeError(template)
      return template
    }),
  )
}

async function home(dataDir: string | undefined): Promise<{ directory: string; serverId: string }> {
  const directory = dataDir ?? (await mkdtemp(join(tmpdir(), 'e2b-local-')))
  return { directory, serverId: await takeOver(directory) }
}
