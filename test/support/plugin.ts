import { expect } from 'chai'
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { text } from 'node:stream/consumers'

const PLUGIN = join(import.meta.dirname, '../../operator/kubectl-swarm.ts')

/** Where it is used; an empty address of a router has it find one itself. */
export type PluginPlace = {
  readonly kubeconfig: string
  readonly namespace: string
  readonly routerUrl: string
  readonly e2b: { readonly url: string; readonly apiKey: string }
}

/** Input, and variables of the environment. */
export type RunOptions = { readonly input?: string; readonly env?: Readonly<Record<string, string>> }

/** What a run came to. */
export type Ran = { readonly code: number | null; readonly out: string; readonly err: string }

/** The plugin as a person has it: found by kubectl in the PATH, with a kubeconfig and a home of its own. */
export class Plugin {
  readonly #system: PluginPlace
  readonly directory: string

  constructor(system: PluginPlace) {
    this.#system = system
    this.directory = mkdtempSync(join(tmpdir(), 'swarm-plugin-'))
    chmodSync(PLUGIN, 0o755)
    for (const name of ['kubectl-swarm', 'kubectl_complete-swarm']) symlinkSync(PLUGIN, join(this.directory, name))
  }

  /** Forgets its home. */
  remove(): void {
    rmSync(this.directory, { recursive: true, force: true })
  }

  /** The environment that it runs in. */
  env(more: Readonly<Record<string, string>> = {}): Record<string, string> {
    const { kubeconfig, routerUrl, e2b } = this.#system
    return {
      PATH: [this.directory, process.env['PATH']].join(delimiter),
      HOME: this.directory,
      KUBECONFIG: kubeconfig,
      SWARM_ROUTER_URL: routerUrl,
      E2B_API_URL: e2b.url,
      E2B_SANDBOX_URL: e2b.url,
      E2B_API_KEY: e2b.apiKey,
      ...more,
    }
  }

  /** The words of a command line; what comes after `--` stays there. */
  words(args: readonly string[]): string[] {
    const [command = '', ...rest] = args
    return ['swarm', command, '--namespace', this.#system.namespace, ...rest]
  }

  /** Starts it. */
  start(args: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcessWithoutNullStreams {
    return spawn('kubectl', this.words(args), { env: this.env(env) })
  }

  /** Runs it to its end. */
  async run(args: readonly string[], { input = '', env = {} }: RunOptions = {}): Promise<Ran> {
    const child = this.start(args, env)
    child.stdin.on('error', () => undefined) // it need not read its input
    child.stdin.end(input)
    const code = new Promise<number | null>((resolve) => child.on('close', resolve))
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)])
    return { code: await code, out, err }
  }

  /** What it prints when all is well. */
  async says(args: readonly string[], options: RunOptions = {}): Promise<string> {
    const { code, out, err } = await this.run(args, options)
    expect([code, err]).to.deep.equal([0, ''])
    return out
  }
}
