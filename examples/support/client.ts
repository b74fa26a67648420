import { setTimeout as pause } from 'node:timers/promises'
import { Agent, fetch } from 'undici'

/** One task, as docs/task-api.md has it. */
export type Task = { readonly input: unknown; readonly capability?: string; readonly timeout?: string }

/** What the router has answered; topologies add fields of their own. */
export type Body = {
  agent?: string
  group?: string
  revision?: string
  attempts?: readonly { readonly agent: string; readonly outcome: string; readonly durationMs?: number }[]
  output?: unknown
  code?: string
  detail?: string
  [more: string]: unknown
}

/** One answer of the router. `setbacks`: attempts that failed on the way. `endedMs` is on the clock of `performance.now()`. */
export type Answer = {
  ok: boolean
  status: number
  agent: string
  revision: string
  setbacks: number
  ms: number
  endedMs: number
  output: unknown
  body: Body
  problem?: string
  /** When it is worth sending the task again, if the router says so. */
  retryAfterMs?: number
}

/** What the router sees of a swarm, as far as examples look at it. */
export type View = { agents: readonly { agent: string; group: string; health: string; done: number }[]; [more: string]: unknown }

/** Sends tasks to one swarm through the router. */
export class SwarmClient {
  readonly #url: string
  readonly #agent = new Agent({ connections: 32 })

  constructor(router: string, swarm: string) {
    this.#url = `${router}/v1/namespaces/default/swarms/${swarm}`
  }

  /** Sends one task and waits for its answer; never throws. With `revision` agents of that one do it, whatever its share. */
  async ask(task: Task, { revision }: { revision?: string } = {}): Promise<Answer> {
    const from = performance.now()
    const headers = { 'content-type': 'application/json', ...(revision !== undefined && { 'swarm-revision': revision }) }
    const sent = { method: 'POST', headers, body: JSON.stringify(task), dispatcher: this.#agent }
    try {
      const response = await fetch(`${this.#url}/tasks`, sent)
      const body = (await response.json()) as Body
      const retryAfter = response.headers.get('retry-after')
      return {
        ...answerOf({ from, status: response.status, body, ...(!response.ok && { problem: `${body.code}: ${body.detail}` }) }),
        ...(retryAfter !== null && { retryAfterMs: Number(retryAfter) * 1000 }),
      }
    } catch (error) {
      return answerOf({ from, status: 0, body: {}, problem: String(error) })
    }
  }

  /** Sends all tasks, `parallel` at a time; the answers are in the order of the tasks. */
  async askAll(tasks: readonly Task[], { parallel = 16 } = {}): Promise<Answer[]> {
    const answers: Answer[] = []
    const pending = tasks.entries()
    const client = async () => {
      for (const [i, task] of pending) answers[i] = await this.ask(task)
    }
    await Promise.all(Array.from({ length: parallel }, client))
    return answers
  }

  /** Sends tasks over and over until told to stop. A client that is told to come later does so. */
  keepAsking(tasks: readonly Task[], parallel: number): { answers: Answer[]; stop(): Promise<Answer[]> } {
    const answers: Answer[] = []
    let isStopped = false
    const client = async (first: number) => {
      for (let i = first; !isStopped; i += parallel) {
        const task = tasks[i % tasks.length]
        if (!task) continue
        const answer = await this.ask(task)
        answers.push(answer)
        if (answer.retryAfterMs !== undefined) await pause(answer.retryAfterMs)
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

  /** The live view. */
  async view(): Promise<View> {
    const response = await fetch(this.#url, { dispatcher: this.#agent })
    if (!response.ok) return { agents: [] } // the router has not heard of the swarm yet
    return (await response.json()) as View
  }

  async close(): Promise<void> {
    await this.#agent.close()
  }
}

function answerOf({ from, status, body, problem }: { from: number; status: number; body: Body; problem?: string }): Answer {
  const endedMs = performance.now()
  const { agent = '', revision = '', attempts = [], output } = body
  const setbacks = attempts.filter(({ outcome }) => outcome !== 'Done' && outcome !== 'Cancelled').length
  const told = problem === undefined ? {} : { problem }
  return { ok: status === 200, status, agent, revision, setbacks, ms: endedMs - from, endedMs, output, body, ...told }
}
