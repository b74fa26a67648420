import type { Agent } from '../../api/objects.ts'
import { DEFAULT_SIZE } from '../../scaling/cost.ts'

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
  /** Looks at the first sandbox of its kind that are under way. */
  readonly #looks = new Map<string, Promise<void>>()

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
    this.remember(madeFrom, size)
  }

  /** What is made from this is so large. */
  remember(madeFrom: string, size: SandboxSize): void {
    this.#usualSizes.delete(madeFrom)
    this.#usualSizes.set(madeFrom, size)
    const [oldest] = this.#usualSizes.size > MOST_USUAL ? this.#usualSizes.keys() : []
    if (oldest !== undefined) this.#usualSizes.delete(oldest)
  }

  /** How large sandboxes are that are made from this; undefined when none was seen. */
  usualSize(madeFrom: string): SandboxSize | undefined {
    return this.#usualSizes.get(madeFrom)
  }

  /**
   * Has somebody look at a sandbox when none that is made from the same was seen; of several at once only the first. `look` gives undefined when the
   * sandbox is gone, and no size when the provider does not say: it is then taken for a usual one. Rejects as the look does.
   */
  async learn(madeFrom: string, look: () => Promise<{ readonly size?: SandboxSize } | undefined>): Promise<void> {
    if (this.#usualSizes.has(madeFrom)) return
    const underWay = this.#looks.get(madeFrom)
    if (underWay) return underWay
    const looking = look()
      .then((seen) => seen && this.remember(madeFrom, seen.size ?? DEFAULT_SIZE))
      .finally(() => this.#looks.delete(madeFrom))
    this.#looks.set(madeFrom, looking)
    await looking
  }

  /** The provider has shown the sandbox of this agent. */
  isSeen(uid: string): boolean {
    return this.#sizes.has(uid)
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

type Origin = {
  readonly metadata: Pick<Agent['metadata'], 'namespace'>
  readonly spec: Pick<Agent['spec'], 'swarm' | 'revision' | 'group'>
}

/** What the sandbox of an agent is made from. */
export const madeFrom = ({ metadata, spec }: Origin): string => `${metadata.namespace}/${spec.swarm}/${spec.revision}/${spec.group}`
