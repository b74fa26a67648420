import { describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import { Fleet } from './fleet.ts'
import type { FleetRules } from './rules.ts'
import type { Ending, Refusal, Wish } from './wish.ts'
import type { AgentFacts, Slot } from './slot.ts'

const RULES: FleetRules = {
  strategy: 'RoundRobin',
  shares: [],
  groups: new Map([
    ['', { capabilities: [], limit: 2 }],
    ['pairs', { capabilities: ['pairs', 'slow'], limit: 1 }],
  ]),
  breaker: { consecutiveFailures: 2, openForMs: 1000 },
}
const agent = (name: string, over: Partial<AgentFacts> = {}): AgentFacts => ({
  namespace: 'n',
  swarm: 's',
  name,
  uid: `uid-${name}`,
  group: '',
  place: 0,
  revision: 'r1',
  isCandidate: true,
  isDraining: false,
  ...over,
})
const fleet = (agents: readonly AgentFacts[], rules: Partial<FleetRules> = {}) => {
  const made = new Fleet({ ...RULES, ...rules })
  for (const facts of agents) made.put(facts, 0)
  return made
}
const half = () => 0.5
const choose = (of: Fleet, wish: Partial<Wish> = {}, nowMs = 0) => of.choose({ tried: [], ...wish }, nowMs, half)
const nameOf = (choice: Slot | Refusal) => (typeof choice === 'string' ? choice : choice.facts.name)
const slotOf = (of: Fleet, name: string): Slot => {
  const slot = of.slots.get(name)
  if (!slot) throw new Error(`no agent ${name}`)
  return slot
}
/** Begins as many tasks as there are agents for, at most `count`. */
const take = (of: Fleet, count: number, wish: Partial<Wish> = {}, nowMs = 0): string[] => {
  const taken: string[] = []
  for (let i = 0; i < count; i++) {
    const choice = choose(of, wish, nowMs)
    taken.push(nameOf(choice))
    if (typeof choice !== 'string') of.begin(choice, nowMs)
  }
  return taken
}

describe('the choice of an agent', () => {
  const two = [agent('a'), agent('b', { revision: 'r2' })]
  const cases: Record<string, { agents: AgentFacts[]; rules?: Partial<FleetRules>; wish?: Partial<Wish>; count: number; want: string }> = {
    'takes agents in turn': { agents: [agent('a'), agent('b'), agent('c')], count: 6, want: 'a b c a b c' },
    'gives an agent no more than its limit': { agents: [agent('a')], count: 3, want: 'a a Busy' },
    'waits for agents that are not ready': { agents: [agent('a', { isCandidate: false })], count: 1, want: 'NoAgentReady' },
    'waits where there is no agent at all': { agents: [], count: 1, want: 'NoAgentReady' },
    'goes by capability': { agents: [agent('a'), agent('p', { group: 'pairs' })], wish: { capability: 'pairs' }, count: 2, want: 'p Busy' },
    'refuses at once what nobody can do': { agents: [agent('a')], wish: { capability: 'flying' }, count: 1, want: 'NoAgentWithCapability' },
    'waits for a capability that a group has': { agents: [agent('a')], wish: { capability: 'pairs' }, count: 1, want: 'NoAgentReady' },
    'uses the agents of capable groups for plain tasks too': {
      agents: [agent('p', { group: 'pairs' })],
      count: 2,
      want: 'p Busy',
    },
    'goes by weight': {
      agents: two,
      rules: { shares: [{ revision: 'r1', percent: 100 }, { revision: 'r2', percent: 0 }] }, // prettier-ignore
      count: 3,
      want: 'a a Busy',
    },
    'falls over to a revision with weight when one has no agent': {
      agents: two,
      rules: { shares: [{ revision: 'gone', percent: 90 }, { revision: 'r2', percent: 10 }] }, // prettier-ignore
      count: 2,
      want: 'b b',
    },
    'pins a revision, also without weight': {
      agents: two,
      rules: { shares: [{ revision: 'r1', percent: 100 }, { revision: 'r2', percent: 0 }] }, // prettier-ignore
      wish: { revision: 'r2' },
      count: 3,
      want: 'b b Busy',
    },
    'refuses a revision without agents': { agents: two, wish: { revision: 'r3' }, count: 1, want: 'RevisionNotFound' },
    'waits for a pinned revision that is not ready': {
      agents: [agent('a', { isCandidate: false })],
      wish: { revision: 'r1' },
      count: 1,
      want: 'NoAgentReady',
    },
    'refuses a capability that the pinned revision never had': {
      agents: [agent('a'), agent('p', { group: 'pairs', revision: 'r2' })],
      wish: { revision: 'r1', capability: 'pairs' },
      count: 1,
      want: 'NoAgentWithCapability',
    },
    'uses all revisions alike before there are weights': { agents: two, count: 4, want: 'a b a b' },
  }
  for (const [name, c] of Object.entries(cases)) {
    it(name, () => expect(take(fleet(c.agents, c.rules), c.count, c.wish).join(' ')).to.equal(c.want))
  }

  it('prefers an agent that has not failed the task, waits for one that is busy, and repeats where there is no other', () => {
    const some = fleet([agent('a'), agent('b')])
    const a = slotOf(some, 'a')
    expect(nameOf(choose(some, { tried: [a] }))).to.equal('b')
    const b = slotOf(some, 'b')
    some.begin(b, 0)
    some.begin(b, 0)
    expect(nameOf(choose(some, { tried: [a] }))).to.equal('Busy')
    some.remove('b')
    expect(nameOf(choose(some, { tried: [a] }))).to.equal('a')
  })

  it('keeps a session with its agent, and gives it another while that one is full', () => {
    const some = fleet(['a', 'b', 'c', 'd'].map((name) => agent(name)))
    const [home, again, third] = take(some, 3, { sessionKey: 'k' })
    expect(again).to.equal(home)
    expect(third).to.not.equal(home)
    const slot = slotOf(some, home ?? '')
    some.end(slot, 'Answered', 0)
    expect(nameOf(choose(some, { sessionKey: 'k' }))).to.equal(home)
  })
})

describe('the choice by error rates', () => {
  const groups = new Map(['a', 'b', 'c', 'd', 'z'].map((name) => [name, { capabilities: name === 'z' ? [] : ['trade'], limit: 1000 }]))
  const adaptive: Partial<FleetRules> = { strategy: 'Adaptive', adaptive: { explorationPercent: 5, halfLifeMs: 30_000 }, groups }
  const breaker = { consecutiveFailures: 1000, openForMs: 1000 }
  /** Chance from a seed, the same in every run. */
  const seeded = (seed: number) => () => (seed = (seed * 48_271) % 0x7fff_ffff) / 0x7fff_ffff
  const agents = [...groups.keys()].flatMap((group) => [agent(`${group}1`, { group }), agent(`${group}2`, { group })])

  /** Does tasks at 100 a second; each group fails as its rate says. Returns the percentage of tasks that each group got. */
  const run = (of: Fleet, clock: { nowMs: number; random: () => number }, seconds: number, rates: Record<string, number>) => {
    const counts: Record<string, number> = {}
    for (let i = 0; i < seconds * 100; i++) {
      clock.nowMs += 10
      const slot = of.choose({ tried: [], capability: 'trade' }, clock.nowMs, clock.random)
      if (typeof slot === 'string') throw new Error(slot)
      const { group } = slot.facts
      counts[group] = (counts[group] ?? 0) + 1 / seconds
      of.begin(slot, clock.nowMs)
      of.end(slot, clock.random() < (rates[group] ?? 0) ? 'Failed' : 'Answered', clock.nowMs)
    }
    return counts
  }

  it('gives groups that can do the task shares near 10, 25, 5 and 60 % for error rates of 5, 2, 8 and 1 %, and shows them', () => {
    const some = fleet(agents, { ...adaptive, breaker })
    const clock = { nowMs: 0, random: seeded(42) }
    const rates = { a: 0.05, b: 0.02, c: 0.08, d: 0.01 }
    run(some, clock, 120, rates)
    const got = run(some, clock, 300, rates)
    const want = { a: [5, 16], b: [15, 36], c: [3, 11], d: [47, 70] } as const
    for (const [group, [low, high]] of Object.entries(want)) expect(got[group], JSON.stringify(got)).to.be.within(low, high)
    expect(got['z']).to.equal(undefined)
    expect(some.groupShares(clock.nowMs).map(({ group }) => group)).to.deep.equal(['a', 'b', 'c', 'd', 'z'])
    expect(some.groupShares(clock.nowMs).reduce((sum, { share }) => sum + share, 0)).to.be.closeTo(1, 1e-9)
  })

  it('notices that a group has recovered', () => {
    const some = fleet(agents.slice(0, 4), { ...adaptive, breaker })
    const clock = { nowMs: 0, random: seeded(7) }
    run(some, clock, 60, { a: 0.01, b: 0.9 })
    expect(run(some, clock, 20, { a: 0.01, b: 0.9 })['b']).to.be.within(1, 6)
    run(some, clock, 180, { a: 0.01, b: 0.01 })
    expect(run(some, clock, 60, { a: 0.01, b: 0.01 })['b']).to.be.within(35, 65)
  })

  it('takes another group while one has nobody free, the less loaded of two agents within a group, and knows no shares otherwise', () => {
    const some = fleet(agents.slice(0, 4), {
      ...adaptive,
      groups: new Map(['a', 'b'].map((name) => [name, { capabilities: [], limit: 1 }])),
    })
    const taken = take(some, 5).toSorted()
    expect(taken).to.deep.equal(['Busy', 'a1', 'a2', 'b1', 'b2'])
    expect(fleet(agents).groupShares(0)).to.deep.equal([])
  })

  it('does not blame groups for what is nobody’s fault, and forgets groups that are gone', () => {
    const some = fleet(agents.slice(0, 4), { ...adaptive, breaker })
    const slot = slotOf(some, 'a1')
    for (let i = 0; i < 100; i++) {
      some.begin(slot, 0)
      some.end(slot, 'Abandoned', 0)
    }
    expect(new Set(some.groupShares(0).map(({ share }) => share))).to.deep.equal(new Set([0.2]))
    some.begin(slot, 0)
    some.end(slot, 'Failed', 0)
    expect(some.groupShares(0)[0]?.share).to.be.below(0.2)
    some.setRules({ ...RULES, ...adaptive, groups: new Map() }, 0)
    some.setRules({ ...RULES, ...adaptive }, 0)
    expect(some.groupShares(0)[0]?.share).to.equal(0.2)
  })
})

describe('the choice of a panel', () => {
  const three = ['a', 'b', 'c'].map((name) => agent(name))
  const THREE = { size: 3, least: 2 }
  const panel = (of: Fleet, wish: Partial<Wish> = {}, size = THREE) => {
    const choice = of.choosePanel({ tried: [], ...wish }, size, 0, half)
    return typeof choice === 'string' ? choice : choice.map((slot) => slot.facts.name).toSorted().join(' ') // prettier-ignore
  }
  const begun = (of: Fleet, name: string, times: number) => {
    for (let i = 0; i < times; i++) of.begin(slotOf(of, name), 0)
  }

  it('takes different agents, as many as are wanted', () => {
    expect(panel(fleet(three))).to.equal('a b c')
    expect(panel(fleet(three), {}, { size: 2, least: 2 }).split(' ')).to.have.length(2)
  })

  it('waits until all of them are free at once', () => {
    const some = fleet(three)
    begun(some, 'b', 2)
    expect(panel(some)).to.equal('Busy')
    some.end(slotOf(some, 'b'), 'Answered', 0)
    expect(panel(some)).to.equal('a b c')
  })

  it('does with those that are up while they are enough to decide, and waits for others below that', () => {
    const some = fleet(three)
    slotOf(some, 'a').absence = 'Lost'
    some.refresh(slotOf(some, 'a'), 0)
    expect(panel(some)).to.equal('b c')
    some.remove('b')
    expect(panel(some)).to.equal('NoAgentReady')
  })

  it('is none of those whose circuits are open, also when they are most', () => {
    const some = fleet(['a', 'b', 'c', 'd', 'e'].map((name) => agent(name)))
    for (const name of ['a', 'b', 'c']) {
      begun(some, name, 2)
      for (let i = 0; i < 2; i++) some.end(slotOf(some, name), 'Failed', 0)
    }
    expect(panel(some)).to.equal('d e')
    begun(some, 'd', 2)
    expect(panel(some)).to.equal('Busy')
  })

  it('is of one revision, by weight, and passes over a revision with too few agents', () => {
    const canary = ['x', 'y', 'z'].map((name) => agent(name, { revision: 'r2' }))
    const shares = [{ revision: 'r1', percent: 50 }, { revision: 'r2', percent: 50 }] // prettier-ignore
    const both = fleet([...three, ...canary], { shares })
    expect([panel(both), panel(both), panel(both)]).to.deep.equal(['a b c', 'x y z', 'a b c'])
    const one = fleet([...three, ...canary.slice(0, 1)], { shares })
    expect([panel(one), panel(one)]).to.deep.equal(['a b c', 'a b c'])
    expect(panel(one, { revision: 'r2' })).to.equal('NoAgentReady')
    expect(panel(both, { revision: 'r2' })).to.equal('x y z')
  })

  it('goes by capability, and refuses at once what nobody can do', () => {
    const some = fleet([...three, agent('p', { group: 'pairs' }), agent('q', { group: 'pairs' })])
    expect(panel(some, { capability: 'pairs' })).to.equal('p q')
    expect(panel(some, { capability: 'flying' })).to.equal('NoAgentWithCapability')
    expect(panel(some, { revision: 'r9' })).to.equal('RevisionNotFound')
  })
})

describe('the revision of a session in a fleet', () => {
  it('is waited for while its agents are busy, and left only when none of them can be reached', () => {
    const shares = [{ revision: 'r1', percent: 50 }, { revision: 'r2', percent: 50 }] // prettier-ignore
    const some = fleet([agent('a'), agent('b', { revision: 'r2' })], { shares })
    const [home] = take(some, 2, { sessionKey: 'k' })
    expect(nameOf(choose(some, { sessionKey: 'k' }))).to.equal('Busy')
    slotOf(some, home ?? '').absence = 'Lost'
    expect(nameOf(choose(some, { sessionKey: 'k' }))).to.equal(home === 'a' ? 'b' : 'a')
  })
})

describe('health in the choice', () => {
  it('leaves out an agent whose circuit is open, and tries it with one task when the time is up', () => {
    const some = fleet([agent('a'), agent('b'), agent('c')])
    const a = slotOf(some, 'a')
    for (let i = 0; i < 2; i++) {
      some.begin(a, 0)
      some.end(a, 'Failed', 0)
    }
    expect(take(some, 5).toSorted().join(' ')).to.equal('Busy b b c c')
    expect(a.blockedUntil(0)).to.equal(1000)
    some.refresh(a, 1000)
    expect(take(some, 2, {}, 1000).join(' ')).to.equal('a Busy')
    some.end(a, 'Answered', 1001)
    expect(take(some, 3, {}, 1001).join(' ')).to.equal('a a Busy')
  })

  it('leaves out an agent that cannot be reached, until it answers', () => {
    const some = fleet([agent('a'), agent('b')])
    const a = slotOf(some, 'a')
    some.begin(a, 0)
    some.end(a, 'Lost', 0)
    expect(take(some, 3).join(' ')).to.equal('b b Busy')
    a.absence = undefined
    some.refresh(a, 0)
    expect(nameOf(choose(some))).to.equal('a')
  })

  it('leaves out an agent that was lost also when answers come in that it gave before', () => {
    const some = fleet([agent('a'), agent('b')])
    const a = slotOf(some, 'a')
    some.begin(a, 0)
    some.begin(a, 0)
    some.end(a, 'Lost', 1)
    some.end(a, 'Answered', 2)
    expect([a.absence, a.isUp(2)]).to.deep.equal(['Lost', false])
    expect(take(some, 3).join(' ')).to.equal('b b Busy')
  })

  it('takes an answer for the end of a silence, but not for the end of a loss', () => {
    const some = fleet([agent('a')])
    const a = slotOf(some, 'a')
    const after = (...endings: Ending[]) => {
      a.absence = undefined
      return endings.map((ending) => {
        some.begin(a, 0)
        some.end(a, ending, 0)
        return a.absence
      })
    }
    expect(after('Silent', 'Failed', 'Abandoned', 'Answered')).to.deep.equal(['Silent', 'Silent', 'Silent', undefined])
    expect(after('Lost', 'Silent', 'Answered')).to.deep.equal(['Lost', 'Lost', 'Lost'])
    expect(after('Silent', 'Lost', 'Answered')).to.deep.equal(['Silent', 'Lost', 'Lost'])
  })

  it('ignores open circuits when more than half of the agents are out, but not agents that cannot be reached', () => {
    const some = fleet(['a', 'b', 'c'].map((name) => agent(name)))
    for (const name of ['a', 'b']) {
      const slot = slotOf(some, name)
      for (let i = 0; i < 2; i++) {
        some.begin(slot, 0)
        some.end(slot, 'Failed', 0)
      }
    }
    expect(new Set(take(some, 3))).to.deep.equal(new Set(['a', 'b', 'c']))
    slotOf(some, 'a').absence = 'Lost'
    some.refresh(slotOf(some, 'a'), 0)
    expect(take(some, 4)).to.not.include('a')
  })

  it('never ignores open circuits in a ring, and tries one task when their time is up', () => {
    const some = fleet([agent('a', { group: 'pairs' })], { topology: { type: 'Ring' } })
    const a = slotOf(some, 'a')
    for (let i = 0; i < 2; i++) {
      some.begin(a, 0)
      some.end(a, 'Failed', 0)
    }
    expect(take(some, 1, { part: 'stage pairs' }).join(' ')).to.equal('Busy')
    expect(some.hasUp('stage pairs', 'r1', 0)).to.equal(false)
    some.refresh(a, 1000)
    expect(some.hasUp('stage pairs', 'r1', 1000)).to.equal(true)
    expect(take(some, 2, { part: 'stage pairs' }, 1000).join(' ')).to.equal('a Busy')
  })

  it('says which revisions there are, and whether they are up or free in a part', () => {
    const some = fleet([agent('a', { place: 0 }), agent('b', { place: 1, revision: 'r2', isCandidate: false })], {
      topology: { type: 'Ring' },
      groups: new Map([['', { capabilities: [], limit: 1 }]]),
    })
    expect(['r1', 'r2', 'r3'].map((revision) => some.has(revision))).to.deep.equal([true, true, false])
    const state = (part: string, revision: string) => [some.hasUp(part, revision, 0), some.hasFree(part, revision)]
    expect(state('stage 0', 'r1')).to.deep.equal([true, true])
    some.begin(slotOf(some, 'a'), 0)
    expect(state('stage 0', 'r1')).to.deep.equal([true, false])
    expect([state('stage 1', 'r1'), state('stage 1', 'r2'), state('stage 0', 'r3')]).to.deep.equal([1, 2, 3].map(() => [false, false]))
  })

  it('says that no agent is ready when none can be reached', () => {
    const some = fleet([agent('a')])
    some.begin(slotOf(some, 'a'), 0)
    some.end(slotOf(some, 'a'), 'Lost', 0)
    expect(nameOf(choose(some))).to.equal('NoAgentReady')
  })

  it('waits for the pause that an agent asked for', () => {
    const some = fleet([agent('a')])
    const a = slotOf(some, 'a')
    some.begin(a, 0)
    a.notBeforeMs = 500
    some.end(a, 'Abandoned', 0)
    expect([nameOf(choose(some)), a.blockedUntil(0)]).to.deep.equal(['Busy', 500])
    some.refresh(a, 500)
    expect(nameOf(choose(some, {}, 500))).to.equal('a')
  })
})

describe('the expected wait in a fleet', () => {
  const busy = (of: Fleet, name: string, serviceMs: number) => {
    for (let i = 0; i < 10; i++) slotOf(of, name).service.add(serviceMs, 0)
  }
  const wait = (of: Fleet, wish: Partial<Wish>, ahead: number, needs = 1) => of.expectedWaitMs({ tried: [], ...wish }, ahead, needs, 0)

  it('is not known before agents have done tasks', () => {
    expect(wait(fleet([agent('a')]), {}, 5)).to.equal(undefined)
    expect(wait(fleet([]), {}, 5)).to.equal(undefined)
  })

  it('goes by the places of the agents that are up and can do the task', () => {
    const some = fleet([agent('a'), agent('b'), agent('p', { group: 'pairs' }), agent('c')])
    for (const name of ['a', 'b', 'p']) busy(some, name, 100)
    slotOf(some, 'c').absence = 'Lost'
    // a and b have two places each, p has one.
    expect(wait(some, {}, 9.5)).to.be.closeTo(200, 1e-6)
    expect(wait(some, { capability: 'pairs' }, 9.5)).to.be.closeTo(1_000, 1e-6)
    expect(wait(some, {}, 9.5, 3)).to.be.closeTo(600, 1e-6)
  })

  it('goes by the agents of a pinned revision', () => {
    const some = fleet([agent('a'), agent('b', { revision: 'r2' })])
    busy(some, 'a', 100)
    busy(some, 'b', 1_000)
    expect(wait(some, { revision: 'r2' }, 0.5)).to.be.closeTo(500, 1e-6)
  })

  it('looks at the agents again soon', () => {
    const some = fleet([agent('a')])
    busy(some, 'a', 100)
    expect(wait(some, {}, 1.5)).to.be.closeTo(100, 1e-6)
    some.setRules({ ...RULES, groups: new Map([['', { capabilities: [], limit: 4 }]]) }, 0)
    expect(some.expectedWaitMs({ tried: [] }, 1.5, 1, 99)).to.be.closeTo(100, 1e-6)
    expect(some.expectedWaitMs({ tried: [] }, 1.5, 1, 100)).to.be.closeTo(50, 1)
  })
})

describe('changes of a fleet', () => {
  it('takes a new agent of the same name for another one', () => {
    const some = fleet([agent('a')])
    const old = slotOf(some, 'a')
    some.begin(old, 0)
    some.put(agent('a', { uid: 'other' }), 0)
    expect([old.isKnown, slotOf(some, 'a').inFlight]).to.deep.equal([false, 0])
    some.end(old, 'Answered', 0)
    expect(take(some, 3).join(' ')).to.equal('a a Busy')
  })

  it('takes new limits and capabilities at once', () => {
    const some = fleet([agent('a')])
    some.setRules({ ...RULES, groups: new Map([['', { capabilities: ['new'], limit: 1 }]]) }, 0)
    expect(take(some, 2, { capability: 'new' }).join(' ')).to.equal('a Busy')
  })

  it('never gives an agent more than its limit, and says Busy only when all are full, whatever happens', () => {
    const step = fc.record({
      what: fc.constantFrom('take', 'take', 'take', 'end', 'fail', 'leave', 'return'),
      name: fc.constantFrom('a', 'b', 'c'),
      capability: fc.constantFrom(undefined, 'pairs'),
    })
    const groupOf = (name: string) => (name === 'c' ? 'pairs' : '')
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 80 }),
        fc.constantFrom('RoundRobin' as const, 'LeastLoaded' as const, 'Adaptive' as const),
        (steps, strategy) => {
          const some = fleet(['a', 'b', 'c'].map((name) => agent(name, { group: groupOf(name) })), { strategy }) // prettier-ignore
          for (const { what, name, capability } of steps) {
            const slot = some.slots.get(name)
            if (what === 'take') {
              const choice = choose(some, { capability })
              const hasRoom = [...some.slots.values()].some(
                (other) => other.isFree(0) && (capability === undefined || other.facts.group === 'pairs'),
              )
              if (typeof choice === 'string') expect(hasRoom).to.equal(false)
              else some.begin(choice, 0)
            } else if (what === 'leave') some.remove(name)
            else if (what === 'return') some.put(agent(name, { group: groupOf(name) }), 0)
            else if (slot && slot.inFlight > 0) some.end(slot, what === 'end' ? 'Answered' : 'Failed', 0)
            for (const other of some.slots.values()) expect(other.inFlight).to.be.within(0, other.limit)
          }
        },
      ),
    )
  })
})

describe('a revision that is cut off', () => {
  const both = [agent('a'), agent('b', { revision: 'r2' })]
  const shares = [{ revision: 'r1', percent: 50 }, { revision: 'r2', percent: 50 }] // prettier-ignore
  const cut = { revision: 'r2', inFavourOf: 'r1' }
  const cutFleet = () => {
    const made = fleet(both, { shares })
    made.cutOff(cut)
    return made
  }

  it('gets nothing more, neither with nor without a session, whatever the weights become', () => {
    const made = cutFleet()
    const isOnCut = (sessionKey: string) => fleet(both, { shares }).revisionOfSession({ sessionKey }) === 'r2'
    const sessionKey = Array.from({ length: 50 }, (_, i) => `k${i}`).find(isOnCut)
    expect(made.inForce).to.deep.equal([{ revision: 'r1', percent: 100 }])
    expect([...take(made, 3), nameOf(choose(made, { sessionKey }))]).to.deep.equal(['a', 'a', 'Busy', 'Busy'])
    made.setRules({ ...RULES, shares: [{ revision: 'r2', percent: 100 }] }, 0)
    expect([made.inForce, nameOf(choose(made))]).to.deep.equal([[{ revision: 'r1', percent: 100 }], 'Busy'])
  })

  it('is still there for tasks that ask for it, and not for those that are on their way', () => {
    const made = cutFleet()
    expect(nameOf(choose(made, { revision: 'r2' }))).to.equal('b')
    expect([made.hasFree('', 'r2'), made.hasUp('', 'r2', 0)]).to.deep.equal([false, false])
    expect([made.hasFree('', 'r1'), made.hasUp('', 'r1', 0)]).to.deep.equal([true, true])
  })

  it('has its weight again when the cut ends', () => {
    const made = cutFleet()
    made.cutOff(undefined)
    expect([made.inForce, take(made, 2)]).to.deep.equal([shares, ['a', 'b']])
  })
})

describe('the turns of revisions', () => {
  it('go on when something else than the weights changes', () => {
    const shares = [{ revision: 'r1', percent: 50 }, { revision: 'r2', percent: 50 }] // prettier-ignore
    const made = fleet([agent('a'), agent('b', { revision: 'r2' })], { shares })
    expect(take(made, 1)).to.deep.equal(['a'])
    made.setRules({ ...RULES, shares: [...shares], strategy: 'LeastLoaded' }, 0)
    made.put(agent('c', { revision: 'r3' }), 0)
    expect(take(made, 1)).to.deep.equal(['b'])
  })
})
