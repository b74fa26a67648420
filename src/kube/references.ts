import type { Logger } from 'winston'
import type { RuntimeMetrics } from '../metrics/registry.ts'
import type { KubeClient } from './client.ts'
import { Informer } from './informer.ts'
import { CONFIG_MAPS, SECRETS, type ConfigMap, type KubeObject, type ResourceKind, type Secret } from './objects.ts'

/** The kinds that objects refer to by name. */
export interface ReferenceKinds {
  readonly Secret: Secret
  readonly ConfigMap: ConfigMap
}

/** One object that another one refers to. */
export interface Reference {
  readonly kind: keyof ReferenceKinds
  readonly namespace: string
  readonly name: string
}

/** `unknown`: not read yet, look again when told of a change. `forbidden`: the operator's role does not allow reading it. */
export type Referenced<T> =
  | { readonly state: 'found'; readonly object: T }
  | { readonly state: 'missing' }
  | { readonly state: 'unknown' }
  | { readonly state: 'forbidden'; readonly message: string }

/** `onChange` hears the keys of the owners whose references may look different now. */
export interface ReferencesOptions {
  readonly client: KubeClient
  readonly log: Logger
  readonly metrics?: RuntimeMetrics | undefined
  readonly onChange: (owners: ReadonlySet<string>) => void
}

interface Watched {
  readonly informer: Informer<Secret> | Informer<ConfigMap>
  readonly owners: Set<string>
}

const KINDS: { readonly [K in keyof ReferenceKinds]: ResourceKind<ReferenceKinds[K]> } = { Secret: SECRETS, ConfigMap: CONFIG_MAPS }

/**
 * Follows the Secrets and ConfigMaps that objects refer to, each by a watch on its one name for as long as somebody refers to it. A role can
 * allow exactly those names (`resourceNames`), and no other Secret is ever read, kept or even sent to us.
 */
export class References {
  readonly #options: ReferencesOptions
  readonly #watched = new Map<string, Watched>()
  readonly #byOwner = new Map<string, ReadonlySet<string>>()

  constructor(options: ReferencesOptions) {
    this.#options = options
  }

  /** Names all that the owner refers to; what it referred to before and no longer does is let go. An empty list forgets the owner. */
  set(owner: string, references: readonly Reference[]): void {
    const wanted = new Map(references.map((reference) => [idOf(reference), reference]))
    for (const [id, reference] of wanted) this.#follow(id, reference).owners.add(owner)
    for (const id of this.#byOwner.get(owner) ?? []) if (!wanted.has(id)) this.#letGo(id, owner)
    if (wanted.size > 0) this.#byOwner.set(owner, new Set(wanted.keys()))
    else this.#byOwner.delete(owner)
  }

  /** What is known of an object that somebody refers to. */
  get<K extends keyof ReferenceKinds>(kind: K, namespace: string, name: string): Referenced<ReferenceKinds[K]> {
    const informer = this.#watched.get(idOf({ kind, namespace, name }))?.informer as Informer<ReferenceKinds[K]> | undefined // the id starts with the kind
    if (!informer) return { state: 'unknown' }
    if (informer.failure?.isForbidden) return { state: 'forbidden', message: informer.failure.message }
    if (!informer.hasSynced) return { state: 'unknown' }
    const object = informer.get({ namespace, name })
    return object ? { state: 'found', object } : { state: 'missing' }
  }

  /** Objects being watched. */
  get size(): number {
    return this.#watched.size
  }

  /** Ends all watches. */
  async stop(): Promise<void> {
    const all = [...this.#watched.values()]
    this.#watched.clear()
    this.#byOwner.clear()
    await Promise.all(all.map(({ informer }) => informer.stop()))
  }

  #follow(id: string, reference: Reference): Watched {
    const known = this.#watched.get(id)
    if (known) return known
    const owners = new Set<string>()
    const informer =
      reference.kind === 'Secret' ? this.#informer(KINDS.Secret, reference, owners) : this.#informer(KINDS.ConfigMap, reference, owners)
    const watched = { informer, owners }
    this.#watched.set(id, watched)
    informer.start()
    return watched
  }

  #informer<T extends KubeObject>(kind: ResourceKind<T>, { namespace, name }: Reference, owners: ReadonlySet<string>): Informer<T> {
    const { client, log, metrics, onChange } = this.#options
    const tell = () => {
      if (owners.size > 0) onChange(new Set(owners))
    }
    const retryMs = { first: 50, longest: 30_000 }
    const fieldSelector = `metadata.name=${name}`
    const informer = new Informer<T>({
      client,
      kind,
      log,
      metrics,
      namespaces: [namespace],
      fieldSelector,
      onState: tell,
      times: { retryMs },
    })
    // Until the first list is complete nothing is known, and then onState tells of all at once.
    informer.onChange(() => informer.hasSynced && tell())
    return informer
  }

  #letGo(id: string, owner: string): void {
    const watched = this.#watched.get(id)
    if (!watched) return
    watched.owners.delete(owner)
    if (watched.owners.size > 0) return
    this.#watched.delete(id)
    void watched.informer.stop()
  }
}

function idOf({ kind, namespace, name }: Reference): string {
  return `${kind}/${namespace}/${name}`
}
