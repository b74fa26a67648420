import { describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import { LATENCY_BOUNDS_MS, addLatencies, countLatency, latenciesSince, latencyCount, latencyQuantile } from './latency.ts'

const counted = (...ms: number[]) => {
  const counts: number[] = []
  for (const each of ms) countLatency(counts, each)
  return counts
}
const someMs = fc.array(fc.integer({ min: 0, max: 4_000_000 }), { minLength: 1, maxLength: 200 })

describe('a summary of latencies', () => {
  const quantiles = {
    'none at all': { of: counted(), want: undefined },
    'one: the top of its share of the bucket': { of: counted(2_400), want: 2_475 },
    'many fast and some slow': {
      of: counted(...Array.from({ length: 90 }, () => 4), ...Array.from({ length: 10 }, () => 6_000)),
      want: 6_250,
    },
    'nothing above the last bound can be told apart': { of: counted(9_000_000), want: 3_600_000 },
  }
  for (const [name, c] of Object.entries(quantiles)) it(`95 % of ${name}`, () => expect(latencyQuantile(c.of, 0.95)).to.equal(c.want))

  it('a quantile lies in the bucket of the value that a sorted list has there', () => {
    fc.assert(
      fc.property(someMs, fc.constantFrom(0.5, 0.95, 0.99, 1), (ms, q) => {
        const exact = ms.toSorted((a, b) => a - b)[Math.ceil(ms.length * q) - 1] ?? 0
        const bucket = counted(exact).length - 1
        const seen = latencyQuantile(counted(...ms), q) ?? -1
        expect(seen).to.be.at.least(LATENCY_BOUNDS_MS[bucket - 1] ?? 0)
        expect(seen).to.be.at.most(LATENCY_BOUNDS_MS[bucket] ?? 3_600_000)
      }),
    )
  })

  it('sums of summaries are those of all, and can be taken apart again', () => {
    fc.assert(
      fc.property(someMs, someMs, (a, b) => {
        const sum = counted(...a)
        addLatencies(sum, counted(...b))
        expect(sum).to.deep.equal(counted(...a, ...b))
        expect(latencyCount(latenciesSince(sum, counted(...a)))).to.equal(b.length)
        addLatencies(sum, counted(...b), -1)
        expect(latencyCount(sum)).to.equal(a.length)
      }),
    )
  })
})
