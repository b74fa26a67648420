import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { commandEnd, Output, type Command, type CommandConfig, type StartCommand } from './command.ts'
import { EnvdError } from './errors.ts'
import { signalIfAlive } from './markers.ts'

/** Milliseconds that output is still read after a killed command's own process has gone, should a child hold it open. */
const AFTER_KILL_MS = 200

/** A command as a real process that leads its own process group. */
export class LocalCommand implements Command {
  readonly pid: number
  readonly tag: string | undefined
  readonly config: CommandConfig
  readonly output: Output
  readonly #child: ChildProcess
  #timedOut = false
  #killed = false

  private constructor(child: ChildProcess, pid: number, request: StartCommand) {
    this.#child = child
    this.pid = pid
    this.tag = request.tag
    this.config = request.config
    this.output = new Output((flowing) => {
      for (const stream of [child.stdout, child.stderr])
        if (flowing) stream?.resume()
        else stream?.pause()
    })
    child.stdout?.on('data', (bytes: Buffer) => this.output.publish('stdout', bytes))
    child.stderr?.on('data', (bytes: Buffer) => this.output.publish('stderr', bytes))
    // A command that closes its input early is not an error of ours.
    child.stdin?.on('error', () => undefined)
    this.#watchEnd(request.timeoutMs)
  }

  /** Starts the process; refused when there is no such program. */
  static async start(request: StartCommand, env: NodeJS.ProcessEnv, cwd: string): Promise<LocalCommand> {
    const stdio = request.stdin ? 'pipe' : 'ignore'
    const child = spawn(request.config.cmd, request.config.args, { cwd, env, detached: true, stdio: [stdio, 'pipe', 'pipe'] })
    child.on('error', () => undefined)
    if (child.pid === undefined) throw new EnvdError('invalid_argument', `cannot start ${JSON.stringify(request.config.cmd)}`)
    return Promise.resolve(new LocalCommand(child, child.pid, request))
  }

  get timedOut(): boolean {
    return this.#timedOut
  }

  async write(kind: 'stdin' | 'pty', bytes: Buffer): Promise<void> {
    const { stdin } = this.#child
    if (kind === 'pty') throw new EnvdError('failed_precondition', `process ${this.pid} has no terminal`)
    if (stdin === null || stdin.writableEnded || stdin.destroyed)
      throw new EnvdError('failed_precondition', `stdin of process ${this.pid} is not open; start it with stdin: true`)
    if (!stdin.write(bytes)) await Promise.race([once(stdin, 'drain'), once(stdin, 'close')])
  }

  closeStdin(): void {
    if (this.#child.stdin === null) throw new EnvdError('failed_precondition', `stdin of process ${this.pid} is not open`)
    this.#child.stdin.end()
  }

  resize(): void {
    throw new EnvdError('failed_precondition', `process ${this.pid} has no terminal`)
  }

  signal(signal: 'SIGTERM' | 'SIGKILL'): void {
    if (this.output.end !== undefined) return
    this.#killed = true
    signalIfAlive(-this.pid, signal)
  }

  #watchEnd(timeoutMs: number | undefined): void {
    const child = this.#child
    const timer =
      timeoutMs === undefined
        ? undefined
        : setTimeout(() => {
            this.#timedOut = true
            this.signal('SIGKILL')
          }, timeoutMs)
    const finish = () => {
      clearTimeout(timer)
      this.output.finish(commandEnd(child.exitCode, child.signalCode))
    }
    // `close` comes when the output has been read to its end, which children that inherited it can put off.
    child.once('close', finish)
    child.once('exit', () => {
      if (this.#killed) setTimeout(finish, AFTER_KILL_MS)
    })
  }
}
