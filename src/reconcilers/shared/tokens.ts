import { LABEL, TOKENS_SECRET_TYPE, tokensSecretName } from '../../api/names.ts'
import type { Swarm } from '../../api/objects.ts'
import type { KubeClient } from '../../kube/client.ts'
import type { Informer } from '../../kube/informer.ts'
import { controllerReference, SECRETS, type Secret } from '../../kube/objects.ts'
import { OperatorError } from '../../errors.ts'
import { FIELD_MANAGER } from './kinds.ts'

/** How long tokens are gathered before one write, in milliseconds. */
const GATHER_MS = 15

type Batch = { changes: Record<string, string | null>; written: Promise<void> }
type Owner = Pick<Swarm, 'apiVersion' | 'kind' | 'metadata'>

/**
 * The traffic access tokens of agents, in one Secret a swarm: the operator writes them, the router reads them. Changes
 * that come together, or while the last write is under way, are one write.
 */
export class TokenStore {
  readonly #client: KubeClient
  readonly #secrets: Informer<Secret>
  readonly #batches = new Map<string, Batch>()
  /** The last write of each Secret, until it has ended, well or not. */
  readonly #writing = new Map<string, Promise<void>>()

  constructor(client: KubeClient, secrets: Informer<Secret>) {
    this.#client = client
    this.#secrets = secrets
  }

  /** The token of an agent, if it has one. */
  get(namespace: string, swarm: string, agent: string): string | undefined {
    const stored = this.#secrets.get({ namespace, name: tokensSecretName(swarm) })?.data?.[agent]
    return stored === undefined ? undefined : Buffer.from(stored, 'base64').toString('utf8')
  }

  /** Stores an agent's token; resolves once the router can see it. */
  async put(owner: Owner, agent: string, token: string): Promise<void> {
    const { namespace, name } = owner.metadata
    if (this.get(namespace, name, agent) === token) return
    await this.#change(owner, agent, Buffer.from(token, 'utf8').toString('base64'))
  }

  /** Removes the tokens of agents that are gone. */
  async keepOnly(owner: Owner, agents: ReadonlyMap<string, unknown>): Promise<void> {
    const { namespace, name } = owner.metadata
    const stale = Object.keys(this.#secrets.get({ namespace, name: tokensSecretName(name) })?.data ?? {}).filter(
      (agent) => !agents.has(agent),
    )
    await Promise.all(stale.map((agent) => this.#change(owner, agent, null)))
  }

  #change(owner: Owner, agent: string, value: string | null): Promise<void> {
    const key = owner.metadata.uid
    const waiting = this.#batches.get(key)
    if (waiting) {
      waiting.changes[agent] = value
      return waiting.written
    }
    const changes: Batch['changes'] = { [agent]: value }
    const gathered = Promise.all([new Promise((resolve) => setTimeout(resolve, GATHER_MS)), this.#writing.get(key)])
    const written = gathered.then(() => {
      this.#batches.delete(key)
      return this.#write(owner, changes)
    })
    const ended = written.catch(() => undefined).finally(() => this.#writing.get(key) === ended && this.#writing.delete(key))
    this.#writing.set(key, ended)
    this.#batches.set(key, { changes, written })
    return written
  }

  async #write(owner: Owner, changes: Batch['changes']): Promise<void> {
    const ref = { namespace: owner.metadata.namespace, name: tokensSecretName(owner.metadata.name) }
    const options = { fieldManager: FIELD_MANAGER }
    try {
      const known = this.#secrets.get(ref)
      if (known) {
        this.#secrets.wrote(await this.#client.mergePatch(SECRETS, ref, { metadata: { uid: known.metadata.uid }, data: changes }, options))
        return
      }
      const data = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== null))
      const metadata = { ...ref, labels: { [LABEL.swarm]: owner.metadata.name }, ownerReferences: [controllerReference(owner)] }
      this.#secrets.wrote(await this.#client.create(SECRETS, { metadata, type: TOKENS_SECRET_TYPE, data }, options))
    } catch (error) {
      if (!(error instanceof OperatorError && error.reason === 'AlreadyExists')) throw error
      this.#secrets.wrote(await this.#client.mergePatch(SECRETS, ref, { data: changes }, options))
    }
  }
}
