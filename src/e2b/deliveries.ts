import { Agent } from 'undici'
import type { Address } from '../api/address.ts'
import { startOf } from './body.ts'
import { isNoAnswer } from './errors.ts'

/** Connections to one origin: as many as deliveries that are under way at once. */
const CONNECTIONS = 64

/** An idle connection is closed soon: deliveries come in bursts. Milliseconds. */
const KEEP_ALIVE_MS = 4_000

/** Bytes of an answer that are read; more says nothing. */
const ANSWER_BYTES = 4_096

/** What is brought to an agent: a JSON text, to a path of its port. */
export type Delivery = { readonly address: Address; readonly path: string; readonly body: string }

/** What came of it. `body` is the beginning of the answer. */
export type Delivered = { readonly status: number; readonly body: string } | 'no-answer'

/** Brings JSON to agents, over connections apart from those of the checks. */
export class Deliveries {
  readonly #agent = new Agent({ connections: CONNECTIONS, keepAliveTimeout: KEEP_ALIVE_MS, allowH2: false })

  /** One PUT. That nobody answers is no error. */
  async put({ address, path, body }: Delivery, timeoutMs: number): Promise<Delivered> {
    const controller = new AbortController()
    const timer = setTimeout(() => controller.abort(), timeoutMs)
    try {
      const answer = await this.#agent.request({
        origin: address.origin,
        path,
        method: 'PUT',
        headers: [...address.headers, 'content-type', 'application/json', 'accept', 'application/json'],
        body,
        signal: controller.signal,
      })
      return { status: answer.statusCode, body: await startOf(answer.body, ANSWER_BYTES) }
    } catch (error) {
      if (isNoAnswer(error)) return 'no-answer'
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  /** Closes all connections; what is under way ends without an answer. */
  async close(): Promise<void> {
    await this.#agent.destroy()
  }
}
