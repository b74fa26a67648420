import { describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import { Allowance, limitOf, PURPOSES, textOf, type Cap, type Limit, type Purpose } from './budget.ts'
import { rateOfMicros } from './cost.ts'

const AGENTS: Cap = { by: 'Quota', name: 'agents', counts: 'Sandboxes', most: 10n, used: 7n }
const OBJECTS: Cap = { by: 'Quota', name: 'objects', counts: 'Objects', most: 10n, used: 10n }
const CENT = rateOfMicros(10_000n)
const COST: Cap = { by: 'Budget', name: 'cost', counts: 'Cost', most: 100n * CENT, used: 70n * CENT }
const claim = (purpose: Purpose, sandboxes: number) => ({ purpose, sandboxes, objects: sandboxes, rate: 20n * CENT })

describe('what a cap leaves', () => {
  const cases: Record<string, { limit: Limit; want: number[] }> = {
    'what is not used, whatever it is for': { limit: limitOf(AGENTS, 5n), want: [3, 3, 3, 3] },
    'of a cost as many as it pays for': { limit: limitOf(COST, 11n * CENT), want: [2, 2, 2, 2] },
    'nothing of a cost that one more would exceed': { limit: limitOf({ ...COST, used: 90n * CENT }, 11n * CENT), want: [0, 0, 0, 0] },
    'any number of agents that cost nothing': { limit: limitOf(COST, 0n), want: [Infinity, Infinity, Infinity, Infinity] },
    'none of those once the cost is beyond the cap': { limit: limitOf({ ...COST, used: 101n * CENT }, 0n), want: [0, 0, 0, 0] },
    'as many too many as must go': { limit: limitOf({ ...COST, used: 101n * CENT }, 11n * CENT), want: [-1, -1, -1, -1] },
    'what less urgent purposes of others wait for': { limit: limitOf(AGENTS, 5n, [claim('WarmPool', 2)]), want: [3, 3, 3, 3] },
    'what more urgent ones wait for is left to them': {
      limit: limitOf(AGENTS, 5n, [claim('Replacement', 1), claim('Update', 1)]),
      want: [3, 2, 2, 1],
    },
    'at the cost of those': { limit: limitOf(COST, 5n * CENT, [claim('Scale', 1)]), want: [6, 6, 2, 2] },
  }
  for (const [name, { limit, want }] of Object.entries(cases))
    it(name, () => expect(PURPOSES.map((purpose) => limit.left[purpose])).to.deep.equal(want))

  it('says whose cap it is, what it is and what is used', () => {
    expect(textOf(limitOf(AGENTS, 0n), 3)).to.equal('agents (10 of 10 used)')
    expect(textOf(limitOf(COST, 10n * CENT), 3)).to.equal('cost (1.00 of 1.00 dollars an hour used)')
    expect(textOf(limitOf({ ...COST, unit: 'cents' }, 11n * CENT), 2)).to.equal('cost (92.00 of 100.00 cents an hour used)')
  })
})

describe('an allowance', () => {
  const tally = (counts: Partial<Record<Purpose, number>>) => {
    const asking = new Allowance([])
    for (const purpose of PURPOSES) for (let i = 0; i < (counts[purpose] ?? 0); i += 1) asking.take(purpose)
    return asking.asked
  }

  it('grants as many as there is room for, and says how many it held back and why', () => {
    const allowance = new Allowance([limitOf(AGENTS, 0n)])
    const refused = Array.from({ length: 5 }, () => allowance.take('Scale')).filter((limit) => limit !== undefined)
    for (const limit of refused) allowance.hold(limit)
    expect(allowance.held).to.deep.equal({ withheld: 2, heldBy: { by: 'Quota', text: 'agents (10 of 10 used)' } })
    expect(allowance.missed.Scale).to.deep.equal({ sandboxes: 2, objects: 2 })
  })

  it('keeps room for what is more urgent, though that is asked for later', () => {
    const allowance = new Allowance([limitOf(AGENTS, 0n)], tally({ Replacement: 2, Scale: 2, WarmPool: 1 }))
    const isGranted = (purpose: Purpose) => allowance.take(purpose) === undefined
    expect((['WarmPool', 'Scale', 'Replacement', 'Scale', 'Replacement'] as const).map(isGranted)).to.deep.equal([
      false,
      true,
      true,
      false,
      true,
    ])
  })

  it('gives nothing less urgent away while something more urgent waits for another cap', () => {
    const allowance = new Allowance([limitOf({ ...AGENTS, used: 9n }, 0n), limitOf(OBJECTS, 0n)], tally({ Replacement: 1 }))
    expect(allowance.take('Replacement')?.cap).to.equal(OBJECTS)
    expect(allowance.take('Scale', true)?.cap.name).to.equal('agents')
  })

  it('lets one that sleeps wake up though no object more may be made', () => {
    const allowance = new Allowance([limitOf(OBJECTS, 0n)])
    expect(allowance.take('Scale', true)).to.equal(undefined)
    expect(allowance.take('Scale')?.cap).to.equal(OBJECTS)
  })

  it('claims nothing in a namespace of what the own budget refuses', () => {
    const allowance = new Allowance([limitOf({ ...AGENTS, by: 'Budget', used: 10n }, 0n)])
    allowance.take('Replacement')
    expect(allowance.missed.Replacement).to.deep.equal({ sandboxes: 0, objects: 0 })
  })

  it('is never more than any limit leaves, and serves in the order of urgency, whatever is asked in which order', () => {
    const asks = fc.array(fc.record({ purpose: fc.constantFrom(...PURPOSES), isThere: fc.boolean() }), { maxLength: 30 })
    fc.assert(
      fc.property(asks, fc.integer({ min: -2, max: 20 }), fc.integer({ min: -2, max: 20 }), (all, sandboxes, objects) => {
        const limits = [
          limitOf({ ...AGENTS, most: BigInt(sandboxes), used: 0n }, 0n),
          limitOf({ ...OBJECTS, most: BigInt(objects), used: 0n }, 0n),
        ]
        const first = new Allowance([])
        for (const { purpose, isThere } of all) first.take(purpose, isThere)
        const allowance = new Allowance(limits, first.asked)
        const granted = all.filter(({ purpose, isThere }) => allowance.take(purpose, isThere) === undefined)
        expect(granted.length).to.be.at.most(Math.max(0, sandboxes))
        expect(granted.filter(({ isThere }) => !isThere).length).to.be.at.most(Math.max(0, objects))
        if (first.isWithin(limits)) expect(granted.length).to.equal(all.length)
        const refused = all.filter((ask) => !granted.includes(ask))
        const [urgent] = PURPOSES.filter((purpose) => refused.some((ask) => ask.purpose === purpose))
        const isLess = (purpose: Purpose) => urgent !== undefined && PURPOSES.indexOf(purpose) > PURPOSES.indexOf(urgent)
        if (sandboxes < all.length && objects >= all.length) expect(granted.filter(({ purpose }) => isLess(purpose))).to.deep.equal([])
      }),
    )
  })
})
