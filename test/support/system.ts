import { randomBytes, randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isTrue } from '../../src/api/conditions.ts'
import { LABEL } from '../../src/api/names.ts'
import type { Agent, Rollout, Swarm } from '../../src/api/objects.ts'
import type { Request } from '../../src/api/rollout.ts'
import type { E2bLocalOptions } from '../../dev/e2b-local/options.ts'
import { startE2bLocal, type E2bLocal } from '../../dev/e2b-local/server.ts'
import { RouterFeed } from '../../src/router-client/feed.ts'
import { KubeClient, loadKubeConfig } from '../../src/kube/client.ts'
import { METADATA } from '../../src/e2b/metadata.ts'
import {
  CONFIG_MAPS,
  CONTROLLER_REVISIONS,
  EVENTS,
  NAMESPACES,
  SECRETS,
  type CoreEvent,
  type KubeObject,
  type ResourceKind,
  type Secret,
} from '../../src/kube/objects.ts'
import { AGENTS, BLUE_GREEN_ROLLOUTS, CANARY_ROLLOUTS, SWARMS } from '../../src/reconcilers/shared/kinds.ts'
import { isReady, watchCounts } from './counts.ts'
import { keepAsking, type Load } from './load.ts'
import { Program, type ProgramOptions } from './programs.ts'
import { eventually, GARBAGE_MS } from './wait.ts'

/** The kinds of rollouts as the API server has them. */
export const ROLLOUT_KINDS: Readonly<Record<Rollout['kind'], ResourceKind<Rollout>>> = {
  CanaryRollout: CANARY_ROLLOUTS,
  BlueGreenRollout: BLUE_GREEN_ROLLOUTS,
}
const TEMPLATE = {
  sandboxTemplate: 'base',
  command: ['node', 'agent.mjs'],
  files: [{ path: 'agent.mjs', configMapKeyRef: { name: 'agent', key: 'agent.mjs' } }],
}

/** A small agent: answers tasks with its input, its name and its environment variable MODE; `{"sleepMs"}` makes it slow. */
const AGENT_PROGRAM = (more: string, always: string) => `
import { createServer } from 'node:http'
const answer = (response, status, body) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
createServer(async (request, response) => {
  ${always}
  if (request.url === '/health') return answer(response, 200, {})
  ${more}
  let text = ''
  request.on('data', (chunk) => (text += chunk))
  request.on('end', async () => {
    const { input } = JSON.parse(text)
    if (input?.sleepMs) await new Promise((resolve) => setTimeout(resolve, input.sleepMs))
    answer(response, 200, { output: { by: process.env.SWARM_AGENT, mode: process.env.MODE, input } })
  })
}).listen(Number(process.env.PORT))
`

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
export class System {
  readonly client: KubeClient
  readonly namespace: string
  readonly e2b: E2bLocal
  readonly kubeconfig: string
  readonly #options: SystemOptions
  readonly #dataDir: string
  readonly #token = randomBytes(24).toString('hex')
  operator: Program | undefined
  /** All operators that were started, those that have ended too. */
  readonly operators: Program[] = []
  readonly routers: Program[] = []
  #installed: Installed | undefined

  private constructor(parts: { kubeconfig: string; namespace: string; e2b: E2bLocal; dataDir: string; options: SystemOptions }) {
    this.kubeconfig = parts.kubeconfig
    this.client = new KubeClient(loadKubeConfig({ file: parts.kubeconfig }))
    this.namespace = parts.namespace
    this.e2b = parts.e2b
    this.#dataDir = parts.dataDir
    this.#options = parts.options
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

  /** Writes a ConfigMap. */
  async configMap(name: string, data: Record<string, string>): Promise<void> {
    await this.client.apply(CONFIG_MAPS, { metadata: { name, namespace: this.namespace }, data }, { fieldManager: 'test', force: true })
  }

  /** Writes the ConfigMap with the small agent; `more` is done for each task, `always` also when its health is asked for. */
  async useAgentProgram(name = 'agent', more = '', always = ''): Promise<void> {
    await this.configMap(name, { 'agent.mjs': AGENT_PROGRAM(more, always) })
  }

  /** Writes a Secret. */
  async secret(name: string, stringData: Record<string, string>): Promise<void> {
    await this.client.apply(SECRETS, { metadata: { name, namespace: this.namespace }, stringData }, { fieldManager: 'test', force: true })
  }

  async removeSecret(name: string): Promise<void> {
    await this.client.delete(SECRETS, { name, namespace: this.namespace })
  }

  /** Applies a Swarm as `kubectl apply --server-side` does; its template runs the small agent unless another one is given. */
  async apply(name: string, spec: { template?: object; [field: string]: unknown } = {}): Promise<Swarm> {
    // Without a router nobody says that an agent is idle: it would get the whole time to drain.
    const lifecycle = this.router ? {} : { lifecycle: { drainTimeout: '1s' } }
    const manifest = {
      metadata: { name, namespace: this.namespace },
      spec: { ...lifecycle, ...spec, template: { ...TEMPLATE, ...spec.template } },
    }
    return this.client.apply(SWARMS, manifest, { fieldManager: 'test', force: true })
  }

  async swarm(name: string): Promise<Swarm | undefined> {
    return this.client.get(SWARMS, { namespace: this.namespace, name })
  }

  /** Deletes a swarm; `Orphan` leaves what it owns. */
  async remove(name: string, propagationPolicy: 'Background' | 'Orphan' = 'Background'): Promise<void> {
    await this.client.delete(SWARMS, { namespace: this.namespace, name }, { propagationPolicy })
  }

  /** What `kubectl scale` does. */
  async scale(name: string, replicas: number): Promise<void> {
    await this.client.mergePatch(SWARMS, { namespace: this.namespace, name }, { spec: { replicas } }, { subresource: 'scale' })
  }

  /** Applies a rollout of either kind for a swarm, as `kubectl apply --server-side` does. */
  async applyRollout(kind: Rollout['kind'], name: string, spec: { swarm: string; [field: string]: unknown }): Promise<Rollout> {
    const manifest = { metadata: { name, namespace: this.namespace }, spec }
    return this.client.apply<Rollout>(ROLLOUT_KINDS[kind], manifest, { fieldManager: 'test', force: true })
  }

  async rollout(kind: Rollout['kind'], name: string): Promise<Rollout | undefined> {
    return this.client.get<Rollout>(ROLLOUT_KINDS[kind], { namespace: this.namespace, name })
  }

  async removeRollout(kind: Rollout['kind'], name: string): Promise<void> {
    await this.client.delete(ROLLOUT_KINDS[kind], { namespace: this.namespace, name })
  }

  /** What a person asks of a rollout, in its status, as `kubectl patch --subresource=status` does. */
  async request(kind: Rollout['kind'], name: string, action: Request['action'], more: Partial<Request> = {}): Promise<string> {
    const id = randomUUID()
    const patch = { status: { request: { id, action, by: 'a test', ...more } } }
    await this.client.mergePatch(ROLLOUT_KINDS[kind], { namespace: this.namespace, name }, patch, { subresource: 'status' })
    return id
  }

  async annotate({ metadata }: Agent, annotation: string, value: string): Promise<void> {
    await this.client.mergePatch(AGENTS, metadata, { metadata: { annotations: { [annotation]: value } } })
  }

  async removeAgent({ metadata }: Agent): Promise<void> {
    await this.client.delete(AGENTS, metadata)
  }

  /** Makes an Agent object vanish without its sandbox, as a person with too many rights could. */
  async loseAgent(agent: Agent): Promise<void> {
    await this.removeAgent(agent)
    await this.client.mergePatch(AGENTS, agent.metadata, { metadata: { finalizers: null } })
  }

  async removeNamespace(): Promise<void> {
    await this.client.delete(NAMESPACES, { name: this.namespace })
  }

  async namespaceExists(): Promise<boolean> {
    return (await this.client.get(NAMESPACES, { name: this.namespace })) !== undefined
  }

  /** The agents of a swarm, by name. */
  async agents(swarm: string): Promise<Agent[]> {
    const { items } = await this.client.list(AGENTS, { namespace: this.namespace, labelSelector: `swarmops.dev/swarm=${swarm}` })
    return items.sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
  }

  /** All Events of the namespace. */
  async allEvents(): Promise<CoreEvent[]> {
    return (await this.client.list(EVENTS, { namespace: this.namespace })).items
  }

  /** Waits for an Event about an object. */
  async told(name: string, reason: string, message: RegExp): Promise<CoreEvent> {
    return eventually(`an Event ${reason} of ${name} says ${message}`, async () => {
      const events = (await this.allEvents()).filter((e) => e.involvedObject.name === name)
      const found = events.find((e) => e.reason === reason && message.test(e.message ?? ''))
      if (found) return found
      throw new Error(JSON.stringify(events.map((e) => [e.reason, e.message])))
    })
  }

  /** The traffic access tokens of a swarm's agents. */
  async tokens(swarm: string): Promise<string[]> {
    const secret: Secret | undefined = await this.client.get(SECRETS, { namespace: this.namespace, name: `${swarm}-agent-tokens` })
    return Object.values(secret?.data ?? {}).map((text) => Buffer.from(text, 'base64').toString('utf8'))
  }

  /** What the operator and the router export. */
  async metrics(): Promise<string> {
    const ports = [this.operator, ...this.routers].flatMap((program) => (program ? [program.port] : []))
    const texts = await Promise.all(ports.map(async (port) => (await fetch(`http://127.0.0.1:${port}/metrics`)).text()))
    return texts.join('\n')
  }

  /** Waits until nothing is left of any swarm: no agent, no sandbox, no token, no revision. */
  async isEmpty({ timeoutMs = GARBAGE_MS } = {}): Promise<void> {
    const look = async () => {
      const within = { namespace: this.namespace, labelSelector: LABEL.swarm }
      const lists = await Promise.all([AGENTS, SECRETS, CONTROLLER_REVISIONS].map((kind) => this.client.list<KubeObject>(kind, within)))
      const objects = lists.flatMap((list) => list.items.map((o) => `${o.kind} ${o.metadata.name}`))
      const left = [...objects, ...this.#sandboxes().map((s) => s.sandboxId)]
      if (left.length > 0) throw new Error(left.join(', '))
      return true
    }
    await eventually('nothing is left', look, { timeoutMs })
  }

  /** Waits until agents, sandboxes and the swarm's spec agree exactly: nothing is missing, left over, or there twice. */
  async isExact(swarm: string, { timeoutMs = 60_000 } = {}): Promise<void> {
    await eventually(
      `agents and sandboxes of ${swarm} agree`,
      async () => {
        const agents = await this.agents(swarm)
        const sandboxes = this.#sandboxes().filter((s) => s.metadata[METADATA.swarm] === swarm)
        const seen = { agents: sandboxIds(agents), sandboxes: sandboxes.map((s) => s.sandboxId).sort() }
        const wanted = (await this.swarm(swarm))?.status?.desiredReplicas
        if (agents.length === wanted && JSON.stringify(seen.agents) === JSON.stringify(seen.sandboxes)) return true
        throw new Error(JSON.stringify({ wanted, ...seen }))
      },
      { timeoutMs },
    )
  }

  #sandboxes() {
    return this.e2b.admin.sandboxes().filter((s) => s.metadata[METADATA.namespace] === this.namespace)
  }

  /** Waits until a swarm is as its spec asks and nothing is under way. */
  async settled(name: string, { timeoutMs = 60_000 } = {}): Promise<Swarm> {
    return eventually(
      `swarm ${name} is settled`,
      async () => {
        const swarm = await this.swarm(name)
        if (swarm && isSettled(swarm)) return swarm
        throw new Error(JSON.stringify({ spec: swarm?.metadata.generation, status: swarm?.status }))
      },
      { timeoutMs },
    )
  }

  /** Waits until the swarm's Ready or Stalled condition, or that of an agent, gives this reason. */
  async tells(swarm: string, reason: string): Promise<{ swarm: Swarm; agents: Agent[] }> {
    return eventually(`swarm ${swarm} and its agents tell ${reason}`, async () => {
      const seen = await this.swarm(swarm)
      const agents = await this.agents(swarm)
      const agentTells = agents.some((a) => a.status?.conditions?.some((c) => c.reason === reason))
      const swarmTells = seen?.status?.conditions?.some((c) => c.reason === reason || c.message.includes(reason))
      if (seen && agentTells && swarmTells) return { swarm: seen, agents }
      throw new Error(JSON.stringify({ swarm: seen?.status?.conditions, agents: agents.map((a) => a.status?.conditions) }))
    })
  }

  /** Sends a task through the router; when that goes away meanwhile, through the next one, as the same task. */
  async task(swarm: string, input: unknown, more: object = {}): Promise<{ status: number; body: Record<string, unknown> }> {
    const headers = { 'content-type': 'application/json', 'idempotency-key': randomUUID() }
    const { status, text } = await this.#ask(`${swarm}/tasks`, { method: 'POST', headers, body: JSON.stringify({ input, ...more }) })
    return { status, body: JSON.parse(text) as Record<string, unknown> }
  }

  /** Asks the first router that answers. */
  async #ask(path: string, request: RequestInit = {}): Promise<{ status: number; text: string }> {
    let failure: unknown = new Error('there is no router')
    for (const router of this.routers.slice()) {
      try {
        const headers = new Headers(request.headers)
        if (this.#installed) headers.set('authorization', `Bearer ${this.#installed.clientToken}`)
        const response = await fetch(`${urlOf(router)}/v1/namespaces/${this.namespace}/swarms/${path}`, { ...request, headers })
        return { status: response.status, text: await response.text() }
      } catch (error) {
        failure = error
      }
    }
    throw failure
  }

  /** Sends tasks without end from some clients at once. */
  keepAsking(swarm: string, clients = 4, input: unknown = {}): Load {
    return keepAsking(async () => this.task(swarm, input), clients)
  }

  /** The router's view of a swarm. */
  async liveView(swarm: string): Promise<LiveView> {
    return JSON.parse((await this.#ask(swarm)).text) as LiveView
  }

  /** Waits until every router gives tasks to so many agents of a swarm. */
  async routersSee(swarm: string, agents: number): Promise<void> {
    for (const router of this.routers) {
      await eventually(`router ${router.port} sees ${agents} agents of ${swarm}`, async () => {
        const response = await fetch(`${urlOf(router)}/v1/namespaces/${this.namespace}/swarms/${swarm}`)
        const view = (await response.json()) as LiveView
        if (view.agents.filter(({ health }) => health === 'Healthy').length === agents) return true
        throw new Error(JSON.stringify(view.agents))
      })
    }
  }

  /** Sends a task, waits until the routers have told the operator that it is in hand, and gives the names of the agents that have tasks. */
  async taskInHand(swarm: string, input: unknown): Promise<{ busy: string[]; answer: ReturnType<System['task']> }> {
    const log = { info: () => undefined, warn: () => undefined }
    const urls = this.routers.map(urlOf)
    const feed = new RouterFeed({
      urls,
      access: { token: () => this.#token },
      onChange: () => undefined,
      log,
      now: () => performance.now(),
    })
    feed.start()
    try {
      await eventually('the routers tell what they do', () => feed.connected)
      const answer = this.task(swarm, input)
      // Every reader gets the same lines, this one after the operator.
      const busy = await eventually(`the operator knows of a task of ${swarm}`, async () => {
        const names = (await this.agents(swarm)).map((a) => a.metadata.name).filter((name) => feed.inFlight(this.namespace, name) > 0)
        return names.length > 0 ? names : undefined
      })
      return { busy, answer }
    } finally {
      feed.stop()
    }
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

const urlOf = ({ port }: Program) => `http://127.0.0.1:${port}`

/** What tests read of a router's live view. */
export type LiveView = { queue: { length: number }; agents: { agent: string; health: string; inFlight: number }[] }

/** Seen in its newest form, complete, and nothing to do. */
function isSettled(swarm: Swarm): boolean {
  const { metadata, status } = swarm
  const isDone = !status?.conditions?.some((c) => ['Reconciling', 'Stalled'].includes(c.type))
  return status?.observedGeneration === metadata.generation && isDone && isTrue(swarm, 'Ready')
}

/** The agents that take tasks. */
export const readyAgents = (agents: readonly Agent[]): Agent[] => agents.filter(isReady)

/** The ids of the sandboxes of agents, sorted. */
export const sandboxIds = (agents: readonly Agent[]): string[] => agents.flatMap((a) => a.status?.sandbox?.id ?? []).sort()
