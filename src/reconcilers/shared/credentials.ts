import type { Agent } from '../../api/objects.ts'
import { REASON } from '../../api/reasons.ts'
import { OperatorError, WaitingError } from '../../errors.ts'
import type { Provider } from '../../e2b/provider.ts'
import type { Providers } from '../../e2b/providers.ts'
import type { References } from '../../kube/references.ts'
import { KeyReader } from './contents.ts'

/** A missing key wakes those who wait for it when it comes. Milliseconds. */
const LOOK_AGAIN_MS = 30_000

/** Keys remembered for agents whose Secret went before them, as it does when a namespace is deleted. */
const MOST_REMEMBERED = 1_000

/** `ownKey` is the operator's own API key, for swarms that name none. */
export type CredentialOptions = { providers: Providers; references: References; ownKey: string | undefined }

/** Finds the provider that an agent's sandbox lives at, with the right API key. */
export class CredentialStore {
  readonly #options: CredentialOptions
  readonly #remembered = new Map<string, Provider>()

  constructor(options: CredentialOptions) {
    this.#options = options
  }

  /** The agents by the provider that their sandboxes live at; those whose key is missing say so themselves and are left out. */
  usersOf(agents: readonly Agent[]): Map<Provider, Agent[]> {
    const users = new Map<Provider, Agent[]>()
    for (const agent of agents) {
      const provider = this.#knownProviderOf(agent)
      const others = provider && users.get(provider)
      if (others) others.push(agent)
      else if (provider) users.set(provider, [agent])
    }
    return users
  }

  #knownProviderOf(agent: Agent): Provider | undefined {
    try {
      return this.providerOf(agent)
    } catch (error) {
      if (error instanceof OperatorError) return undefined
      throw error
    }
  }

  /** The provider as this agent may use it. Throws WaitingError while the Secret with the key is missing. */
  providerOf({ metadata, spec }: Pick<Agent, 'metadata' | 'spec'>): Provider {
    const { providers, references, ownKey } = this.#options
    const ref = spec.credentialsSecretRef
    if (!ref) {
      if (ownKey) return providers.for(ownKey)
      throw new WaitingError(
        REASON.credentialsMissing,
        'the operator has no E2B API key of its own; name a Secret in spec.credentialsSecretRef',
        LOOK_AGAIN_MS,
      )
    }
    const id = `${metadata.namespace}/${ref.name}/${ref.key}`
    try {
      const value = new KeyReader(references, metadata.namespace).read({ kind: 'Secret', ...ref }, 'spec.credentialsSecretRef')
      const provider = providers.for(Buffer.from(value).toString('utf8').trim())
      if (this.#remembered.size >= MOST_REMEMBERED) this.#remembered.clear()
      this.#remembered.set(id, provider)
      return provider
    } catch (error) {
      const last = this.#remembered.get(id)
      if (metadata.deletionTimestamp && last && error instanceof OperatorError) return last
      throw error
    }
  }
}
