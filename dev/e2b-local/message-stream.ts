import type { IncomingMessage, ServerResponse } from 'node:http'
import { endFrame, frame } from './connect-protocol.ts'
import type { EnvdError } from './errors.ts'
import { integerOf } from './input.ts'

/** The answering side of a server-streaming call. */
export class MessageStream {
  /** The time limit that the client sent; undefined when it sent none. */
  readonly timeoutMs: number | undefined
  readonly #response: ServerResponse
  readonly #pingMs: number
  #ping: NodeJS.Timeout | undefined

  constructor(request: IncomingMessage, response: ServerResponse) {
    this.#response = response
    const timeoutMs = integerOf(request.headers['connect-timeout-ms'])
    this.timeoutMs = timeoutMs === undefined || timeoutMs <= 0 ? undefined : Math.min(timeoutMs, 2 ** 31 - 1)
    const seconds = integerOf(request.headers['keepalive-ping-interval']) ?? 90
    this.#pingMs = Math.min(Math.max(1, seconds), 3600) * 1000
    response.once('close', () => clearInterval(this.#ping))
  }

  /** Sends a message; false asks the sender to wait for `onDrain`. */
  send(message: unknown): boolean {
    if (this.#response.writableEnded || this.#response.destroyed) return true
    if (!this.#response.headersSent) this.#response.writeHead(200, { 'content-type': 'application/connect+json' })
    return this.#response.write(frame(message))
  }

  /** Ends the stream, well or with an error. */
  end(error?: EnvdError): void {
    clearInterval(this.#ping)
    if (this.#response.writableEnded || this.#response.destroyed) return
    if (!this.#response.headersSent) this.#response.writeHead(200, { 'content-type': 'application/connect+json' })
    this.#response.end(endFrame(error))
  }

  onDrain(resume: () => void): void {
    this.#response.on('drain', resume)
  }

  /** Calls back once, when the client has gone or the stream has ended; at once if that has happened. */
  onClose(close: () => void): void {
    if (this.#response.destroyed) close()
    else this.#response.once('close', close)
  }

  /** Sends this message at the interval the client asked for, so that nothing between takes the stream for dead. */
  keepAlive(message: unknown): void {
    if (this.#response.writableEnded || this.#response.destroyed) return
    this.#ping = setInterval(() => this.send(message), this.#pingMs)
  }
}
