import type { SwarmPlace } from './front.ts'
import type { RouterMetrics } from './metrics.ts'
import type { NamespaceLimits } from './namespace-limits.ts'
import { Problem } from './problem.ts'

/** What a router may have open at once, in all and of one namespace. */
export type OpenTasksOptions = {
  readonly maxOpen: number
  /** Bytes of the bodies of all tasks that are open. */
  readonly maxBytes: number
  readonly limits: NamespaceLimits
  readonly metrics: Pick<RouterMetrics, 'limited'>
}

/** Counts the tasks that are open, and their bytes, from their headers on until they are answered or their clients have gone. */
export class OpenTasks {
  readonly #o: OpenTasksOptions
  #count = 0
  #bytes = 0
  #whenIdle: (() => void) | undefined

  constructor(options: OpenTasksOptions) {
    this.#o = options
  }

  /** Tasks that have entered and not left. */
  get count(): number {
    return this.#count
  }

  /** A task with so many bytes, as far as one can tell, begins; the problem when there is no room for it, and then it has not. */
  enter({ namespace, swarm }: SwarmPlace, bytes: number): Problem | undefined {
    const { maxOpen, maxBytes, limits, metrics } = this.#o
    if (this.#count >= maxOpen || this.#bytes + bytes > maxBytes) {
      const detail = `${this.#count} tasks with ${this.#bytes} bytes are open in this router; send it again later`
      return new Problem('TooManyTasks', { retryAfterSeconds: 1, detail })
    }
    const problem = limits.enter(namespace)
    if (problem) {
      metrics.limited.inc({ namespace, swarm, code: problem.code })
      return problem
    }
    this.#count += 1
    this.#bytes += bytes
    return undefined
  }

  /** The body of one has come: it has so many bytes more than was thought, or fewer. */
  grow(bytes: number): void {
    this.#bytes += bytes
  }

  /** One has ended, with the bytes that it was last known to have. */
  leave(namespace: string, bytes: number): void {
    this.#count -= 1
    this.#bytes -= bytes
    this.#o.limits.leave(namespace)
    if (this.#count === 0) this.#whenIdle?.()
  }

  /** Resolves when none is open. */
  async idle(): Promise<void> {
    if (this.#count > 0) await new Promise<void>((resolve) => (this.#whenIdle = resolve))
  }
}
