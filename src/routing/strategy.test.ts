import { describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import { hashText } from '../stats/hash.ts'
import { Slot } from './slot.ts'
import { agentOfSession, leastRecent, lessLoaded, lessLoadedOfMany } from './strategy.ts'

const slot = (name: string, load: { inFlight?: number; turn?: number } = {}) => {
  const facts = { namespace: 'n', swarm: 's', name, uid: name, group: '', place: 0, revision: 'r', isCandidate: true, isDraining: false }
  return Object.assign(new Slot(facts), load)
}
/** Chance that comes out of a list. */
const dice = (...numbers: number[]) => {
  let at = 0
  return () => numbers[at++ % numbers.length] ?? 0
}
const unit = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })

describe('the less loaded agent', () => {
  it('is the least loaded of a few, and of those alike the one whose turn was longest ago', () => {
    const load = fc.record({ inFlight: fc.nat(3), turn: fc.nat(100) })
    fc.assert(
      fc.property(fc.array(load, { minLength: 1, maxLength: 16 }), unit, (loads, a) => {
        const slots = loads.map((one, i) => slot(`a${i}`, one))
        const [least] = loads.toSorted((x, y) => x.inFlight - y.inFlight || x.turn - y.turn)
        const chosen = lessLoaded(slots, dice(a))
        expect([chosen?.inFlight, chosen?.turn]).to.deep.equal([least?.inFlight, least?.turn])
      }),
    )
  })

  it('of many is never the more loaded of the two it looked at, which are two different ones', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(20), { minLength: 17, maxLength: 40 }), unit, unit, (loads, a, b) => {
        const slots = loads.map((inFlight, i) => slot(`a${i}`, { inFlight }))
        const first = Math.floor(a * slots.length)
        const second = (first + 1 + Math.floor(b * (slots.length - 1))) % slots.length
        expect(first).to.not.equal(second)
        const chosen = lessLoaded(slots, dice(a, b))
        expect(chosen?.inFlight).to.equal(Math.min(loads[first] ?? 0, loads[second] ?? 0))
      }),
    )
  })

  const cases = {
    'has nobody to take among none': { slots: [], want: undefined },
    'takes the only one': { slots: [slot('a', { inFlight: 9 })], want: 'a' },
    'of two alike takes the one whose turn was longer ago': { slots: [slot('a', { turn: 2 }), slot('b', { turn: 1 })], want: 'b' },
  }
  for (const [name, c] of Object.entries(cases)) {
    it(name, () => expect(lessLoaded(c.slots, dice(0))?.facts.name).to.equal(c.want))
  }
})

describe('a choice of several', () => {
  it('takes as many different ones as are wanted, or all there are, and leaves the list as it was', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(5), { maxLength: 12 }), fc.nat(14), fc.array(unit, { minLength: 1 }), (loads, count, chance) => {
        const slots = loads.map((inFlight, i) => slot(`a${i}`, { inFlight }))
        const before = [...slots]
        const chosen = lessLoadedOfMany(slots, count, dice(...chance))
        expect(new Set(chosen).size).to.equal(Math.min(count, loads.length))
        expect(chosen.filter((one) => !slots.includes(one))).to.deep.equal([])
        expect(slots).to.deep.equal(before)
      }),
    )
  })

  it('never takes the most loaded one when it can do without', () => {
    const slots = [slot('a'), slot('b', { inFlight: 9 }), slot('c')]
    fc.assert(fc.property(fc.array(unit, { minLength: 1 }), (chance) => {
      expect(lessLoadedOfMany(slots, 1, dice(...chance))[0]?.facts.name).to.not.equal('b')
    })) // prettier-ignore
  })
})

describe('round-robin', () => {
  it('gives each agent every turn exactly once', () => {
    const slots = ['a', 'b', 'c'].map((name) => slot(name))
    const taken: string[] = []
    for (let turn = 1; turn <= 9; turn++) {
      const chosen = leastRecent(slots)
      if (chosen) chosen.turn = turn
      taken.push(chosen?.facts.name ?? '')
    }
    expect(taken.join('')).to.equal('abcabcabc')
  })
})

describe('the agent of a session', () => {
  const slots = Array.from({ length: 20 }, (_, i) => slot(`agent-${i}`))
  const keys = Array.from({ length: 400 }, (_, i) => hashText(`session-${i}`))

  it('does not depend on the order of the agents', () => {
    for (const key of keys) expect(agentOfSession(slots.toReversed(), key)).to.equal(agentOfSession(slots, key))
  })

  it('moves only the sessions of an agent that leaves', () => {
    const gone = slots[3]
    const rest = slots.filter((other) => other !== gone)
    for (const key of keys) {
      const before = agentOfSession(slots, key)
      if (before !== gone) expect(agentOfSession(rest, key)).to.equal(before)
    }
  })

  it('spreads sessions over all agents', () => {
    expect(new Set(keys.map((key) => agentOfSession(slots, key))).size).to.equal(slots.length)
  })
})
