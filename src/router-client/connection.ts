import { request as httpRequest, type ClientRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { Mirror, type Changes } from '../stats/mirror.ts'
import { Tally, type Ended } from '../stats/tally.ts'
import { decodeFrame, type AgentStats, type Frame, type SwarmRef, type SwarmStats } from '../stats/wire.ts'
import { backoffMs } from '../time/backoff.ts'
import type { RouterAccess } from './access.ts'
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
  readonly access: RouterAccess
  readonly log: FeedLog
  readonly now: () => number
  readonly random: () => number
  /** Hears of what changed in this router's word, also when it was lost. */
  readonly onChange: (changes: Changes) => void
  /** Hears of attempts of tasks that have ended. */
  readonly onEnded: (ended: readonly Ended[]) => void
  /** Hears of swarms about which this router said anything, also when it was lost. */
  readonly onSwarms: (swarms: readonly SwarmRef[]) => void
}

/** The stream of one router, opened again with growing, jittered pauses whenever it ends. */
export class Connection {
  readonly #o: ConnectionOptions
  #mirror = new Mirror()
  readonly #tally = new Tally()
  /** When each swarm was last told of; ages in what was said count from then. */
  readonly #toldMs = new Map<string, number>()
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

  /** What the router says of the swarm, and how long ago it said so; undefined while it is not connected or does not know it. */
  swarm(namespace: string, swarm: string): { readonly stats: SwarmStats; readonly agoMs: number } | undefined {
    const stats = this.isConnected ? this.#mirror.swarm(namespace, swarm) : undefined
    const nowMs = this.#o.now()
    return stats && { stats, agoMs: nowMs - (this.#toldMs.get(`${namespace}/${swarm}`) ?? nowMs) }
  }

  /** All that the router says: agents, and swarms with shares in force or a trip. */
  get everything(): Changes {
    return this.#mirror.everything
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
    const request = this.#ask()
    this.#request = request
    this.#expect(CONNECT_MS, 'it did not answer in time')
    request.on('response', (response) => this.#read(request, response))
    request.on('error', (error: NodeJS.ErrnoException) => this.#lost(request, error.code ?? error.name))
    request.on('close', () => this.#lost(request, 'the connection ended'))
    request.end()
  }

  #ask(): ClientRequest {
    const url = new URL('/internal/stats', this.#o.url)
    const { token, tls } = this.#o.access
    const headers = { authorization: `Bearer ${token()}`, accept: 'application/x-ndjson' }
    return url.protocol === 'https:'
      ? httpsRequest(url, { agent: false, headers, ...tls?.() })
      : httpRequest(url, { agent: false, headers })
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
    const swarms = this.#told(frame)
    if (swarms.length > 0) this.#o.onSwarms(swarms)
  }

  /** The swarms of which a frame says something; those of a snapshot when it is complete. */
  #told(frame: Frame): readonly SwarmRef[] {
    if (frame.type === 'heartbeat') return []
    for (const { namespace, swarm } of frame.swarms ?? []) this.#toldMs.set(`${namespace}/${swarm}`, this.#heardMs)
    if (frame.type === 'snapshot') return frame.more ? [] : [...this.#mirror.swarms]
    for (const { namespace, swarm } of frame.goneSwarms ?? []) this.#toldMs.delete(`${namespace}/${swarm}`)
    return [...(frame.swarms ?? []), ...(frame.goneSwarms ?? [])]
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
    const lost = this.#mirror.everything
    const lostSwarms = [...this.#mirror.swarms]
    this.#mirror = new Mirror()
    this.#toldMs.clear()
    this.#tally.lost()
    this.#failures += 1
    if (this.#failures === 1) this.#o.log.warn('router not connected', { url: this.#o.url, why })
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#open(), backoffMs(RECONNECT_MS, this.#failures - 1, this.#o.random())).unref()
    this.#o.onChange(lost)
    if (lostSwarms.length > 0) this.#o.onSwarms(lostSwarms)
  }
}
