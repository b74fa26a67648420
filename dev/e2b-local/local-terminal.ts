import { constants } from 'node:os'
import { StringDecoder } from 'node:string_decoder'
import type { IPty } from '@lydell/node-pty'
import { commandEnd, Output, type Command, type CommandConfig, type StartCommand } from './command.ts'
import { EnvdError } from './errors.ts'
import { signalIfAlive } from './markers.ts'

/** A command with a terminal; its process leads a session of its own. */
export class LocalTerminal implements Command {
  readonly tag: string | undefined
  readonly config: CommandConfig
  readonly output: Output
  readonly #terminal: IPty
  /** The terminal takes text only; a character may come in pieces. */
  readonly #decoder = new StringDecoder('utf8')
  #timedOut = false

  private constructor(terminal: IPty, request: StartCommand) {
    this.#terminal = terminal
    this.tag = request.tag
    this.config = request.config
    this.output = new Output((flowing) => (flowing ? terminal.resume() : terminal.pause()))
    const { timeoutMs } = request
    const timer =
      timeoutMs === undefined
        ? undefined
        : setTimeout(() => {
            this.#timedOut = true
            this.signal('SIGKILL')
          }, timeoutMs)
    // Without an encoding the terminal delivers bytes, whatever its types say.
    terminal.onData((data: string | Buffer) => this.output.publish('pty', Buffer.from(data)))
    terminal.onExit(({ exitCode, signal }) => {
      clearTimeout(timer)
      const name = Object.entries(constants.signals).find(([, number]) => number === signal)?.[0]
      this.output.finish(commandEnd(exitCode, isSignal(name) ? name : null))
    })
  }

  /** Starts the process in a new terminal. The native part is loaded when first needed: most sandboxes never do. */
  static async start(request: StartCommand, env: NodeJS.ProcessEnv, cwd: string): Promise<LocalTerminal> {
    const { spawn } = await import('@lydell/node-pty')
    const { cols, rows } = request.pty ?? { cols: 80, rows: 24 }
    assertSize(cols, rows)
    return new LocalTerminal(spawn(request.config.cmd, [...request.config.args], { cols, rows, cwd, env, encoding: null }), request)
  }

  get pid(): number {
    return this.#terminal.pid
  }

  get timedOut(): boolean {
    return this.#timedOut
  }

  async write(_kind: 'stdin' | 'pty', bytes: Buffer): Promise<void> {
    this.#terminal.write(this.#decoder.write(bytes))
    return Promise.resolve()
  }

  closeStdin(): void {
    // End of input on a terminal is a character.
    this.#terminal.write('\u0004')
  }

  resize(cols: number, rows: number): void {
    assertSize(cols, rows)
    this.#terminal.resize(cols, rows)
  }

  signal(signal: 'SIGTERM' | 'SIGKILL'): void {
    if (this.output.end !== undefined) return
    // One that has just begun does not lead a group of processes yet.
    if (!signalIfAlive(-this.pid, signal)) signalIfAlive(this.pid, signal)
  }
}

const isSignal = (name: string | undefined): name is NodeJS.Signals => name !== undefined && name in constants.signals

function assertSize(cols: number, rows: number): void {
  const isFine = [cols, rows].every((n) => Number.isInteger(n) && n > 0 && n < 10_000)
  if (!isFine) throw new EnvdError('invalid_argument', 'a terminal needs between 1 and 9999 columns and rows')
}
