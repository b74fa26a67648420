import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { KubeConfig } from '@kubernetes/client-node'
import { Agent, request } from 'undici'
import { eventually } from '../../support/wait.ts'

/** An answer of the router. */
export type Reply = { readonly status: number; readonly headers: Record<string, unknown>; readonly body: ReplyBody }

/** All members that an answer of the router may have. */
export type ReplyBody = {
  readonly id?: string
  readonly output?: { readonly by?: string; readonly input?: unknown }
  readonly agent?: string
  readonly group?: string
  readonly revision?: string
  readonly attempts?: readonly { readonly agent: string; readonly outcome: string; readonly status?: number; readonly durationMs: number }[]
  readonly timings?: { readonly queuedMs: number; readonly agentMs: number; readonly totalMs: number }
  readonly subtasks?: readonly {
    readonly agent?: string
    readonly capability?: string
    readonly outcome: string
    readonly totalMs: number
  }[]
  readonly stages?: readonly {
    readonly stage: string
    readonly agent: string
    readonly revision: string
    readonly attempts: number
    readonly totalMs: number
  }[]
  readonly stage?: string
  readonly direction?: string
  readonly epoch?: number
  readonly leader?: string
  readonly code?: string
  readonly title?: string
  readonly status?: number
  readonly detail?: string
  readonly taskId?: string
  readonly agentStatus?: number
  readonly answer?: unknown
  readonly reason?: string
  readonly votes?: readonly Voted[]
  readonly consensus?: { readonly voters: number; readonly thresholdPercent: number; readonly weight: number; readonly castWeight: number }
}

/** One voter of a consensus. */
export type Voted = {
  readonly agent: string
  readonly choice?: unknown
  readonly weight?: number
  readonly outcome: string
  readonly durationMs: number
  readonly counted: boolean
  readonly detail?: string
}

/** Where and how a router is run. `server` replaces the API server's address. */
export type RouterProcessOptions = {
  readonly config: KubeConfig
  readonly namespace: string
  readonly sandboxUrl: string
  readonly args?: readonly string[]
  readonly token?: string
  readonly server?: string
  /** It speaks TLS with a certificate for this name that one of these vouches for. */
  readonly tls?: { readonly servername: string; readonly ca: readonly string[] }
}

/** The real router in a process of its own. */
export class RouterProcess {
  readonly #child: ChildProcess
  readonly #directory: string
  readonly #namespace: string
  readonly #agent: Agent
  #log = ''
  url = ''
  readonly exited: Promise<number | null>

  private constructor(options: RouterProcessOptions) {
    this.#namespace = options.namespace
    const { tls } = options
    const connect = tls && { servername: tls.servername, ca: [...tls.ca] }
    this.#agent = new Agent({ connections: 512, keepAliveTimeout: 1_000, ...(connect && { connect }) })
    this.#directory = mkdtempSync(join(tmpdir(), 'router-test-'))
    const kubeconfig = join(this.#directory, 'kubeconfig')
    writeFileSync(kubeconfig, kubeconfigOf(options), { mode: 0o600 })
    const main = join(import.meta.dirname, '../../../operator/router.ts')
    const args = [main, '--port', '0', '--auth', 'none', '--namespace', options.namespace, '--log-format', 'json', ...(options.args ?? [])]
    const env = {
      PATH: process.env['PATH'],
      KUBECONFIG: kubeconfig,
      E2B_SANDBOX_URL: options.sandboxUrl,
      SWARM_INTERNAL_TOKEN: options.token,
    }
    this.#child = spawn(process.execPath, args, { env, stdio: ['ignore', 'inherit', 'pipe'] })
    this.#child.stderr?.on('data', (chunk: Buffer) => (this.#log += chunk.toString()))
    this.exited = new Promise((resolve) => this.#child.on('exit', resolve))
  }

  /** Starts the process and waits for nothing. */
  static launch(options: RouterProcessOptions): RouterProcess {
    return new RouterProcess(options)
  }

  static async start(options: RouterProcessOptions): Promise<RouterProcess> {
    const router = RouterProcess.launch(options)
    const port = await eventually('the router listens', () => {
      const line = router.#log.split('\n').find((text) => text.includes('"router listens"'))
      return /"port":(\d+)/.exec(line ?? '')?.[1]
    })
    router.url = `${options.tls ? 'https' : 'http'}://127.0.0.1:${port}`
    await eventually('the router is ready', async () => (await router.get('/readyz')).status === 200)
    return router
  }

  get log(): string {
    return this.#log
  }

  signal(name: 'SIGTERM' | 'SIGKILL'): void {
    this.#child.kill(name)
  }

  async stop(): Promise<void> {
    this.signal('SIGTERM')
    await this.exited
    await this.#agent.close()
    rmSync(this.#directory, { recursive: true })
  }

  path(swarm: string, rest = ''): string {
    return `/v1/namespaces/${this.#namespace}/swarms/${swarm}${rest}`
  }

  /** Sends a task. */
  async task(
    swarm: string,
    body: object = { input: 1 },
    options: { headers?: Record<string, string>; signal?: AbortSignal } = {},
  ): Promise<Reply> {
    return this.raw('POST', this.path(swarm, '/tasks'), { body: JSON.stringify(body), ...options })
  }

  async get(path: string): Promise<Reply & { text: string }> {
    return this.raw('GET', path)
  }

  async raw(
    method: 'GET' | 'POST',
    path: string,
    options: { body?: string | Buffer; headers?: Record<string, string>; signal?: AbortSignal } = {},
  ): Promise<Reply & { text: string }> {
    const { statusCode, headers, body } = await request(this.url + path, { method, dispatcher: this.#agent, ...options })
    const text = await body.text()
    return { status: statusCode, headers, text, body: text.startsWith('{') ? (JSON.parse(text) as ReplyBody) : {} }
  }

  /** The live view. */
  async view(swarm: string): Promise<View> {
    return JSON.parse((await this.get(this.path(swarm))).text) as View
  }

  /** Waits until the live view is as wanted. */
  async sees(swarm: string, description: string, look: (view: View) => boolean): Promise<View> {
    return eventually(`the router sees ${description}`, async () => {
      const view = await this.view(swarm)
      return look(view) ? view : undefined
    })
  }
}

/** The live view of a swarm. */
export type View = {
  readonly topology?: { readonly type: string; readonly epoch?: number; readonly leader?: string }
  readonly stages?: readonly { readonly stage: string; readonly state: string; readonly agents: number; readonly waiting: number }[]
  readonly queue: { readonly length: number; readonly maxPending: number }
  readonly tasks: { readonly done: number; readonly failed: number }
  readonly weights: readonly { readonly revision: string; readonly percent: number }[]
  readonly guard?: {
    readonly run: string
    readonly revision: string
    readonly stable: string
    readonly failed: number
    readonly samples: number
    readonly tripped: boolean
    readonly message?: string
  }
  readonly mirror?: {
    readonly run: string
    readonly revision: string
    readonly percent: number
    readonly same: number
    readonly different: number
    readonly failed: number
    readonly dropped: number
  }
  readonly testers?: { readonly revision: string; readonly header: string }
  readonly shares?: readonly { readonly group: string; readonly percent: number; readonly errorPercent: number }[]
  readonly agents: readonly {
    readonly agent: string
    readonly role?: string
    readonly health: string
    readonly inFlight: number
    readonly done: number
    readonly failed: number
    readonly limit: number
  }[]
}

function kubeconfigOf({ config, server }: RouterProcessOptions): string {
  const file = JSON.parse(config.exportConfig()) as { clusters?: { cluster?: { server?: string } }[] }
  for (const { cluster } of file.clusters ?? []) if (cluster && server !== undefined) cluster.server = server
  return JSON.stringify(file)
}
