import { randomBytes } from 'node:crypto'
import type { Swarm } from '../../src/api/objects.ts'
import { DEFAULT_API_KEY } from '../../dev/e2b-local/server.ts'
import { KubeClient, loadKubeConfig } from '../../src/kube/client.ts'
import { Informer } from '../../src/kube/informer.ts'
import { CONFIG_MAPS, NAMESPACES } from '../../src/kube/objects.ts'
import { createLog } from '../../src/log.ts'
import { AGENTS, SWARMS } from '../../src/reconcilers/shared/kinds.ts'
import { Program } from '../../test/support/programs.ts'
import { eventually } from '../../test/support/wait.ts'
import type { Context } from '../benchmark.ts'

/** Longest wait for agents to be gone, in milliseconds. */
const GONE_MS = 120_000

/** The agent that every sandbox runs, where sandboxes run anything: answers a task with the local port it listens on. */
const AGENT_PROGRAM = `
import { createServer } from 'node:http'
const server = createServer((request, response) => {
  const answer = (text) => response.writeHead(200, { 'content-type': 'application/json', 'content-length': text.length }).end(text)
  if (request.method === 'GET') return answer('{}')
  const chunks = []
  request.on('data', (chunk) => chunks.push(chunk))
  request.on('end', () => {
    JSON.parse(Buffer.concat(chunks).toString())
    answer('{"output":{"port":' + server.address().port + '}}')
  })
})
server.listen(Number(process.env.PORT))
`

/** `isLight`: sandboxes without processes, which answer by themselves. */
export type BedOptions = { readonly isLight: boolean; readonly createLatency?: string; readonly hasRouter?: boolean }

/** A namespace with a provider, an operator and perhaps a router of its own, each a process as it would be for a user. */
export class Bed {
  readonly client: KubeClient
  readonly namespace: string
  readonly swarms: Informer<Swarm>
  readonly e2b: Program
  readonly router: Program | undefined
  readonly operator: Program
  readonly #signal: AbortSignal

  private constructor(parts: Pick<Bed, 'client' | 'namespace' | 'swarms' | 'e2b' | 'router' | 'operator'>, signal: AbortSignal) {
    this.client = parts.client
    this.namespace = parts.namespace
    this.swarms = parts.swarms
    this.e2b = parts.e2b
    this.router = parts.router
    this.operator = parts.operator
    this.#signal = signal
  }

  static async start(context: Context, options: BedOptions): Promise<Bed> {
    const { ends, signal } = context
    const { kubeconfig, pids } = await context.controlPlane()
    const client = new KubeClient(loadKubeConfig({ file: kubeconfig }))
    await ends.own(() => client.close())
    const namespace = `bench-${randomBytes(4).toString('hex')}`
    await client.create(NAMESPACES, { metadata: { name: namespace } })
    await client.create(CONFIG_MAPS, { metadata: { name: 'agent', namespace }, data: { 'agent.mjs': AGENT_PROGRAM } })
    const swarms = new Informer<Swarm>({ client, kind: SWARMS, namespaces: [namespace], log: createLog({ level: 'error', shape: 'text' }) })
    swarms.start()
    await ends.own(() => swarms.stop())
    await swarms.synced(signal)
    const programs = await startPrograms(context, { ...options, kubeconfig, namespace })
    const isBorrowed = Object.keys(pids).length === 0
    if (isBorrowed) await ends.own(() => leaveNothing(client, namespace))
    return new Bed({ client, namespace, swarms, ...programs }, signal)
  }

  get e2bUrl(): string {
    return `http://127.0.0.1:${this.e2b.port}`
  }

  /** Applies a Swarm as `kubectl apply --server-side` does. */
  async apply(name: string, replicas: number, template: object = {}, more: object = {}): Promise<void> {
    const files = [{ path: 'agent.mjs', configMapKeyRef: { name: 'agent', key: 'agent.mjs' } }]
    const lifecycle = { drainTimeout: '0s' } // nobody gives these agents tasks
    const spec = { replicas, lifecycle, template: { sandboxTemplate: 'base', command: ['node', 'agent.mjs'], files, ...template }, ...more }
    await this.client.apply(SWARMS, { metadata: { name, namespace: this.namespace }, spec }, { fieldManager: 'bench', force: true })
  }

  /** Resolves when a watch has shown these swarms with as many ready agents, and no others that exist. */
  async haveReady(names: readonly string[], agents: number): Promise<void> {
    const isSo = () => names.every((name) => hasExactly(this.swarms.get({ namespace: this.namespace, name }), agents))
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const fail = () => reject(this.#signal.reason)
    const stop = this.swarms.onChange(() => {
      if (isSo()) resolve()
    })
    this.#signal.addEventListener('abort', fail, { once: true })
    if (isSo()) resolve()
    if (this.#signal.aborted) fail()
    await promise.finally(() => {
      stop()
      this.#signal.removeEventListener('abort', fail)
    })
  }

  /** Resolves when this many agents exist in the namespace, those included that are going. */
  async haveAgents(count: number): Promise<void> {
    const look = async () => {
      this.#signal.throwIfAborted()
      return (await this.client.list(AGENTS, { namespace: this.namespace, metadataOnly: true })).items.length === count
    }
    await eventually(`${count} agents exist`, look, { timeoutMs: GONE_MS, pollMs: 200 })
  }
}

function hasExactly(swarm: Swarm | undefined, agents: number): boolean {
  const { status, metadata } = swarm ?? {}
  return status?.observedGeneration === metadata?.generation && status?.readyReplicas === agents && status.replicas === agents
}

type Place = BedOptions & { readonly kubeconfig: string; readonly namespace: string }

async function startPrograms(context: Context, place: Place): Promise<Pick<Bed, 'e2b' | 'router' | 'operator'>> {
  const { ends, profileDir } = context
  const start = async (options: Parameters<typeof Program.start>[0]) => {
    const program = await Program.start(options)
    await ends.own(() => program.stop())
    return program
  }
  const { kubeconfig, namespace, isLight, createLatency, hasRouter } = place
  const latency = createLatency === undefined ? [] : ['--create-latency', createLatency]
  const e2bArgs = ['--port', '0', ...(isLight ? ['--light'] : []), ...latency]
  const e2b = await start({ file: 'dev/e2b-local/main.ts', args: e2bArgs, env: {}, listening: '"e2b-local listens"' })
  const url = `http://127.0.0.1:${e2b.port}`
  const env = {
    KUBECONFIG: kubeconfig,
    E2B_SANDBOX_URL: url,
    SWARM_INTERNAL_TOKEN: randomBytes(24).toString('hex'),
    ...(profileDir !== undefined && { NODE_OPTIONS: `--cpu-prof --cpu-prof-dir=${profileDir}` }),
  }
  const routerArgs = ['--port', '0', '--auth', 'none', '--log-format', 'json', '--namespace', namespace]
  const router = hasRouter ? await start({ file: 'operator/router.ts', args: routerArgs, env, listening: '"router listens"' }) : undefined
  const operator = await start({
    file: 'operator/operator.ts',
    args: [
      ...'--metrics-auth none --metrics-port 0 --create-rate 0 --log-format json --lease-namespace'.split(' '),
      namespace,
      '--namespace',
      namespace,
      ...(router ? ['--router-urls', `http://127.0.0.1:${router.port}`] : []),
    ],
    env: { ...env, E2B_API_URL: url, E2B_API_KEY: DEFAULT_API_KEY },
    listening: '"health server started"',
  })
  return { e2b, router, operator }
}

/** On a cluster that is not ours: takes away what was made, while the operator still runs. */
async function leaveNothing(client: KubeClient, namespace: string): Promise<void> {
  await client.delete(NAMESPACES, { name: namespace })
  const isGone = async () => (await client.get(NAMESPACES, { name: namespace })) === undefined
  await eventually(`namespace ${namespace} is gone`, isGone, { timeoutMs: GONE_MS, pollMs: 500 })
}
