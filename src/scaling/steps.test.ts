import { describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import { agentsForSteps, changed, parseChange, stepFor, type Step } from './steps.ts'

const above = (bound: number, change: string): Step => ({ ...parseChange(change), side: 'above', bound })
const below = (bound: number, change: string): Step => ({ ...parseChange(change), side: 'below', bound })
const VOLATILITY = [above(0.7, '+50%'), above(0.8, '+100%')]
const CPU = [above(85, '+4'), below(15, '-50%')]

const CHANGES: [number, string, number][] = [
  [4, '+50%', 6],
  [1, '+50%', 2],
  [3, '+50%', 5],
  [3, '+1%', 4],
  [0, '+100%', 1],
  [6, '-50%', 3],
  [3, '-50%', 2],
  [2, '-1%', 1],
  [1, '-50%', 0],
  [0, '-50%', 0],
  [5, '-100%', 0],
  [2, '+8', 10],
  [2, '-5', 0],
]

describe('a change', () => {
  for (const [from, change, to] of CHANGES)
    it(`${change} of ${from} is ${to}`, () => expect(changed(from, parseChange(change))).to.equal(to))

  it('is read only in its own form', () => {
    for (const text of ['50%', '+50 %', '+', '+%', 'x2', '+1.5', '+10000', ''])
      expect(() => parseChange(text), text).to.throw(RangeError, 'write it as +2, -1, +50% or -50%')
  })
})

describe('the step of a value', () => {
  it('is the outermost one that it has passed, in whatever order they stand', () => {
    for (const steps of [VOLATILITY, VOLATILITY.toReversed()])
      expect([0.7, 0.75, 0.8, 0.85].map((value) => stepFor(value, steps)?.bound)).to.deep.equal([undefined, 0.7, 0.7, 0.8])
    const falling = [below(20, '-10%'), below(5, '-50%')]
    for (const steps of [falling, falling.toReversed()])
      expect([20, 19, 5, 4].map((value) => stepFor(value, steps)?.bound)).to.deep.equal([undefined, 20, 20, 5])
  })
})

type Case = { value: number; steps: readonly Step[]; base?: number; current: number; ready: number; want: number | undefined }
const ANSWERS: Record<string, Case> = {
  'from a base: the base changed, whatever there is': { value: 0.85, steps: VOLATILITY, base: 4, current: 20, ready: 20, want: 8 },
  'from a base: the base when no step holds': { value: 0.5, steps: VOLATILITY, base: 4, current: 8, ready: 8, want: 4 },
  'from current: changed': { value: 90, steps: CPU, current: 2, ready: 2, want: 6 },
  'from current: no more until those that start are ready': { value: 90, steps: CPU, current: 6, ready: 2, want: 6 },
  'from current: fewer': { value: 10, steps: CPU, current: 6, ready: 6, want: 3 },
  'from current: as many as now between the steps': { value: 50, steps: CPU, current: 6, ready: 6, want: 6 },
  'from current: no say when no step holds and none could ask for fewer': {
    value: 50,
    steps: [above(85, '+4')],
    current: 6,
    ready: 6,
    want: undefined,
  },
}

describe('agents by steps', () => {
  for (const [name, { value, steps, base, want, ...fleet }] of Object.entries(ANSWERS))
    it(name, () => expect(agentsForSteps(value, steps, { base, fleet })).to.equal(want))

  it('go the way that the step says, by one at least', () => {
    const change = fc.oneof(fc.integer({ min: 1, max: 999 }), fc.integer({ min: -100, max: -1 }))
    fc.assert(
      fc.property(fc.nat(2_000), change, fc.constantFrom('agents' as const, 'percent' as const), (agents, by, unit) => {
        const to = changed(agents, { by, unit })
        expect(to).to.be.at.least(0)
        if (by > 0) expect(to).to.be.above(agents)
        else if (agents > 0) expect(to).to.be.below(agents)
      }),
    )
  })
})
