import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { request, type RequestOptions } from 'node:https'
import { promisify } from 'node:util'
import { KubeConfig } from '@kubernetes/client-node'
import { ensureControlPlaneBinaries, kubectlOf } from '../../../dev/cluster/binaries.ts'
import type { Kind } from '../../../src/api/crd.ts'
import { AGENT, SWARM } from '../../../src/api/kinds.ts'
import { KubeClient } from '../../../src/kube/client.ts'
import { NAMESPACES } from '../../../src/kube/objects.ts'
import { useCluster } from '../../support/cluster.ts'

/** The least that a Swarm must say. */
export const MINIMAL = { template: { sandboxTemplate: 'base', command: ['node', 'agent.mjs'] } }

/** The least that an Agent must say. */
export const MINIMAL_AGENT = { swarm: 'desk', revision: 'abc123', nonce: 'nonce-of-the-agent' }

/** What a person who wrote something wrong is told: one line of field and words for each mistake. */
export type Answer = { code: number; told: readonly string[] }

type Status = { code?: number; message?: string; details?: { causes?: readonly { field?: string; message: string }[] } }

/** One namespace of the shared control plane, with the ways in which a user talks to it. */
export class Api {
  readonly client: KubeClient
  readonly namespace = `api-${randomBytes(4).toString('hex')}`
  readonly #config = new KubeConfig()
  readonly #kubeconfig: string
  readonly #kubectl: string

  private constructor(kubeconfig: string, kubectl: string) {
    this.#kubeconfig = kubeconfig
    this.#kubectl = kubectl
    this.#config.loadFromFile(kubeconfig)
    this.client = new KubeClient(this.#config)
  }

  static async start(): Promise<Api> {
    const { kubeconfig } = await useCluster()
    const kubectl = kubectlOf(await ensureControlPlaneBinaries(undefined, false))
    if (kubectl === undefined) throw new Error('there is no kubectl; install one: https://kubernetes.io/docs/tasks/tools')
    const api = new Api(kubeconfig, kubectl)
    await api.client.create(NAMESPACES, { metadata: { name: api.namespace } })
    return api
  }

  async stop(): Promise<void> {
    await this.client.delete(NAMESPACES, { name: this.namespace })
    await this.client.close()
  }

  /** Output of kubectl; its complaint when it fails. */
  async kubectl(...args: string[]): Promise<{ out: string; complaint: string }> {
    return this.#run(args, '')
  }

  /** What kubectl says to a manifest that is applied. */
  async apply(manifest: object): Promise<{ out: string; complaint: string }> {
    return this.#run(['apply', '--filename=-'], JSON.stringify(manifest))
  }

  async #run(args: readonly string[], input: string): Promise<{ out: string; complaint: string }> {
    const all = [`--kubeconfig=${this.#kubeconfig}`, `--namespace=${this.namespace}`, ...args]
    const running = promisify(execFile)(this.#kubectl, all)
    running.child.stdin?.end(input)
    try {
      const { stdout, stderr } = await running
      return { out: stdout, complaint: stderr }
    } catch (error) {
      const { stdout, stderr } = error as { stdout: string; stderr: string }
      return { out: stdout, complaint: stderr }
    }
  }

  /** Asks whether a Swarm with this spec would be taken, and stores nothing. */
  async trySwarm(spec: unknown, name = 'desk'): Promise<Answer> {
    return this.#try(SWARM, 'POST', name, { metadata: { name }, spec })
  }

  /** Asks whether an Agent with this spec would be taken, and stores nothing. */
  async tryAgent(spec: unknown): Promise<Answer> {
    return this.#try(AGENT, 'POST', 'desk', { metadata: { name: 'desk' }, spec })
  }

  /** Asks whether an object of another kind with this spec would be taken, and stores nothing. */
  async tryKind(kind: Kind, spec: unknown): Promise<Answer> {
    return this.#try(kind, 'POST', 'desk', { metadata: { name: 'desk' }, spec })
  }

  /** Asks whether a stored Agent may be changed in this way, and changes nothing. */
  async tryChange(name: string, patch: object): Promise<Answer> {
    return this.#try(AGENT, 'PATCH', name, patch)
  }

  async #try(kind: Kind, method: 'POST' | 'PATCH', name: string, body: object): Promise<Answer> {
    const { group, version, plural } = kind
    const object = method === 'POST' ? { apiVersion: `${group}/${version}`, kind: kind.kind, ...body } : body
    const path = `/apis/${group}/${version}/namespaces/${this.namespace}/${plural}${method === 'POST' ? '' : `/${name}`}`
    return answerOf(await this.#send(method, `${path}?dryRun=All&fieldValidation=Strict`, object))
  }

  /** Straight to the API server: the client gives its answers as errors, and here every word of them counts. */
  async #send(method: string, path: string, body: object): Promise<Status> {
    const options: RequestOptions = {}
    await this.#config.applyToHTTPSOptions(options)
    const type = method === 'POST' ? 'application/json' : 'application/merge-patch+json'
    const headers = Object.assign({ 'content-type': type }, options.headers)
    return new Promise((resolve, reject) => {
      const url = new URL((this.#config.getCurrentCluster()?.server ?? '') + path)
      const sent = request(url, { ...options, method, headers }, (answer) => {
        const chunks: Buffer[] = []
        answer.on('data', (chunk: Buffer) => chunks.push(chunk))
        answer.on('end', () => resolve({ code: answer.statusCode ?? 0, ...(JSON.parse(Buffer.concat(chunks).toString()) as object) }))
        answer.on('error', reject)
      })
      sent.on('error', reject)
      sent.end(JSON.stringify(body))
    })
  }
}

function answerOf({ code = 0, message = '', details }: Status): Answer {
  if (code < 300) return { code, told: [] }
  return { code, told: details?.causes?.map((cause) => `${cause.field}: ${cause.message}`) ?? [message] }
}
