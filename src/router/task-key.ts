import { hash } from 'node:crypto'
import type { Call } from './call.ts'
import { MAX_KEY_CHARS } from './limits.ts'
import { Problem } from './problem.ts'
import type { SwarmEntry } from './swarm-entry.ts'

/** What a client with an idempotency key sends; `key` is its `text` with the swarm. */
export type Keyed = { readonly text: string; readonly key: string; readonly fingerprint: string }

type KeyParts = { entry: SwarmEntry<Call>; text: string | undefined; body: Buffer; revision: string | undefined }

/** The key of a task; undefined without one. */
export const keyedOf = ({ entry, text, body, revision = '' }: KeyParts): Keyed | undefined =>
  text === undefined ? undefined : { text, key: `${scopeOf(entry)}${text}`, fingerprint: `${hash('sha256', body, 'base64')} ${revision}` }

/** What the keys of a swarm begin with; no name and no key has a line break. */
export const scopeOf = ({ namespace, name }: SwarmEntry<Call>) => `${namespace}/${name}\n`

/** The key came with something else before. */
export const keyReused = (key: string) =>
  new Problem('IdempotencyKeyReused', {
    detail: `the Idempotency-Key ${key} came with another body or Swarm-Revision not long ago; use a new key for each task, and the same one only to repeat it`,
  })

/** A header that holds a name or a key; undefined without it. Throws when it has too much, or what is no such thing. */
export function keyHeader(value: string | string[] | undefined, header: string): string | undefined {
  if (value === undefined || value === '') return undefined
  if (typeof value === 'string' && value.length <= MAX_KEY_CHARS && /^[\x21-\x7e]+$/.test(value)) return value
  throw new Problem('InvalidTask', {
    detail: `the header ${header} must have 1 to ${MAX_KEY_CHARS} printable ASCII characters without spaces`,
  })
}
