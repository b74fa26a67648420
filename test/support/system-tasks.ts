import { randomUUID } from 'node:crypto'
import { RouterFeed } from '../../src/router-client/feed.ts'
import type { Program } from './programs.ts'
import type { SystemObjects } from './system-objects.ts'
import { eventually } from './wait.ts'

/** Where a router listens. */
export const urlOf = ({ port }: Program) => `http://127.0.0.1:${port}`

/** What tests read of a router's live view. */
export type LiveView = { queue: { length: number }; agents: { agent: string; health: string; inFlight: number }[] }

/** Who is asked: routers that come and go, with the token of a client where one is needed, and that with which they tell what they do. */
type Parts = {
  readonly objects: SystemObjects
  readonly routers: readonly Program[]
  readonly token: string
  readonly clientToken: () => string | undefined
}

/** What the routers of a system are asked. */
export class SystemTasks {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Sends a task through the router; when that goes away meanwhile, through the next one, as the same task. */
  async task(swarm: string, input: unknown, more: object = {}): Promise<{ status: number; body: Record<string, unknown> }> {
    const headers = { 'content-type': 'application/json', 'idempotency-key': randomUUID() }
    const { status, text } = await this.#ask(`${swarm}/tasks`, { method: 'POST', headers, body: JSON.stringify({ input, ...more }) })
    return { status, body: JSON.parse(text) as Record<string, unknown> }
  }

  /** Asks the first router that answers. */
  async #ask(path: string, request: RequestInit = {}): Promise<{ status: number; text: string }> {
    const { routers, objects } = this.#parts
    const clientToken = this.#parts.clientToken()
    let failure: unknown = new Error('there is no router')
    for (const router of routers.slice()) {
      try {
        const headers = new Headers(request.headers)
        if (clientToken !== undefined) headers.set('authorization', `Bearer ${clientToken}`)
        const response = await fetch(`${urlOf(router)}/v1/namespaces/${objects.namespace}/swarms/${path}`, { ...request, headers })
        return { status: response.status, text: await response.text() }
      } catch (error) {
        failure = error
      }
    }
    throw failure
  }

  /** The router's view of a swarm. */
  async liveView(swarm: string): Promise<LiveView> {
    return JSON.parse((await this.#ask(swarm)).text) as LiveView
  }

  /** Waits until every router gives tasks to so many agents of a swarm. */
  async routersSee(swarm: string, agents: number): Promise<void> {
    for (const router of this.#parts.routers) {
      await eventually(`router ${router.port} sees ${agents} agents of ${swarm}`, async () => {
        const response = await fetch(`${urlOf(router)}/v1/namespaces/${this.#parts.objects.namespace}/swarms/${swarm}`)
        const view = (await response.json()) as LiveView
        if (view.agents.filter(({ health }) => health === 'Healthy').length === agents) return true
        throw new Error(JSON.stringify(view.agents))
      })
    }
  }

  /** Sends a task, waits until the routers have told the operator that it is in hand, and gives the names of the agents that have tasks. */
  async taskInHand(swarm: string, input: unknown): Promise<{ busy: string[]; answer: ReturnType<SystemTasks['task']> }> {
    const { routers, objects, token } = this.#parts
    const log = { info: () => undefined, warn: () => undefined }
    const urls = routers.map(urlOf)
    const feed = new RouterFeed({
      urls,
      access: { token: () => token },
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
        const names = (await objects.agents(swarm)).map((a) => a.metadata.name).filter((name) => feed.inFlight(objects.namespace, name) > 0)
        return names.length > 0 ? names : undefined
      })
      return { busy, answer }
    } finally {
      feed.stop()
    }
  }
}
