import { spawn, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { eventually } from './wait.ts'

const ROOT = join(import.meta.dirname, '../..')

/** How one of our programs is run. Only what is in `env` reaches it. */
export type ProgramOptions = { file: string; args: readonly string[]; env: Readonly<Record<string, string>>; listening: string }

/** One of our programs in a process of its own, as a user would run it. */
export class Program {
  readonly #child: ChildProcess
  readonly #name: string
  #log = ''
  port = 0
  readonly exited: Promise<number | null>

  private constructor({ file, args, env }: ProgramOptions) {
    this.#name = file
    this.#child = spawn(process.execPath, [join(ROOT, file), ...args], {
      env: { PATH: process.env['PATH'], ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const keep = (chunk: Buffer) => {
      this.#log = (this.#log + chunk.toString()).slice(-400_000)
    }
    this.#child.stdout?.on('data', keep)
    this.#child.stderr?.on('data', keep)
    this.exited = new Promise((resolve) => this.#child.on('exit', resolve))
    const end = () => this.#child.kill('SIGKILL')
    process.once('exit', end)
    void this.exited.then(() => process.off('exit', end))
  }

  /** Starts the program and waits until it says that it listens. */
  static async start(options: ProgramOptions): Promise<Program> {
    const program = new Program(options)
    const port = await eventually(`${options.file} listens`, () => {
      if (program.#child.exitCode !== null) throw new Error(`${options.file} ended: ${program.#log.slice(-2_000)}`)
      const line = program.#log.split('\n').find((text) => text.includes(options.listening))
      return /"port":(\d+)/.exec(line ?? '')?.[1]
    })
    program.port = Number(port)
    return program
  }

  /** Runs a program that ends by itself. */
  static async run(options: Omit<ProgramOptions, 'listening'>): Promise<{ code: number | null; log: string }> {
    const program = new Program({ ...options, listening: '' })
    const code = await new Promise<number | null>((resolve) => program.#child.on('close', resolve))
    return { code, log: program.#log }
  }

  /** The end of what it has written so far. */
  get log(): string {
    return this.#log
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** Ends it at once, at whatever it is doing. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL')
    await this.exited
  }

  /** Ends it as a cluster would, and checks that it goes in time and in order. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    this.#child.kill('SIGTERM')
    const code = await this.exited
    if (code !== 0) throw new Error(`${this.#name} ended with ${code}: ${this.#log.slice(-2_000)}`)
  }
}
