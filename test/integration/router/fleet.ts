import { randomBytes } from 'node:crypto'
import { createServer, connect, type Server, type Socket } from 'node:net'
import type { AddressInfo } from 'node:net'
import { KubeConfig } from '@kubernetes/client-node'
import { AGENT, SWARM } from '../../../src/api/kinds.ts'
import { LABEL, TOKENS_SECRET_TYPE, tokensSecretName } from '../../../src/api/names.ts'
import type { Agent, Swarm } from '../../../src/api/objects.ts'
import type { Guard } from '../../../src/api/swarm-status.ts'
import { KubeClient } from '../../../src/kube/client.ts'
import { NAMESPACES, SECRETS, type ResourceKind } from '../../../src/kube/objects.ts'
import { useCluster } from '../../support/cluster.ts'
import { Gateway, TestAgent } from './agents.ts'

const AGENTS: ResourceKind<Agent> = { ...AGENT, namespaced: true }
const SWARMS: ResourceKind<Swarm> = { ...SWARM, namespaced: true }
const BY = { fieldManager: 'router-test', force: true } as const
const NOW = '2026-01-01T00:00:00Z'

/** What an agent is made of in a test. */
export type AgentOptions = {
  readonly group?: string
  readonly place?: number
  readonly revision?: string
  readonly isReady?: boolean
  readonly token?: string
}

/** A relay to the API server that can be taken away and put back. */
export class ApiRelay {
  readonly #target: URL
  readonly #sockets = new Set<Socket>()
  #server: Server | undefined
  port = 0

  constructor(target: string) {
    this.#target = new URL(target)
  }

  async open(): Promise<void> {
    const server = createServer((client) => {
      const upstream = connect(Number(this.#target.port), this.#target.hostname)
      for (const [from, to] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        // prettier-ignore
        this.#sockets.add(from)
        from.on('error', () => to.destroy())
        from.on('close', () => this.#sockets.delete(from))
        from.pipe(to)
      }
    })
    this.#server = server
    await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve))
    this.port = (server.address() as AddressInfo).port
  }

  async close(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (!server) return
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    for (const socket of this.#sockets) socket.destroy()
    await closed
  }
}

/** A namespace on a real API server with Swarm and Agent objects that the test writes in the operator's place. */
export class TestFleet {
  readonly client: KubeClient
  readonly config: KubeConfig
  readonly namespace: string
  readonly gateway = new Gateway()
  readonly #agents = new Map<string, TestAgent>()

  constructor(config: KubeConfig) {
    this.config = config
    this.client = new KubeClient(config)
    this.namespace = `router-${randomBytes(4).toString('hex')}`
  }

  static async start(): Promise<TestFleet> {
    const { kubeconfig } = await useCluster()
    const config = new KubeConfig()
    config.loadFromFile(kubeconfig)
    const fleet = new TestFleet(config)
    await fleet.client.create(NAMESPACES, { metadata: { name: fleet.namespace } })
    await fleet.gateway.start()
    return fleet
  }

  async stop(): Promise<void> {
    await this.gateway.stop()
    await this.client.delete(NAMESPACES, { name: this.namespace })
    await this.client.close()
  }

  /** Creates or changes a Swarm; `traffic` are its weights. Its agents are this process, which may be held up: they have time to answer probes. */
  async swarm(
    name: string,
    spec: { readonly template?: object; readonly [field: string]: unknown } = {},
    traffic: Readonly<Record<string, number>> = { r1: 100 },
  ): Promise<void> {
    const readiness = { interval: '1s', timeout: '1s' }
    const template = { sandboxTemplate: 'base', command: ['node', 'agent.mjs'], readiness, ...spec.template }
    const metadata = { namespace: this.namespace, name }
    await this.client.apply<Swarm>(SWARMS, { metadata, spec: { ...spec, template } }, BY)
    await this.weigh(name, traffic)
  }

  async weigh(name: string, traffic: Readonly<Record<string, number>>): Promise<void> {
    const list = Object.entries(traffic).map(([revision, percent]) => ({ revision, percent }))
    const status = { observedGeneration: 1, traffic: list }
    await this.client.mergePatch(SWARMS, { namespace: this.namespace, name }, { status }, { subresource: 'status' })
  }

  /** Says what routers are to guard, in the operator's place; undefined ends it. */
  async guard(name: string, guard: Guard | undefined): Promise<void> {
    await this.tell(name, { guard: guard ?? null })
  }

  /** Changes the status of a Swarm, in the operator's place; null takes a field out. */
  async tell(name: string, status: Readonly<Record<string, object | null>>): Promise<void> {
    await this.client.mergePatch(SWARMS, { namespace: this.namespace, name }, { status }, { subresource: 'status' })
  }

  /** Says who leads, in the operator's place. */
  async settle(name: string, leader: string, epoch: number): Promise<void> {
    const status = { topology: { epoch, leader, agents: 0, links: 0 } }
    await this.client.mergePatch(SWARMS, { namespace: this.namespace, name }, { status }, { subresource: 'status' })
  }

  async removeSwarm(name: string): Promise<void> {
    await this.client.delete(SWARMS, { namespace: this.namespace, name })
  }

  /** Starts an agent and creates its object, ready unless told otherwise. */
  async agent(swarm: string, name: string, options: AgentOptions = {}): Promise<TestAgent> {
    const { group = '', place = 0, revision = 'r1', isReady = true, token } = options
    const agent = await new TestAgent(name).start()
    this.#agents.set(name, agent)
    this.gateway.add(`sbx-${name}`, agent, token)
    await this.client.create(AGENTS, {
      metadata: { namespace: this.namespace, name, labels: { [LABEL.swarm]: swarm } },
      spec: { swarm, group, place, revision, nonce: randomBytes(8).toString('hex') },
    })
    await this.setReady(name, isReady)
    return agent
  }

  /** The agent of this name. */
  agentOf(name: string): TestAgent {
    const agent = this.#agents.get(name)
    if (!agent) throw new Error(`there is no agent ${name}`)
    return agent
  }

  async setReady(name: string, isReady: boolean): Promise<void> {
    const status = {
      observedGeneration: 1,
      sandbox: { id: `sbx-${name}`, state: 'Running', port: 8080, startedAt: NOW, commandStarted: true },
      conditions: [
        { type: 'Ready', status: isReady ? 'True' : 'False', reason: 'Test', message: 'set by the test', lastTransitionTime: NOW },
      ],
    }
    await this.client.mergePatch(AGENTS, { namespace: this.namespace, name }, { status }, { subresource: 'status' })
  }

  async drain(name: string): Promise<void> {
    await this.client.mergePatch(AGENTS, { namespace: this.namespace, name }, { spec: { state: 'Draining' } })
  }

  async removeAgent(name: string): Promise<void> {
    await this.client.delete(AGENTS, { namespace: this.namespace, name })
  }

  /** Writes the Secret with the agents' access tokens. */
  async tokens(swarm: string, tokens: Readonly<Record<string, string>>): Promise<void> {
    const metadata = { namespace: this.namespace, name: tokensSecretName(swarm), labels: { [LABEL.swarm]: swarm } }
    await this.client.apply(SECRETS, { metadata, type: TOKENS_SECRET_TYPE, stringData: tokens }, BY)
  }
}
