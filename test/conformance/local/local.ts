import { Sandbox, type SandboxOpts } from 'e2b'
import { connect } from 'node:net'
import { readFileSync } from 'node:fs'
import type { E2bLocalOptions } from '../../../dev/e2b-local/options.ts'
import { startE2bLocal, type E2bLocal } from '../../../dev/e2b-local/server.ts'
import { eventually } from '../../support/wait.ts'

/** A server of our own in this process, and what a test does with it. */
export type Local = {
  readonly server: E2bLocal
  readonly options: { readonly apiKey: string; readonly apiUrl: string; readonly sandboxUrl: string }
  create(options?: SandboxOpts): Promise<Sandbox>
  /** Live processes of a sandbox, wherever they are. */
  processes(sandbox: Sandbox): Promise<number[]>
}

/** Starts a server that behaves as told. */
export async function startLocal(behaviour: E2bLocalOptions = {}): Promise<Local> {
  const server = await startE2bLocal(behaviour)
  const options = { apiKey: server.apiKey, apiUrl: server.url, sandboxUrl: server.url }
  return {
    server,
    options,
    create: async (more = {}) => Sandbox.create({ ...options, ...more }),
    processes: async ({ sandboxId }) => (await server.admin.processes()).filter((one) => one.sandboxId === sandboxId).map((one) => one.pid),
  }
}

/** Sends bytes as they are to the server and returns all that comes back until it closes the connection, or `isEnough` of it. */
export async function exchange(port: number, bytes: string | Buffer, isEnough: (answer: string) => boolean = () => false): Promise<string> {
  return new Promise((resolve, reject) => {
    let answer = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    const done = () => {
      socket.destroy()
      resolve(answer)
    }
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString('latin1')
      if (isEnough(answer)) done()
    })
    socket.on('end', done)
    // A connection that is cut after the answer has come is as good as one that ends.
    socket.on('error', (error: NodeJS.ErrnoException) => (answer === '' || error.code === undefined ? reject(error) : done()))
    socket.setTimeout(20_000, () => socket.destroy(new Error(`no end of the answer: ${JSON.stringify(answer)}`)))
  })
}

/** The one letter by which the system tells what a process does: T for stopped, Z for ended; empty when it has gone. */
export function stateOf(pid: number): string {
  try {
    return /\) (\w)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))?.[1] ?? ''
  } catch {
    return ''
  }
}

/** Whether a process is there and has not ended. */
export function isAlive(pid: number): boolean {
  return !['', 'Z', 'X'].includes(stateOf(pid))
}

/** Starts a command in the background and waits until the sandbox has so many processes. */
export async function startMany(local: Local, sandbox: Sandbox, command: string, count: number): Promise<number[]> {
  await sandbox.commands.run(command, { background: true, timeoutMs: 0 })
  return eventually(`${count} processes run`, async () => {
    const pids = await local.processes(sandbox)
    return pids.length >= count && pids
  })
}
