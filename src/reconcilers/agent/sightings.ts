/** What the last look at all sandboxes of the provider has shown of single agents; the next look shows it again after a restart. */
export class Sightings {
  readonly #suspects = new Set<string>()
  readonly #ends = new Map<string, number>()

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

  /** The agent is gone. */
  forget(uid: string): void {
    this.#suspects.delete(uid)
    this.#ends.delete(uid)
  }
}
