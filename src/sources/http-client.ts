import { Agent, buildConnector, type Dispatcher } from 'undici'
import { addressOf, shownAddress } from './address.ts'
import { headersOf, type Header } from './headers.ts'
import { CONNECTIONS, KEEP_ALIVE_MS, MAX_ANSWER_BYTES } from './limits.ts'
import { mayAsk } from './hosts.ts'
import { lookupOthers } from './link-local.ts'
import { SourceError } from './source-error.ts'
import { troubleOf } from './trouble.ts'

/** One request. `token` is sent as bearer token, and no error ever holds it or the value of a header. */
export type HttpRequest = {
  readonly method: 'GET' | 'POST'
  readonly url: URL | string
  readonly token?: string | undefined
  readonly headers?: readonly Header[]
  readonly body?: string
  readonly contentType?: string
  /** Bounds all of it: the wait for a connection, the request and its answer. */
  readonly timeoutMs: number
}

/** What came back, whatever its status. */
export type HttpAnswer = {
  readonly status: number
  /** At most MAX_ANSWER_BYTES of it. */
  readonly body: string
  readonly isCut: boolean
  /** Address as errors may show it. */
  readonly address: string
}

/** `tls`: whom to trust and which name to expect, asked for at each new connection. `hosts`: those that may be asked; all when there is none. */
export type HttpClientOptions = {
  readonly connections?: number
  readonly tls?: () => { readonly ca: string; readonly servername: string }
  readonly hosts?: readonly string[]
}

/** HTTP to whatever users name: bounded connections, answers and times; redirects are not followed. */
export class HttpClient {
  readonly #agent: Agent
  readonly #hosts: readonly string[]

  constructor({ connections = CONNECTIONS, tls, hosts = [] }: HttpClientOptions = {}) {
    this.#hosts = hosts
    this.#agent = new Agent({
      connections,
      pipelining: 1,
      allowH2: false,
      connect: (target, done) => buildConnector({ lookup: lookupOthers, ...tls?.() })(target, done),
      keepAliveTimeout: KEEP_ALIVE_MS,
      keepAliveMaxTimeout: KEEP_ALIVE_MS,
      headersTimeout: 0, // one time bounds all
      bodyTimeout: 0,
    })
  }

  /** Sends a request. Throws SourceError when there is no answer in time, and the reason of the signal once that has aborted. */
  async send(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    const url = typeof request.url === 'string' ? addressOf(request.url) : request.url
    const address = shownAddress(url)
    if (!mayAsk(this.#hosts, url.hostname))
      throw new SourceError(`${address} is not asked; the operator asks ${this.#hosts.join(', ')} (--source-hosts)`)
    const headers = headersOf(request, address)
    const late = AbortSignal.timeout(request.timeoutMs)
    try {
      const { statusCode, body } = await this.#agent.request({
        origin: url.origin,
        path: url.pathname + url.search,
        method: request.method,
        headers,
        body: request.body ?? null,
        signal: AbortSignal.any([signal, late]),
      })
      const answer = { status: statusCode, address, ...(await startOf(body)) }
      const token = request.token?.trim()
      // What echoes its request must not make the token a value or a part of an error.
      return token ? { ...answer, body: answer.body.replaceAll(token, '[redacted]') } : answer
    } catch (error) {
      signal.throwIfAborted()
      if (late.aborted)
        throw new SourceError(`${address} has not answered in ${request.timeoutMs} ms; see whether it is slow, or raise the timeout`)
      throw new SourceError(`${address} does not answer: ${troubleOf(error)}`, { isUnreachable: true })
    }
  }

  /** Cuts every connection. */
  async close(): Promise<void> {
    await this.#agent.destroy()
  }
}

/** The beginning of an answer; the rest is not read. */
async function startOf(body: Dispatcher.ResponseData['body']): Promise<{ body: string; isCut: boolean }> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of body) {
    if (!Buffer.isBuffer(chunk)) continue
    chunks.push(chunk)
    size += chunk.length
    if (size > MAX_ANSWER_BYTES) break // ends the stream, and with it the connection
  }
  return { body: Buffer.concat(chunks).toString('utf8', 0, Math.min(size, MAX_ANSWER_BYTES)), isCut: size > MAX_ANSWER_BYTES }
}
