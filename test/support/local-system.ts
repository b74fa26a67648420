import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

const ROOT = join(import.meta.dirname, '../..')

export type Ran = { code: number; output: string }

/** The local system of `make up`, beside one that a developer may have running: with ports and a directory of its own. */
export class LocalSystem {
  readonly dir = mkdtempSync(join(tmpdir(), 'swarm-dev-'))
  readonly #base: NodeJS.ProcessEnv
  /** What a user's shell has after `. .dev/env`, once it was read. */
  environment: NodeJS.ProcessEnv

  constructor(portOffset: number) {
    this.#base = { ...process.env, SWARM_DEV_DIR: this.dir, SWARM_PORT_OFFSET: String(portOffset), NO_COLOR: '1' }
    this.environment = this.#base
  }

  /** Runs a command of ours or of the user's, and gives its exit code and all it printed. */
  async run(command: string, args: string[]): Promise<Ran> {
    const child = promisify(execFile)(command, args, { cwd: ROOT, env: this.environment, maxBuffer: 16 * 1024 * 1024 })
    return child.then(
      ({ stdout, stderr }) => ({ code: 0, output: stdout + stderr }),
      (error: { code?: number; stdout?: string; stderr?: string }) => ({
        code: error.code ?? 1,
        output: `${error.stdout ?? ''}${error.stderr ?? ''}`,
      }),
    )
  }

  async up(): Promise<Ran> {
    return this.run(process.execPath, ['dev/up.ts'])
  }

  async down(): Promise<Ran> {
    return this.run(process.execPath, ['dev/down.ts'])
  }

  /** Takes over what `.dev/env` assigns, and returns the names. */
  readEnvironment(): string[] {
    const lines = readFileSync(join(this.dir, 'env'), 'utf8').trim().split('\n')
    const assigned = lines.flatMap((line) => {
      const match = /^export (\w+)='([^']*)'$/.exec(line)
      return match ? [[match[1] ?? '', match[2] ?? ''] as const] : []
    })
    this.environment = { ...this.#base, ...Object.fromEntries(assigned) }
    return assigned.map(([name]) => name)
  }

  /** Sandboxes that the provider has. */
  async sandboxes(): Promise<unknown[]> {
    const headers = { 'x-api-key': this.environment['E2B_API_KEY'] ?? '' }
    return (await (await fetch(`${this.environment['E2B_API_URL']}/v2/sandboxes`, { headers })).json()) as unknown[]
  }

  /** Ends it and forgets it. */
  async remove(): Promise<void> {
    await this.down()
    rmSync(this.dir, { recursive: true, force: true })
  }
}
