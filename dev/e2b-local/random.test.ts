import { expect } from 'chai'
import { describe, it } from 'mocha'
import { seededRandom } from './random.ts'

describe('seededRandom', () => {
  const numbers = (seed: number, count = 1_000) => Array.from({ length: count }, seededRandom(seed))

  it('repeats itself with the same seed only', () => {
    expect(numbers(1)).to.deep.equal(numbers(1))
    expect(numbers(1)).to.not.deep.equal(numbers(2))
  })
  it('spreads over 0 to 1', () => {
    const all = numbers(7, 10_000)
    expect(all.every((number) => number >= 0 && number < 1)).to.equal(true)
    expect(all.reduce((sum, number) => sum + number, 0) / all.length).to.be.within(0.45, 0.55)
  })
})
