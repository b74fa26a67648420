import { describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import { electLeader, follow, settle, type Candidate, type Leadership } from './leader.ts'

const up = (name: string, place: number): Candidate => ({ name, place, isUp: true })
const down = (name: string, place: number): Candidate => ({ name, place, isUp: false })

describe('the leader', () => {
  const elections: Record<string, { candidates: Candidate[]; current?: string; want: string | undefined }> = {
    'is the first by place': { candidates: [up('b', 1), up('a', 0)], want: 'a' },
    'stays while it is up, whatever others come': { candidates: [up('a', 0), up('b', 1)], current: 'b', want: 'b' },
    'is followed by the next one that is up': { candidates: [down('a', 0), up('b', 1), up('c', 2)], current: 'a', want: 'b' },
    'is followed when it is gone': { candidates: [up('b', 1)], current: 'a', want: 'b' },
    'stays when nobody is up': { candidates: [down('a', 0), down('b', 1)], current: 'a', want: 'a' },
    'is nobody before anybody is up': { candidates: [down('a', 0)], want: undefined },
  }
  for (const [name, c] of Object.entries(elections)) it(name, () => expect(electLeader(c.candidates, c.current)).to.equal(c.want))

  const terms: Record<string, { before?: Leadership; candidates: Candidate[]; want: Leadership }> = {
    'begins the first term': { candidates: [up('a', 0)], want: { epoch: 1000, leader: 'a' } },
    'keeps the term with the leader': {
      before: { epoch: 1000, leader: 'a' },
      candidates: [up('a', 0)],
      want: { epoch: 1000, leader: 'a' },
    },
    'begins another term with another leader': {
      before: { epoch: 1000, leader: 'a' },
      candidates: [down('a', 0), up('b', 1)],
      want: { epoch: 2000, leader: 'b' },
    },
    'has no term without a leader': { candidates: [], want: { epoch: 0 } },
  }
  for (const [name, c] of Object.entries(terms)) it(name, () => expect(settle(c.before, c.candidates)).to.deep.equal(c.want))
})

describe('a router', () => {
  const NONE = { epoch: 0 }
  const cases: Record<string, { own?: Leadership; settled: Leadership; candidates: Candidate[]; want: Leadership }> = {
    'follows what is settled': { settled: { epoch: 1000, leader: 'a' }, candidates: [up('a', 0)], want: { epoch: 1000, leader: 'a' } },
    'fails over by itself': {
      settled: { epoch: 1000, leader: 'a' },
      candidates: [down('a', 0), up('b', 1)],
      want: { epoch: 1001, leader: 'b' },
    },
    'does not go back by itself when the old leader comes back': {
      own: { epoch: 1001, leader: 'b' },
      settled: { epoch: 1000, leader: 'a' },
      candidates: [up('a', 0), up('b', 1)],
      want: { epoch: 1001, leader: 'b' },
    },
    'follows a newer settlement': {
      own: { epoch: 1001, leader: 'b' },
      settled: { epoch: 2000, leader: 'c' },
      candidates: [up('b', 1), up('c', 2)],
      want: { epoch: 2000, leader: 'c' },
    },
    'waits when nobody is up': { settled: { epoch: 1000, leader: 'a' }, candidates: [down('a', 0)], want: { epoch: 1000, leader: 'a' } },
  }
  for (const [name, c] of Object.entries(cases))
    it(name, () => expect(follow(c.own ?? NONE, c.settled, c.candidates)).to.deep.equal(c.want))

  it('never gives one epoch to two leaders, and never goes back in epochs', () => {
    const step = fc.record({ isUp: fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }), doesSettle: fc.boolean() })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        let settled: Leadership = { epoch: 0 }
        let own: Leadership = { epoch: 0 }
        const leaders = new Map<number, string | undefined>()
        for (const { isUp, doesSettle } of steps) {
          const candidates = isUp.map((is, i) => (is ? up(`c${i}`, i) : down(`c${i}`, i)))
          if (doesSettle) settled = settle(settled, candidates)
          const next = follow(own, settled, candidates)
          expect(next.epoch).to.be.at.least(own.epoch)
          if (leaders.has(next.epoch)) expect(leaders.get(next.epoch)).to.equal(next.leader)
          leaders.set(next.epoch, next.leader)
          own = next
        }
      }),
    )
  })
})
