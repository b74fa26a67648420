import { Agent, fetch } from 'undici'
import type { DeskTask } from '../../support/series.ts'

/** One answer of the router. */
export type Answer = {
  ok: boolean
  status: number
  agent: string
  revision: string
  attempts: number
  ms: number
  output: unknown
  problem?: string
}

type Body = { agent?: string; revision?: string; attempts?: unknown[]; output?: unknown; code?: string; detail?: string }

/** Sends tasks to one swarm through the router. */
export class Desk {
  readonly #url: string
  readonly #agent = new Agent({ connections: 32 })

  constructor(router: string, swarm: string) {
    this.#url = `${router}/v1/namespaces/default/swarms/${swarm}/tasks`
  }

  /** Sends one task and waits for its answer; never throws. */
  async ask(task: DeskTask, withCapability = false): Promise<Answer> {
    const from = performance.now()
    const body = JSON.stringify({ input: task.input, ...(withCapability && { capability: task.capability }) })
    try {
      const response = await fetch(this.#url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
        dispatcher: this.#agent,
      })
      const answer = (await response.json()) as Body
      return {
        ok: response.ok,
        status: response.status,
        agent: answer.agent ?? '',
        revision: answer.revision ?? '',
        attempts: answer.attempts?.length ?? 0,
        ms: performance.now() - from,
        output: answer.output,
        ...(!response.ok && { problem: `${answer.code}: ${answer.detail}` }),
      }
    } catch (error) {
      return {
        ok: false,
        status: 0,
        agent: '',
        revision: '',
        attempts: 0,
        ms: performance.now() - from,
        output: undefined,
        problem: String(error),
      }
    }
  }

  /** Sends all tasks, `parallel` at a time. */
  async askAll(tasks: readonly DeskTask[], { parallel = 16, withCapability = false } = {}): Promise<Answer[]> {
    const answers: Answer[] = []
    const pending = tasks.values()
    const client = async () => {
      for (const task of pending) answers.push(await this.ask(task, withCapability))
    }
    await Promise.all(Array.from({ length: parallel }, client))
    return answers
  }

  /** Sends tasks over and over until told to stop. */
  keepAsking(tasks: readonly DeskTask[], parallel: number): { answers: Answer[]; stop(): Promise<Answer[]> } {
    const answers: Answer[] = []
    let isStopped = false
    const client = async (first: number) => {
      for (let i = first; !isStopped; i += parallel) {
        const task = tasks[i % tasks.length]
        if (task) answers.push(await this.ask(task))
      }
    }
    const clients = Array.from({ length: parallel }, (_, i) => client(i))
    return {
      answers,
      async stop() {
        isStopped = true
        await Promise.all(clients)
        return answers
      },
    }
  }

  async close(): Promise<void> {
    await this.#agent.close()
  }
}
