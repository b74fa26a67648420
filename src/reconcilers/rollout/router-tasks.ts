import type { RouterAccess } from '../../router-client/access.ts'
import { excerptOf, jsonOf } from '../../sources/answer.ts'
import type { Header } from '../../sources/headers.ts'
import { HttpClient, type HttpAnswer } from '../../sources/http-client.ts'
import { SourceError } from '../../sources/source-error.ts'
import { valueAt } from '../../sources/value-at.ts'

/** Connections to one router: as many as a warm-up may have tasks at once, and some more. */
const CONNECTIONS = 128

/** A router ends a task in time by itself; this much later it is taken for lost. Milliseconds. */
const GRACE_MS = 5_000

/** A task for a swarm. `revision` must do it when given. */
export type RouterTask = {
  readonly namespace: string
  readonly swarm: string
  readonly revision?: string
  readonly body: { readonly input: unknown; readonly capability?: string }
  readonly timeoutMs: number
}

/** What came of a task. `notNow`: nobody could take it at the moment, and it may be sent again. */
export type RouterOutcome =
  { readonly state: 'done'; readonly answer: HttpAnswer } | { readonly state: 'failed' | 'notNow'; readonly message: string }

/** Where routers are at the moment, and how they are spoken with. */
export type Routers = { readonly urls: () => readonly string[]; readonly access: RouterAccess }

/** Sends tasks as any client does: to the first router that answers, and to the next one when that does not or is about to stop. */
export class RouterTasks {
  readonly #routers: Routers
  readonly #http: HttpClient

  constructor(routers: Routers) {
    this.#routers = routers
    const { tls } = routers.access
    this.#http = new HttpClient({ connections: CONNECTIONS, ...(tls && { tls }) })
  }

  /** Sends a task and waits for its end. Throws the reason of the signal once that has aborted. */
  async send(task: RouterTask, signal: AbortSignal): Promise<RouterOutcome> {
    let last: RouterOutcome = {
      state: 'notNow',
      message: 'the operator knows no router that serves; see --router-service and --router-urls',
    }
    for (const url of this.#routers.urls()) {
      last = await this.#sendTo(url, task, signal)
      if (last.state !== 'notNow') return last
    }
    return last
  }

  /** Cuts every connection. */
  async close(): Promise<void> {
    await this.#http.close()
  }

  async #sendTo(router: string, { namespace, swarm, revision, body, timeoutMs }: RouterTask, signal: AbortSignal): Promise<RouterOutcome> {
    const headers: Header[] = revision === undefined ? [] : [{ name: 'Swarm-Revision', value: revision }]
    const url = new URL(`/v1/namespaces/${encodeURIComponent(namespace)}/swarms/${encodeURIComponent(swarm)}/tasks`, router)
    const text = JSON.stringify({ ...body, timeout: `${timeoutMs}ms` })
    try {
      const request = {
        method: 'POST',
        url,
        headers,
        body: text,
        contentType: 'application/json',
        token: this.#routers.access.token() || undefined,
        timeoutMs: timeoutMs + GRACE_MS,
      } as const
      return outcomeOf(await this.#http.send(request, signal))
    } catch (error) {
      if (!(error instanceof SourceError)) throw error
      return { state: error.isUnreachable ? 'notNow' : 'failed', message: error.message }
    }
  }
}

/** 429 and 503: nobody could take it. A revision that the router does not know may be one that it has not heard of yet. */
function outcomeOf(answer: HttpAnswer): RouterOutcome {
  if (answer.status === 200) return { state: 'done', answer }
  const problem = problemOf(answer)
  const code = valueAt(problem, 'code')
  const detail = valueAt(problem, 'detail')
  const isNotNow = answer.status === 429 || answer.status === 503 || code === 'RevisionNotFound'
  const message =
    typeof code === 'string' && typeof detail === 'string'
      ? `${code}: ${detail}`
      : `${answer.address} answered ${answer.status}: ${excerptOf(answer.body)}`
  return { state: isNotNow ? 'notNow' : 'failed', message: message.slice(0, 400) }
}

function problemOf(answer: HttpAnswer): unknown {
  try {
    return jsonOf(answer)
  } catch {
    return undefined
  }
}
