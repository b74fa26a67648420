import { describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import { settle, TERM, type Candidate, type Leadership } from './leader.ts'
import { epochAfter, raise, succeed, takeOver, type Succession } from './succession.ts'

const up = (name: string, place = 0): Candidate => ({ name, place, isUp: true })
const down = (name: string, place = 0): Candidate => ({ name, place, isUp: false })
const NONE: Leadership = { epoch: 0 }

describe('who leads, for a router', () => {
  const A1 = { epoch: TERM, leader: 'a' }
  const B1 = { epoch: epochAfter(TERM, 'b'), leader: 'b' }
  const cases: Record<string, { own: Leadership; taken?: Leadership; settled: Leadership; candidates: Candidate[]; want: Leadership }> = {
    'is what the operator has settled': { own: NONE, settled: A1, candidates: [up('a'), up('b', 1)], want: A1 },
    'is the next one when the leader fails': { own: A1, taken: A1, settled: A1, candidates: [down('a'), up('b', 1)], want: B1 },
    'stays when the one before comes back': { own: B1, taken: A1, settled: A1, candidates: [up('a'), up('b', 1)], want: B1 },
    'is another one at the start, too, when the settled one is not up': { own: NONE, settled: A1, candidates: [up('b', 1)], want: B1 },
    'is the one of a newer settlement': {
      own: B1,
      taken: A1,
      settled: { epoch: 2 * TERM, leader: 'a' },
      candidates: [up('a'), up('b', 1)],
      want: { epoch: 2 * TERM, leader: 'a' },
    },
    'is the one of a newer settlement also when the router is further, in an epoch of its own': {
      own: { epoch: epochAfter(2 * TERM, 'b'), leader: 'b' },
      taken: A1,
      settled: { epoch: 2 * TERM, leader: 'a' },
      candidates: [up('a'), up('b', 1)],
      want: { epoch: epochAfter(epochAfter(2 * TERM, 'b'), 'a'), leader: 'a' },
    },
    'keeps its epoch when it is settled in a lower one': {
      own: B1,
      taken: NONE,
      settled: { epoch: TERM, leader: 'b' },
      candidates: [up('b', 1)],
      want: B1,
    },
    'stays until the settled one is up': {
      own: B1,
      taken: A1,
      settled: { epoch: 2 * TERM, leader: 'a' },
      candidates: [down('a'), up('b', 1)],
      want: B1,
    },
    'stays when nobody is up': { own: B1, taken: A1, settled: A1, candidates: [down('a'), down('b', 1)], want: B1 },
    'is the settled one when nobody is up and that is newer': {
      own: B1,
      taken: A1,
      settled: { epoch: 2 * TERM, leader: 'a' },
      candidates: [down('a'), down('b', 1)],
      want: { epoch: 2 * TERM, leader: 'a' },
    },
    'has an epoch above those of a Swarm that was deleted and made again': {
      own: { epoch: 5 * TERM, leader: 'a' },
      taken: { epoch: 5 * TERM, leader: 'a' },
      settled: { epoch: TERM, leader: 'c' },
      candidates: [up('c')],
      want: { epoch: epochAfter(5 * TERM, 'c'), leader: 'c' },
    },
    'is nobody before anybody is up': { own: NONE, settled: NONE, candidates: [], want: NONE },
  }
  for (const [name, { own, taken = NONE, settled, candidates, want }] of Object.entries(cases))
    it(name, () => expect(succeed({ own, taken }, settled, candidates).own).to.deep.equal(want))
})

describe('an epoch that an agent knows of', () => {
  const own = { epoch: TERM, leader: 'a' }
  const byB = epochAfter(TERM, 'b')
  const both = [up('a'), up('b', 1)]
  const cases: Record<
    string,
    { own?: Leadership; refused?: number; known: number; candidates?: Candidate[]; want: Leadership | undefined }
  > = {
    'names the leader that other routers have chosen': { known: byB, want: { epoch: byB, leader: 'b' } },
    'is gone beyond when the leader that it names is not up': {
      known: byB,
      candidates: [up('a'), down('b', 1)],
      want: { epoch: epochAfter(byB, 'a'), leader: 'a' },
    },
    'is gone beyond when it is the operator’s and names nobody': {
      known: 2 * TERM,
      want: { epoch: epochAfter(2 * TERM, 'a'), leader: 'a' },
    },
    'is kept without a leader when nobody is up': { known: 2 * TERM, candidates: [down('a')], want: { epoch: 2 * TERM } },
    'is not needed when the router is further by now': { refused: 800, known: 900, want: own },
    'is nothing new when it is not above the refused one': { known: TERM, want: undefined },
    'is not believed when it is absurd': { known: Number.MAX_SAFE_INTEGER, want: undefined },
    'is not believed when it is no whole number': { known: TERM + 0.5, want: undefined },
  }
  for (const [name, c] of Object.entries(cases)) {
    const { refused = TERM, known, candidates = both, want } = c
    it(name, () => expect(takeOver({ own, taken: NONE }, { refused, known }, candidates)?.own).to.deep.equal(want))
  }
})

describe('an epoch of a router', () => {
  it('is above the one before, never one of the operator, and tells its leader from others', () => {
    const name = fc.constantFrom('desk-lead-4kw5vj', 'desk-lead-hkccfb', 'desk-lead-a7x2pq', 'a', 'b', '')
    fc.assert(
      fc.property(fc.nat({ max: 50 * TERM }), fc.nat({ max: 50 * TERM }), name, name, (x, y, one, other) => {
        const epoch = epochAfter(x, one)
        expect(epoch).to.be.greaterThan(x)
        expect(epoch - x).to.be.at.most(30_000_000)
        expect(Math.floor(epoch / 10_000_000) % 100).to.not.equal(0)
        if (one !== other) expect(epoch).to.not.equal(epochAfter(y, other))
      }),
    )
  })
})

// Routers, agents and one operator that see each other late, or not at all.
describe('several routers and one operator', () => {
  const NAMES = ['lead-4kw5vj', 'lead-hkccfb', 'lead-a7x2pq']
  const ROUTERS = 3
  const router = fc.nat({ max: ROUTERS - 1 })
  const leader = fc.nat({ max: NAMES.length - 1 })
  const step = fc.oneof(
    fc.record({ do: fc.constant('see' as const), router, leader, isUp: fc.boolean() }),
    fc.record({ do: fc.constant('operatorSees' as const), leader, isUp: fc.boolean() }),
    fc.record({ do: fc.constant('settle' as const) }),
    fc.record({ do: fc.constant('hear' as const), router }),
    fc.record({ do: fc.constant('call' as const), router, worker: fc.nat({ max: 1 }) }),
    fc.record({ do: fc.constant('restart' as const), router }),
  )

  class Model {
    settled: Leadership = NONE
    readonly operatorSees = NAMES.map(() => true)
    readonly routers = Array.from({ length: ROUTERS }, () => ({
      state: { own: NONE, taken: NONE } as Succession,
      heard: NONE,
      sees: NAMES.map(() => true),
    }))
    /** The highest epoch that each worker has heard of. */
    readonly workers = [0, 0]
    readonly leaders = new Map<number, string>()

    candidates(sees: readonly boolean[]): Candidate[] {
      return NAMES.map((name, place) => ({ name, place, isUp: sees[place] ?? false }))
    }

    settle(): void {
      this.settled = settle(this.settled, this.candidates(this.operatorSees))
    }

    /** A subtask in the name of the router's leader; the worker refuses lower epochs. Returns the leader it was accepted from. */
    call(index: number, worker: number): string | undefined {
      const at = this.routers[index]
      if (!at) return undefined
      for (let attempt = 0; attempt <= 5; attempt++) {
        const before = at.state.own.epoch
        at.state = succeed(at.state, at.heard, this.candidates(at.sees))
        expect(at.state.own.epoch).to.be.at.least(before)
        const { epoch, leader: name } = at.state.own
        if (name === undefined || !at.sees[NAMES.indexOf(name)]) return undefined
        expect(this.leaders.get(epoch) ?? name).to.equal(name)
        this.leaders.set(epoch, name)
        const known = this.workers[worker] ?? 0
        if (epoch >= known) {
          this.workers[worker] = epoch
          return name
        }
        const next = takeOver(at.state, { refused: epoch, known }, this.candidates(at.sees))
        expect(next).to.not.equal(undefined)
        if (next) at.state = next
      }
      throw new Error('the worker refused every epoch')
    }
  }

  const run = (steps: readonly (typeof step extends fc.Arbitrary<infer S> ? S : never)[]): Model => {
    const model = new Model()
    for (const now of steps) {
      const at = 'router' in now ? model.routers[now.router] : undefined
      if (now.do === 'settle') model.settle()
      else if (now.do === 'operatorSees') model.operatorSees[now.leader] = now.isUp
      else if (!at) continue
      else if (now.do === 'see') at.sees[now.leader] = now.isUp
      else if (now.do === 'hear') at.heard = model.settled
      else if (now.do === 'restart') at.state = { own: NONE, taken: NONE }
      else model.call(now.router, now.worker)
    }
    return model
  }

  it('never give one epoch to two leaders, and never go back in epochs', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => void run(steps)),
      { numRuns: 1_000 },
    )
  })

  it('agree on the leader once they see the same and agents have told them what they know', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const model = run(steps)
        model.operatorSees.fill(true)
        model.settle()
        for (const at of model.routers) at.sees.fill(true)
        const round = () => model.routers.map((at, i) => ((at.heard = model.settled), model.call(i, 0)))
        round()
        round()
        expect(new Set(round()).size).to.equal(1)
      }),
    )
  })
})

describe("the operator's epoch", () => {
  const cases: Record<string, { epoch: number; known: number; want: number }> = {
    'is raised to the term above what an agent knows of': { epoch: TERM, known: TERM + 1, want: 2 * TERM },
    'is raised above a whole term, too': { epoch: TERM, known: 7 * TERM, want: 8 * TERM },
    'is raised where nobody leads': { epoch: 0, known: 1, want: TERM },
    'stays when it is the higher one by now': { epoch: 3 * TERM, known: 2 * TERM + 1, want: 3 * TERM },
    'stays when it is the same': { epoch: 3 * TERM, known: 3 * TERM, want: 3 * TERM },
    'stays when the other is absurd': { epoch: TERM, known: Number.MAX_SAFE_INTEGER, want: TERM },
    'stays when the other is no whole number': { epoch: TERM, known: TERM + 0.5, want: TERM },
  }
  for (const [name, c] of Object.entries(cases)) it(name, () => expect(raise(c.epoch, c.known)).to.equal(c.want))
})
