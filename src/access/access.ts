import { hash, randomBytes } from 'node:crypto'
import { Counter, Gauge, type Registry } from 'prom-client'
import type { Logger } from 'winston'
import type { KubeClient } from '../kube/client.ts'
import { MAX_DECISIONS, MAX_TOKENS, MAX_WAITING } from './limits.ts'
import { RightQuestions, TokenQuestions } from './questions.ts'
import { ReviewCache, type Answer, type Reviewed } from './review-cache.ts'
import { reviewAccess, reviewToken, type Identity } from './reviews.ts'
import { commandOf, keyOfRight, wordsOf, type Right } from './right.ts'

/** Why a request is not let in. `detail` is for whoever sent it. */
export type Refusal = {
  /** No token or a bad one; a user who may not; nobody knows now; too many questions. */
  readonly code: 'Unauthorized' | 'Forbidden' | 'AccessUnknown' | 'TooManyChecks'
  readonly detail: string
  /** The header WWW-Authenticate, where the answer is 401. */
  readonly challenge?: string
  readonly retryAfterSeconds?: number
}

/** Nothing is wrong, or what is; a promise while the API server is asked. */
export type Verdict = Refusal | undefined | Promise<Refusal | undefined>

/** What is known of whoever sends a request: its credentials, and where it comes from. An IncomingMessage of Node.js is one. */
export type Sender = {
  readonly headers: { readonly authorization?: string | undefined }
  readonly socket: { readonly remoteAddress?: string | undefined }
}

/**
 * The API server that knows users and rights. Tokens must be meant for one of the audiences, or for the API server where there is none;
 * those for paths may be meant for the API server always, because Prometheus has no others.
 */
export type AccessOptions = {
  readonly client: KubeClient
  readonly log: Logger
  readonly registry: Registry
  readonly audiences?: readonly string[]
}

const now = () => performance.now()
const BEARER = /^Bearer +([^\s]+) *$/i

const NO_TOKEN: Refusal = {
  code: 'Unauthorized',
  detail: 'send Authorization: Bearer with a token of this cluster, such as kubectl create token NAME gives',
  challenge: 'Bearer realm="swarm-operator"',
}
const BAD_TOKEN: Refusal = {
  code: 'Unauthorized',
  detail: 'the API server does not accept the token: it is wrong, has expired, or is meant for another audience; send a new one',
  challenge: 'Bearer realm="swarm-operator", error="invalid_token"',
}
const UNKNOWN: Refusal = {
  code: 'AccessUnknown',
  retryAfterSeconds: 1,
  detail: 'the API server cannot be asked about tokens and rights now, the log says why; send the request again',
}
const TOO_MANY: Refusal = {
  code: 'TooManyChecks',
  retryAfterSeconds: 1,
  detail: 'too many unknown tokens or rights are to be checked; send the request again',
}

/**
 * Who may do what: bearer tokens are checked by TokenReview and rights by SubjectAccessReview. What is known is answered at once; a
 * token is kept as a keyed hash only.
 */
export class Access {
  readonly #o: AccessOptions
  readonly #tokens = new ReviewCache<Identity>({ max: MAX_TOKENS, now })
  readonly #decisions = new ReviewCache<true>({ max: MAX_DECISIONS, now })
  readonly #newTokens = new TokenQuestions()
  readonly #newRights = new RightQuestions()
  readonly #salt = randomBytes(16).toString('base64')
  /** A token that is good for paths need not be so for the rest. */
  readonly #saltOfPaths: string
  readonly #unanswered: Counter
  #waiting = 0
  #isAway = false

  constructor(options: AccessOptions) {
    this.#o = options
    this.#saltOfPaths = options.audiences?.length ? `${this.#salt} path ` : this.#salt
    const registers = [options.registry]
    this.#unanswered = new Counter({
      name: 'swarmops_access_unanswered_total',
      help: 'Questions about tokens and rights that the API server did not answer.',
      registers,
    })
    const tokens = this.#tokens
    const decisions = this.#decisions
    new Gauge({
      name: 'swarmops_access_cached',
      help: 'Answers of the API server about tokens and rights that are remembered.',
      labelNames: ['what', 'answer'] as const,
      registers,
      collect() {
        for (const [what, { sizes }] of [
          ['tokens', tokens],
          ['rights', decisions],
        ] as const)
          // prettier-ignore
          for (const [answer, size] of Object.entries(sizes)) this.set({ what, answer }, size)
      },
    })
  }

  /** Whether the sender of a request may do something. Never rejects. */
  check(sender: Sender, right: Right): Verdict {
    const { authorization } = sender.headers
    if (authorization === undefined) return NO_TOKEN
    const key = hash('sha256', ('path' in right ? this.#saltOfPaths : this.#salt) + authorization, 'base64')
    const known = this.#tokens.known(key)
    if (known?.kind !== 'good') return this.#ask(sender, key, right)
    const decision = this.#decisions.known(decisionKey(known.value, right))
    return decision?.kind === 'good' ? undefined : this.#decide(known.value, right)
  }

  #ask({ headers, socket: { remoteAddress = '' } }: Sender, key: string, right: Right): Verdict {
    const token = BEARER.exec(headers.authorization ?? '')?.[1]
    if (token === undefined) return NO_TOKEN
    const isNew = !this.#tokens.known(key) && !this.#tokens.isFamiliar(key)
    if (isNew && !this.#newTokens.take(remoteAddress, now())) return TOO_MANY
    const answer = this.#tokens.ask(key, async () => {
      const reviewed = await this.#told(this.#reviewToken(token, right))
      if (isNew && 'good' in reviewed) this.#newTokens.wasGood(remoteAddress)
      return reviewed
    })
    return this.#then(answer, (identity) => this.#decide(identity, right), BAD_TOKEN)
  }

  async #reviewToken(token: string, right: Right): Promise<Reviewed<Identity>> {
    const { client, audiences = [] } = this.#o
    if ('path' in right && audiences.length > 0) {
      const reviewed = await reviewToken(client, token, [])
      if ('good' in reviewed) return reviewed
    }
    return reviewToken(client, token, audiences)
  }

  #decide(identity: Identity, right: Right): Verdict {
    const key = decisionKey(identity, right)
    const isNew = !this.#decisions.known(key) && !this.#decisions.isFamiliar(key)
    if (isNew && !this.#newRights.take(identity.user.username, now())) return TOO_MANY
    const answer = this.#decisions.ask(key, () => this.#told(reviewAccess(this.#o.client, identity, right)))
    return this.#then(answer, () => undefined, () => forbidden(identity, right)) // prettier-ignore
  }

  /** Goes on with what is good, now or once it is known. */
  #then<T>(answer: Answer<T> | Promise<Answer<T>>, good: (value: T) => Verdict, refused: Refusal | (() => Refusal)): Verdict {
    const verdictOf = (known: Answer<T>): Verdict => {
      if (known.kind === 'good') return good(known.value)
      if (known.kind === 'unknown') return UNKNOWN
      return typeof refused === 'function' ? refused() : refused
    }
    if (!(answer instanceof Promise)) return verdictOf(answer)
    if (this.#waiting >= MAX_WAITING) return TOO_MANY
    this.#waiting += 1
    return answer.then(verdictOf).finally(() => (this.#waiting -= 1))
  }

  /** Says once when the API server stops answering, and when it answers again. */
  async #told<T>(review: Promise<T>): Promise<T> {
    try {
      const reviewed = await review
      if (this.#isAway) this.#o.log.info('tokens and rights are checked again')
      this.#isAway = false
      return reviewed
    } catch (error) {
      this.#unanswered.inc()
      if (!this.#isAway) this.#o.log.warn('tokens and rights cannot be checked', { error })
      this.#isAway = true
      throw error
    }
  }
}

const decisionKey = (identity: Identity, right: Right) => `${identity.key} ${keyOfRight(right)}`

const forbidden = ({ user: { username } }: Identity, right: Right): Refusal => ({
  code: 'Forbidden',
  detail: `user ${username} may not ${wordsOf(right)}; ask for a role that allows it, ${commandOf(right, username)} shows it`,
})
