import { createServer, request as httpRequest, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { request as httpsRequest, type RequestOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import { KubeConfig } from '@kubernetes/client-node'

/** Stands between a client and the real API server and disturbs what passes: it changes addresses, cuts, holds and spoils watches. */
export class FaultProxy {
  readonly #upstream: KubeConfig
  readonly #server: Server
  readonly #watches = new Set<ServerResponse>()
  #isHolding = false
  #held: (() => void)[] = []
  /** Paths with query of all requests that came. */
  readonly requests: string[] = []
  /** Changes the path of each request. */
  rewrite: (path: string) => string = (path) => path
  /** Answers instead of the server, when it gives a status code. */
  refuse: (path: string, method: string) => number | undefined = () => undefined

  constructor(upstream: KubeConfig) {
    this.#upstream = upstream
    this.#server = createServer((request, response) => {
      this.#forward(request, response).catch(() => response.destroy())
    })
  }

  async start(): Promise<KubeConfig> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve))
    const { port } = this.#server.address() as AddressInfo
    const config = new KubeConfig()
    config.loadFromClusterAndUser({ name: 'proxy', server: `http://127.0.0.1:${port}`, skipTLSVerify: true }, { name: 'nobody' })
    return config
  }

  async stop(): Promise<void> {
    this.release()
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#server.closeAllConnections()
    await closed
  }

  get watches(): number {
    return this.#watches.size
  }

  countOf(part: RegExp): number {
    return this.requests.filter((path) => part.test(path)).length
  }

  /** Breaks the connections of all watches. */
  cut(): void {
    for (const response of this.#watches) response.destroy()
  }

  /** Lets nothing of a watch through until released. */
  hold(): void {
    this.#isHolding = true
  }

  release(): void {
    this.#isHolding = false
    for (const resume of this.#held.splice(0)) resume()
  }

  /** Writes something into all watches that the server did not say. */
  spoil(text: string): void {
    for (const response of this.#watches) response.write(text)
  }

  async #forward(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '/'
    this.requests.push(`${request.method} ${path}`)
    const code = this.refuse(path, request.method ?? '')
    if (code !== undefined) {
      response.writeHead(code, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ kind: 'Status', code, message: 'refused by the test' }))
      return
    }
    const options: RequestOptions = {}
    await this.#upstream.applyToHTTPSOptions(options)
    const { host: _, connection: __, ...headers } = request.headers
    const url = new URL((this.#upstream.getCurrentCluster()?.server ?? '') + this.rewrite(path))
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest
    const sent = send(url, { ...options, method: request.method, headers: Object.assign(headers, options.headers) }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      if (/[?&]watch=true/.test(path)) this.#relayWatch(answer, response)
      else answer.pipe(response)
    })
    sent.on('error', () => response.destroy())
    response.on('close', () => sent.destroy())
    request.pipe(sent)
  }

  #relayWatch(answer: IncomingMessage, response: ServerResponse): void {
    this.#watches.add(response)
    response.on('close', () => this.#watches.delete(response))
    response.flushHeaders()
    answer.on('data', (chunk: Buffer) => {
      if (this.#isHolding) this.#held.push(() => response.write(chunk))
      else response.write(chunk)
    })
    answer.on('end', () => response.end())
    answer.on('error', () => response.destroy())
  }
}
