import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { E2bLocalOptions } from '../../dev/e2b-local/options.ts'
import { startE2bLocal, type E2bLocal } from '../../dev/e2b-local/server.ts'
import type { Swarm } from '../../src/api/objects.ts'
import { KubeClient, loadKubeConfig } from '../../src/kube/client.ts'
import { NAMESPACES } from '../../src/kube/objects.ts'
import { watchCounts } from './counts.ts'
import { keepAsking, type Load } from './load.ts'
import { Program, type ProgramOptions } from './programs.ts'
import { SystemTasks, urlOf } from './system-tasks.ts'
import { SystemWaits } from './system-waits.ts'

/** What a test runs: everything is real, only smaller. */
export type SystemOptions = {
  e2b?: E2bLocalOptions
  /** Runs a router as well, or several. */
  router?: boolean | number
  /** The control plane; the one that all tests of a run share when left out. */
  kubeconfig?: string
  operatorArgs?: readonly string[]
  /** Watches all namespaces and uses \`default\`, as the demo does. */
  everywhere?: boolean
  /** API key that the operator has of its own; none for \`null\`. */
  ownKey?: string | null
  /** Installs operator and routers for a namespace, in place of running them as an administrator. */
  install?: (here: { e2b: E2bLocal; namespace: string }) => Promise<Installed>
}

/** How operator and routers run as they are installed, and the token with which tasks are sent to them. */
export type Installed = {
  operator: ProgramOptions
  router: ProgramOptions
  clientToken: string
  /** Told of a router that listens. */
  onRouter: (port: number) => Promise<void>
}

/** One namespace of the shared control plane with a provider, an operator and perhaps a router of its own. */
export class System extends SystemWaits {
  readonly kubeconfig: string
  readonly #options: SystemOptions
  readonly #dataDir: string
  readonly #token = randomBytes(24).toString('hex')
  operator: Program | undefined
  /** All operators that were started, those that have ended too. */
  readonly operators: Program[] = []
  readonly routers: Program[] = []
  readonly tasks: SystemTasks
  #installed: Installed | undefined

  private constructor(parts: { kubeconfig: string; namespace: string; e2b: E2bLocal; dataDir: string; options: SystemOptions }) {
    super(new KubeClient(loadKubeConfig({ file: parts.kubeconfig })), parts.namespace, parts.e2b)
    this.kubeconfig = parts.kubeconfig
    this.#dataDir = parts.dataDir
    this.#options = parts.options
    const clientToken = () => this.#installed?.clientToken
    this.tasks = new SystemTasks({ objects: this, routers: this.routers, token: this.#token, clientToken })
  }

  static async start(options: SystemOptions = {}): Promise<System> {
    const kubeconfig = options.kubeconfig ?? (await (await import('./cluster.ts')).useCluster()).kubeconfig
    const dataDir = mkdtempSync(join(tmpdir(), 'swarm-e2b-'))
    const e2b = await startE2bLocal({ dataDir, ...options.e2b })
    const namespace = options.everywhere ? 'default' : `t-${randomBytes(4).toString('hex')}`
    const system = new System({ kubeconfig, namespace, e2b, dataDir, options })
    if (!options.everywhere) await system.client.create(NAMESPACES, { metadata: { name: namespace } })
    if (!options.everywhere) await system.useAgentProgram()
    system.#installed = await options.install?.({ e2b, namespace })
    for (let i = 0; i < Number(options.router ?? 0); i += 1) await system.startRouter()
    await system.startOperator()
    return system
  }

  /** The first of the routers, if there is any. */
  get router(): Program | undefined {
    return this.routers[0]
  }

  /** Starts one more router, or one in the place of another that has been killed, which the operator finds where that was. */
  async startRouter(instead?: Program): Promise<void> {
    const args = [
      '--port',
      String(instead?.port ?? 0),
      '--log-format',
      'json',
      '--auth',
      'none',
      ...(this.#options.everywhere ? [] : ['--namespace', this.namespace]),
    ]
    const env = { KUBECONFIG: this.kubeconfig, E2B_SANDBOX_URL: this.e2b.url, SWARM_INTERNAL_TOKEN: this.#token }
    const file = 'operator/router.ts'
    const router = await Program.start(this.#installed?.router ?? { file, args, env, listening: '"router listens"' })
    await this.#installed?.onRouter(router.port)
    const place = instead ? this.routers.indexOf(instead) : -1
    if (place < 0) this.routers.push(router)
    else this.routers[place] = router
  }

  async startOperator(): Promise<void> {
    const own = this.#options.ownKey
    const args = [
      ...'--metrics-auth none --metrics-port 0 --create-rate 0 --lease-duration 2s --log-format json --lease-namespace'.split(' '),
      this.namespace,
      ...(this.#options.everywhere ? [] : ['--namespace', this.namespace]),
      ...(this.router ? ['--router-urls', this.routers.map(urlOf).join(',')] : []),
      ...(this.#options.operatorArgs ?? []),
    ]
    const env = {
      KUBECONFIG: this.kubeconfig,
      E2B_API_URL: this.e2b.url,
      E2B_SANDBOX_URL: this.e2b.url,
      SWARM_INTERNAL_TOKEN: this.#token,
      ...(own !== null && { E2B_API_KEY: own ?? this.e2b.apiKey }),
    }
    const file = 'operator/operator.ts'
    this.operator = await Program.start(this.#installed?.operator ?? { file, args, env, listening: '"health server started"' })
    this.operators.push(this.operator)
  }

  get routerUrl(): string {
    return this.router ? urlOf(this.router) : ''
  }

  /** Forgets the first router, which has been killed; the others move up. */
  dropRouter(): void {
    this.routers.shift()
  }

  /** What the operator and the router export. */
  async metrics(): Promise<string> {
    const ports = [this.operator, ...this.routers].flatMap((program) => (program ? [program.port] : []))
    const texts = await Promise.all(ports.map(async (port) => (await fetch(`http://127.0.0.1:${port}/metrics`)).text()))
    return texts.join('\n')
  }

  /** Applies a Swarm; where there is no router its agents have a second to drain, since nobody says that they are idle. */
  override async apply(name: string, spec: Parameters<SystemWaits['apply']>[1] = {}): Promise<Swarm> {
    return super.apply(name, this.router ? spec : { lifecycle: { drainTimeout: '1s' }, ...spec })
  }

  /** Sends a task through the router; when that goes away meanwhile, through the next one, as the same task. */
  async task(swarm: string, input: unknown, more: object = {}): ReturnType<SystemTasks['task']> {
    return this.tasks.task(swarm, input, more)
  }

  /** Sends tasks without end from some clients at once. */
  keepAsking(swarm: string, clients = 4, input: unknown = {}): Load {
    return keepAsking(async () => this.task(swarm, input), clients)
  }

  /** Counts the agents of a swarm at every change. */
  watchCounts(swarm: string): ReturnType<typeof watchCounts> {
    return watchCounts(this.client, this.namespace, swarm)
  }

  /** Ends everything; what is left in the namespace goes with the control plane. */
  async stop(): Promise<void> {
    await Promise.all(this.operators.map(async (operator) => operator.stop()))
    await Promise.all(this.routers.map(async (router) => router.stop()))
    await this.e2b.stop()
    await this.client.close()
    rmSync(this.#dataDir, { recursive: true, force: true })
  }
}
