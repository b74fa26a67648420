import { describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import { HandClock } from '../../test/support/hand-clock.ts'
import { DelayHeap } from './delay-heap.ts'
import { WorkQueue } from './work-queue.ts'

function setup() {
  const clock = new HandClock()
  const queue = new WorkQueue({ name: 'test', clock, retryMs: { first: 100, longest: 1_000 }, chance: () => 1 })
  /** Takes and gives back everything that is ready. */
  const drain = async () => {
    const keys: string[] = []
    while (queue.depth > 0) {
      const key = await queue.next()
      if (key === undefined) break
      keys.push(key)
      queue.done(key)
    }
    return keys
  }
  return { clock, queue, drain }
}

describe('work queue', () => {
  it('gives each key once, in the order added', async () => {
    const { queue, drain } = setup()
    for (const key of ['a', 'b', 'a', 'c', 'b']) queue.add(key)
    expect(await drain()).to.deep.equal(['a', 'b', 'c'])
  })

  it('never gives a key to two workers, and gives it again afterwards when it was added meanwhile', async () => {
    const { queue } = setup()
    queue.add('a')
    expect(await queue.next()).to.equal('a')
    queue.add('a')
    queue.add('a')
    expect(queue.depth).to.equal(0)
    queue.done('a')
    expect(queue.depth).to.equal(1)
    expect(await queue.next()).to.equal('a')
    queue.done('a')
    expect([queue.depth, queue.running]).to.deep.equal([0, 0])
  })

  it('hands a key to a worker that already waits', async () => {
    const { queue } = setup()
    const waiting = [queue.next(), queue.next()]
    queue.add('a')
    queue.add('b')
    expect(await Promise.all(waiting)).to.deep.equal(['a', 'b'])
  })

  it('lets the earliest of several delayed adds count, with one timer', async () => {
    const { clock, queue, drain } = setup()
    queue.addAfter('a', 500)
    queue.addAfter('a', 100)
    queue.addAfter('a', 300)
    queue.addAfter('b', 200)
    expect([queue.delayed, clock.pending]).to.deep.equal([2, 1])
    clock.turn(99)
    expect(await drain()).to.deep.equal([])
    clock.turn(1)
    expect(await drain()).to.deep.equal(['a'])
    clock.turn(100)
    expect(await drain()).to.deep.equal(['b'])
    clock.turn(1_000)
    expect(await drain()).to.deep.equal([])
  })

  it('takes back delayed adds when a pass begins sooner', async () => {
    const { clock, queue, drain } = setup()
    queue.addAfter('a', 500)
    queue.add('a')
    expect(await drain()).to.deep.equal(['a'])
    clock.turn(1_000)
    expect(await drain()).to.deep.equal([])
  })

  it('keeps a delayed add that was made during the pass', async () => {
    const { clock, queue, drain } = setup()
    queue.add('a')
    await queue.next()
    queue.addAfter('a', 500)
    queue.done('a')
    clock.turn(500)
    expect(await drain()).to.deep.equal(['a'])
  })

  it('doubles the pause after each failure up to the longest, and starts anew after a success', () => {
    const { queue } = setup()
    const pauses = Array.from({ length: 6 }, () => queue.addBackoff('a'))
    expect(pauses).to.deep.equal([100, 200, 400, 800, 1_000, 1_000])
    expect(queue.addBackoff('b')).to.equal(100)
    queue.forget('a')
    expect(queue.addBackoff('a')).to.equal(100)
  })

  it('shuts down: waiting workers are released, adds are ignored, and it ends when the running keys are done', async () => {
    const { clock, queue } = setup()
    queue.add('a')
    const waiting = (await queue.next()) && queue.next()
    queue.addAfter('c', 10)
    queue.add('a')
    let isDown = false
    const down = queue.shutdown().then(() => (isDown = true))
    expect(await waiting).to.equal(undefined)
    queue.add('b')
    expect([queue.depth, isDown, clock.pending]).to.deep.equal([0, false, 0])
    queue.done('a')
    await down
    expect(await queue.next()).to.equal(undefined)
  })

  it('tells for how long the longest running key has been worked on', async () => {
    const { clock, queue } = setup()
    queue.add('a')
    await queue.next()
    clock.turn(300)
    queue.add('b')
    await queue.next()
    clock.turn(200)
    expect(queue.longestRunningMs).to.equal(500)
    queue.done('a')
    expect(queue.longestRunningMs).to.equal(200)
  })
})

it('delay heap gives keys in the order of their earliest moments, whatever was added and removed', () => {
  const step = fc.record({ key: fc.constantFrom('a', 'b', 'c', 'd', 'e'), due: fc.integer({ min: 0, max: 100 }), remove: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const heap = new DelayHeap()
      const model = new Map<string, number>()
      for (const { key, due, remove } of steps) {
        if (remove) {
          heap.remove(key)
          model.delete(key)
        } else {
          heap.add(key, due)
          model.set(key, Math.min(due, model.get(key) ?? Infinity))
        }
      }
      expect(heap.size).to.equal(model.size)
      const moments = [...model.values()].sort((a, b) => a - b)
      for (const moment of moments) {
        expect(heap.nextMs).to.equal(moment)
        expect(heap.takeDue(moment - 1)).to.equal(undefined)
        expect(model.get(heap.takeDue(moment) ?? '')).to.equal(moment)
      }
      expect(heap.takeDue(Infinity)).to.equal(undefined)
    }),
  )
})
