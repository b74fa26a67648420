import type { IncomingMessage, ServerResponse } from 'node:http'
import { ApiError } from './errors.ts'
import { fieldsOf, isDeeperThan, isObject, type Fields } from './input.ts'
import { JSON_BODY_BYTES } from './limits.ts'

/** Levels that the JSON of a request may nest. */
const JSON_LEVELS = 64

/** The address that a request asks for; 400 for one that is none. */
export function urlOf(request: IncomingMessage): URL {
  const target = request.url ?? '/'
  const url = URL.parse(target.startsWith('/') ? `http://e2b-local${target}` : target)
  if (url === null) throw new ApiError(400, 'the request target is not a valid address')
  return url
}

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

/** The request body as a JSON object; no body counts as an empty one. */
export async function readJsonBody(request: IncomingMessage): Promise<Fields> {
  const body = await readBody(request)
  if (body.length === 0) return {}
  const value = parseJson(body.toString('utf8'))
  if (!isObject(value)) throw new ApiError(400, 'the request body is not a JSON object')
  if (isDeeperThan(value, JSON_LEVELS)) throw new ApiError(400, `the request body nests deeper than ${JSON_LEVELS} levels`)
  return fieldsOf(value)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
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
