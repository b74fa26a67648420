import { SourceError } from './source-error.ts'

/** One header of a request. */
export type Header = { readonly name: string; readonly value: string }

/** Headers that belong to the connection, or are written by other means. */
const OWN = ['connection', 'content-length', 'expect', 'host', 'keep-alive', 'te', 'trailer', 'transfer-encoding', 'upgrade']

type Wanted = {
  readonly token?: string | undefined
  readonly headers?: readonly Header[]
  readonly contentType?: string
}

/** The headers of a request as they are sent. Throws SourceError, without any value, for one that cannot be sent. */
export function headersOf({ token, headers = [], contentType }: Wanted, address: string): Record<string, string> {
  const all: Record<string, string> = { 'user-agent': 'swarm-operator', accept: 'application/json' }
  if (contentType !== undefined) all['content-type'] = contentType
  for (const { name, value } of headers) {
    const key = name.toLowerCase()
    if (OWN.includes(key)) throw new SourceError(`the header ${name} for ${address} cannot be chosen; remove it`)
    if (!isSendable(value)) throw new SourceError(`the header ${name} for ${address} has characters that no header can have; correct it`)
    all[key] = value
  }
  if (token === undefined) return all
  const trimmed = token.trim()
  if (trimmed === '' || !isSendable(trimmed))
    throw new SourceError(`the token for ${address} is empty or has characters that no token can have; correct its Secret`)
  return { ...all, authorization: `Bearer ${trimmed}` }
}

const isSendable = (value: string) => /^[\t\x20-\x7e\x80-\xff]*$/.test(value)
