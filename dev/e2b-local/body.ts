import type { IncomingMessage, ServerResponse } from 'node:http'
import { ApiError } from './errors.ts'
import { JSON_BODY_BYTES } from './limits.ts'

/** The whole request body, up to a number of bytes; 413 beyond. */
export async function readBody(request: IncomingMessage, maxBytes = JSON_BODY_BYTES): Promise<Buffer> {
  const announced = Number(request.headers['content-length'] ?? 0)
  if (announced > maxBytes) throw new ApiError(413, `the request body exceeds ${maxBytes} bytes`)
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > maxBytes) throw new ApiError(413, `the request body exceeds ${maxBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** The request body as JSON; no body counts as an empty object. */
export async function readJsonBody(request: IncomingMessage): Promise<unknown> {
  const body = await readBody(request)
  if (body.length === 0) return {}
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    throw new ApiError(400, 'the request body is not valid JSON')
  }
}

/** Sends a JSON answer, unless the client has gone or an answer has begun. */
export function sendJson(response: ServerResponse, status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): void {
  if (response.headersSent || response.destroyed) return
  const text = JSON.stringify(body)
  // The rest of a body that is too large is not read.
  const close = status === 413 ? { connection: 'close' } : {}
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text), ...close, ...headers })
  response.end(text)
}

/** Sends an answer without a body. */
export function sendEmpty(response: ServerResponse, status: number): void {
  if (response.headersSent || response.destroyed) return
  response.writeHead(status)
  response.end()
}
