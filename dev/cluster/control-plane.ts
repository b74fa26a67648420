import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Daemon } from './daemon.ts'
import { waitHealthy } from './health.ts'
import { writeKubeconfig } from './kubeconfig.ts'

const ETCD_READY_MS = 20_000
const API_SERVER_READY_MS = 60_000
const GRACE_MS = 5_000
// It would wait for its watches to end by themselves; its state is in etcd, so nothing is lost by not waiting.
const API_SERVER_GRACE_MS = 1_000

export interface Ports {
  readonly etcd: number
  readonly etcdPeer: number
  readonly apiServer: number
}

export interface ControlPlaneOptions {
  /** State, logs, pid files and the kubeconfig. What is there already is used again. */
  readonly dir: string
  /** Where etcd, kube-apiserver and kube-controller-manager are. */
  readonly programs: string
  readonly ports: Ports
  /** Whether the processes end when the one that started them does, however it ends. */
  readonly exitWithParent: boolean
  /** How often HorizontalPodAutoscalers are looked after; every 15 seconds when left out. */
  readonly autoscalerPeriod?: string
  /** Whether the API server writes every request to `audit.log` in `dir`, as one JSON object a line. */
  readonly audit?: boolean
  /** More admission than an API server has by default. */
  readonly admissionPlugins?: readonly string[]
  /** Where the API server listens, for nodes and pods too; on loopback, for this machine alone, when left out. */
  readonly address?: string
  /** Addresses of Services; those that are always taken when left out. */
  readonly serviceRange?: string
}

/** etcd, an API server and a controller-manager as background processes on loopback ports. */
export class ControlPlane {
  readonly kubeconfig: string
  readonly #options: ControlPlaneOptions
  readonly #etcd: Daemon
  readonly #apiServer: Daemon
  readonly #controllerManager: Daemon

  constructor(options: ControlPlaneOptions) {
    this.#options = options
    this.kubeconfig = join(options.dir, 'kubeconfig')
    this.#etcd = new Daemon('etcd', options.dir)
    this.#apiServer = new Daemon('kube-apiserver', options.dir)
    this.#controllerManager = new Daemon('kube-controller-manager', options.dir)
  }

  /** The pids of what runs now, by program. */
  get pids(): Readonly<Record<string, number>> {
    const running = this.#daemons.flatMap((daemon) => (daemon.pid === undefined ? [] : [[daemon.name, daemon.pid] as const]))
    return Object.fromEntries(running)
  }

  get #daemons(): readonly Daemon[] {
    return [this.#controllerManager, this.#apiServer, this.#etcd]
  }

  /** Starts what does not run: etcd. */
  async startEtcd(): Promise<void> {
    if (this.#etcd.pid !== undefined) return
    this.#prepare()
    const { dir, ports } = this.#options
    const client = `http://127.0.0.1:${ports.etcd}`
    const peer = `http://127.0.0.1:${ports.etcdPeer}`
    const args = [`--data-dir=${join(dir, 'etcd')}`, '--unsafe-no-fsync', '--log-level=warn', '--quota-backend-bytes=4294967296']
    args.push(`--listen-client-urls=${client}`, `--advertise-client-urls=${client}`, `--listen-peer-urls=${peer}`)
    args.push(`--initial-advertise-peer-urls=${peer}`, `--initial-cluster=default=${peer}`)
    await this.#start(this.#etcd, args)
    await this.#ready(this.#etcd, { url: `${client}/health` }, ETCD_READY_MS)
  }

  /** Starts the API server if it does not run, waits until it is ready, and writes the kubeconfig. */
  async startApiServer(): Promise<void> {
    const { ports } = this.#options
    const server = `https://${this.#options.address ?? '127.0.0.1'}:${ports.apiServer}`
    if (this.#apiServer.pid === undefined) await this.#start(this.#apiServer, this.#apiServerArgs())
    const certificate = join(this.#certificates, 'apiserver.crt')
    await waitFor(this.#apiServer, () => existsSync(certificate))
    const ca = readFileSync(certificate, 'utf8')
    await this.#ready(this.#apiServer, { url: `${server}/readyz`, ca, bearerToken: this.#token }, API_SERVER_READY_MS)
    writeKubeconfig(this.kubeconfig, { server, ca, token: this.#token })
  }

  /** Starts the controller-manager if it does not run. It knows of the kinds that are there now; of others after half a minute. */
  async startControllerManager(): Promise<void> {
    if (this.#controllerManager.pid !== undefined) return
    const { autoscalerPeriod } = this.#options
    await this.#start(this.#controllerManager, [
      ...(autoscalerPeriod === undefined ? [] : [`--horizontal-pod-autoscaler-sync-period=${autoscalerPeriod}`]),
      `--kubeconfig=${this.kubeconfig}`,
      '--leader-elect=false',
      '--secure-port=0',
      `--service-account-private-key-file=${this.#file('service-account.key')}`,
      `--root-ca-file=${join(this.#certificates, 'apiserver.crt')}`,
      '--kube-api-qps=1000',
      '--kube-api-burst=2000',
      '--concurrent-gc-syncs=50',
    ])
  }

  /** Ends the API server alone; etcd and the controller-manager stay. */
  async stopApiServer(): Promise<void> {
    await this.#apiServer.stop(API_SERVER_GRACE_MS)
  }

  /** Ends everything. The state stays in the directory. False when nothing ran. */
  async stop(): Promise<boolean> {
    const first = await Promise.all([this.#controllerManager.stop(GRACE_MS), this.#apiServer.stop(API_SERVER_GRACE_MS)])
    return [...first, await this.#etcd.stop(GRACE_MS)].includes(true)
  }

  /** Kills everything without waiting. */
  killNow(): void {
    for (const daemon of this.#daemons) daemon.killNow()
  }

  /** What the programs complained about last, for the report of a start that failed. */
  logTail(): string {
    return this.#daemons.map((daemon) => `--- ${daemon.logFile}\n${daemon.logTail()}`).join('\n')
  }

  #apiServerArgs(): string[] {
    const { ports, address, serviceRange } = this.#options
    const key = this.#file('service-account.key')
    // Without an address of its own it refuses to publish the one of loopback, and says so every ten seconds.
    const place =
      address === undefined
        ? ['--bind-address=127.0.0.1', '--endpoint-reconciler-type=none']
        : [`--bind-address=${address}`, '--kubelet-preferred-address-types=InternalIP']
    return [
      ...place,
      `--etcd-servers=http://127.0.0.1:${ports.etcd}`,
      `--secure-port=${ports.apiServer}`,
      `--cert-dir=${this.#certificates}`,
      `--token-auth-file=${this.#file('tokens.csv')}`,
      '--authorization-mode=RBAC',
      '--anonymous-auth=false',
      '--service-account-issuer=https://kubernetes.default.svc',
      `--service-account-key-file=${key}`,
      `--service-account-signing-key-file=${key}`,
      `--service-cluster-ip-range=${serviceRange ?? '10.0.0.0/24'}`,
      '--max-requests-inflight=2000',
      '--max-mutating-requests-inflight=1000',
      '--event-ttl=1h',
      ...(this.#options.admissionPlugins ?? []).map((plugin) => `--enable-admission-plugins=${plugin}`),
      ...(this.#options.audit ? this.#auditArgs() : []),
    ]
  }

  /** Every request once, with who asked, for what, and whether it was allowed; long ones when they are answered. Of questions about rights all. */
  #auditArgs(): string[] {
    const policy = this.#file('audit-policy.json')
    const reviews = [{ group: 'authorization.k8s.io', resources: ['subjectaccessreviews'] }]
    const rules = [{ level: 'RequestResponse', resources: reviews }, { level: 'Metadata' }]
    writeFileSync(policy, JSON.stringify({ apiVersion: 'audit.k8s.io/v1', kind: 'Policy', omitStages: ['RequestReceived'], rules }))
    return [`--audit-policy-file=${policy}`, `--audit-log-path=${this.#file('audit.log')}`, '--audit-log-mode=blocking']
  }

  async #start(daemon: Daemon, args: readonly string[]): Promise<void> {
    const { programs, exitWithParent } = this.#options
    const env = exitWithParent ? { CONTROL_PLANE_PARENT: String(process.pid) } : undefined
    await daemon.start({ command: join(programs, daemon.name), args, ...(env && { env }) })
  }

  async #ready(daemon: Daemon, check: Parameters<typeof waitHealthy>[0], timeoutMs: number): Promise<void> {
    try {
      await waitHealthy(check, timeoutMs, () => daemon.pid !== undefined)
    } catch (cause) {
      throw new Error(`${daemon.name} did not start: ${errorText(cause)}\n${daemon.logTail()}`, { cause })
    }
  }

  #prepare(): void {
    mkdirSync(this.#options.dir, { recursive: true, mode: 0o700 })
    const key = this.#file('service-account.key')
    if (!existsSync(key)) {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      writeFileSync(key, privateKey.export({ type: 'sec1', format: 'pem' }), { mode: 0o600 })
    }
    const tokens = this.#file('tokens.csv')
    if (!existsSync(tokens)) {
      const token = randomBytes(24).toString('base64url')
      writeFileSync(tokens, `${token},admin,admin,system:masters\n`, { mode: 0o600 })
    }
  }

  get #token(): string {
    return readFileSync(this.#file('tokens.csv'), 'utf8').split(',')[0] ?? ''
  }

  get #certificates(): string {
    return this.#file('certificates')
  }

  #file(name: string): string {
    return join(this.#options.dir, name)
  }
}

async function waitFor(daemon: Daemon, condition: () => boolean): Promise<void> {
  while (!condition()) {
    if (daemon.pid === undefined) throw new Error(`${daemon.name} did not start\n${daemon.logTail()}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** Ends a control plane by what is noted in its directory, whoever started it. False when nothing ran. */
export async function stopControlPlane(dir: string): Promise<boolean> {
  const ports = { etcd: 0, etcdPeer: 0, apiServer: 0 }
  return new ControlPlane({ dir, programs: '', ports, exitWithParent: false }).stop()
}
