import { LRUCache } from 'lru-cache'
import { FRESH_MS, GRACE_MS, REFRESH_MS, REFUSED_MS, REVIEW_MS } from './limits.ts'

/** What the API server said. `until` ends what is good at a known moment, such as the expiry of a token. */
export type Reviewed<T> = { readonly good: T; readonly untilMs?: number } | { readonly refused: string }

/** What is known; `unknown` when the API server gave no answer. */
export type Answer<T> =
  | { readonly kind: 'good'; readonly value: T }
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'unknown'; readonly error: unknown }

type Good<T> = {
  readonly answer: Answer<T>
  readonly freshUntilMs: number
  readonly graceUntilMs: number
  askAgainMs: number
  hasFailed: boolean
}

type Refused = { readonly answer: Answer<never>; readonly untilMs: number }

/** How large, and the clock: milliseconds that only grow. */
export type ReviewCacheOptions = { readonly max: { readonly good: number; readonly refused: number }; readonly now: () => number }

/**
 * Remembers answers of the API server. Asks once for all who want to know the same thing at the same time.
 *
 * | what was good, by its age  | answer                                                       |
 * |----------------------------|--------------------------------------------------------------|
 * | up to REFRESH_MS           | at once                                                      |
 * | up to FRESH_MS             | at once, and it is asked about again                         |
 * | up to GRACE_MS             | the new one; the old one where the API server gives none     |
 * | older, or past its expiry  | the new one, or unknown                                      |
 */
export class ReviewCache<T> {
  readonly #good: LRUCache<string, Good<T>>
  readonly #refused: LRUCache<string, Refused>
  readonly #asking = new Map<string, Promise<Answer<T>>>()
  readonly #now: () => number

  constructor({ max, now }: ReviewCacheOptions) {
    this.#good = new LRUCache({ max: max.good })
    this.#refused = new LRUCache({ max: max.refused })
    this.#now = now
  }

  /** Answers that are remembered. */
  get sizes(): { readonly good: number; readonly refused: number } {
    return { good: this.#good.size, refused: this.#refused.size }
  }

  /** Whether it has been good not long ago, or is being asked about: then asking is no new burden. */
  isFamiliar(key: string): boolean {
    return this.#good.has(key) || this.#asking.has(key)
  }

  /** The answer, if nobody needs to be asked. */
  known(key: string): Answer<T> | undefined {
    const good = this.#good.get(key)
    if (good) return this.#now() < good.askAgainMs ? good.answer : undefined
    const refused = this.#refused.get(key)
    return refused && this.#now() < refused.untilMs ? refused.answer : undefined
  }

  /** The answer, at once where it need not be waited for. Never rejects. */
  ask(key: string, review: () => Promise<Reviewed<T>>): Answer<T> | Promise<Answer<T>> {
    const known = this.known(key)
    if (known) return known
    const asking = this.#asking.get(key) ?? this.#start(key, review)
    const good = this.#good.get(key)
    const nowMs = this.#now()
    const need = good && (nowMs < good.freshUntilMs || (good.hasFailed && nowMs < good.graceUntilMs))
    return need ? good.answer : asking
  }

  #start(key: string, review: () => Promise<Reviewed<T>>): Promise<Answer<T>> {
    const asking = this.#answerOf(key, review).finally(() => this.#asking.delete(key))
    this.#asking.set(key, asking)
    return asking
  }

  async #answerOf(key: string, review: () => Promise<Reviewed<T>>): Promise<Answer<T>> {
    try {
      return this.#keep(key, await review())
    } catch (error) {
      const good = this.#good.get(key)
      const nowMs = this.#now()
      if (!good || nowMs >= good.graceUntilMs) return { kind: 'unknown', error }
      good.hasFailed = true
      good.askAgainMs = Math.min(nowMs + REVIEW_MS.pauseMs, good.graceUntilMs)
      return good.answer
    }
  }

  #keep(key: string, reviewed: Reviewed<T>): Answer<T> {
    const nowMs = this.#now()
    if ('refused' in reviewed) {
      const answer = { kind: 'refused', why: reviewed.refused } as const
      this.#good.delete(key)
      this.#refused.set(key, { answer, untilMs: nowMs + REFUSED_MS })
      return answer
    }
    const { good: value, untilMs = Infinity } = reviewed
    const answer = { kind: 'good', value } as const
    const until = (ms: number) => Math.min(nowMs + ms, untilMs)
    this.#refused.delete(key)
    this.#good.set(key, {
      answer,
      askAgainMs: until(REFRESH_MS),
      freshUntilMs: until(FRESH_MS),
      graceUntilMs: until(GRACE_MS),
      hasFailed: false,
    })
    return answer
  }
}
