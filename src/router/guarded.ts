import type { ServerResponse } from 'node:http'
import type { Access, Refusal } from '../access/access.ts'
import { FRESH_MS } from '../access/limits.ts'
import type { Right } from '../access/right.ts'
import { isAuthorised } from './authorised.ts'
import { attempt, sendProblem, type Routes } from './front.ts'
import type { RouterMetrics } from './metrics.ts'
import { Problem } from './problem.ts'
import { endStream } from './streams.ts'

/** What decides who may use the routes. */
export type GuardOptions = {
  /** Who may do what; absent where everybody may. */
  readonly access: Access | undefined
  /** Opens the statistics to whoever sends it, whatever else. */
  readonly internalToken: string | undefined
  readonly metrics: RouterMetrics
}

/** The routes as the given ones, for those who may use them. Where everybody may, only the statistics are closed. */
export function guardedRoutes(routes: Routes, options: GuardOptions): Routes {
  const { access, internalToken } = options
  const hasInternalToken = ({ req }: ServerResponse) =>
    internalToken !== undefined && isAuthorised(req.headers.authorization, internalToken)
  if (!access) {
    return {
      ...routes,
      stats: (response) => {
        if (!hasInternalToken(response)) throw noInternalToken(internalToken)
        routes.stats(response)
      },
    }
  }
  const guard = new Guard(access, routes, options.metrics)
  return {
    ...routes,
    task: (place, request, response) => {
      const right = { verb: 'create', namespace: place.namespace, swarm: place.swarm, subresource: 'tasks' } as const
      guard.pass(right, response, () => routes.task(place, request, response))
    },
    swarms: (namespace, response) => guard.pass({ verb: 'list', namespace }, response, () => routes.swarms(namespace, response)),
    swarm: (place, response) => guard.pass({ verb: 'get', ...place }, response, () => routes.swarm(place, response)),
    events: (place, response) => guard.stream({ verb: 'get', ...place }, response, () => routes.events(place, response)),
    metrics: (response) => guard.pass({ verb: 'get', path: '/metrics' }, response, () => routes.metrics(response)),
    stats: (response) => {
      if (hasInternalToken(response)) routes.stats(response)
      else guard.stream({ verb: 'get', path: '/internal/stats' }, response, () => routes.stats(response))
    },
  }
}

/** Lets those pass who have a right. */
class Guard {
  readonly #access: Access
  readonly #routes: Routes
  readonly #metrics: RouterMetrics

  constructor(access: Access, routes: Routes, metrics: RouterMetrics) {
    this.#access = access
    this.#routes = routes
    this.#metrics = metrics
  }

  /** Goes on now, or when the API server has said that it may be. */
  pass(right: Right, response: ServerResponse, then: () => void): void {
    const verdict = this.#access.check(response.req, right)
    if (verdict === undefined) return then()
    if (!(verdict instanceof Promise)) return this.#refuse(verdict, response)
    const goOn = (refusal: Refusal | undefined) => {
      if (response.destroyed) return // its client went away meanwhile
      if (refusal) this.#refuse(refusal, response)
      else attempt(this.#routes, response, then)
    }
    verdict.then(goOn).catch((error: unknown) => this.#routes.broken(error, response))
  }

  /** The same for an answer that does not end by itself: it ends when the right has gone. */
  stream(right: Right, response: ServerResponse, then: () => void): void {
    this.pass(right, response, () => {
      then()
      const timer = setInterval(() => void this.#lookAgain(right, response), FRESH_MS).unref()
      response.on('close', () => clearInterval(timer))
    })
  }

  /** What nobody knows now is no reason to end it. */
  async #lookAgain(right: Right, response: ServerResponse): Promise<void> {
    const refusal = await this.#access.check(response.req, right)
    if (refusal?.code === 'Unauthorized' || refusal?.code === 'Forbidden') endStream(response)
  }

  #refuse({ code, detail, challenge, retryAfterSeconds }: Refusal, response: ServerResponse): void {
    this.#metrics.refused.inc({ code })
    if (challenge !== undefined) response.setHeader('www-authenticate', challenge)
    sendProblem(response, new Problem(code, { detail, ...(retryAfterSeconds !== undefined && { retryAfterSeconds }) }))
  }
}

const noInternalToken = (internalToken: string | undefined) =>
  internalToken === undefined
    ? new Problem('Forbidden', { detail: 'the statistics are closed; start the router with SWARM_INTERNAL_TOKEN' })
    : new Problem('Unauthorized', { detail: 'send Authorization: Bearer with the token that SWARM_INTERNAL_TOKEN gives the router' })
