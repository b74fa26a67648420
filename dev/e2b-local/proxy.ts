import { Agent, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'

/** Headers that concern one connection, or that are meant for the proxy, and are not passed on. */
const NOT_FORWARDED = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authorization',
  'te',
  'upgrade',
  'e2b-sandbox-id',
  'e2b-sandbox-port',
  'e2b-traffic-access-token',
])

/** Passes requests on to local ports over kept connections, streaming both ways. */
export class PortProxy {
  readonly #agent = new Agent({ keepAlive: true, maxFreeSockets: 1024, scheduling: 'lifo' })

  /** Passes a request on. `failed` is called when there is no answer to give back. */
  forward(request: IncomingMessage, response: ServerResponse, port: number, failed: () => void): void {
    this.#attempt({ request, response, port, failed }, true)
  }

  /** Closes the kept connections. */
  close(): void {
    this.#agent.destroy()
  }

  #attempt(call: Forward, mayRepeat: boolean): void {
    const { request, response, port, failed } = call
    const upstream = httpRequest({
      agent: this.#agent,
      host: '127.0.0.1',
      port,
      method: request.method,
      path: request.url,
      headers: forwarded(request.rawHeaders),
      setDefaultHeaders: false,
    })
    const hasBody = request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined
    upstream.on('response', (answer) => {
      answer.on('error', () => response.destroy())
      try {
        response.writeHead(answer.statusCode ?? 502, answer.statusMessage, withoutHopByHop(answer.rawHeaders))
      } catch {
        // Not every answer that can be read may be written again, one with the status 099 for instance.
        upstream.destroy()
        return failed()
      }
      answer.pipe(response)
    })
    // Nobody asked for another protocol: requests that do so do not come this way.
    upstream.on('upgrade', (_answer, socket) => {
      socket.destroy()
      failed()
    })
    upstream.on('error', (error: NodeJS.ErrnoException) => {
      if (response.headersSent || response.destroyed) return void response.destroy()
      // A kept connection that its server closed just now: the request was never seen.
      if (mayRepeat && upstream.reusedSocket && error.code === 'ECONNRESET' && !hasBody) return this.#attempt(call, false)
      failed()
    })
    response.once('close', () => {
      if (!response.writableFinished) upstream.destroy()
    })
    if (hasBody) request.pipe(upstream)
    else upstream.end()
  }
}

type Forward = {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly port: number
  readonly failed: () => void
}

/** The header lines to send on: names and values in turn. */
export function forwarded(rawHeaders: readonly string[]): string[] {
  return filtered(rawHeaders, (name) => !NOT_FORWARDED.has(name))
}

function withoutHopByHop(rawHeaders: readonly string[]): string[] {
  return filtered(rawHeaders, (name) => name !== 'connection' && name !== 'keep-alive' && name !== 'proxy-connection')
}

function filtered(rawHeaders: readonly string[], keep: (name: string) => boolean): string[] {
  const headers: string[] = []
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? ''
    if (keep(name.toLowerCase())) headers.push(name, rawHeaders[i + 1] ?? '')
  }
  return headers
}
