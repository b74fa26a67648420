/** A place in the queue, to be given back by `remove`. */
export type Ticket<T> = {
  readonly item: T
  readonly lane: string
  readonly order: number
  /** Other tasks of the lane may be placed although this one cannot. */
  readonly isPicky: boolean
  before: Ticket<T> | undefined
  after: Ticket<T> | undefined
  isWaiting: boolean
}

type Lane<T> = { head: Ticket<T> | undefined; tail: Ticket<T> | undefined; size: number }

/** Orders of urgent tasks begin so far below those of all others. */
const URGENT = 2 ** 50

/** Picky tasks that are passed over in one look at a lane. */
const MAX_PASSED_OVER = 16

/**
 * Tasks that wait for an agent, first in, first out. Tasks that can use the same agents share a lane, so that one that waits for a
 * rare agent holds up nobody else. Adding and removing take constant time.
 */
export class WaitQueue<T> {
  readonly #lanes = new Map<string, Lane<T>>()
  #size = 0
  #last = 0
  #first = 0
  #urgent = -URGENT

  /** Tasks that wait, in all lanes. */
  get size(): number {
    return this.#size
  }

  /** Whether a task in this lane waits that would be overtaken. */
  hasLane(lane: string): boolean {
    return this.#lanes.has(lane)
  }

  /** Tasks that wait in this lane. */
  lengthOf(lane: string): number {
    return this.#lanes.get(lane)?.size ?? 0
  }

  /** Adds a task at the end, or, when it has waited before, at the front; one that is urgent behind the urgent ones and before all others. */
  add(
    lane: string,
    item: T,
    options: { readonly atFront?: boolean; readonly isPicky?: boolean; readonly isUrgent?: boolean } = {},
  ): Ticket<T> {
    const { atFront = false, isPicky = false, isUrgent = false } = options
    const order = isUrgent ? ++this.#urgent : atFront ? --this.#first : ++this.#last
    const ticket: Ticket<T> = { item, lane, order, isPicky, before: undefined, after: undefined, isWaiting: true }
    let queue = this.#lanes.get(lane)
    if (!queue) this.#lanes.set(lane, (queue = { head: undefined, tail: undefined, size: 0 }))
    if (atFront) {
      ticket.after = queue.head
      if (queue.head) queue.head.before = ticket
      else queue.tail = ticket
      queue.head = ticket
    } else {
      ticket.before = queue.tail
      if (queue.tail) queue.tail.after = ticket
      else queue.head = ticket
      queue.tail = ticket
    }
    queue.size += 1
    this.#size += 1
    return ticket
  }

  /** Takes a task out, wherever it stands; again is harmless. */
  remove(ticket: Ticket<T>): void {
    const lane = this.#lanes.get(ticket.lane)
    if (!ticket.isWaiting || !lane) return
    ticket.isWaiting = false
    if (ticket.before) ticket.before.after = ticket.after
    else lane.head = ticket.after
    if (ticket.after) ticket.after.before = ticket.before
    else lane.tail = ticket.before
    lane.size -= 1
    if (!lane.head) this.#lanes.delete(ticket.lane)
    this.#size -= 1
  }

  /** Offers waiting tasks, oldest first, until no lane has one that `place` takes. */
  pump(place: (item: T) => boolean): void {
    const blocked = new Set<string>()
    for (;;) {
      const lane = this.#oldestLane(blocked)
      if (lane === undefined) return
      if (!this.#placeOne(lane, place)) blocked.add(lane)
    }
  }

  /** The lanes that have waiting tasks: the first of each, and how many they are. */
  *lanes(): Generator<{ readonly first: T; readonly size: number }> {
    for (const { head, size } of this.#lanes.values()) if (head) yield { first: head.item, size }
  }

  /** All waiting tasks, in no particular order. */
  *items(): Generator<T> {
    for (const { head } of this.#lanes.values()) for (let ticket = head; ticket; ticket = ticket.after) yield ticket.item
  }

  #oldestLane(blocked: ReadonlySet<string>): string | undefined {
    let oldest: string | undefined
    let order = Infinity
    for (const [name, { head }] of this.#lanes) {
      if (!head || head.order >= order || blocked.has(name)) continue
      oldest = name
      order = head.order
    }
    return oldest
  }

  #placeOne(lane: string, place: (item: T) => boolean): boolean {
    let ticket = this.#lanes.get(lane)?.head
    for (let passed = 0; ticket && passed < MAX_PASSED_OVER; passed++) {
      if (place(ticket.item)) {
        this.remove(ticket)
        return true
      }
      if (!ticket.isPicky) return false
      ticket = ticket.after
    }
    return false
  }
}
