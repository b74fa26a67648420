import { type ConnectionOpts, Sandbox } from 'e2b'
import { inspect } from 'node:util'
import { run, runInTerminal, type Run, type TerminalRun } from './beside.ts'
import type { Exit, SandboxFile, StartRequest } from './types.ts'
import { exitFrom, LOOK_COMMAND, startCommand } from './start-script.ts'

/** What the provider tells about a sandbox so that one can talk with it. */
export type Access = {
  readonly sandboxID: string
  readonly domain?: string | null
  readonly envdVersion: string
  readonly envdAccessToken?: string
}

type Limit = { readonly signal: AbortSignal; readonly timeoutMs: number }

/** A sandbox with which one can talk. The token opens its ports when public traffic is closed; it is a secret. */
export type Connected = {
  readonly sandboxId: string
  readonly domain?: string
  readonly trafficAccessToken?: string
  readonly session: Session
}

/** A new sandbox. The times are ours, taken before the request left: the provider's are never earlier. */
export type Created = Connected & { readonly startedAtMs: number; readonly endAtMs: number }

/** A way to talk with one sandbox. Nothing stays open for it, and printing it shows no token. */
export class Session {
  readonly sandboxId: string
  readonly #sandbox: Sandbox

  constructor(access: Access, connection: ConnectionOpts) {
    this.sandboxId = access.sandboxID
    this.#sandbox = new Sandbox({
      ...connection,
      sandboxId: access.sandboxID,
      envdVersion: access.envdVersion,
      ...(access.domain ? { sandboxDomain: access.domain } : {}),
      ...(access.envdAccessToken === undefined ? {} : { envdAccessToken: access.envdAccessToken }),
    })
  }

  /** Writes all files with one request. */
  async write(files: readonly SandboxFile[], limit: Limit): Promise<void> {
    const entries = files.map(({ path, content }) => ({ path, data: typeof content === 'string' ? content : bytesOf(content) }))
    await this.#sandbox.files.write(entries, { signal: limit.signal, requestTimeoutMs: limit.timeoutMs })
  }

  /** Starts the agent, unless it was started before. */
  async start(request: StartRequest, limit: Limit): Promise<void> {
    const handle = await this.#sandbox.commands.run(startCommand(this.sandboxId, request.command), {
      background: true,
      timeoutMs: 0, // its default would end the agent after a minute
      envs: { ...request.env },
      requestTimeoutMs: limit.timeoutMs,
      signal: limit.signal,
      ...(request.cwd === undefined ? {} : { cwd: request.cwd }),
    })
    await handle.disconnect()
  }

  /** Looks whether the agent's process has ended. */
  async exit(limit: Limit): Promise<Exit> {
    const options = { timeoutMs: limit.timeoutMs, requestTimeoutMs: limit.timeoutMs, signal: limit.signal }
    const exit = exitFrom((await this.#sandbox.commands.run(LOOK_COMMAND, options)).stdout)
    if (!exit) throw new Error('the look at the command gave no answer')
    return exit
  }

  /** Runs a command beside the agent to its end; gives its exit code. */
  async run(request: Run): Promise<number> {
    return run(this.#sandbox, request)
  }

  /** The same with a terminal. */
  async runInTerminal(request: TerminalRun): Promise<number> {
    return runInTerminal(this.#sandbox, request)
  }

  /** For `console.log` and loggers. */
  [inspect.custom](): string {
    return `Session(${this.sandboxId})`
  }
}

/** The bytes alone, however large the buffer behind the view is. */
const bytesOf = (view: Uint8Array): ArrayBuffer => new Uint8Array(view).buffer
