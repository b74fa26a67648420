import { describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import { figureOf, median, percentile } from './statistics.ts'

const hundred = Array.from({ length: 100 }, (_, i) => 100 - i)

describe('percentiles', () => {
  const cases: Record<string, { values: number[]; share: number; want: number }> = {
    'the half of a hundred': { values: hundred, share: 0.5, want: 50 },
    'nearly all of a hundred': { values: hundred, share: 0.99, want: 99 },
    'all of a hundred': { values: hundred, share: 1, want: 100 },
    'none of a hundred is the least': { values: hundred, share: 0, want: 1 },
    'of one value that value': { values: [7], share: 0.99, want: 7 },
    'of no values nothing': { values: [], share: 0.5, want: NaN },
  }
  for (const [name, c] of Object.entries(cases)) it(name, () => expect(percentile(c.values, c.share)).to.deep.equal(c.want))

  it('leave the values as they were', () => {
    const values = [3, 1, 2]
    percentile(values, 0.5)
    expect(values).to.deep.equal([3, 1, 2])
  })

  it('are values that were measured, and grow with the share', () => {
    const values = fc.array(fc.integer(), { minLength: 1 })
    fc.assert(
      fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true }), (all, a, b) => {
        expect(all).to.include(percentile(all, a))
        expect(percentile(all, Math.min(a, b))).to.be.at.most(percentile(all, Math.max(a, b)))
      }),
    )
  })
})

describe('a median', () => {
  const cases: Record<string, { values: number[]; want: number }> = {
    'is the middle of an odd number of values': { values: [9, 1, 5], want: 5 },
    'is between the two middle ones of an even number': { values: [4, 1, 2, 9], want: 3 },
    'is the only value': { values: [7], want: 7 },
    'of nothing is no number': { values: [], want: NaN },
  }
  for (const [name, c] of Object.entries(cases)) it(name, () => expect(median(c.values)).to.deep.equal(c.want))
})

describe('a figure', () => {
  it('has a spread when it was measured more than once', () =>
    expect(figureOf('time', 's', [3, 1, 2], { note: 'n' })).to.deep.equal({
      name: 'time',
      unit: 's',
      value: 2,
      least: 1,
      most: 3,
      note: 'n',
    }))

  it('has none when it was measured once', () => expect(figureOf('time', 's', [3])).to.deep.equal({ name: 'time', unit: 's', value: 3 }))
})
