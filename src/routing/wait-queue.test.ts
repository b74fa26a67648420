import { describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import { WaitQueue } from './wait-queue.ts'

const drain = (queue: WaitQueue<string>, place: (item: string) => boolean = () => true) => {
  const placed: string[] = []
  queue.pump((item) => place(item) && placed.push(item) > 0)
  return placed.join(' ')
}
const filled = (...items: readonly (readonly [lane: string, item: string])[]) => {
  const queue = new WaitQueue<string>()
  for (const [lane, item] of items) queue.add(lane, item)
  return queue
}

describe('waiting queue', () => {
  it('gives back in the order of arrival, over all lanes', () => {
    expect(drain(filled(['x', 'a'], ['y', 'b'], ['x', 'c']))).to.equal('a b c')
  })

  it('lets a lane that cannot go on hold up nobody else', () => {
    const queue = filled(['x', 'a'], ['y', 'b'], ['x', 'c'])
    expect(drain(queue, (item) => item === 'b')).to.equal('b')
    expect(queue.size).to.equal(2)
  })

  it('does not let a later task of a lane overtake an earlier one', () => {
    expect(drain(filled(['x', 'a'], ['x', 'b']), (item) => item === 'b')).to.equal('')
  })

  it('lets others overtake a task that is picky', () => {
    const queue = new WaitQueue<string>()
    queue.add('x', 'picky', { isPicky: true })
    queue.add('x', 'plain')
    expect(drain(queue, (item) => item === 'plain')).to.equal('plain')
  })

  it('puts a task that has waited before to the front', () => {
    const queue = filled(['x', 'a'], ['y', 'b'])
    queue.add('x', 'again', { atFront: true })
    expect(drain(queue)).to.equal('again a b')
  })

  it('lets those that are urgent go first, in the order of their arrival', () => {
    const queue = filled(['x', 'a'], ['y', 'b'])
    queue.add('x', 'again', { atFront: true })
    queue.add('z', 'first', { isUrgent: true })
    queue.add('w', 'second', { isUrgent: true })
    queue.add('z', 'third', { isUrgent: true })
    expect(drain(queue)).to.equal('first second third again a b')
  })

  it('stops when the place is taken', () => {
    const queue = filled(['x', 'a'], ['x', 'b'], ['x', 'c'])
    let room = 2
    expect(drain(queue, () => room-- > 0)).to.equal('a b')
  })

  it('keeps count and order whatever is added and removed', () => {
    const step = fc.record({ lane: fc.constantFrom('x', 'y', 'z'), removes: fc.option(fc.nat(30), { nil: undefined }) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const queue = new WaitQueue<number>()
        const tickets = steps.map((s, i) => {
          const ticket = queue.add(s.lane, i)
          return ticket
        })
        const gone = new Set<number>()
        for (const { removes } of steps) {
          const ticket = removes === undefined ? undefined : tickets[removes]
          if (!ticket) continue
          queue.remove(ticket)
          gone.add(ticket.item)
        }
        const left = steps.map((_, i) => i).filter((i) => !gone.has(i))
        expect(queue.size).to.equal(left.length)
        for (const lane of ['x', 'y', 'z']) expect(queue.lengthOf(lane)).to.equal(left.filter((i) => steps[i]?.lane === lane).length)
        expect([...queue.items()].toSorted((a, b) => a - b)).to.deep.equal(left)
        const lanes = [...queue.lanes()].map(({ first, size }) => [steps[first]?.lane, first, size])
        const ofLane = (lane: string) => left.filter((i) => steps[i]?.lane === lane)
        const named = ['x', 'y', 'z'].filter((lane) => ofLane(lane).length > 0)
        expect(lanes).to.have.deep.members(named.map((lane) => [lane, ofLane(lane)[0], ofLane(lane).length]))
        const order: number[] = []
        queue.pump((item) => order.push(item) > 0)
        expect(order).to.deep.equal(left)
        expect(queue.size).to.equal(0)
      }),
    )
  })
})
