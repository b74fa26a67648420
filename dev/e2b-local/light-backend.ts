import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Backend } from './backend.ts'
import { readBody, sendEmpty, sendJson } from './body.ts'
import { commandEnd, CommandTable, Output, type Command, type CommandConfig, type StartCommand } from './command.ts'
import { ApiError, EnvdError } from './errors.ts'
import { COMMANDS_PER_SANDBOX } from './limits.ts'
import { LightFiles, type LightSpace } from './light-files.ts'

/** Tasks that a light agent says it takes at once. */
const CAPACITY = 16

/** A command that only claims to run: with a time limit it ends at once, without one it stays until it is killed. */
class LightCommand implements Command {
  readonly pid: number
  readonly tag: string | undefined
  readonly config: CommandConfig
  readonly output = new Output(() => undefined)
  readonly timedOut = false

  constructor(pid: number, request: StartCommand) {
    this.pid = pid
    this.tag = request.tag
    this.config = request.config
    const stays = request.timeoutMs === undefined || request.config.envs['PORT'] !== undefined
    if (!stays) setImmediate(() => this.output.finish(commandEnd(0, null)))
  }

  async write(): Promise<void> {
    return Promise.resolve()
  }

  closeStdin(): void {
    this.output.finish(commandEnd(0, null))
  }

  resize(): void {
    // There is no terminal whose size could matter.
  }

  signal(signal: 'SIGTERM' | 'SIGKILL'): void {
    setImmediate(() => this.output.finish(commandEnd(null, signal)))
  }
}

/** A sandbox without processes: every port is answered by the server itself. */
export class LightBackend implements Backend {
  readonly files: LightFiles
  readonly commands = new CommandTable()
  readonly answer = answerAgent
  #lastPid = 100

  constructor(space: LightSpace) {
    this.files = new LightFiles(space)
  }

  async start(request: StartCommand): Promise<Command> {
    if (this.commands.size >= COMMANDS_PER_SANDBOX)
      throw new EnvdError('resource_exhausted', `${COMMANDS_PER_SANDBOX} commands are running already; end one first`)
    const command = new LightCommand(++this.#lastPid, request)
    this.commands.add(command)
    return Promise.resolve(command)
  }

  portOf(): undefined {
    return undefined
  }

  pids(): number[] {
    return []
  }

  async freeze(): Promise<void> {
    return Promise.resolve()
  }

  async thaw(): Promise<void> {
    return Promise.resolve()
  }

  async end(): Promise<void> {
    for (const command of this.commands.running) command.signal('SIGKILL')
    this.files.clear()
    return Promise.resolve()
  }
}

/** Speaks the agent protocol: healthy, and every task's output is its input. */
function answerAgent(request: IncomingMessage, response: ServerResponse): void {
  const path = request.url?.split('?')[0]
  if (request.method === 'GET' && path === '/health') return sendJson(response, 200, { inFlight: 0, capacity: CAPACITY })
  if (request.method === 'PUT' && path === '/swarm') {
    request.resume()
    return sendEmpty(response, 204)
  }
  if (request.method !== 'POST' || path !== '/tasks') return sendJson(response, 404, { code: 404, message: 'not found' })
  readBody(request)
    .then((body) => {
      const output = inputOf(body)
      if (output === undefined) throw new ApiError(400, 'the task is not a JSON object')
      sendJson(response, 200, output)
    })
    .catch((error: unknown) => {
      // What nests too deep can be read but not written.
      const refusal = error instanceof RangeError ? new ApiError(400, 'the task nests too deep') : error
      if (refusal instanceof ApiError) sendJson(response, refusal.code, { code: refusal.code, message: refusal.message })
      else response.destroy()
    })
}

function inputOf(body: Buffer): { output: unknown } | undefined {
  try {
    const task: unknown = JSON.parse(body.toString('utf8'))
    return typeof task === 'object' && task !== null ? { output: 'input' in task ? task.input : null } : undefined
  } catch {
    return undefined
  }
}
