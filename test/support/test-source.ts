import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** What a source was asked. */
export type Received = {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly body: string
}
/** How a source answers. */
export type Answer = (response: ServerResponse, received: Received) => void

/** A source that answers as a test says, and keeps what it was asked. */
export class TestSource {
  answer: Answer = (response) => response.end('{}')
  readonly received: Received[] = []
  open = 0
  most = 0
  url = ''
  readonly #server: Server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const { method = '', url = '', headers } = request
      const received = { method, url, headers, body: Buffer.concat(chunks).toString() }
      this.received.push(received)
      this.open += 1
      this.most = Math.max(this.most, this.open)
      response.on('close', () => (this.open -= 1))
      this.answer(response, received)
    })
  })

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    this.url = `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }
}
