import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { join } from 'node:path'

/** An agent of an example as a plain process on this machine, without a sandbox, an operator or a router. */
export class AgentProcess {
  readonly name: string
  readonly url: string
  readonly #child: ChildProcess

  private constructor(name: string, url: string, child: ChildProcess) {
    this.name = name
    this.url = url
    this.#child = child
  }

  static async start(example: string, name: string, env: Readonly<Record<string, string>> = {}): Promise<AgentProcess> {
    const file = join(import.meta.dirname, '..', example, 'agents/agent.mjs')
    const all = { ...process.env, PORT: '0', SWARM_AGENT: name, ...env }
    const child = spawn(process.execPath, [file], { env: all, stdio: ['ignore', 'pipe', 'inherit'] })
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
    return new AgentProcess(name, `http://127.0.0.1:${line.split(' ').at(-1)}`, child)
  }

  /** What the operator would tell others about it. */
  get neighbour(): object {
    return { agent: this.name, url: this.url, role: 'Worker', capabilities: [], headers: {} }
  }

  async send(method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown }> {
    const sent = body === undefined ? {} : { body: JSON.stringify(body) }
    const response = await fetch(`${this.url}${path}`, { method, ...sent })
    return { status: response.status, body: await response.json() }
  }

  async stop(): Promise<void> {
    const gone = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await gone
  }
}
