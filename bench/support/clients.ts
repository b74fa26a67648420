import { Pool } from 'undici'
import type { Figure } from '../benchmark.ts'

/** How the tasks of some clients have ended. */
export type Ended = { readonly tasks: number; readonly failed: number; readonly firstFailure?: string }

/** The tasks that failed, as a figure. */
export function failedFigure(name: string, { tasks, failed, firstFailure }: Ended): Figure {
  return { name, unit: '', value: failed, note: `of ${tasks}${firstFailure === undefined ? '' : `; first: ${firstFailure}`}` }
}

/** Clients of some routers, each of which sends to one of them, the next task when it has the answer to the last one. */
export class Clients {
  readonly #pools: readonly Pool[]
  readonly #path: string
  #going: { stop: () => void; ended: Promise<Ended> } | undefined

  /** `urls` are those of routers on this machine. */
  constructor(urls: readonly string[], path: string) {
    this.#pools = urls.map((url) => new Pool(url, { connections: 16, pipelining: 1 }))
    this.#path = path
  }

  /** Begins to send without end. */
  begin(clients: number): void {
    let isOver = false
    const stop = () => (isOver = true)
    this.#going = { stop, ended: this.#send(clients, () => !isOver) }
  }

  /** Ends what was begun, when all tasks have their answers. */
  async end(): Promise<Ended> {
    const { stop, ended } = this.#going ?? {}
    this.#going = undefined
    stop?.()
    return (await ended) ?? { tasks: 0, failed: 0 }
  }

  /** Sends so many tasks. */
  async some(tasks: number, clients: number): Promise<Ended> {
    let left = tasks
    return this.#send(clients, () => (left -= 1) >= 0)
  }

  /** Ends everything at once. */
  async stop(): Promise<void> {
    this.#going?.stop()
    await Promise.all(this.#pools.map(async (pool) => pool.destroy()))
  }

  async #send(clients: number, mayGoOn: () => boolean): Promise<Ended> {
    const failures: string[] = []
    let tasks = 0
    const client = async (number: number) => {
      const via = number % this.#pools.length
      while (mayGoOn()) {
        const failure = await this.#ask(via)
        tasks += 1
        if (failure !== undefined) failures.push(failure)
      }
    }
    await Promise.all(Array.from({ length: clients }, async (_, number) => client(number)))
    const [firstFailure] = failures
    return { tasks, failed: failures.length, ...(firstFailure !== undefined && { firstFailure }) }
  }

  /** Undefined when it was done. */
  async #ask(via: number): Promise<string | undefined> {
    try {
      const answer = await this.#pools[via]?.request({ path: this.#path, method: 'POST', body: JSON.stringify({ input: { via } }) })
      const text = await answer?.body.text()
      return answer?.statusCode === 200 ? undefined : `${answer?.statusCode}: ${text?.slice(0, 200)}`
    } catch (error) {
      return String(error)
    }
  }
}
