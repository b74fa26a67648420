import { Sandbox, type SandboxOpts } from 'e2b'
import { randomBytes } from 'node:crypto'
import { startE2bLocal } from '../../dev/e2b-local/server.ts'
import { eventually } from '../support/wait.ts'

/** The server that the suite looks at, with what differs between the real one and ours. */
export type Target = {
  /** Connection options of every call. */
  readonly options: { readonly apiKey: string; readonly apiUrl?: string; readonly sandboxUrl?: string }
  /** A value in the metadata of every sandbox of this file, by which its lists are kept apart from all others. */
  readonly run: string
  create(options?: SandboxOpts): Promise<Sandbox>
  /** The address of a port, and the headers with which it is reached. */
  portOf(sandbox: Sandbox, port: number): { readonly url: string; readonly headers: Record<string, string> }
  /** Ends the sandboxes that this file has made. */
  stop(): Promise<void>
}

/**
 * The real service when E2B_CONFORMANCE=real and E2B_API_KEY are set, else an e2b-local of its own.
 * Sandboxes live for two minutes: should a run break off, nothing stays.
 */
export async function openTarget(): Promise<Target> {
  const run = `conformance-${randomBytes(4).toString('hex')}`
  const made: Sandbox[] = []
  const isReal = process.env['E2B_CONFORMANCE'] === 'real'
  const server = isReal ? undefined : await startE2bLocal()
  const options = server
    ? { apiKey: server.apiKey, apiUrl: server.url, sandboxUrl: server.url }
    : { apiKey: process.env['E2B_API_KEY'] ?? '' }
  return {
    options,
    run,
    create: async (more = {}) => {
      const sandbox = await Sandbox.create({ timeoutMs: 120_000, ...options, ...more, metadata: { run, ...more.metadata } })
      made.push(sandbox)
      return sandbox
    },
    portOf: (sandbox, port) =>
      server
        ? { url: server.url, headers: { 'e2b-sandbox-id': sandbox.sandboxId, 'e2b-sandbox-port': String(port) } }
        : { url: `https://${sandbox.getHost(port)}`, headers: {} },
    stop: async () => {
      await Promise.allSettled(made.map(async (sandbox) => sandbox.kill()))
      await server?.stop()
    },
  }
}

/** The error with which something fails. */
export async function failure(doing: Promise<unknown>): Promise<Error> {
  const result = await doing.then(
    () => undefined,
    (error: unknown) => error,
  )
  if (result instanceof Error) return result
  throw new Error('it did not fail')
}

/** The port on which the programs of these tests listen. */
export const PORT = 8080

/** Starts a program of Node in a sandbox and waits until its port answers. It listens on the port in its environment. */
export async function serve(target: Target, sandbox: Sandbox, program: string, port = PORT): Promise<void> {
  await sandbox.files.write(`server-${port}.mjs`, program)
  await sandbox.commands.run(`node server-${port}.mjs`, { background: true, timeoutMs: 0, envs: { PORT: String(port) } })
  await eventually('the port answers', async () => (await ask(target, sandbox, '/', { port })).status !== 502)
}

/** What is sent to a port, which is PORT unless it is named. */
export type PortRequest = Omit<RequestInit, 'headers'> & { port?: number; headers?: Record<string, string> }

/** One request to a port of a sandbox. */
export async function ask(target: Target, sandbox: Sandbox, path = '/', request: PortRequest = {}): Promise<Response> {
  const { port = PORT, headers: own, ...init } = request
  const { url, headers } = target.portOf(sandbox, port)
  return fetch(url + path, { ...init, headers: { ...headers, ...own } })
}

/** Grows a file by a line with the time, every 50 ms, and stays. */
const TICKER = 'while :; do date +%s%3N >> "$FILE"; sleep 0.05; done'

/** How often a ticker has ticked. */
export async function ticks(sandbox: Sandbox, file: string): Promise<number[]> {
  return (await sandbox.files.read(file)).split('\n').filter(Boolean).map(Number)
}

/** Starts a ticker of its own in a sandbox and waits until it ticks. */
export async function startTicker(sandbox: Sandbox, file = 'ticks', wrap = (command: string) => command): Promise<void> {
  const command = wrap(`bash -c '${TICKER}'`)
  await sandbox.commands.run(command, { background: true, timeoutMs: 0, envs: { FILE: file } })
  await eventually(`${file} grows`, async () => (await ticks(sandbox, file)).length > 1)
}

/** Waits while a ticker that is not looked at otherwise ticks so often: time passes as the sandboxes see it. */
export async function passes(clock: Sandbox, count: number, file = 'ticks'): Promise<void> {
  const before = (await ticks(clock, file)).length
  await eventually(`${count} ticks pass`, async () => (await ticks(clock, file)).length >= before + count)
}
