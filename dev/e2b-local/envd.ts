import { timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { readBody, sendEmpty, sendJson, urlOf } from './body.ts'
import { readFrame, readJson } from './connect-protocol.ts'
import { ApiError, EnvdError, toEnvdError, type ConnectCode } from './errors.ts'
import { assertSigned, download, upload } from './files-http.ts'
import { filesystemCall, watchDir } from './filesystem-service.ts'
import { fieldsOf } from './input.ts'
import { MessageStream } from './message-stream.ts'
import { connectProcess, processCall, startProcess } from './process-service.ts'
import type { Sandbox } from './sandbox.ts'

const USERS = new Set(['', 'user', 'root'])

/** Answers a request to the services inside a sandbox, whatever goes wrong. */
export async function serveEnvd(sandbox: Sandbox, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const rpc = /^\/(process\.Process|filesystem\.Filesystem)\/(\w+)(?:\?|$)/.exec(request.url ?? '')
  try {
    if (rpc === null) return await plain(sandbox, request, response, urlOf(request))
    if (request.method !== 'POST') throw new EnvdError('unimplemented', 'only POST is supported', 405)
    assertToken(sandbox, request)
    assertUser(basicUser(request))
    const type = (request.headers['content-type'] ?? '').split(';')[0]
    const service = rpc[1] ?? ''
    const method = rpc[2] ?? ''
    if (type === 'application/connect+json') return await streaming(sandbox, `${service}/${method}`, request, response)
    if (type !== 'application/json')
      throw new EnvdError('invalid_argument', `content type ${JSON.stringify(type)} is not supported; use JSON`, 415)
    const message = fieldsOf(readJson(await readBody(request)))
    const call = service === 'process.Process' ? processCall : filesystemCall
    sendJson(response, 200, await call(sandbox, method, message))
  } catch (error) {
    refuse(response, error, rpc === null)
  }
}

async function streaming(sandbox: Sandbox, name: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const message = fieldsOf(readFrame(await readBody(request)))
  const stream = new MessageStream(request, response)
  try {
    if (name === 'process.Process/Start') await startProcess(sandbox, message, stream)
    else if (name === 'process.Process/Connect') connectProcess(sandbox, message, stream)
    else if (name === 'filesystem.Filesystem/WatchDir') await watchDir(sandbox, message, stream)
    else throw new EnvdError('unimplemented', `${name} is not a server-streaming method`)
  } catch (error) {
    stream.end(toEnvdError(error, name))
  }
}

async function plain(sandbox: Sandbox, request: IncomingMessage, response: ServerResponse, url: URL): Promise<void> {
  const method = request.method ?? 'GET'
  if (url.pathname === '/health' && method === 'GET') return sendEmpty(response, 204)
  if (url.pathname === '/files') {
    if (request.headers['x-access-token'] === undefined) assertSigned(sandbox, method, url.searchParams)
    else assertToken(sandbox, request)
    assertUser(url.searchParams.get('username') ?? '')
    if (method === 'GET') return download(sandbox, request, response, url.searchParams)
    if (method === 'POST') return upload(sandbox, request, response, url.searchParams)
    throw new EnvdError('unimplemented', 'only GET and POST are supported', 405)
  }
  if (/^\/(init|freeze|thaw|snapshot|upgrade)\b/.test(url.pathname))
    throw new EnvdError('permission_denied', 'control routes are not open from outside')
  assertToken(sandbox, request)
  if (url.pathname === '/envs' && method === 'GET') return sendJson(response, 200, sandbox.spec.envs)
  if (url.pathname === '/metrics' && method === 'GET') return sendJson(response, 200, sandbox.metrics.at(-1) ?? {})
  throw new EnvdError('not_found', '404 page not found')
}

function assertToken(sandbox: Sandbox, request: IncomingMessage): void {
  const given = Buffer.from(String(request.headers['x-access-token'] ?? ''))
  const expected = Buffer.from(sandbox.envdAccessToken)
  if (given.length !== expected.length || !timingSafeEqual(given, expected))
    throw new EnvdError('unauthenticated', 'unauthorized access, please provide a valid access token or method signing if supported')
}

function basicUser(request: IncomingMessage): string {
  const match = /^Basic (.+)$/i.exec(request.headers.authorization ?? '')
  return match === null
    ? ''
    : (Buffer.from(match[1] ?? '', 'base64')
        .toString()
        .split(':')[0] ?? '')
}

function assertUser(name: string): void {
  if (!USERS.has(name)) throw new EnvdError('unauthenticated', `error looking up user '${name}': user: unknown user ${name}`)
}

function refuse(response: ServerResponse, error: unknown, isPlain: boolean): void {
  if (response.headersSent) {
    response.destroy()
    return
  }
  if (error instanceof ApiError)
    return sendJson(response, error.code, { code: isPlain ? error.code : (CONNECT_CODE[error.code] ?? 'internal'), message: error.message })
  const refusal = toEnvdError(error, 'the request failed')
  sendJson(response, refusal.httpStatus, { code: isPlain ? refusal.httpStatus : refusal.code, message: refusal.message })
}

const CONNECT_CODE: Record<number, ConnectCode> = { 400: 'invalid_argument', 413: 'resource_exhausted' }
