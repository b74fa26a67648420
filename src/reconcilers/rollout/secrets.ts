import { TOKENS_SECRET_TYPE } from '../../api/names.ts'
import { KubeApiError } from '../../kube/api-error.ts'
import type { KubeClient } from '../../kube/client.ts'
import { SECRETS } from '../../kube/objects.ts'
import { SourceError } from '../../sources/source-error.ts'
import type { SecretKey } from './outside.ts'

/** Longest wait for a Secret. Milliseconds. */
const READ_MS = 5_000

/** Reads a key of a Secret from the API server, each time anew: it is used once and not kept. Throws SourceError when there is none. */
export async function readSecret(client: KubeClient, { namespace, name, key }: SecretKey, signal: AbortSignal): Promise<string> {
  const what = `Secret ${namespace}/${name}`
  const secret = await client.get(SECRETS, { namespace, name }, { signal, timeoutMs: READ_MS }).catch((error: unknown) => {
    signal.throwIfAborted()
    if (!(error instanceof KubeApiError)) throw error
    if (error.isForbidden) throw new SourceError(`the operator may not read ${what}, which tokenSecretRef names; allow it to get it`)
    throw new SourceError(`${what}, which tokenSecretRef names, cannot be read: ${error.message}`)
  })
  if (!secret) throw new SourceError(`${what} does not exist, and tokenSecretRef names it; create it`)
  if (secret.type === TOKENS_SECRET_TYPE)
    throw new SourceError(`${what} holds the operator's access tokens; tokenSecretRef must name another Secret`)
  const value = secret.data?.[key]
  if (value === undefined) throw new SourceError(`${what} has no key ${key}, which tokenSecretRef names; add it`)
  return Buffer.from(value, 'base64').toString('utf8')
}
