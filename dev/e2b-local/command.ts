import { ENDED_COMMANDS_KEPT } from './limits.ts'
import { EnvdError } from './errors.ts'

/** What a command was started as. */
export type CommandConfig = {
  readonly cmd: string
  readonly args: readonly string[]
  readonly envs: Readonly<Record<string, string>>
  readonly cwd?: string
}

/** A request to start a command. */
export type StartCommand = {
  readonly config: CommandConfig
  readonly tag: string | undefined
  readonly stdin: boolean
  readonly pty: { readonly cols: number; readonly rows: number } | undefined
  /** After this many milliseconds the command is killed. */
  readonly timeoutMs: number | undefined
}

/** How a command ended, in envd's words. */
export type CommandEnd = { readonly exitCode: number; readonly exited: boolean; readonly status: string; readonly error?: string }

/** The kinds of output. */
export type OutputKind = 'stdout' | 'stderr' | 'pty'

/** One who listens to a command. `data` answers false to ask for a pause until it calls `resume` of its subscription. */
export type Sink = { data: (kind: OutputKind, bytes: Buffer) => boolean; end: (end: CommandEnd) => void }

/** A listener's hold on a command. */
export type Subscription = { readonly resume: () => void; readonly close: () => void }

/** A command in a sandbox, whichever way it runs. */
export type Command = {
  readonly pid: number
  readonly tag: string | undefined
  readonly config: CommandConfig
  readonly output: Output
  readonly timedOut: boolean
  readonly write: (kind: 'stdin' | 'pty', bytes: Buffer) => Promise<void>
  readonly closeStdin: () => void
  readonly resize: (cols: number, rows: number) => void
  readonly signal: (signal: 'SIGTERM' | 'SIGKILL') => void
}

/** Spreads a command's output to its listeners; the slowest sets the pace, so that nothing is held in memory. */
export class Output {
  readonly #sinks = new Set<Sink>()
  readonly #blocked = new Set<Sink>()
  readonly #flow: (flowing: boolean) => void
  #end: CommandEnd | undefined

  constructor(flow: (flowing: boolean) => void) {
    this.#flow = flow
  }

  get end(): CommandEnd | undefined {
    return this.#end
  }

  publish(kind: OutputKind, bytes: Buffer): void {
    for (const sink of this.#sinks) if (!sink.data(kind, bytes)) this.#blocked.add(sink)
    if (this.#blocked.size > 0) this.#flow(false)
  }

  finish(end: CommandEnd): void {
    if (this.#end !== undefined) return
    this.#end = end
    for (const sink of this.#sinks) sink.end(end)
    this.#sinks.clear()
    this.#blocked.clear()
  }

  /** Later output goes to the sink as well; the end too, at once if the command has ended already. */
  subscribe(sink: Sink): Subscription {
    if (this.#end !== undefined) sink.end(this.#end)
    else this.#sinks.add(sink)
    const resume = () => {
      if (this.#blocked.delete(sink) && this.#blocked.size === 0) this.#flow(true)
    }
    const close = () => {
      this.#sinks.delete(sink)
      resume()
    }
    return { resume, close }
  }
}

/** The end of a process in the words of envd, which are Go's. */
export function commandEnd(exitCode: number | null, signal: NodeJS.Signals | null): CommandEnd {
  if (signal !== null || exitCode === null) {
    const status = `signal: ${SIGNAL_WORDS[signal ?? ''] ?? String(signal)}`
    return { exitCode: -1, exited: false, status, error: status }
  }
  const status = `exit status ${exitCode}`
  return { exitCode, exited: true, status, ...(exitCode === 0 ? {} : { error: status }) }
}

const SIGNAL_WORDS: Record<string, string> = {
  SIGKILL: 'killed',
  SIGTERM: 'terminated',
  SIGINT: 'interrupt',
  SIGHUP: 'hangup',
  SIGSEGV: 'segmentation fault',
  SIGABRT: 'aborted',
  SIGPIPE: 'broken pipe',
}

/** The commands of one sandbox: the running ones, and the last ended ones for clients that come late. */
export class CommandTable {
  readonly #running = new Map<number, Command>()
  readonly #ended = new Map<number, Command>()

  get running(): Iterable<Command> {
    return this.#running.values()
  }

  get size(): number {
    return this.#running.size
  }

  add(command: Command): void {
    this.#running.set(command.pid, command)
    this.#ended.delete(command.pid)
    command.output.subscribe({
      data: () => true,
      end: () => {
        if (this.#running.get(command.pid) !== command) return
        this.#running.delete(command.pid)
        this.#ended.set(command.pid, command)
        const [oldest] = this.#ended.keys()
        if (this.#ended.size > ENDED_COMMANDS_KEPT && oldest !== undefined) this.#ended.delete(oldest)
      },
    })
  }

  /** The running command with this pid or tag; with `ended` also one that ended lately. */
  find(selector: { pid: number | undefined; tag: string | undefined }, which: 'running' | 'ended' = 'running'): Command {
    const { pid, tag } = selector
    const tables = which === 'ended' ? [this.#running, this.#ended] : [this.#running]
    for (const table of tables) {
      const found = pid === undefined ? [...table.values()].findLast((command) => tag !== undefined && command.tag === tag) : table.get(pid)
      if (found !== undefined) return found
    }
    throw new EnvdError(
      'not_found',
      pid === undefined ? `process with tag ${JSON.stringify(tag)} not found` : `process with pid ${pid} not found`,
    )
  }
}
