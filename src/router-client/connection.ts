import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { Mirror } from '../stats/mirror.ts'
import { Tally, type Ended } from '../stats/tally.ts'
import { decodeFrame, type AgentStats } from '../stats/wire.ts'
import { CONNECT_MS, MAX_LINE_CHARS, RECONNECT_MS, SILENCE_MS } from './limits.ts'
import { Lines } from './lines.ts'

/** The part of a logger that the feed needs. */
export interface FeedLog {
  info(message: string, fields: object): unknown
  warn(message: string, fields: object): unknown
}

/** What one connection works with. */
export type ConnectionOptions = {
  readonly url: string
  readonly token: string
  readonly log: FeedLog
  readonly now: () => number
  readonly random: () => number
  /** Hears of agents about which this router's word changed, also when it was lost. */
  readonly onChange: (agents: readonly AgentStats[]) => void
  /** Hears of attempts of tasks that have ended. */
  readonly onEnded: (ended: readonly Ended[]) => void
}

/** The stream of one router, opened again with growing, jittered pauses whenever it ends. */
export class Connection {
  readonly #o: ConnectionOptions
  #mirror = new Mirror()
  readonly #tally = new Tally()
  #request: ClientRequest | undefined
  #timer: NodeJS.Timeout | undefined
  #heardMs = 0
  #failures = 0
  #isRunning = false

  constructor(options: ConnectionOptions) {
    this.#o = options
  }

  get isConnected(): boolean {
    return this.#mirror.isComplete && this.#o.now() - this.#heardMs < SILENCE_MS
  }

  /** What the router says of the agent; undefined while it is not connected or does not know it. */
  agent(namespace: string, agent: string): AgentStats | undefined {
    return this.isConnected ? this.#mirror.agent(namespace, agent) : undefined
  }

  start(): void {
    if (this.#isRunning) return
    this.#isRunning = true
    this.#open()
  }

  stop(): void {
    this.#isRunning = false
    clearTimeout(this.#timer)
    const request = this.#request
    this.#request = undefined
    request?.destroy()
    this.#mirror = new Mirror()
  }

  #open(): void {
    const url = new URL('/internal/stats', this.#o.url)
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest
    const request = send(url, { agent: false, headers: { authorization: `Bearer ${this.#o.token}`, accept: 'application/x-ndjson' } })
    this.#request = request
    this.#expect(CONNECT_MS, 'it did not answer in time')
    request.on('response', (response) => this.#read(request, response))
    request.on('error', (error: NodeJS.ErrnoException) => this.#lost(request, error.code ?? error.name))
    request.on('close', () => this.#lost(request, 'the connection ended'))
    request.end()
  }

  #read(request: ClientRequest, response: IncomingMessage): void {
    if (response.statusCode !== 200) {
      response.resume()
      return this.#lost(request, `it answered ${response.statusCode}`)
    }
    const lines = new Lines(MAX_LINE_CHARS)
    response.on('error', (error: NodeJS.ErrnoException) => this.#lost(request, error.code ?? error.name))
    response.on('end', () => this.#lost(request, 'the stream ended'))
    response.on('data', (chunk: Buffer) => {
      if (request !== this.#request) return
      try {
        for (const line of lines.push(chunk)) this.#take(line)
      } catch (error) {
        this.#lost(request, error instanceof Error ? error.message : String(error))
      }
    })
  }

  #take(line: string): void {
    const wasComplete = this.#mirror.isComplete
    const frame = decodeFrame(line)
    const changed = this.#mirror.apply(frame)
    const ended = this.#tally.take(frame)
    this.#heardMs = this.#o.now()
    this.#expect(SILENCE_MS, 'it fell silent')
    if (!wasComplete && this.#mirror.isComplete) {
      this.#failures = 0
      this.#o.log.info('router connected', { url: this.#o.url })
    }
    this.#o.onChange(changed)
    if (ended.length > 0) this.#o.onEnded(ended)
  }

  #expect(withinMs: number, otherwise: string): void {
    clearTimeout(this.#timer)
    const request = this.#request
    this.#timer = setTimeout(() => request && this.#lost(request, otherwise), withinMs).unref()
  }

  /** Only the first word about the end of the present request counts. */
  #lost(request: ClientRequest, why: string): void {
    if (request !== this.#request || !this.#isRunning) return
    this.#request = undefined
    request.destroy()
    const lost = [...this.#mirror.agents]
    this.#mirror = new Mirror()
    this.#tally.lost()
    this.#failures += 1
    if (this.#failures === 1) this.#o.log.warn('router not connected', { url: this.#o.url, why })
    const growing = Math.min(RECONNECT_MS.max, RECONNECT_MS.min * 2 ** Math.min(this.#failures - 1, 10))
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#open(), growing * (0.5 + this.#o.random() / 2)).unref()
    this.#o.onChange(lost)
  }
}
