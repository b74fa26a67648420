import type { Agent } from '../../api/objects.ts'

/** Revisions and groups of which the size of sandboxes is remembered. */
const MOST_USUAL = 10_000

/** CPUs and MiB of memory that are allocated to a sandbox. */
export type SandboxSize = { readonly cpus: number; readonly memoryMib: number }

/** What the last look at all sandboxes of the provider has shown of single agents; the next look shows it again after a restart. */
export class Sightings {
  readonly #suspects = new Set<string>()
  readonly #ends = new Map<string, number>()
  readonly #sizes = new Map<string, SandboxSize>()
  /** By what sandboxes are made from: those of one revision and group are alike. */
  readonly #usualSizes = new Map<string, SandboxSize>()

  /** The sandbox of this agent was not seen, or not in the state it should be in. */
  suspect(uid: string): void {
    this.#suspects.add(uid)
  }

  /** Whether somebody should ask the provider about this one sandbox. */
  isSuspect(uid: string): boolean {
    return this.#suspects.has(uid)
  }

  /** The provider has been asked. */
  clear(uid: string): void {
    this.#suspects.delete(uid)
  }

  /** The provider refuses to extend the life of this agent's sandbox beyond this Unix time in milliseconds. */
  ends(uid: string, atMs: number): void {
    this.#ends.set(uid, atMs)
  }

  /** When the sandbox ends for certain, if that is known. Unix milliseconds. */
  endOf(uid: string): number | undefined {
    return this.#ends.get(uid)
  }

  /** The provider has told how large the sandbox of an agent is, and thereby the next ones that are made from the same. */
  measured(uid: string, madeFrom: string, size: SandboxSize): void {
    this.#sizes.set(uid, size)
    this.#usualSizes.delete(madeFrom)
    this.#usualSizes.set(madeFrom, size)
    const [oldest] = this.#usualSizes.size > MOST_USUAL ? this.#usualSizes.keys() : []
    if (oldest !== undefined) this.#usualSizes.delete(oldest)
  }

  /** How large the sandbox of an agent is, or, as long as that was not seen, others that are made from the same; undefined without those. */
  sizeOf(uid: string, madeFrom: string): SandboxSize | undefined {
    return this.#sizes.get(uid) ?? this.#usualSizes.get(madeFrom)
  }

  /** The agent is gone. */
  forget(uid: string): void {
    this.#suspects.delete(uid)
    this.#ends.delete(uid)
    this.#sizes.delete(uid)
  }
}

/** What the sandbox of an agent is made from. */
export const madeFrom = ({ metadata, spec }: Pick<Agent, 'metadata' | 'spec'>): string =>
  `${metadata.namespace}/${spec.swarm}/${spec.revision}/${spec.group}`
