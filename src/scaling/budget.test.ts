import { describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import { PURPOSES, reserve, roomOf, type Budget, type Purpose, type Request, type Room } from './budget.ts'
import { DEFAULT_PRICES, hourlyMicros, rateOf } from './cost.ts'

const DOLLAR = 1_000_000n * 1024n // in parts
const request = (id: string, purpose: Purpose = 'Scale', dollars = 1n): Request => ({ id, purpose, rate: dollars * DOLLAR })
const swarm = (over: Partial<Budget> = {}): Budget => ({ of: 'Swarm desk', agents: 0, rate: 0n, ...over })

type Case = { requests: Request[]; budgets: Budget[]; granted: string[]; refused: [string, string][] }
const cases: Record<string, Case> = {
  'without a budget everything is granted': { requests: [request('a')], budgets: [], granted: ['a'], refused: [] },
  'agents are granted up to the number': {
    requests: [request('a'), request('b')],
    budgets: [swarm({ maxAgents: 5, agents: 4 })],
    granted: ['a'],
    refused: [['b', 'maxAgents']],
  },
  'cost is granted up to the last micro-dollar': {
    requests: [request('a'), request('b')],
    budgets: [swarm({ maxHourlyCost: 2_000_000n })],
    granted: ['a', 'b'],
    refused: [],
  },
  'cost is not granted beyond it': {
    requests: [request('a'), request('b')],
    budgets: [swarm({ maxHourlyCost: 1_999_999n })],
    granted: ['a'],
    refused: [['b', 'maxHourlyCost']],
  },
  'replacements come first, whatever the order': {
    requests: [
      request('pool', 'WarmPool'),
      request('green', 'Green'),
      request('surge', 'Surge'),
      request('scale'),
      request('new', 'Replacement'),
    ],
    budgets: [swarm({ maxAgents: 2 })],
    granted: ['new', 'scale'],
    refused: [
      ['surge', 'maxAgents'],
      ['green', 'maxAgents'],
      ['pool', 'maxAgents'],
    ],
  },
  'what is less urgent does not take what a replacement waits for': {
    requests: [request('cheap', 'WarmPool', 1n), request('dear', 'Replacement', 5n)],
    budgets: [swarm({ maxHourlyCost: 2_000_000n })],
    granted: [],
    refused: [
      ['dear', 'maxHourlyCost'],
      ['cheap', 'maxHourlyCost'],
    ],
  },
  'a cheaper one of the same purpose may pass': {
    requests: [request('dear', 'Scale', 5n), request('cheap', 'Scale', 1n)],
    budgets: [swarm({ maxHourlyCost: 2_000_000n })],
    granted: ['cheap'],
    refused: [['dear', 'maxHourlyCost']],
  },
  'every budget must allow it': {
    requests: [request('a'), request('b')],
    budgets: [swarm({ maxAgents: 9 }), swarm({ of: 'namespace trading', maxAgents: 10, agents: 9 })],
    granted: ['a'],
    refused: [['b', 'maxAgents']],
  },
  'nothing is granted when the fleet is over its budget already': {
    requests: [request('a', 'Replacement')],
    budgets: [swarm({ maxAgents: 0, agents: 3 })],
    granted: [],
    refused: [['a', 'maxAgents']],
  },
}

describe('a budget', () => {
  for (const [name, { requests, budgets, granted, refused }] of Object.entries(cases))
    it(name, () => {
      const result = reserve(requests, budgets)
      expect({ granted: result.granted.map((r) => r.id), refused: result.refused.map((r) => [r.request.id, r.by]) }).to.deep.equal({
        granted,
        refused,
      })
    })

  it('says whose it is, what is used, and what to do', () => {
    const { refused } = reserve([request('a')], [swarm({ maxAgents: 3, agents: 3 })])
    expect(refused[0]?.message).to.equal('Swarm desk may have 3 agents and has 3; raise budget.maxAgents or ask for fewer agents')
    const dear = reserve([request('a')], [swarm({ maxHourlyCost: 500_000n, rate: DOLLAR / 4n })])
    expect(dear.refused[0]?.message).to.equal(
      'Swarm desk may cost 0.50 dollars an hour, costs 0.25, and one more agent costs 1.00; raise budget.maxHourlyCost or ask for fewer agents',
    )
  })

  const requests = fc.array(
    fc.record({ id: fc.uuid(), purpose: fc.constantFrom(...PURPOSES), rate: fc.bigInt({ min: 0n, max: 5n * DOLLAR }) }),
    { maxLength: 30 },
  )
  const budgets = fc.array(
    fc.record({
      of: fc.constantFrom('Swarm desk', 'namespace trading'),
      maxAgents: fc.option(fc.nat(20), { nil: undefined }),
      maxHourlyCost: fc.option(fc.bigInt({ min: 0n, max: 40_000_000n }), { nil: undefined }),
      agents: fc.nat(10),
      rate: fc.bigInt({ min: 0n, max: 20n * DOLLAR }),
    }),
    { maxLength: 3 },
  )

  it('is never exceeded, and answers every request once', () => {
    fc.assert(
      fc.property(requests, budgets, (asked, caps) => {
        const { granted, refused } = reserve(asked, caps)
        expect(granted.length + refused.length).to.equal(asked.length)
        if (granted.length === 0) return
        const rate = granted.reduce((sum, r) => sum + r.rate, 0n)
        for (const cap of caps) {
          expect(cap.agents + granted.length).to.be.at.most(cap.maxAgents ?? Infinity)
          expect(cap.maxHourlyCost === undefined || hourlyMicros(cap.rate + rate) <= cap.maxHourlyCost).to.equal(true)
        }
      }),
    )
  })

  it('gives nothing to what is less urgent than something that was refused', () => {
    fc.assert(
      fc.property(requests, budgets, (asked, caps) => {
        const { granted, refused } = reserve(asked, caps)
        const rank = (r: Request) => PURPOSES.indexOf(r.purpose)
        const mostUrgent = Math.min(Infinity, ...refused.map(({ request: r }) => rank(r)))
        expect(Math.max(-1, ...granted.map(rank))).to.be.at.most(mostUrgent)
      }),
    )
  })
})

describe('the room in a budget', () => {
  const each = rateOf({ cpus: 2, memoryMib: 512 }, DEFAULT_PRICES) // 0.1089 dollars an hour
  const rooms: Record<string, { budget: { maxAgents?: number; maxHourlyCost?: bigint }; agents: number; want: Room | undefined }> = {
    'without a cap has no bound': { budget: {}, agents: 3, want: undefined },
    'is the number of agents': { budget: { maxAgents: 5 }, agents: 3, want: { agents: 5, by: 'maxAgents' } },
    'is what can be paid for': { budget: { maxHourlyCost: 400_000n }, agents: 2, want: { agents: 3, by: 'maxHourlyCost' } },
    'is exact': { budget: { maxHourlyCost: 326_700n }, agents: 0, want: { agents: 3, by: 'maxHourlyCost' } },
    'is the smaller of both': { budget: { maxAgents: 2, maxHourlyCost: 400_000n }, agents: 1, want: { agents: 2, by: 'maxAgents' } },
    'is fewer than there are when they cost too much': {
      budget: { maxHourlyCost: 200_000n },
      agents: 4,
      want: { agents: 1, by: 'maxHourlyCost' },
    },
    'is nothing for no money': { budget: { maxHourlyCost: 0n }, agents: 0, want: { agents: 0, by: 'maxHourlyCost' } },
  }
  for (const [name, { budget, agents, want }] of Object.entries(rooms))
    it(name, () => expect(roomOf(budget, { agents, rate: each * BigInt(agents) }, each)).to.deep.equal(want))
})
