import { describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import { AdaptiveShares, drawGroup, sharesOf, type AdaptiveRules } from './adaptive.ts'

const RULES: AdaptiveRules = { explorationPercent: 5, halfLifeMs: 30_000 }
const GROUPS = ['a', 'b', 'c', 'd']
/** The rates of the pattern's example. */
const EXAMPLE = { a: 0.05, b: 0.02, c: 0.08, d: 0.01 }

/** Chance from a seed (mulberry32), the same in every run. */
const seeded = (seed: number) => {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000
  }
}

/** A swarm that does tasks by its own shares; each group fails as often as its rate says. */
class Trace {
  readonly shares = new AdaptiveShares()
  readonly #random: () => number
  nowMs = 0

  constructor(seed: number) {
    this.#random = seeded(seed)
  }

  /** Runs tasks at 100 a second; returns how many percent of them each group got. */
  run(seconds: number, rates: Readonly<Record<string, number>>, groups: readonly string[] = Object.keys(rates)): Record<string, number> {
    const counts = Object.fromEntries(groups.map((group) => [group, 0]))
    for (let i = 0; i < seconds * 100; i++) {
      this.nowMs += 10
      const group = drawGroup(this.shares.among(groups, this.nowMs, RULES), this.#random) ?? ''
      counts[group] = (counts[group] ?? 0) + 1
      this.shares.observe(group, this.#random() < (rates[group] ?? 0), this.nowMs, RULES)
    }
    return Object.fromEntries(Object.entries(counts).map(([group, count]) => [group, count / seconds]))
  }
}
const near = (got: Record<string, number>, want: Record<string, [low: number, high: number]>) => {
  for (const [group, [low, high]] of Object.entries(want)) expect(got[group], `${group} of ${JSON.stringify(got)}`).to.be.within(low, high)
}

describe('shares by error rate', () => {
  it('are near 10, 25, 5 and 60 % for rates of 5, 2, 8 and 1 %', () => {
    expect(sharesOf(Object.values(EXAMPLE), 0).map((share) => Math.round(share * 100))).to.deep.equal([9, 26, 5, 60])
    expect(sharesOf(Object.values(EXAMPLE), 0.05).map((share) => Math.round(share * 100))).to.deep.equal([10, 26, 6, 58])
  })

  it('sum to 1, keep the exploration share of each group, and prefer lower rates, whatever they are', () => {
    const rates = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 32 })
    fc.assert(fc.property(rates, fc.double({ min: 0, max: 1, noNaN: true }), (list, exploration) => {
      const shares = sharesOf(list, exploration)
      expect(shares.reduce((sum, share) => sum + share, 0)).to.be.closeTo(1, 1e-9)
      for (const [i, share] of shares.entries()) {
        expect(share).to.be.at.least(exploration / list.length - 1e-12)
        for (const [j, other] of shares.entries()) if ((list[i] ?? 0) < (list[j] ?? 0)) expect(share).to.be.at.least(other - 1e-12)
      }
    })) // prettier-ignore
  })

  it('are alike while nothing is known, and all of it for one group', () => {
    const none = new AdaptiveShares()
    expect(none.among(GROUPS, 0, RULES).map(({ share }) => share)).to.deep.equal([0.25, 0.25, 0.25, 0.25])
    expect(none.among(['a'], 0, RULES)).to.deep.equal([{ group: 'a', share: 1, errorRate: 0.01 }])
    expect(none.among([], 0, RULES)).to.deep.equal([])
    expect(drawGroup([], () => 0.5)).to.equal(undefined)
  })
})

describe('shares over time', () => {
  it('settle near the shares of the true rates', () => {
    for (const seed of [1, 2, 3, 4, 5]) {
      const trace = new Trace(seed)
      trace.run(120, EXAMPLE)
      near(trace.run(300, EXAMPLE), { a: [5, 16], b: [15, 36], c: [3, 11], d: [47, 70] })
    }
  })

  it('leave a group that begins to fail, within seconds', () => {
    const trace = new Trace(7)
    trace.run(60, { a: 0.01, b: 0.01 })
    near(trace.run(5, { a: 0.01, b: 0.5 }), { b: [0, 35] })
    trace.run(10, { a: 0.01, b: 0.5 })
    near(trace.run(10, { a: 0.01, b: 0.5 }), { b: [0, 12] })
  })

  it('come back to a group that has recovered, because it keeps its exploration share', () => {
    const trace = new Trace(8)
    trace.run(60, { a: 0.01, b: 0.9 })
    near(trace.run(20, { a: 0.01, b: 0.9 }), { b: [1.5, 6] })
    trace.run(180, { a: 0.01, b: 0.01 })
    near(trace.run(60, { a: 0.01, b: 0.01 }), { b: [35, 65] })
  })

  it('forget when there are no tasks', () => {
    const shares = new AdaptiveShares()
    for (let i = 0; i < 100; i++) shares.observe('a', true, 0, RULES)
    const of = (nowMs: number) => Math.round((shares.among(['a', 'b'], nowMs, RULES)[0]?.share ?? 0) * 100)
    expect([0, 30_000, 300_000, 3_000_000].map(of)).to.deep.equal([3, 3, 39, 50])
  })

  it('do not let groups without errors drive each other out, however many tasks one of them has had', () => {
    const shares = new AdaptiveShares()
    for (let i = 0; i < 10_000; i++) shares.observe('a', false, 0, RULES)
    expect(shares.among(['a', 'b'], 0, RULES).map(({ share }) => share)).to.deep.equal([0.5, 0.5])
  })

  it('are shared by the groups that are left when one is not there', () => {
    const trace = new Trace(9)
    trace.run(120, EXAMPLE)
    near(trace.run(60, EXAMPLE, ['a', 'b']), { a: [15, 45], b: [55, 85] })
  })
})
