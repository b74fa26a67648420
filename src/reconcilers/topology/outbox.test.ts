import { setImmediate as turn } from 'node:timers/promises'
import { describe, it } from 'mocha'
import { expect } from 'chai'
import { HandClock } from '../../../test/support/hand-clock.ts'
import { Outbox } from './outbox.ts'

/** An outbox whose deliveries end when the test says so, on a clock that the test moves. */
function outboxOf({ weight = 1 } = {}) {
  const order: string[] = []
  const open = new Map<string, (outcome: 'done' | 'again' | Promise<never>) => void>()
  const told: unknown[] = []
  const clock = new HandClock()
  const outbox = new Outbox({
    deliver: (id) => {
      if (open.has(id)) throw new Error(`two deliveries to ${id} at once`)
      order.push(id)
      return new Promise((resolve) => open.set(id, resolve))
    },
    onError: (id, error) => told.push([id, error]),
    weigh: () => weight,
    clock,
    chance: () => 0.5,
  })
  const end = async (id: string, outcome: 'done' | 'again' | Promise<never> = 'done') => {
    open.get(id)?.(outcome)
    open.delete(id)
    await turn()
  }
  const put = (id: string, over: { lane?: string; isUrgent?: boolean; isFresh?: boolean } = {}) =>
    outbox.put({ id, lane: over.lane ?? 'lane', isUrgent: over.isUrgent ?? false }, over.isFresh ?? false)
  return { outbox, order, open, told, clock, end, put }
}
const range = (n: number, prefix = 'x') => Array.from({ length: n }, (_, i) => `${prefix}${i}`)

describe('an outbox', () => {
  it('delivers to 32 at once, and to the next when one has ended', async () => {
    const { outbox, open, end, put } = outboxOf()
    for (const id of range(40)) put(id)
    expect([open.size, outbox.size]).to.deep.equal([32, 40])
    await end('x0')
    expect([open.size, outbox.size]).to.deep.equal([32, 39])
  })

  it('delivers to one at a time, and once more for all that came meanwhile', async () => {
    const { outbox, order, end, put } = outboxOf()
    for (let n = 0; n < 5; n += 1) put('a')
    expect(order).to.deep.equal(['a'])
    await end('a')
    expect(order).to.deep.equal(['a', 'a'])
    await end('a')
    expect([order.length, outbox.size]).to.deep.equal([2, 0])
  })

  it('tells of a delivery that throws, and delivers again after a pause', async () => {
    const { outbox, order, told, clock, end, put } = outboxOf()
    put('a')
    const mistake = new TypeError('a mistake of ours')
    await end('a', Promise.reject(mistake))
    expect([told, order.length, outbox.size]).to.deep.equal([[['a', mistake]], 1, 1])
    clock.turn(500)
    expect(order).to.deep.equal(['a', 'a'])
  })

  it('lets lanes take turns, and urgent ones go first in theirs', async () => {
    const { order, end, put } = outboxOf()
    const busy = range(32, 'busy')
    for (const id of busy) put(id, { lane: 'before' })
    for (const id of range(50, 'many')) put(id, { lane: 'large' })
    put('few0', { lane: 'small' })
    put('many9', { lane: 'large', isUrgent: true })
    put('few1', { lane: 'small' })
    for (const id of busy.slice(0, 5)) await end(id)
    expect(order.slice(32)).to.deep.equal(['many9', 'few0', 'many0', 'few1', 'many1'])
  })

  it('waits after a failure, unless there is reason to think that it is over', async () => {
    const { outbox, order, end, put } = outboxOf()
    put('a')
    await end('a', 'again')
    put('a')
    expect([order.length, outbox.size]).to.deep.equal([1, 1])
    put('a', { isFresh: true })
    expect(order.length).to.equal(2)
    await end('a', 'again')
    outbox.stop()
  })

  it('waits twice as long after each failure, up to half a minute', async () => {
    const { order, clock, end, put } = outboxOf()
    put('a')
    for (const pauseMs of [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
      const tries = order.length
      await end('a', 'again')
      clock.turn(pauseMs - 1)
      expect(order, `1 ms before ${pauseMs}`).to.have.length(tries)
      clock.turn(1)
      expect(order, `after ${pauseMs}`).to.have.length(tries + 1)
    }
  })

  it('forgets one that is dropped, also in the middle of its delivery, and never runs a second one beside it', async () => {
    const { outbox, order, end, put } = outboxOf()
    put('a')
    outbox.drop('a')
    put('a')
    outbox.drop('a')
    await end('a', 'again')
    expect([order, outbox.size]).to.deep.equal([['a'], 0])
    put('b')
    outbox.drop('b')
    put('b')
    await end('b')
    expect(order).to.deep.equal(['a', 'b', 'b'])
  })

  it('paces by weight', async () => {
    const { outbox, order, clock, end, put } = outboxOf({ weight: 15_000 })
    for (const id of range(4)) put(id)
    expect(order).to.deep.equal(['x0', 'x1'])
    clock.turn(400)
    await end('x0')
    expect(order, 'there is still a debt of 2,000').to.have.length(2)
    clock.turn(200)
    await end('x1')
    expect(order).to.have.length(3)
    outbox.stop()
    await end('x2')
    expect(outbox.size).to.equal(0)
  })

  it('delivers nothing any more when it is stopped', async () => {
    const { outbox, order, end, put } = outboxOf()
    for (const id of range(40)) put(id)
    outbox.stop()
    for (const id of range(32)) await end(id)
    put('late')
    expect([order.length, outbox.size]).to.deep.equal([32, 0])
  })
})
