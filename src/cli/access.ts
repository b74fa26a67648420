import type { Agent } from '../api/objects.ts'
import { SandboxGoneError } from '../e2b/errors.ts'
import type { Provider } from '../e2b/provider.ts'
import type { Session } from '../e2b/session.ts'
import { OperatorError } from '../errors.ts'
import { KubeApiError } from '../kube/api-error.ts'
import type { KubeClient } from '../kube/client.ts'
import { SECRETS, type Secret } from '../kube/objects.ts'
import { CliError } from './fleet.ts'

/** A sandbox's time is only ever extended by a connection, and never by this little. Milliseconds. */
const CONNECT_MS = 1_000

/** What it takes to get at sandboxes. */
export type Keys = {
  readonly client: KubeClient
  /** The value of E2B_API_KEY. */
  readonly ownKey: string | undefined
  readonly providerOf: (apiKey: string) => Provider
}

/** Which key: that of the environment, or one of a Secret. */
export type KeyRef = { readonly name: string; readonly key: string }

/** The provider as one may use it for sandboxes of a namespace. Throws a CliError that says which right or variable is missing. */
export async function providerFor(
  namespace: string,
  ref: KeyRef | undefined,
  { client, ownKey, providerOf }: Keys,
): Promise<{ provider: Provider; source: string }> {
  if (ownKey) return { provider: providerOf(ownKey), source: 'E2B_API_KEY' }
  if (!ref) throw new CliError('the swarm names no key of its own, the operator uses its own one; set E2B_API_KEY to the same key')
  const source = `key ${ref.key} of Secret ${namespace}/${ref.name}`
  const value = (await secretOf(client, namespace, ref))?.data?.[ref.key]
  const apiKey = value === undefined ? '' : Buffer.from(value, 'base64').toString('utf8').trim()
  if (apiKey === '')
    throw new CliError(`${source}, which spec.credentialsSecretRef names, is not there; set E2B_API_KEY, or write the Secret`)
  return { provider: providerOf(apiKey), source }
}

async function secretOf(client: KubeClient, namespace: string, { name }: KeyRef): Promise<Secret | undefined> {
  try {
    return await client.get<Secret>(SECRETS, { namespace, name })
  } catch (error) {
    if (!(error instanceof KubeApiError && error.isForbidden)) throw error
    const missing = `you may not read Secret ${namespace}/${name}, which holds the E2B API key (get secrets)`
    throw new CliError(`${missing}; set E2B_API_KEY, or ask for that right`, { cause: error })
  }
}

/** A way into the sandbox of an agent whose command was started. Throws a CliError that says why there is none. */
export async function enter(agent: Agent, keys: Keys): Promise<{ provider: Provider; session: Session }> {
  const { metadata, spec, status } = agent
  const sandbox = status?.sandbox
  const no = (why: string) => new CliError(`agent ${metadata.name} ${why}`)
  if (status?.failed || sandbox?.state === 'Gone') throw no(`is lost (${status?.failed?.reason ?? 'SandboxGone'}): its sandbox is gone`)
  if (!sandbox) throw no('has no sandbox yet; kubectl swarm status shows how far it is')
  if (sandbox.state === 'Paused') throw no('sleeps, and would be woken by this; scale its swarm up, or choose another agent')
  if (!sandbox.commandStarted) throw no('has not been started yet; its command starts when it is taken from the warm pool, or soon')
  const { provider, source } = await providerFor(metadata.namespace, spec.credentialsSecretRef, keys)
  try {
    return { provider, session: (await provider.reconnect(sandbox.id, CONNECT_MS)).session }
  } catch (error) {
    if (error instanceof SandboxGoneError)
      throw no(`runs in sandbox ${sandbox.id}, which ${source} does not open; is it a key of the same team?`)
    if (error instanceof OperatorError && error.reason === 'CredentialsRejected')
      throw new CliError(`E2B refuses ${source}`, { cause: error })
    throw error
  }
}
