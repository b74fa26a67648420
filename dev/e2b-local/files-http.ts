import { createHash, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { pipeline as pipe, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import { readBody, sendJson } from './body.ts'
import type { EntryInfo } from './entry.ts'
import { EnvdError } from './errors.ts'
import { MULTIPART_BYTES } from './limits.ts'
import type { Sandbox } from './sandbox.ts'

/** The signature that the package puts into upload and download addresses. */
export function fileSignature(of: { path: string; operation: 'read' | 'write'; user: string; expiration: string; token: string }): string {
  const raw = `${of.path}:${of.operation}:${of.user}:${of.token}${of.expiration === '' ? '' : `:${of.expiration}`}`
  return `v1_${createHash('sha256').update(raw).digest('base64').replace(/=+$/, '')}`
}

/** Whether the address carries a signature that this sandbox's token made. Expiry is another question. */
function isSignedFor(sandbox: Sandbox, method: string, query: URLSearchParams): boolean {
  const given = Buffer.from(query.get('signature') ?? '')
  const expected = Buffer.from(
    fileSignature({
      path: query.get('path') ?? '',
      operation: method === 'GET' || method === 'HEAD' ? 'read' : 'write',
      user: query.get('username') ?? '',
      expiration: query.get('signature_expiration') ?? '',
      token: sandbox.envdAccessToken,
    }),
  )
  return given.length === expected.length && timingSafeEqual(given, expected)
}

/**
 * The sandbox whose token signed this address. The package writes such addresses for one server of all sandboxes, and nothing
 * in them but the signature says which one is meant.
 */
export function signedFor(fleet: { readonly all: Iterable<Sandbox> }, method: string, query: URLSearchParams): Sandbox | undefined {
  if (!query.has('signature')) return undefined
  for (const sandbox of fleet.all) if (isSignedFor(sandbox, method, query)) return sandbox
  return undefined
}

/** Refuses an address whose signature is wrong or too old. */
export function assertSigned(sandbox: Sandbox, method: string, query: URLSearchParams): void {
  if (!query.has('signature')) throw new EnvdError('unauthenticated', 'missing signature query parameter or X-Access-Token header')
  if (!isSignedFor(sandbox, method, query)) throw new EnvdError('unauthenticated', 'invalid signature')
  const expiration = query.get('signature_expiration')
  if (expiration !== null && !(Number(expiration) >= Date.now() / 1000))
    throw new EnvdError('unauthenticated', 'signature is already expired')
}

/** `GET /files`: the content of one file. */
export async function download(
  sandbox: Sandbox,
  request: IncomingMessage,
  response: ServerResponse,
  query: URLSearchParams,
): Promise<void> {
  const file = await sandbox.backend.files.read(query.get('path') ?? '')
  const zip = /\bgzip\b/.test(String(request.headers['accept-encoding'] ?? '')) && file.size > 0 && request.headers['range'] === undefined
  response.writeHead(200, {
    'content-type': 'application/octet-stream',
    'content-disposition': `inline; filename*=UTF-8''${encodeURIComponent(file.name)}`,
    ...(zip ? { 'content-encoding': 'gzip', vary: 'accept-encoding' } : { 'content-length': file.size }),
  })
  // A file that shrinks while it is read, or a client that goes, ends the connection: nothing else can be said any more.
  if (zip) await pipeline(file.content, createGzip(), response)
  else await pipeline(file.content, response)
}

/** `POST /files`: one file as the raw body, or any number as a multipart form. */
export async function upload(sandbox: Sandbox, request: IncomingMessage, response: ServerResponse, query: URLSearchParams): Promise<void> {
  const type = String(request.headers['content-type'] ?? '')
  const metadata = metadataOf(request)
  const path = query.get('path') ?? ''
  const entries: EntryInfo[] = []
  if (type.startsWith('multipart/form-data')) {
    for (const { name, content } of await formFiles(request, type))
      entries.push(await sandbox.backend.files.write(path === '' ? name : path, content, metadata))
  } else {
    if (path === '') throw new EnvdError('invalid_argument', 'the query parameter path is required')
    // A client that goes in the middle ends the unpacking too. The reader of the content learns of every error.
    const content = request.headers['content-encoding'] === 'gzip' ? pipe(request, createGunzip(), () => undefined) : request
    entries.push(await sandbox.backend.files.write(path, content, metadata))
  }
  const answer = entries.map((entry) => ({
    name: entry.name,
    path: entry.path,
    type: 'file',
    ...(entry.metadata === undefined ? {} : { metadata: entry.metadata }),
  }))
  sendJson(response, 200, answer)
}

async function formFiles(request: IncomingMessage, type: string): Promise<Array<{ name: string; content: Readable }>> {
  const body = await readBody(request, MULTIPART_BYTES)
  const form = await new Response(new Uint8Array(body), { headers: { 'content-type': type } }).formData().catch(() => {
    throw new EnvdError('invalid_argument', 'the multipart form cannot be read')
  })
  const files: Array<{ name: string; content: Readable }> = []
  for (const value of form.getAll('file')) {
    const text = typeof value === 'string'
    const bytes = text ? Buffer.from(value) : Buffer.from(await value.arrayBuffer())
    files.push({ name: text ? '' : value.name, content: Readable.from([bytes]) })
  }
  if (files.length === 0) throw new EnvdError('invalid_argument', 'the form has no part named "file"')
  if (files.some((file) => file.name === '') && !request.url?.includes('path='))
    throw new EnvdError('invalid_argument', 'a file in the form has no name')
  return files
}

function metadataOf(request: IncomingMessage): Record<string, string> {
  const metadata: Record<string, string> = {}
  for (const [name, value] of Object.entries(request.headers))
    if (name.startsWith('x-metadata-') && typeof value === 'string') metadata[name.slice('x-metadata-'.length)] = value
  return metadata
}
