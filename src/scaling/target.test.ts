import { describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import { agentsForRatio, agentsForTotal } from './target.ts'

const TOTALS: Record<string, { value: number; target: number; current: number; want: number }> = {
  'so many that none has more than the target': { value: 21, target: 2, current: 5, want: 11 },
  'no change within the tolerance': { value: 11, target: 2, current: 5, want: 5 },
  'a change beyond it': { value: 11.1, target: 2, current: 5, want: 6 },
  'fewer when there is less': { value: 4, target: 2, current: 5, want: 2 },
  'none when there is nothing': { value: 0, target: 2, current: 5, want: 0 },
  'from zero, as many as are needed at once': { value: 5, target: 2, current: 0, want: 3 },
  'no agent for how numbers are stored': { value: 1.1, target: 0.1, current: 1, want: 11 },
  'none for a value below zero': { value: -5, target: 2, current: 5, want: 0 },
}

describe('agents for a total', () => {
  for (const [name, { value, target, current, want }] of Object.entries(TOTALS))
    it(name, () => expect(agentsForTotal(value, { target, tolerancePercent: 10 }, current)).to.equal(want))
})

type Case = { value: number; current: number; ready: number; unmeasured?: number; want: number | undefined }
// The target is 50 %, and an agent of which nothing is known counts as 100 % busy before any may go.
const RATIOS: Record<string, Case> = {
  'twice the target, twice the agents': { value: 100, current: 4, ready: 4, want: 8 },
  'half of it, half of them': { value: 25, current: 4, ready: 4, want: 2 },
  'no change within the tolerance': { value: 54.9, current: 4, ready: 4, want: 4 },
  'a change beyond it': { value: 55.1, current: 4, ready: 4, want: 5 },
  'agents that start count as idle, so that they are not asked for twice': { value: 100, current: 8, ready: 4, want: 8 },
  'more than those that start may be needed': { value: 150, current: 5, ready: 4, want: 12 },
  'agents that start never turn more into fewer': { value: 60, current: 8, ready: 4, want: 8 },
  'agents that start do not keep the others from going': { value: 20, current: 5, ready: 4, want: 2 },
  'those not measured count as idle before more come': { value: 100, current: 4, ready: 4, unmeasured: 2, want: 4 },
  'those not measured count as busy before any goes': { value: 10, current: 4, ready: 4, unmeasured: 1, want: 3 },
  'those not measured never turn fewer into more': { value: 40, current: 4, ready: 4, unmeasured: 3, want: 4 },
  'those not measured, and others that start, turn nothing either': { value: 40, current: 8, ready: 4, unmeasured: 3, want: 8 },
  'the tolerance counts agents that start': { value: 65, current: 5, ready: 4, want: 5 },
  'nothing is known of any': { value: 0, current: 4, ready: 4, unmeasured: 4, want: undefined },
  'none is ready': { value: 0, current: 4, ready: 0, want: undefined },
  'from zero, one when there is a load': { value: 500, current: 0, ready: 0, want: 1 },
  'from zero, none when there is none': { value: 0, current: 0, ready: 0, want: 0 },
}

describe('agents for a ratio', () => {
  const settings = { target: 50, tolerancePercent: 10, unmeasured: 100 }
  for (const [name, { value, want, ...fleet }] of Object.entries(RATIOS))
    it(name, () => expect(agentsForRatio(value, settings, fleet)).to.equal(want))

  it('never asks for more when the value is below the target, nor for fewer when it is above', () => {
    const fleet = fc.integer({ min: 1, max: 100 }).chain((current) => fc.record({ current: fc.constant(current), ready: fc.nat(current) }))
    fc.assert(
      fc.property(fleet, fc.nat(100), fc.double({ min: 0, max: 300, noNaN: true }), ({ current, ready }, blind, value) => {
        const wanted = agentsForRatio(value, settings, { current, ready, unmeasured: Math.min(ready, blind) })
        if (wanted === undefined) return
        expect(Math.sign(wanted - current)).to.not.equal(value > 50 ? -1 : 1)
      }),
    )
  })

  it('is where it stays, once all are ready and the load is as before', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.double({ min: 1, max: 5_000, noNaN: true }), (start, load) => {
        const next = (n: number) => agentsForRatio(load / n, settings, { current: n, ready: n }) ?? n
        const settled = next(next(start) || 1) || 1
        expect(next(settled) || 1).to.equal(settled)
      }),
    )
  })
})
