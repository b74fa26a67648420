import { execFileSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Daemon } from '../../dev/cluster/daemon.ts'
import { freePorts, isPortFree } from '../../dev/cluster/ports.ts'
import { eventually } from './wait.ts'

const GRACE_MS = 2_000

/** A repository of manifests that others read over the network, by git's own server on the loopback address. */
export class GitRepository {
  readonly url: string
  readonly #dir: string
  readonly #daemon: Daemon

  private constructor(dir: string, port: number) {
    this.#dir = join(dir, 'agents')
    this.#daemon = new Daemon('git-daemon', dir)
    this.url = `git://127.0.0.1:${port}/agents`
  }

  /** Serves a new and empty one from a directory. */
  static async start(dir: string): Promise<GitRepository> {
    const [port = 0] = await freePorts(1)
    const repository = new GitRepository(dir, port)
    mkdirSync(repository.#dir)
    repository.#git('init', '--quiet', '--initial-branch=main')
    const args = ['daemon', '--listen=127.0.0.1', `--port=${port}`, '--export-all', `--base-path=${dir}`, '--reuseaddr']
    await repository.#daemon.start({ command: 'git', args })
    await eventually('git serves', async () => !(await isPortFree(port)))
    return repository
  }

  /** Writes files and takes others out (null), as one commit; returns its hash. */
  commit(files: Readonly<Record<string, string | null>>, message: string): string {
    for (const [name, text] of Object.entries(files)) {
      const file = join(this.#dir, name)
      mkdirSync(dirname(file), { recursive: true })
      if (text === null) rmSync(file)
      else writeFileSync(file, text)
    }
    this.#git('add', '--all')
    this.#git('commit', '--quiet', `--message=${message}`)
    return this.head
  }

  /** Takes the last commit back by another one. */
  revert(): string {
    this.#git('revert', '--no-edit', 'HEAD')
    return this.head
  }

  get head(): string {
    return this.#git('rev-parse', 'HEAD').trim()
  }

  async stop(): Promise<void> {
    await this.#daemon.stop(GRACE_MS)
  }

  killNow(): void {
    this.#daemon.killNow()
  }

  #git(...args: string[]): string {
    const who = {
      GIT_AUTHOR_NAME: 'ann',
      GIT_AUTHOR_EMAIL: 'ann@example.com',
      GIT_COMMITTER_NAME: 'ann',
      GIT_COMMITTER_EMAIL: 'ann@example.com',
    }
    const env = { PATH: process.env['PATH'], GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null', ...who }
    return execFileSync('git', args, { cwd: this.#dir, env, encoding: 'utf8' })
  }
}
