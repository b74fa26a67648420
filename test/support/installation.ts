import { execFile, execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { Agent, fetch } from 'undici'
import { startPodCluster, type PodCluster } from '../../dev/cluster/pod-cluster.ts'
import { ensureImage, type BuiltImage } from '../../dev/image/build.ts'
import { CHART, helm, setValues, type Values } from './helm.ts'
import { keepAsking, type Asked, type Load } from './load.ts'

type ServiceSpec = { spec: { clusterIP: string; ports: { port: number }[] } }

const REST_MS = 150
const KUBECTL_LIMIT_MS = 150_000

/** A cluster with real pods into which the chart is installed with the real image, as a user would do it. */
export class Installation {
  readonly release = 'fleet'
  readonly namespace = 'swarm-system'
  readonly prefix = 'fleet-swarm-operator'
  readonly image: BuiltImage
  readonly pods: PodCluster
  readonly #dir: string

  private constructor(parts: { image: BuiltImage; pods: PodCluster; dir: string }) {
    this.image = parts.image
    this.pods = parts.pods
    this.#dir = parts.dir
  }

  static async start(say: (line: string) => void): Promise<Installation> {
    const image = await ensureImage(say)
    const dir = mkdtempSync(join(tmpdir(), 'swarm-installation-'))
    try {
      const pods = await startPodCluster({ dir, images: [image.archive], say })
      process.once('exit', () => rmSync(dir, { recursive: true, force: true }))
      return new Installation({ image, pods, dir })
    } catch (error) {
      rmSync(dir, { recursive: true, force: true })
      throw error
    }
  }

  async stop(): Promise<void> {
    await this.pods.stop()
    rmSync(this.#dir, { recursive: true, force: true })
  }

  /** Installs the release, or upgrades it, and waits until all pods are ready. Throws what Helm and the pods say. */
  async install(values: Values): Promise<void> {
    const args = ['upgrade', '--install', this.release, CHART, '-n', this.namespace, '--create-namespace', '--wait', '--timeout', '3m']
    const { code, stderr } = await helm([...args, ...setValues(values)], { KUBECONFIG: this.pods.cluster.kubeconfig })
    if (code !== 0) throw new Error(`${stderr}\n${this.diagnosis()}`)
  }

  async uninstall(): Promise<void> {
    const args = ['uninstall', this.release, '-n', this.namespace, '--wait', '--timeout', '3m']
    const { code, stderr } = await helm(args, { KUBECONFIG: this.pods.cluster.kubeconfig })
    if (code !== 0) throw new Error(stderr)
  }

  /** Runs kubectl and returns what it prints. Throws what it complains about. */
  async kubectl(args: readonly string[], input?: object): Promise<string> {
    const env = { ...process.env, KUBECONFIG: this.pods.cluster.kubeconfig }
    const running = promisify(execFile)('kubectl', [...args], { env, timeout: KUBECTL_LIMIT_MS, maxBuffer: 64 * 1024 * 1024 })
    running.child.stdin?.end(input === undefined ? '' : JSON.stringify(input))
    return (await running).stdout
  }

  /** What kubectl gets, as an object. */
  async get<T>(args: readonly string[]): Promise<T> {
    return JSON.parse(await this.kubectl(['get', '-o', 'json', ...args])) as T
  }

  /** What `helm test` says. Throws when it fails. */
  async test(): Promise<string> {
    const args = ['test', this.release, '-n', this.namespace, '--timeout', '3m']
    const { code, stdout, stderr } = await helm(args, { KUBECONFIG: this.pods.cluster.kubeconfig })
    if (code !== 0) throw new Error(`${stdout}${stderr}\n${this.diagnosis()}`)
    return stdout
  }

  /** Address of a Service of the release, such as `10.80.1.7:18000`. */
  async address(component: string): Promise<string> {
    const service = await this.get<ServiceSpec>(['service', `${this.prefix}-${component}`, '-n', this.namespace])
    return `${service.spec.clusterIP}:${service.spec.ports[0]?.port}`
  }

  /** What there is to see when something does not come up. */
  diagnosis(): string {
    const look = (...args: string[]) => {
      try {
        const env = { ...process.env, KUBECONFIG: this.pods.cluster.kubeconfig }
        return execFileSync('kubectl', args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 20_000 })
      } catch (error) {
        return String(error)
      }
    }
    const logs = ['operator', 'router'].map((name) =>
      look('logs', '-n', this.namespace, '-l', `app.kubernetes.io/component=${name}`, '--tail=15'),
    )
    return [look('get', 'pods', '-A', '-o', 'wide'), look('get', 'events', '-A'), ...logs, this.pods.node.logTail()].join('\n')
  }
}

/** How a client shows who it is, and by which certificate it knows the router. */
export type Credentials = { readonly token?: string; readonly tls?: { readonly ca: string; readonly servername: string } }

/** A client that sends tasks to one swarm and keeps its connections, as HTTP clients do. */
export class TaskClient {
  readonly #url: string
  readonly #token: string
  readonly #agent: Agent

  constructor(router: string, swarm: string, { token = '', tls }: Credentials) {
    this.#agent = new Agent({ connections: 8, ...(tls && { connect: tls }) })
    this.#url = `${router}/v1/namespaces/default/swarms/${swarm}/tasks`
    this.#token = token
  }

  /** Sends one task, once. A connection that breaks is an answer with status 0. */
  async ask(input: unknown): Promise<Pick<Asked, 'status' | 'body'>> {
    const headers = { 'content-type': 'application/json', ...(this.#token && { authorization: `Bearer ${this.#token}` }) }
    try {
      const response = await fetch(this.#url, { method: 'POST', headers, body: JSON.stringify({ input }), dispatcher: this.#agent })
      return { status: response.status, body: (await response.json()) as Asked['body'] }
    } catch (error) {
      return { status: 0, body: { error: error instanceof Error ? `${error.message}: ${String(error.cause)}` : String(error) } }
    }
  }

  /**
   * Sends tasks from each of several clients until it is stopped, and rests a little after each, so that many a connection is idle when a
   * router is asked to stop.
   */
  load(clients: number): Load {
    return keepAsking(async () => {
      const answer = await this.ask({ text: 'more' })
      await pause(REST_MS)
      return answer
    }, clients)
  }

  async close(): Promise<void> {
    await this.#agent.close()
  }
}
