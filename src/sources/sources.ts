import { excerptOf, jsonOf, unexpected } from './answer.ts'
import { addressOf, withPath } from './address.ts'
import type { Header } from './headers.ts'
import { HttpClient } from './http-client.ts'
import { numberOf } from './prometheus.ts'
import { valueAt } from './value-at.ts'

type Common = {
  /** Sent as bearer token. */
  readonly token?: string | undefined
  readonly headers?: readonly Header[]
  readonly timeoutMs: number
}

/** A query to Prometheus, or to whatever speaks its HTTP API. */
export type PrometheusQuery = Common & { readonly address: string; readonly query: string }

/** A value in a JSON document. `path`: keys and indices divided by dots; all of it when left out. */
export type JsonQuery = Common & { readonly url: string; readonly path?: string | undefined }

/** A call of a gate. */
export type WebhookCall = Common & { readonly url: string; readonly body: unknown }

/** What a gate says. */
export type WebhookAnswer = { readonly answer: 'Success' | 'NotYet' | 'Failure'; readonly message: string }

/**
 * Numbers and answers from outside, over HTTP. Each call throws SourceError when there is no usable answer in time, and the reason of
 * its signal once that has aborted. Nothing is tried again in here.
 */
export class Sources {
  readonly #http: HttpClient

  /** With patterns of hosts only those are asked. */
  constructor({ hosts = [] }: { readonly hosts?: readonly string[] | undefined } = {}) {
    this.#http = new HttpClient({ hosts })
  }

  /** The number that a query gives; undefined for an empty result and for NaN. */
  async queryPrometheus({ address, query, ...common }: PrometheusQuery, signal: AbortSignal): Promise<number | undefined> {
    const body = new URLSearchParams({ query, timeout: `${common.timeoutMs}ms` }).toString()
    const url = withPath(addressOf(address), '/api/v1/query')
    const contentType = 'application/x-www-form-urlencoded'
    return numberOf(await this.#http.send({ method: 'POST', url, body, contentType, ...common }, signal))
  }

  /** The value at a path of a JSON document; undefined where nothing is. */
  async fetchJson({ path, ...request }: JsonQuery, signal: AbortSignal): Promise<unknown> {
    const answer = await this.#http.send({ method: 'GET', ...request }, signal)
    if (answer.status < 200 || answer.status > 299) throw unexpected(answer)
    return valueAt(jsonOf(answer), path)
  }

  /** Asks a gate: 202 is "not yet", any other 2xx a success, 4xx a failure. */
  async callWebhook({ body, ...request }: WebhookCall, signal: AbortSignal): Promise<WebhookAnswer> {
    const contentType = 'application/json'
    const answer = await this.#http.send({ method: 'POST', body: JSON.stringify(body), contentType, ...request }, signal)
    const { address, status } = answer
    const excerpt = excerptOf(answer.body)
    const message = `${address} answered ${status}${excerpt === '' ? '' : `: ${excerpt}`}`
    if (status === 202) return { answer: 'NotYet', message }
    if (status >= 200 && status <= 299) return { answer: 'Success', message }
    if (status >= 400 && status <= 499) return { answer: 'Failure', message }
    throw unexpected(answer)
  }

  /** Cuts every connection. */
  async close(): Promise<void> {
    await this.#http.close()
  }
}
