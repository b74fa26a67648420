import { mkdir, stat, writeFile } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import type { Backend } from './backend.ts'
import { CommandTable, type Command, type StartCommand } from './command.ts'
import { removeTree } from './data-dir.ts'
import { EnvdError } from './errors.ts'
import { COMMANDS_PER_SANDBOX } from './limits.ts'
import { LocalCommand } from './local-command.ts'
import { LocalFiles } from './local-files.ts'
import { MARKER, signalIfAlive, type Marked, type MarkerScanner } from './markers.ts'
import { diskPath, HOME } from './paths.ts'
import type { LocalPorts } from './ports.ts'
import { LocalTerminal } from './local-terminal.ts'

/** What the real sandboxes of one server share. */
export type Host = {
  readonly serverId: string
  readonly dataDir: string
  readonly ports: LocalPorts
  readonly scanner: Pick<MarkerScanner, 'scan'>
}

/** What a sandbox's commands start with. */
export type Identity = { readonly id: string; readonly templateId: string; readonly envs: Readonly<Record<string, string>> }

const nodeDir = dirname(process.execPath)

/** A sandbox of real processes in a directory of its own. */
export class LocalBackend implements Backend {
  readonly files: LocalFiles
  readonly commands = new CommandTable()
  readonly answer = undefined
  readonly #host: Host
  readonly #identity: Identity
  readonly #root: string
  readonly #ports = new Map<number, number>()
  #ended = false
  #frozen = false

  private constructor(host: Host, identity: Identity) {
    this.#host = host
    this.#identity = identity
    this.#root = join(host.dataDir, identity.id)
    this.files = new LocalFiles(this.#root)
  }

  static async create(host: Host, identity: Identity): Promise<LocalBackend> {
    const backend = new LocalBackend(host, identity)
    const home = join(backend.#root, HOME)
    await mkdir(home, { recursive: true, mode: 0o700 })
    await mkdir(join(backend.#root, 'tmp'))
    // A login shell takes its PATH from the system's profile; this puts our node first again.
    await writeFile(join(home, '.profile'), `PATH=${quoted(nodeDir)}:$PATH\n`)
    return backend
  }

  async start(request: StartCommand): Promise<Command> {
    if (this.commands.size >= COMMANDS_PER_SANDBOX)
      throw new EnvdError('resource_exhausted', `${COMMANDS_PER_SANDBOX} commands are running already; end one first`)
    const cwd = await this.#cwd(request.config.cwd ?? HOME)
    const env = await this.#environment(request.config.envs)
    if (this.#ended) throw new EnvdError('unavailable', 'the sandbox is ending')
    const command = request.pty === undefined ? await LocalCommand.start(request, env, cwd) : await LocalTerminal.start(request, env, cwd)
    this.commands.add(command)
    if (this.#frozen) signalIfAlive(-command.pid, 'SIGSTOP')
    return command
  }

  portOf(port: number): number | undefined {
    return this.#ports.get(port)
  }

  pids(): number[] {
    return [...this.commands.running].map((command) => command.pid)
  }

  async freeze(): Promise<void> {
    this.#frozen = true
    // A process that forks outside the groups while it is looked for appears in the next look.
    const stopped = new Set<number>()
    for (let before = -1; before < stopped.size;) {
      before = stopped.size
      for (const pid of await this.#signalAll('SIGSTOP')) stopped.add(pid)
    }
  }

  async thaw(): Promise<void> {
    this.#frozen = false
    await this.#signalAll('SIGCONT')
  }

  async end(): Promise<void> {
    this.#ended = true
    // A process that forks while it is looked for appears in the next look.
    while ((await this.#signalAll('SIGKILL')).length > 0) await new Promise((resolve) => setTimeout(resolve, 2))
    for (const local of this.#ports.values()) this.#host.ports.release(local)
    this.#ports.clear()
    await removeTree(this.#root)
  }

  /** Groups at once, since they are known; then whatever else carries the sandbox's marker. Returns those found so. */
  async #signalAll(signal: NodeJS.Signals): Promise<number[]> {
    for (const command of this.commands.running) signalIfAlive(-command.pid, signal)
    const mine = (await this.#host.scanner.scan()).filter((process: Marked) => process.sandboxId === this.#identity.id)
    for (const { pid } of mine) signalIfAlive(pid, signal)
    return mine.map(({ pid }) => pid)
  }

  async #cwd(path: string): Promise<string> {
    const disk = await diskPath(path, this.#root)
    const isDirectory = await stat(disk).then(
      (stats) => stats.isDirectory(),
      () => false,
    )
    if (!isDirectory) throw new EnvdError('invalid_argument', `cwd '${path}' does not exist`)
    return disk
  }

  async #environment(envs: Readonly<Record<string, string>>): Promise<NodeJS.ProcessEnv> {
    const { id, templateId } = this.#identity
    const env: NodeJS.ProcessEnv = {
      HOME: join(this.#root, HOME),
      USER: 'user',
      LOGNAME: 'user',
      SHELL: '/bin/bash',
      LANG: 'C.UTF-8',
      TMPDIR: join(this.#root, 'tmp'),
      PATH: [nodeDir, '/usr/local/bin', '/usr/bin', '/bin', '/usr/local/sbin', '/usr/sbin', '/sbin'].join(delimiter),
      E2B_SANDBOX: 'true',
      E2B_SANDBOX_ID: id,
      E2B_TEMPLATE_ID: templateId,
      ...this.#identity.envs,
      ...envs,
      [MARKER]: `${this.#host.serverId}/${id}`,
    }
    for (const [name, value] of Object.entries(env))
      if (/[=\0]/.test(name) || name === '' || value?.includes('\0') === true)
        throw new EnvdError('invalid_argument', `environment variable ${JSON.stringify(name)} is not valid`)
    const port = Number(env['PORT'])
    if (Number.isInteger(port) && port > 0 && port < 65_536) env['PORT'] = String(await this.#localPort(port))
    return env
  }

  async #localPort(port: number): Promise<number> {
    const known = this.#ports.get(port)
    if (known !== undefined) return known
    const local = await this.#host.ports.take()
    const meanwhile = this.#ports.get(port)
    if (meanwhile !== undefined || this.#ended) this.#host.ports.release(local)
    if (this.#ended) throw new EnvdError('unavailable', 'the sandbox is ending')
    this.#ports.set(port, meanwhile ?? local)
    return meanwhile ?? local
  }
}

const quoted = (word: string) => `'${word.replaceAll("'", `'\\''`)}'`
