import { LRUCache } from 'lru-cache'
import { ALL_RIGHTS, MAX_ASKERS, TOKENS_OF_ADDRESS, UNKNOWN_RIGHTS, UNKNOWN_TOKENS } from './limits.ts'
import { TokenBucket } from './token-bucket.ts'

/**
 * Which unknown tokens the API server is asked about: so many a second of each address and of all of them. An address pays for those only
 * that turn out to be bad, and one that a good token has come from shares with its like: nobody without a token can keep it from being heard.
 */
export class TokenQuestions {
  readonly #proven = new LRUCache<string, TokenBucket>({ max: MAX_ASKERS })
  readonly #strangers = new LRUCache<string, TokenBucket>({ max: MAX_ASKERS })
  readonly #allProven = new TokenBucket(UNKNOWN_TOKENS)
  readonly #allStrangers = new TokenBucket(UNKNOWN_TOKENS)

  /** Whether one more token from this address may be asked about. */
  take(address: string, nowMs: number): boolean {
    const sender = senderOf(address)
    const proven = this.#proven.get(sender)
    const own = proven ?? bucketOf(this.#strangers, sender, TOKENS_OF_ADDRESS)
    return takeBoth(own, proven ? this.#allProven : this.#allStrangers, nowMs)
  }

  /** The token that was asked about is good. */
  wasGood(address: string): void {
    const sender = senderOf(address)
    const own = this.#proven.get(sender) ?? bucketOf(this.#strangers, sender, TOKENS_OF_ADDRESS)
    own.giveBack()
    this.#strangers.delete(sender)
    this.#proven.set(sender, own)
  }
}

/** Which unknown rights the API server is asked about: so many a second of each user, whatever its tokens, and of all of them. */
export class RightQuestions {
  readonly #users = new LRUCache<string, TokenBucket>({ max: MAX_ASKERS })
  readonly #all = new TokenBucket(ALL_RIGHTS)

  /** Whether one more right of this user may be asked about. */
  take(username: string, nowMs: number): boolean {
    return takeBoth(bucketOf(this.#users, askerOf(username), UNKNOWN_RIGHTS), this.#all, nowMs)
  }
}

type Limit = ConstructorParameters<typeof TokenBucket>[0]

function bucketOf(buckets: LRUCache<string, TokenBucket>, key: string, limit: Limit): TokenBucket {
  const known = buckets.get(key)
  if (known) return known
  const bucket = new TokenBucket(limit)
  buckets.set(key, bucket)
  return bucket
}

function takeBoth(own: TokenBucket, all: TokenBucket, nowMs: number): boolean {
  if (own.take(nowMs) > 0) return false
  if (all.take(nowMs) === 0) return true
  own.giveBack()
  return false
}

/** ServiceAccounts of a namespace count as one user: who may make one there may make any number. */
const askerOf = (username: string) => /^system:serviceaccount:[^:]+:/.exec(username)?.[0] ?? username

const IPV4_IN_IPV6 = /^::ffff:([\d.]+)$/i

/** What one sender has of addresses: one of IPv4, a network of 64 bits of IPv6. */
function senderOf(address: string): string {
  if (!address.includes(':')) return address
  const mapped = IPV4_IN_IPV6.exec(address)?.[1]
  if (mapped !== undefined) return mapped
  const [head = [], tail] = address.split('::').map((part) => (part === '' ? [] : part.split(':')))
  const zeros = tail ? Array<string>(Math.max(0, 8 - head.length - tail.length)).fill('0') : []
  return [...head, ...zeros, ...(tail ?? [])].slice(0, 4).join(':')
}
