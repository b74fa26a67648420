import { describe, it } from 'mocha'
import { expect } from 'chai'
import { countsText, growth, totalOf } from './cost.ts'

describe('counts', () => {
  it('grow by what came on top, also where nothing was before', () =>
    expect(growth({ a: 1, b: 2 }, { a: 4, b: 2, c: 3 })).to.deep.equal({ a: 3, c: 3 }))

  it('are told for each of many, the largest first', () =>
    expect(countsText({ 'get Agent': 5, 'patch Agent': 30 }, 10)).to.equal('patch Agent 3.00, get Agent 0.50'))

  it('have a sum', () => expect([totalOf({ a: 1, b: 2 }), totalOf({})]).to.deep.equal([3, 0]))
})
