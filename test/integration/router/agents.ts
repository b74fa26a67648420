import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What a test agent got: one task. */
export type Received = {
  readonly id: string
  readonly input: unknown
  readonly attempt: number
  readonly epoch: number
  readonly capability?: string
  readonly stage?: string
  readonly direction?: string
  readonly phase?: 'plan' | 'merge'
  readonly subtasks?: readonly { readonly input: unknown; readonly capability?: string }[]
  readonly results?: readonly { readonly output?: unknown; readonly error?: { readonly code: string; readonly detail: string } }[]
  readonly headers: IncomingMessage['headers']
}

/** What a test agent does with a task; may take its time. */
export type Work = (task: Received, response: ServerResponse) => void | Promise<void>

const listen = async (server: Server): Promise<number> => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

/** Answers with its own name and the input. */
export const answer = (response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
}

/** An agent over real HTTP on a port of its own. */
export class TestAgent {
  readonly name: string
  readonly received: Received[] = []
  work: Work = (task, response) => answer(response, 200, { output: { by: this.name, input: task.input } })
  isHealthy = true
  /** Probes that it has got. */
  probes = 0
  port = 0
  readonly #server: Server

  constructor(name: string) {
    this.name = name
    this.#server = createServer((incoming, response) => {
      if (incoming.url === '/health') {
        this.probes += 1
        return answer(response, this.isHealthy ? 200 : 503, {})
      }
      const chunks: Buffer[] = []
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
      incoming.on('end', () => {
        const task = { ...(JSON.parse(Buffer.concat(chunks).toString()) as Omit<Received, 'headers'>), headers: incoming.headers }
        this.received.push(task)
        void this.work(task, response)
      })
    })
  }

  async start(): Promise<this> {
    this.port = await listen(this.#server)
    return this
  }

  /** Ends it as a crash does: open requests are reset, the port is closed. */
  async kill(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#server.closeAllConnections()
    await closed
  }
}

/** The provider's proxy in front of all sandboxes: finds the agent by headers, and can cut one off so that everything to it hangs. */
export class Gateway {
  readonly #agents = new Map<string, TestAgent>()
  readonly #frozen = new Set<string>()
  readonly #lost = new Set<string>()
  readonly #tokens = new Map<string, string>()
  readonly #server: Server
  url = ''

  constructor() {
    this.#server = createServer((incoming, response) => this.#forward(incoming, response))
  }

  async start(): Promise<this> {
    this.url = `http://127.0.0.1:${await listen(this.#server)}`
    return this
  }

  /** Makes the agent reachable as this sandbox; with a token only to those who send it. */
  add(sandboxId: string, agent: TestAgent, token?: string): void {
    this.#agents.set(sandboxId, agent)
    if (token !== undefined) this.#tokens.set(sandboxId, token)
  }

  /** Requests to it, also those that are on their way, get no answer any more. */
  freeze(sandboxId: string): void {
    this.#frozen.add(sandboxId)
  }

  /** The sandbox is gone: requests that come now are refused. */
  lose(sandboxId: string): void {
    this.#lost.add(sandboxId)
  }

  thaw(sandboxId: string): void {
    this.#frozen.delete(sandboxId)
  }

  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#server.closeAllConnections()
    await closed
    await Promise.all([...this.#agents.values()].map((agent) => agent.kill()))
  }

  #forward(incoming: IncomingMessage, response: ServerResponse): void {
    const sandboxId = String(incoming.headers['e2b-sandbox-id'])
    const refuse = (code: number, message: string) => answer(response, code, { sandboxId, code, message })
    const agent = this.#agents.get(sandboxId)
    if (this.#frozen.has(sandboxId)) return
    if (!agent || this.#lost.has(sandboxId)) return refuse(502, 'The sandbox was not found')
    if (incoming.headers['e2b-traffic-access-token'] !== this.#tokens.get(sandboxId))
      return refuse(403, 'Sandbox is secured with traffic access token. Provided token is invalid.')
    const { method, url, headers } = incoming
    const sent = request({ host: '127.0.0.1', port: agent.port, method, path: url, headers, agent: false }, (back) => {
      if (this.#frozen.has(sandboxId)) return
      response.writeHead(back.statusCode ?? 500, back.headers)
      back.pipe(response)
      back.on('error', () => response.destroy())
    })
    sent.on('error', () => {
      if (response.headersSent) response.destroy()
      else refuse(502, 'The sandbox is running but port is not open')
    })
    response.on('close', () => sent.destroy())
    incoming.pipe(sent)
  }
}
