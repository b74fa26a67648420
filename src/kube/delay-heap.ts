interface Entry {
  readonly key: string
  readonly dueMs: number
}

/** Keys waiting for a moment, the earliest first. A key waits once; the earlier moment wins. Removed entries are dropped when they surface. */
export class DelayHeap {
  readonly #heap: Entry[] = []
  readonly #due = new Map<string, number>()

  get size(): number {
    return this.#due.size
  }

  /** The earliest moment, `undefined` when nothing waits. */
  get nextMs(): number | undefined {
    this.#dropStale()
    return this.#heap[0]?.dueMs
  }

  add(key: string, dueMs: number): void {
    const known = this.#due.get(key)
    if (known !== undefined && known <= dueMs) return
    this.#due.set(key, dueMs)
    this.#heap.push({ key, dueMs })
    this.#up(this.#heap.length - 1)
    // A key that is taken out and put in again and again far in the future leaves entries behind.
    if (this.#heap.length > 64 && this.#heap.length > 4 * this.#due.size) this.#rebuild()
  }

  remove(key: string): void {
    this.#due.delete(key)
  }

  /** Takes out the earliest key that is due. */
  takeDue(nowMs: number): string | undefined {
    this.#dropStale()
    const top = this.#heap[0]
    if (!top || top.dueMs > nowMs) return undefined
    this.#pop()
    this.#due.delete(top.key)
    return top.key
  }

  clear(): void {
    this.#heap.length = 0
    this.#due.clear()
  }

  #dropStale(): void {
    for (let top = this.#heap[0]; top && this.#due.get(top.key) !== top.dueMs; top = this.#heap[0]) this.#pop()
  }

  #rebuild(): void {
    this.#heap.length = 0
    for (const [key, dueMs] of this.#due) {
      this.#heap.push({ key, dueMs })
      this.#up(this.#heap.length - 1)
    }
  }

  #pop(): void {
    const last = this.#heap.pop()
    if (last && this.#heap.length > 0) {
      this.#heap[0] = last
      this.#down(0)
    }
  }

  #up(index: number): void {
    for (let child = index; child > 0;) {
      const parent = (child - 1) >> 1
      if (this.#dueAt(parent) <= this.#dueAt(child)) return
      this.#swap(parent, child)
      child = parent
    }
  }

  #down(index: number): void {
    for (let parent = index; ;) {
      const left = 2 * parent + 1
      const least = this.#dueAt(left + 1) < this.#dueAt(left) ? left + 1 : left
      if (this.#dueAt(parent) <= this.#dueAt(least)) return
      this.#swap(parent, least)
      parent = least
    }
  }

  #dueAt(index: number): number {
    return this.#heap[index]?.dueMs ?? Infinity
  }

  #swap(a: number, b: number): void {
    const [x, y] = [this.#heap[a], this.#heap[b]]
    if (x && y) [this.#heap[a], this.#heap[b]] = [y, x]
  }
}
