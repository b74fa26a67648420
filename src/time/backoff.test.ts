import { expect } from 'chai'
import { describe, it } from 'mocha'
import { backoffMs, doubledMs, spreadMs } from './backoff.ts'

const PAUSES = { first: 100, longest: 1_000 }

describe('pauses that grow', () => {
  it('double up to the longest, however often', () => {
    expect([0, 1, 2, 3, 4, 5, 10_000].map((n) => doubledMs(PAUSES, n))).to.deep.equal([100, 200, 400, 800, 1_000, 1_000, 1_000])
  })

  it('are half of that at least, and all of it at most', () => {
    expect([0, 0.5, 1].map((chance) => backoffMs(PAUSES, 1, chance))).to.deep.equal([100, 150, 200])
  })
})

it('a period is spread to both sides alike', () => {
  expect([0, 0.5, 1].map((chance) => spreadMs(1_000, 0.25, chance))).to.deep.equal([750, 1_000, 1_250])
})
