import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { HEADER_BYTES } from './limits.ts'

type OnRequest = (request: IncomingMessage, response: ServerResponse) => void
type OnUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

/** Keeps the requests that come before there is something to serve them. */
export function hold(server: Server): { release: (onRequest: OnRequest, onUpgrade: OnUpgrade) => void } {
  const held: Array<(onRequest: OnRequest, onUpgrade: OnUpgrade) => void> = []
  const keepRequest: OnRequest = (...args) => void held.push((onRequest) => onRequest(...args))
  const keepUpgrade: OnUpgrade = (...args) => void held.push((_, onUpgrade) => onUpgrade(...args))
  server.on('request', keepRequest).on('upgrade', keepUpgrade)
  return {
    release: (onRequest, onUpgrade) => {
      server.off('request', keepRequest).off('upgrade', keepUpgrade)
      server.on('request', onRequest).on('upgrade', onUpgrade)
      for (const serve of held) serve(onRequest, onUpgrade)
    },
  }
}

/** Answers what is not a request that can be read. */
export function refuseInvalid(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable) return void socket.destroy()
  const { status, message } = INVALID[error.code ?? ''] ?? { status: '400 Bad Request', message: 'the request is not valid HTTP' }
  const body = JSON.stringify({ code: Number(status.slice(0, 3)), message })
  const head = `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close`
  socket.end(`HTTP/1.1 ${status}\r\n${head}\r\n\r\n${body}`)
}

const INVALID: Record<string, { status: string; message: string }> = {
  HPE_HEADER_OVERFLOW: { status: '431 Request Header Fields Too Large', message: `the request headers exceed ${HEADER_BYTES} bytes` },
  ERR_HTTP_REQUEST_TIMEOUT: { status: '408 Request Timeout', message: 'the request did not come in time' },
}

/** Opens the port; rejects when it is not to be had. */
export async function listen(server: Server, port: number, host: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve()
    })
  })
}
