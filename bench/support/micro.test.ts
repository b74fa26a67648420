import { describe, it } from 'mocha'
import { expect } from 'chai'
import { compare, ratioOf } from './micro.ts'

describe('timing code', () => {
  it('gives each piece its turn in every round, and one to warm up', async () => {
    const turns: string[] = []
    const work = (name: string) => ({ name, operations: 1, run: () => void turns.push(name) })
    const timed = await compare([work('a'), work('b')], { rounds: 2, roundMs: 0 })
    expect(turns.join('')).to.equal('ababab')
    expect(timed.map(({ name, nanoseconds }) => [name, nanoseconds.length])).to.deep.equal([['a', 2], ['b', 2]]) // prettier-ignore
  })

  it('waits for pieces that wait', async () => {
    let isDone = false
    const run = async () => {
      await Promise.resolve()
      isDone = true
    }
    await compare([{ name: 'a', operations: 1, run }], { rounds: 0, roundMs: 0 })
    expect(isDone).to.equal(true)
  })

  it('compares within each round', () =>
    expect(ratioOf({ name: 'a', nanoseconds: [10, 20, 100] }, { name: 'b', nanoseconds: [5, 10, 10] })).to.equal(2))
})
