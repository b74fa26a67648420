import { doubledMs, spreadMs, type Pauses } from '../../time/backoff.ts'
import { MONOTONIC_CLOCK, type Clock } from '../../time/clock.ts'

/** Deliveries under way at once, over all swarms. */
const MOST_AT_ONCE = 32

/** Weight that is delivered in a second; what is more waits, and is overtaken by what is newer. */
const WEIGHT_PER_SECOND = 20_000

/** Pauses after failed deliveries, and the share by which they are longer or shorter by chance. Milliseconds. */
const RETRY_MS: Pauses = { first: 500, longest: 30_000 }
const RETRY_SPREAD = 0.1

/** Who is delivered to. Lanes take turns, and in a lane the urgent ones come first. */
export type Address = { readonly id: string; readonly lane: string; readonly isUrgent: boolean }

export type OutboxOptions = {
  /** Delivers what is the newest for this one; `again` after a pause, and so after an error. */
  deliver(id: string): Promise<'done' | 'again'>
  /** Told of a delivery that has thrown. */
  onError(id: string, error: unknown): void
  /** What a delivery costs, in units of its content. */
  weigh(id: string): number
  readonly clock?: Clock
  /** A number from 0 to 1 by chance. */
  readonly chance?: () => number
}

type Item = Address & {
  isUrgent: boolean
  failures: number
  isBusy: boolean
  isWanted: boolean
  isDropped: boolean
  /** Ends its back-off early. */
  cancelPause?: () => void
}
type Lane = { urgent: Set<string>; rest: Set<string> }

/**
 * Delivers to many, each one at a time and the newest only: bounded at once, paced by weight, and again with a back-off
 * after a failure. It keeps no content, so that what waits does not grow.
 */
export class Outbox {
  readonly #options: OutboxOptions
  readonly #clock: Clock
  readonly #chance: () => number
  readonly #items = new Map<string, Item>()
  readonly #lanes = new Map<string, Lane>()
  #busy = 0
  #credit = WEIGHT_PER_SECOND
  #countedMs: number
  #cancelPace: (() => void) | undefined
  #isStopped = false

  constructor(options: OutboxOptions) {
    this.#options = options
    this.#clock = options.clock ?? MONOTONIC_CLOCK
    this.#chance = options.chance ?? Math.random
    this.#countedMs = this.#clock.now()
  }

  /** Those that have not got the newest yet. */
  get size(): number {
    return this.#items.size
  }

  /** There is something new for this one. `isFresh` ends its back-off: what made deliveries fail may be over. */
  put(to: Address, isFresh: boolean): void {
    if (this.#isStopped) return
    const item: Item = this.#items.get(to.id) ?? { ...to, failures: 0, isBusy: false, isWanted: false, isDropped: false }
    this.#items.set(to.id, item)
    item.isUrgent ||= to.isUrgent
    item.isDropped = false
    if (isFresh) this.#rested(item)
    if (item.isBusy) item.isWanted = true
    else if (!item.cancelPause) this.#enqueue(item)
  }

  /** There is nothing for this one any more. */
  drop(id: string): void {
    const item = this.#items.get(id)
    if (!item) return
    item.isDropped = true
    if (item.isBusy) return // it stays until that delivery has ended, so that no second one runs beside it
    item.cancelPause?.()
    this.#items.delete(id)
    this.#leave(item)
  }

  /** Begins no delivery any more. */
  stop(): void {
    this.#isStopped = true
    this.#cancelPace?.()
    for (const id of this.#items.keys()) this.drop(id)
  }

  #rested(item: Item): void {
    item.failures = 0
    item.cancelPause?.()
    delete item.cancelPause
  }

  #enqueue(item: Item): void {
    const lane = this.#lanes.get(item.lane) ?? { urgent: new Set(), rest: new Set() }
    this.#lanes.set(item.lane, lane)
    if (item.isUrgent) lane.rest.delete(item.id)
    if (!lane.urgent.has(item.id)) (item.isUrgent ? lane.urgent : lane.rest).add(item.id)
    this.#pump()
  }

  #leave({ lane: name, id }: Item): void {
    const lane = this.#lanes.get(name)
    lane?.urgent.delete(id)
    lane?.rest.delete(id)
    if (lane && lane.urgent.size + lane.rest.size === 0) this.#lanes.delete(name)
  }

  #pump(): void {
    while (!this.#isStopped && this.#busy < MOST_AT_ONCE && this.#lanes.size > 0) {
      if (!this.#isInPace()) return
      const item = this.#next()
      if (!item) return
      void this.#deliver(item)
    }
  }

  /** Whether there is credit left; if not, goes on by itself when there is. */
  #isInPace(): boolean {
    const nowMs = this.#clock.now()
    this.#credit = Math.min(WEIGHT_PER_SECOND, this.#credit + ((nowMs - this.#countedMs) * WEIGHT_PER_SECOND) / 1_000)
    this.#countedMs = nowMs
    if (this.#credit > 0) return true
    const waitMs = Math.ceil((-this.#credit * 1_000) / WEIGHT_PER_SECOND) + 1
    this.#cancelPace?.()
    this.#cancelPace = this.#clock.after(waitMs, () => this.#pump())
    return false
  }

  /** The first of the lane whose turn it is; that lane is the last then. */
  #next(): Item | undefined {
    for (const [name, lane] of this.#lanes) {
      const [id] = lane.urgent.size > 0 ? lane.urgent : lane.rest
      const item = this.#items.get(id ?? '')
      if (!item) continue
      this.#leave(item)
      if (this.#lanes.delete(name)) this.#lanes.set(name, lane)
      return item
    }
    return undefined
  }

  async #deliver(item: Item): Promise<void> {
    item.isBusy = true
    item.isWanted = false
    item.isUrgent = false
    this.#busy += 1
    this.#credit -= this.#options.weigh(item.id)
    const outcome = await this.#outcomeOf(item.id)
    this.#busy -= 1
    item.isBusy = false
    if (item.isDropped || this.#isStopped) this.#items.delete(item.id)
    else this.#ended(item, outcome)
    this.#pump()
  }

  async #outcomeOf(id: string): Promise<'done' | 'again'> {
    try {
      return await this.#options.deliver(id)
    } catch (error) {
      this.#options.onError(id, error)
      return 'again'
    }
  }

  #ended(item: Item, outcome: 'done' | 'again'): void {
    if (outcome === 'done') {
      item.failures = 0
      if (item.isWanted) this.#enqueue(item)
      else this.#items.delete(item.id)
      return
    }
    item.failures += 1
    const pauseMs = spreadMs(doubledMs(RETRY_MS, item.failures - 1), RETRY_SPREAD, this.#chance())
    item.cancelPause = this.#clock.after(pauseMs, () => {
      delete item.cancelPause
      this.#enqueue(item)
    })
  }
}
