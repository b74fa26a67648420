import { ApiClient, ConnectionConfig, type ConnectionOpts } from 'e2b'
import { REASON } from '../api/reasons.ts'
import { type OperatorError, WaitingError } from '../errors.ts'
import type { Credential, Kind, Seen } from './credential.ts'
import { deadline } from './deadline.ts'
import { AmbiguousCreateError, classifyNoAnswer, classifyStatus, type Doing, wordsOf } from './errors.ts'
import { CALL_TIMEOUT_MS, QUOTA_PAUSE_MS } from './limits.ts'
import type { Operation, Outcome, ProviderMetrics } from './metrics.ts'
import type { CallOptions } from './types.ts'

/** The typed HTTP client of the `e2b` package. Its classes hide status and headers, without which the two kinds of 429 are the same. */
export type Http = ApiClient['api']

/** An answer as openapi-fetch gives it. */
export type Answer<T> = { readonly data?: T; readonly error?: unknown; readonly response: Response }

/** A request to be made, and which statuses besides 2xx are an answer to it. */
export type Request = {
  readonly operation: Operation
  readonly doing: Doing
  readonly accept?: readonly number[]
  readonly timeoutMs?: number
  /** It is not worth a wait of anybody: made only when a turn is free at once, and not again when it came too fast. */
  readonly isSpare?: boolean
}

/** How often a request that came too fast is made again before the caller has to. */
const TURNS = 4

/** Longest pause that a `Retry-After` may ask for, in milliseconds. */
const LONGEST_PAUSE_MS = 60_000

/** Requests to the provider's API under one key: each waits for its turn, has a time limit, is counted, and fails with a decision. */
export class Api {
  readonly #http: Http
  readonly #credential: Credential
  readonly #metrics: ProviderMetrics

  constructor(connection: ConnectionOpts, credential: Credential, metrics: ProviderMetrics) {
    // The package's own retries would go past the limits that all calls of this key share.
    this.#http = new ApiClient(new ConnectionConfig({ ...connection, retries: 0 })).api
    this.#credential = credential
    this.#metrics = metrics
  }

  /** Makes a request. Only a request that the provider refused for its rate is made again here: nothing came of it. */
  async ask<T>(request: Request, options: CallOptions, send: (http: Http, signal: AbortSignal) => Promise<Answer<T>>): Promise<Answer<T>> {
    const kind: Kind = request.doing.isCreate ? 'create' : 'call'
    for (let turn = 1; ; turn++) {
      await this.#credential.enter(kind, request.doing, {
        isAgain: turn > 1,
        isSpare: request.isSpare ?? false,
        ...(options.signal && { signal: options.signal }),
      })
      const result = await this.#send(request, options, send)
      this.#credential.leave(kind, result.seen)
      if (result.answer) return result.answer
      if (result.seen.as === 'rejected') throw this.#credential.rejected(request.doing)
      if (result.seen.as === 'no-room') throw this.#noRoom(request)
      if (result.seen.as === 'too-fast') {
        if (turn < TURNS && !request.isSpare) continue
        const message = `E2B asks for fewer requests while ${wordsOf(request.doing)}`
        throw new WaitingError(REASON.rateLimited, message, result.seen.retryAfterMs)
      }
      throw result.error
    }
  }

  async #send<T>(request: Request, options: CallOptions, send: (http: Http, signal: AbortSignal) => Promise<Answer<T>>): Promise<Sent<T>> {
    const { doing, operation } = request
    const limit = deadline(options.timeoutMs ?? request.timeoutMs ?? CALL_TIMEOUT_MS, options.signal)
    const start = performance.now()
    const count = (outcome: Outcome) => this.#metrics.observe(operation, outcome, (performance.now() - start) / 1_000)
    try {
      const answer = await send(this.#http, limit.signal)
      const { status } = answer.response
      if (answer.response.ok || request.accept?.includes(status)) {
        count(status === 404 ? 'gone' : 'ok')
        return { answer, seen: { as: 'success' } }
      }
      const seen = seenIn(answer.response)
      const error = classifyStatus(status, doing, wordsIn(answer.error))
      count(outcomeOf(seen, error, status))
      return { error, seen }
    } catch (cause) {
      if (cause instanceof TypeError && cause.cause === undefined && !limit.signal.aborted) throw this.#bug(doing, cause)
      const error = classifyNoAnswer(cause, doing, limit.isOver() ? limit.timeoutMs : undefined)
      const isAborted = options.signal?.aborted && !limit.isOver()
      count(isAborted ? 'aborted' : error instanceof AmbiguousCreateError ? 'ambiguous' : 'unavailable')
      return { error, seen: { as: 'other' } }
    } finally {
      limit.clear()
    }
  }

  /** A full account refuses creates and resumes; any other 429 without a time is about the rate. */
  #noRoom({ doing, operation }: Request): OperatorError {
    if (operation === 'create' || operation === 'connect') return this.#credential.full(doing)
    return new WaitingError(REASON.rateLimited, `E2B asks for fewer requests while ${wordsOf(doing)}`, QUOTA_PAUSE_MS.first)
  }

  /** An error of this code is passed on as it is, but the turn is given back. */
  #bug(doing: Doing, cause: TypeError): TypeError {
    this.#credential.leave(doing.isCreate ? 'create' : 'call', { as: 'other' })
    return cause
  }
}

type Sent<T> = { readonly seen: Seen; readonly answer?: Answer<T>; readonly error?: OperatorError }

/** What an answer says about the limits of the key. Only the rate limiter says when to come back; the quota does not. */
function seenIn(response: Response): Seen {
  if (response.status === 401) return { as: 'rejected' }
  if (response.status !== 429) return { as: 'other' }
  const after = response.headers.get('retry-after')?.trim() ?? ''
  if (!/^[0-9]+$/.test(after)) return { as: 'no-room' }
  return { as: 'too-fast', retryAfterMs: Math.min(LONGEST_PAUSE_MS, Math.max(1_000, Number(after) * 1_000)) }
}

function outcomeOf(seen: Seen, error: OperatorError, status: number): Outcome {
  if (seen.as === 'rejected') return 'rejected'
  if (seen.as === 'too-fast') return 'rate-limited'
  if (seen.as === 'no-room') return 'quota'
  if (error instanceof AmbiguousCreateError) return 'ambiguous'
  if (status >= 500) return 'unavailable'
  return status === 404 ? 'gone' : 'refused'
}

/** The provider's own words about a refusal, cut short and without anything that looks like a key or a token. */
function wordsIn(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('message' in error) || typeof error.message !== 'string') return undefined
  const words = error.message
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/[A-Za-z0-9_-]{32,}/g, '…')
    .trim()
  return words === '' ? undefined : words.slice(0, 160)
}
