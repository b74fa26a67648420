import { Decayed } from './decayed.ts'

/** Time in which the memory of a service time loses half of its weight. */
const HALF_LIFE_MS = 60_000

/** Service times, by weight, below which nothing is expected: better to wait in vain once than to be refused by chance. */
const LEAST_SAMPLES = 3

/** How long an agent works on a task: the mean of recent ones, the latest counting most. */
export class ServiceTime {
  readonly #sumMs = new Decayed()
  readonly #count = new Decayed()

  /** It has worked on a task for so long. */
  add(durationMs: number, nowMs: number): void {
    this.#sumMs.add(durationMs, nowMs, HALF_LIFE_MS)
    this.#count.add(1, nowMs, HALF_LIFE_MS)
  }

  /** Undefined while too little is known, or known only from long ago. */
  meanMs(nowMs: number): number | undefined {
    const count = this.#count.at(nowMs, HALF_LIFE_MS)
    return count < LEAST_SAMPLES ? undefined : this.#sumMs.at(nowMs, HALF_LIFE_MS) / count
  }
}

/** One agent that a waiting task may get: how many tasks it works on at once, and how long one takes it. */
export type Server = { readonly places: number; readonly serviceMs: number | undefined }

/**
 * The rate, in places a millisecond, at which busy agents give up places: the sum of places / serviceMs. Agents of which nothing is known
 * count with the mean rate of the others; undefined when nothing is known of any.
 */
export function placesPerMs(servers: Iterable<Server>): number | undefined {
  let rate = 0
  let knownPlaces = 0
  let places = 0
  for (const server of servers) {
    places += server.places
    if (server.serviceMs === undefined) continue
    knownPlaces += server.places
    rate += server.places / Math.max(server.serviceMs, 0.01)
  }
  return rate === 0 ? undefined : (rate * places) / knownPlaces
}

/**
 * How long a task waits for an agent when all are busy:
 *
 *     wait = (ahead + 1/2) * needs / rate
 *
 * `ahead` are the tasks before it, each of which `needs` so many places (1, or the voters of a consensus), and `rate` is that of
 * `placesPerMs`. For the next place a task that comes at any moment waits half the time.
 */
export const expectedWaitMs = (ahead: number, needs: number, rate: number): number => ((ahead + 0.5) * needs) / rate

/** Time for which a rate is taken as it was, in milliseconds: many tasks may ask for it while all agents are busy. */
const RATE_MS = 100

/** Rates that are kept; each is that of the agents of one revision and one capability. */
const MAX_RATES = 256

/** The rates of several sets of agents, each looked at again after a while. */
export class Rates {
  readonly #rates = new Map<string, { readonly perMs: number | undefined; readonly atMs: number }>()

  /** In places a millisecond, as `placesPerMs` has it; `servers` is asked only when the last rate of this key is too old. */
  get(key: string, nowMs: number, servers: () => Iterable<Server>): number | undefined {
    let rate = this.#rates.get(key)
    if (!rate || nowMs - rate.atMs >= RATE_MS) {
      if (this.#rates.size >= MAX_RATES) this.#rates.clear()
      this.#rates.set(key, (rate = { perMs: placesPerMs(servers()), atMs: nowMs }))
    }
    return rate.perMs
  }
}
