import { MAX_REPEATS, MAX_REPEAT_BYTES, REPEAT_MS } from './limits.ts'

/** What is known of a key: a task that runs, an answer that was given, or that the key was used for something else. */
export type Known<T, A> =
  { readonly kind: 'Running'; readonly task: T } | { readonly kind: 'Ended'; readonly answer: A } | { readonly kind: 'Reused' }

/** Bytes that are counted for each answer besides its text. */
const OVERHEAD_BYTES = 512

type Ended<A> = { readonly fingerprint: string; readonly answer: A; readonly bytes: number; readonly atMs: number }

/**
 * Which tasks with an idempotency key run, and the answers of recent ones, so that a repeat is not done again. `T` is a task, `A` an
 * answer. Bounded in number, bytes and age; the oldest answers go first. A fingerprint tells one request from another.
 */
export class Repeats<T, A> {
  readonly #running = new Map<string, { readonly fingerprint: string; readonly task: T }>()
  /** In the order in which they ended. */
  readonly #ended = new Map<string, Ended<A>>()
  #bytes = 0

  /** Bytes of all answers that are remembered. */
  get bytes(): number {
    return this.#bytes
  }

  /** Answers that are remembered. */
  get size(): number {
    return this.#ended.size
  }

  /** What is known of the key; undefined when the request is new. */
  find(key: string, fingerprint: string, nowMs: number): Known<T, A> | undefined {
    this.#expire(nowMs)
    const known = this.#running.get(key) ?? this.#ended.get(key)
    if (!known) return undefined
    if (known.fingerprint !== fingerprint) return { kind: 'Reused' }
    return 'task' in known ? { kind: 'Running', task: known.task } : { kind: 'Ended', answer: known.answer }
  }

  /** A task with a new key begins. */
  begin(key: string, fingerprint: string, task: T): void {
    this.#running.set(key, { fingerprint, task })
  }

  /** The task ended with an answer that every repeat is to get. */
  keep(key: string, task: T, answer: A, end: { readonly bytes: number; readonly atMs: number }): void {
    const running = this.#running.get(key)
    const bytes = end.bytes + OVERHEAD_BYTES
    if (!this.drop(key, task) || !running || bytes > MAX_REPEAT_BYTES) return
    this.#ended.set(key, { fingerprint: running.fingerprint, answer, bytes, atMs: end.atMs })
    this.#bytes += bytes
    this.#expire(end.atMs)
  }

  /** The task ended in a way that a repeat should try again. False when the key is not its own any more. */
  drop(key: string, task: T): boolean {
    return this.#running.get(key)?.task === task && this.#running.delete(key)
  }

  /** Forgets all keys that begin like this; tasks that run go on. */
  forget(prefix: string): void {
    for (const key of this.#running.keys()) if (key.startsWith(prefix)) this.#running.delete(key)
    for (const [key, ended] of this.#ended) if (key.startsWith(prefix)) this.#remove(key, ended)
  }

  #expire(nowMs: number): void {
    for (const [key, ended] of this.#ended) {
      const isTooOld = nowMs - ended.atMs >= REPEAT_MS
      if (!isTooOld && this.#ended.size <= MAX_REPEATS && this.#bytes <= MAX_REPEAT_BYTES) return
      this.#remove(key, ended)
    }
  }

  #remove(key: string, { bytes }: Ended<A>): void {
    this.#ended.delete(key)
    this.#bytes -= bytes
  }
}
