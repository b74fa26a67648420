import { Agent } from 'undici'
import { addressOf } from '../api/address.ts'
import { startOf } from './body.ts'
import { isNoAnswer, nameOf } from './errors.ts'
import type { ProbeOutcome, ProbeTarget } from './types.ts'

/** Connections to one origin. Through a sandbox URL all agents share one, and each frozen agent holds a connection until its time is up. */
const CONNECTIONS = 256

/** An idle connection outlives the pause between two checks. Milliseconds. */
const KEEP_ALIVE_MS = 30_000

const ACCEPT = ['accept', 'application/json'] as const

/** Bytes of an answer that are read to tell the proxy's own errors from the agent's. */
const PROXY_ANSWER_BYTES = 4_096

/** Checks agents over connections that are kept. */
export class Probes {
  readonly #agent = new Agent({ connections: CONNECTIONS, keepAliveTimeout: KEEP_ALIVE_MS, allowH2: false })
  readonly #sandboxUrl: string | undefined
  readonly #domain: string | undefined

  constructor(endpoints: { readonly sandboxUrl?: string; readonly domain?: string }) {
    this.#sandboxUrl = endpoints.sandboxUrl
    this.#domain = endpoints.domain
  }

  /** One check. Whatever is wrong with the agent is an outcome. */
  async probe(target: ProbeTarget, timeoutMs: number): Promise<ProbeOutcome> {
    const { sandboxId, port, trafficAccessToken } = target
    const sandbox = { id: sandboxId, port, domain: target.domain ?? this.#domain }
    const { origin, headers } = addressOf(sandbox, trafficAccessToken, this.#sandboxUrl)
    const controller = new AbortController()
    const timer = setTimeout(() => controller.abort(), timeoutMs)
    try {
      const answer = await this.#agent.request({
        origin,
        path: target.path,
        method: 'GET',
        headers: [...headers, ...ACCEPT],
        signal: controller.signal,
      })
      if (answer.statusCode !== 502) {
        await answer.body.dump({ limit: PROXY_ANSWER_BYTES, signal: controller.signal })
        return answer.statusCode >= 200 && answer.statusCode < 300 ? 'ready' : 'unhealthy'
      }
      return outcomeOf502(await startOf(answer.body, PROXY_ANSWER_BYTES), sandboxId)
    } catch (error) {
      if (nameOf(error) === 'InvalidArgumentError') return 'unhealthy' // a path that is none
      if (isNoAnswer(error)) return 'no-answer'
      throw error // taken for the silence of an agent, a mistake of ours would have it replaced
    } finally {
      clearTimeout(timer)
    }
  }

  /** Closes all connections. */
  async close(): Promise<void> {
    await this.#agent.destroy()
  }
}

/**
 * The provider's proxy answers 502 with JSON in two cases: `{sandboxId, port, message}` when nothing listens on the
 * port, `{sandboxId, message}` when it knows no such sandbox. Any other 502 is the agent's own.
 */
export function outcomeOf502(body: string, sandboxId: string): ProbeOutcome {
  let answer: unknown
  try {
    answer = JSON.parse(body)
  } catch {
    return 'unhealthy'
  }
  if (typeof answer !== 'object' || answer === null || !('sandboxId' in answer) || answer.sandboxId !== sandboxId) return 'unhealthy'
  return 'port' in answer ? 'not-listening' : 'sandbox-gone'
}
