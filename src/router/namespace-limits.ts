import { TokenBucket } from '../access/token-bucket.ts'
import { Problem } from './problem.ts'

/** What one namespace may have of a router; each is off where it is undefined. */
export type NamespaceLimitsOptions = {
  readonly maxInFlightPerNamespace: number | undefined
  readonly tasksPerSecondPerNamespace: number | undefined
}

type Share = { open: number; readonly bucket: TokenBucket | undefined }

/**
 * Keeps a namespace from taking all of a router: tasks that are open at once, and new ones a second with a second's worth at once.
 * With neither limit everybody may enter, and nothing is kept.
 */
export class NamespaceLimits {
  readonly #o: NamespaceLimitsOptions
  readonly #now: () => number
  readonly #areOn: boolean
  readonly #shares = new Map<string, Share>()

  constructor(options: NamespaceLimitsOptions, now: () => number) {
    this.#o = options
    this.#now = now
    this.#areOn = options.maxInFlightPerNamespace !== undefined || options.tasksPerSecondPerNamespace !== undefined
  }

  /** Open tasks by namespace; one without any is kept only while it has to wait for its rate. */
  *open(): Iterable<readonly [namespace: string, open: number]> {
    for (const [namespace, { open }] of this.#shares) yield [namespace, open]
  }

  /** A task of a namespace that has swarms begins; the problem when it may not, and then it has not. */
  enter(namespace: string): Problem | undefined {
    if (!this.#areOn) return undefined
    const { maxInFlightPerNamespace: most = Infinity, tasksPerSecondPerNamespace: perSecond } = this.#o
    const share = this.#shares.get(namespace) ?? this.#add(namespace)
    if (share.open >= most) {
      const detail = `namespace ${namespace} has ${share.open} tasks open in this router, as many as it may; send it again later`
      return new Problem('NamespaceFull', { retryAfterSeconds: 1, detail })
    }
    const waitMs = share.bucket?.take(this.#now()) ?? 0
    if (waitMs > 0) {
      const detail = `namespace ${namespace} may send ${perSecond} tasks a second to this router; send it again later`
      return new Problem('NamespaceTooFast', { retryAfterSeconds: Math.ceil(waitMs / 1_000), detail })
    }
    share.open += 1
    return undefined
  }

  /** It has ended. */
  leave(namespace: string): void {
    if (!this.#areOn) return
    const share = this.#shares.get(namespace)
    if (!share) return
    share.open -= 1
    if (this.#isIdle(share)) this.#shares.delete(namespace)
  }

  /** Nothing is kept of namespaces that have come to rest, of which there may have been many. */
  #add(namespace: string): Share {
    for (const [name, share] of this.#shares) if (this.#isIdle(share)) this.#shares.delete(name)
    const { tasksPerSecondPerNamespace: perSecond } = this.#o
    const bucket = perSecond === undefined ? undefined : new TokenBucket({ perSecond, burst: Math.max(1, Math.ceil(perSecond)) })
    const share = { open: 0, bucket }
    this.#shares.set(namespace, share)
    return share
  }

  #isIdle({ open, bucket }: Share): boolean {
    return open === 0 && (bucket === undefined || bucket.isFull(this.#now()))
  }
}
