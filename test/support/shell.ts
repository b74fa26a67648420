import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync, existsSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '../..')

/** What of the checkout a reader's shell stands in. */
const SEEN = [
  'Makefile',
  'charts',
  'config',
  'crds',
  'deploy',
  'dev',
  'docs',
  'examples',
  'node_modules',
  'operator',
  'package.json',
  'src',
  'test',
]

/** How a piece of shell is run. */
export type ShellOptions = {
  /** It goes on by itself, and is interrupted as soon as it has printed this. */
  readonly until?: string | undefined
  readonly limitMs: number
}

export type ShellRun = { readonly code: number; readonly output: string }

/**
 * A reader's shell: in a directory where the checkout seems to be, with a home of its own. Variables go on from piece to piece, and so do
 * programs in the background until `end`.
 */
export class ReadersShell {
  readonly dir = mkdtempSync(join(tmpdir(), 'swarm-reader-'))
  readonly #env: NodeJS.ProcessEnv
  readonly #groups: number[] = []

  constructor(env: NodeJS.ProcessEnv, devDir: string) {
    for (const name of SEEN) if (existsSync(join(ROOT, name))) symlinkSync(join(ROOT, name), join(this.dir, name))
    symlinkSync(devDir, join(this.dir, '.dev'))
    const bin = join(this.dir, '.local/bin')
    const plugins = join(this.dir, '.plugins')
    for (const folder of [bin, plugins]) mkdirSync(folder, { recursive: true })
    symlinkSync(join(ROOT, 'operator/kubectl-swarm.ts'), join(plugins, 'kubectl-swarm'))
    this.#env = { ...env, HOME: this.dir, PATH: `${bin}:${plugins}:${env['PATH'] ?? ''}`, PAGER: 'cat' }
  }

  /** Saves a file that readers are to save. */
  save(name: string, text: string): void {
    writeFileSync(join(this.dir, name), `${text}\n`)
  }

  /** Runs lines as a reader would who stops at the first that fails. */
  async run(lines: string, { until, limitMs }: ShellOptions): Promise<ShellRun> {
    const [script, state] = [join(this.dir, '.lines'), join(this.dir, '.state')]
    writeFileSync(
      script,
      [
        `[ ! -f ${state} ] || . ${state}`,
        'set -eu',
        lines,
        'set +eu',
        // Variables that bash itself makes cannot be set again.
        `declare -p | grep -v '^declare -[a-zA-Z]*r' | grep -vE '^declare -[-aAx]+ (BASH|FUNCNAME|PIPESTATUS|DIRSTACK|GROUPS|EPOCH|SRANDOM|RANDOM|SECONDS|LINENO|_)' > ${state}`,
      ].join('\n'),
    )
    const child = spawn('bash', [script], { cwd: this.dir, env: this.#env, stdio: ['ignore', 'pipe', 'pipe'], detached: true })
    const { pid } = child
    if (pid !== undefined) this.#groups.push(pid)
    let output = ''
    let isEnough = false
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        output += chunk.toString()
        if (until === undefined || isEnough || !output.includes(until)) return
        isEnough = true
        signal(pid, 'SIGINT')
      })
    }
    const late = setTimeout(() => {
      output += `\n(ended after ${limitMs / 1000} s)`
      signal(pid, 'SIGKILL')
    }, limitMs)
    const code = await new Promise<number>((resolve) => child.on('exit', (exitCode) => resolve(exitCode ?? 1)))
    clearTimeout(late)
    return { code: isEnough ? 0 : code, output }
  }

  /** Ends what is left in the background. */
  end(): void {
    for (const group of this.#groups) signal(group, 'SIGKILL')
    rmSync(this.dir, { recursive: true, force: true })
  }

  read(name: string): string {
    return readFileSync(join(this.dir, name), 'utf8')
  }
}

function signal(group: number | undefined, name: NodeJS.Signals): void {
  try {
    if (group !== undefined) process.kill(-group, name)
  } catch {
    // it has ended
  }
}
