import { Sandbox } from 'e2b'
import { Registry } from 'prom-client'
import { type Provider } from '../../../src/e2b/provider.ts'
import { Providers } from '../../../src/e2b/providers.ts'
import type { Created } from '../../../src/e2b/session.ts'
import type { CreateRequest, ProbeOutcome } from '../../../src/e2b/types.ts'
import { stampOf } from '../../../src/e2b/metadata.ts'
import { OperatorError } from '../../../src/errors.ts'
import { startE2bLocal } from '../../../dev/e2b-local/server.ts'
import { eventually } from '../../support/wait.ts'

/** A server with sandboxes and a provider for it. */
export type Bench = {
  readonly server: Awaited<ReturnType<typeof startE2bLocal>>
  readonly providers: Providers
  readonly provider: Provider
  readonly registry: Registry
  stop(): Promise<void>
}

/** Starts a server that behaves as told. */
export async function bench(options: Parameters<typeof startE2bLocal>[0] = {}, createsPerSecond = 0): Promise<Bench> {
  const server = await startE2bLocal(options)
  const registry = new Registry()
  const providers = new Providers({ endpoints: { apiUrl: server.url, sandboxUrl: server.url }, createsPerSecond, registry })
  return {
    server,
    providers,
    provider: providers.for(server.apiKey),
    registry,
    stop: async () => {
      await providers.close()
      await server.stop()
    },
  }
}

/** What an agent's sandbox is asked for. */
export function request(nonce = 'nonce-1', change: Partial<CreateRequest> = {}): CreateRequest {
  return {
    templateId: 'base',
    metadata: stampOf({
      operator: 'op/1 & more=%20',
      namespace: 'desk',
      swarm: 'desk',
      swarmUid: 's-1',
      agent: `desk-${nonce}`,
      agentUid: `uid-${nonce}`,
      nonce,
      revision: 'r1',
    }),
    timeoutMs: 120_000,
    network: { allowInternetAccess: true, allowPublicTraffic: false },
    ...change,
  }
}

/** An agent that answers `/health` with 200 and `/busy` with 503. */
const AGENT = `import { createServer } from 'node:http'
console.log('started with', process.argv[2] ?? 'nothing')
createServer((req, res) => {
  res.writeHead(req.url === '/health' ? 200 : 503).end(process.env.MODE ?? '')
  if (req.url === '/leave') process.exit(7)
}).listen(Number(process.env.PORT), '127.0.0.1')
`

/** The port under which agents are known outside; inside they listen on PORT. */
export const PORT = 8080

/** Makes a sandbox and starts the agent in it. */
export async function startAgent(provider: Provider, nonce = 'nonce-1'): Promise<Created> {
  const created = await provider.create(request(nonce))
  await provider.prepare(created.session, [{ path: 'agent.mjs', content: AGENT }])
  await provider.start(created.session, { command: [process.execPath, 'agent.mjs'], env: { PORT: String(PORT) } })
  return created
}

/** One check of an agent. */
export async function probe(provider: Provider, created: Created, path = '/health'): Promise<ProbeOutcome> {
  const { sandboxId, trafficAccessToken } = created
  return provider.probe({ sandboxId, port: PORT, path, ...(trafficAccessToken !== undefined && { trafficAccessToken }) }, 1_000)
}

/** Asks again until the answer is right, and returns it. */
export async function until<T>(what: string, ask: () => Promise<T>, isRight: (answer: T) => boolean): Promise<T> {
  const right = await eventually(what, async () => {
    const answer = await ask()
    return isRight(answer) ? { answer } : undefined
  })
  return right.answer
}

/** The output of a command that a person runs in a sandbox beside the agent, with the package itself. */
export async function shell(on: Bench, sandboxId: string, command: string): Promise<string> {
  const { url, apiKey } = on.server
  const sandbox = await Sandbox.connect(sandboxId, { apiKey, apiUrl: url, sandboxUrl: url })
  return (await sandbox.commands.run(command)).stdout
}

/** The decision with which something fails. */
export async function failure(doing: Promise<unknown>): Promise<OperatorError> {
  try {
    await doing
  } catch (error) {
    if (error instanceof OperatorError) return error
    throw error
  }
  throw new Error('it did not fail')
}
