import { TOKENS_SECRET_TYPE } from '../../api/names.ts'
import { REASON } from '../../api/reasons.ts'
import type { Template } from '../../api/template.ts'
import { StalledError, WaitingError } from '../../errors.ts'
import type { ConfigMap, Secret } from '../../kube/objects.ts'
import type { References } from '../../kube/references.ts'
import { contentHash, referencesOf, type KeyRef } from './revision.ts'

/** A missing object wakes those who wait for it; this is only for a watch that is forbidden at the moment. Milliseconds. */
const LOOK_AGAIN_MS = 30_000

/** A watched object is read at once, and that wakes those who wait for it; this is only in case the API server is away. Milliseconds. */
const READ_MS = 1_000

/** What an agent is started with, read from the Secrets and ConfigMaps of its namespace. Never logged. */
export type Contents = { env: Record<string, string>; files: { path: string; content: Uint8Array }[] }

/** Reads keys of watched Secrets and ConfigMaps; says what is missing, and where, in words for the user. */
export class KeyReader {
  readonly #references: References
  readonly #namespace: string

  constructor(references: References, namespace: string) {
    this.#references = references
    this.#namespace = namespace
  }

  /** The bytes of one key. Throws WaitingError while the object or the key is missing. */
  read(ref: KeyRef, usedFor: string): Uint8Array {
    const seen = this.#references.get(ref.kind, this.#namespace, ref.name)
    const what = `${ref.kind} ${this.#namespace}/${ref.name}`
    switch (seen.state) {
      case 'found': {
        // They change with every agent: agents made anew for each change would be made for ever.
        if ('type' in seen.object && seen.object.type === TOKENS_SECRET_TYPE)
          throw new StalledError(REASON.forbidden, `${what} holds the operator's access tokens, ${usedFor} must name another Secret`)
        const value = valueOf(ref, seen.object)
        if (value) return value
        throw new WaitingError(REASON.keyMissing, `${what} has no key ${ref.key}, which ${usedFor} needs; add it`, LOOK_AGAIN_MS)
      }
      case 'missing': {
        const reason = ref.kind === 'Secret' ? REASON.secretMissing : REASON.configMapMissing
        throw new WaitingError(reason, `${what} does not exist, ${usedFor} needs its key ${ref.key}; create it`, LOOK_AGAIN_MS)
      }
      case 'forbidden':
        throw new WaitingError(
          REASON.forbidden,
          `the operator may not read ${what}, which ${usedFor} needs; allow it: ${seen.message}`,
          LOOK_AGAIN_MS,
        )
      case 'unknown':
        throw new WaitingError(REASON.progressing, `${what} is being read`, READ_MS)
    }
  }

  /** Everything a template refers to. */
  contentsOf(template: Template): Contents {
    const env: Record<string, string> = {}
    for (const { name, value, valueFrom } of template.env) {
      const [ref] = referencesOf({ env: [{ name, ...(valueFrom && { valueFrom }) }], files: [] })
      env[name] = ref ? Buffer.from(this.read(ref, `variable ${name}`)).toString('utf8') : (value ?? '')
    }
    const files = template.files.flatMap((file) =>
      referencesOf({ env: [], files: [file] }).map((ref) => ({ path: file.path, content: this.read(ref, `file ${file.path}`) })),
    )
    return { env, files }
  }

  /** A hash over everything that these templates refer to. */
  hashOf(templates: readonly Template[]): string {
    const refs = templates.flatMap(referencesOf)
    return contentHash(refs.map((ref) => [ref.kind, ref.name, ref.key, Buffer.from(this.read(ref, 'the template')).toString('base64')]))
  }
}

function valueOf(ref: KeyRef, object: Secret | ConfigMap): Uint8Array | undefined {
  const text = object.data?.[ref.key]
  if (ref.kind === 'Secret') return text === undefined ? undefined : Buffer.from(text, 'base64')
  const binary = (object as ConfigMap).binaryData?.[ref.key]
  if (text !== undefined) return Buffer.from(text, 'utf8')
  return binary === undefined ? undefined : Buffer.from(binary, 'base64')
}
