import type { Registry } from 'prom-client'
import type { Logger } from 'winston'
import type { Call } from './call.ts'
import { sendJson, sendProblem, type Routes, type SwarmPlace } from './front.ts'
import type { Leaders } from './leadership.ts'
import { summaryOf, viewOf, type LiveViews } from './live-view.ts'
import { Problem } from './problem.ts'
import type { StatsHub } from './stats-hub.ts'
import type { SwarmEntry } from './swarm-entry.ts'
import { swarmNotFound, type Tasks } from './tasks.ts'
import type { World } from './world.ts'

/** What the routes answer from. */
export type RoutesOptions = {
  readonly world: World<Call>
  readonly tasks: Tasks
  readonly leaders: Leaders
  readonly views: LiveViews
  readonly stats: StatsHub
  readonly registry: Registry
  readonly now: () => number
  /** Whether all swarms have been read once. */
  readonly isKnowing: () => boolean
  readonly isStopping: () => boolean
  readonly broken: Routes['broken']
}

/** What a router answers, to whoever asks: who may do so is not known here. */
export function routesOf(o: RoutesOptions): Routes {
  return {
    task: (place, request, response) => o.tasks.accept(place, request, response),
    swarms: (namespace, response) => {
      mustKnow(o)
      const entries = [...o.world.entries].filter((entry) => entry.namespace === namespace && entry.settings)
      sendJson(response, 200, JSON.stringify({ swarms: entries.map(summaryOf) }))
    },
    swarm: (place, response) => sendJson(response, 200, JSON.stringify(viewOf(entryOf(o, place), o.now()))),
    events: (place, response) => {
      const entry = entryOf(o, place)
      if (o.views.isFullFor(place.namespace)) throw tooManyStreams()
      o.views.serve(entry, response)
    },
    stats: (response) => {
      if (o.stats.isFull) throw tooManyStreams()
      o.stats.serve(response)
    },
    health: (path, response) => {
      const why = o.isStopping() ? 'stopping' : o.isKnowing() ? undefined : 'the swarms have not been read yet'
      const isFine = path === '/healthz' || why === undefined
      response.writeHead(isFine ? 200 : 503, { 'content-type': 'text/plain' }).end(isFine ? 'ok\n' : `${why}\n`)
    },
    metrics: (response) => {
      o.registry.metrics().then(
        (text) => response.writeHead(200, { 'content-type': o.registry.contentType }).end(text),
        (error: unknown) => o.broken(error, response),
      )
    },
    broken: o.broken,
  }
}

/** Answers a request on which the router itself has made a mistake, and logs it. */
export const brokenTo =
  (log: Logger): Routes['broken'] =>
  (error, response) => {
    log.error('request failed', { error })
    sendProblem(response, new Problem('Internal', { detail: 'the router made a mistake; its log says more' }), { mustClose: true })
  }

function mustKnow({ isKnowing }: RoutesOptions): void {
  if (isKnowing()) return
  throw new Problem('NotReady', { retryAfterSeconds: 1, detail: 'this router has just started; ask again' })
}

/** The swarm that is to be shown, with the leader that it has now. */
function entryOf(o: RoutesOptions, { namespace, swarm }: SwarmPlace): SwarmEntry<Call> {
  mustKnow(o)
  const entry = o.world.find(namespace, swarm)
  if (!entry) throw swarmNotFound(namespace, swarm)
  o.leaders.look(entry)
  return entry
}

const tooManyStreams = () =>
  new Problem('TooManyStreams', { retryAfterSeconds: 5, detail: 'close other streams of this router, or ask another one' })
