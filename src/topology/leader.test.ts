import { describe, it } from 'mocha'
import { expect } from 'chai'
import { electLeader, settle, TERM, type Candidate, type Leadership } from './leader.ts'

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
    'begins the first term': { candidates: [up('a', 0)], want: { epoch: TERM, leader: 'a' } },
    'keeps the term with the leader': {
      before: { epoch: TERM, leader: 'a' },
      candidates: [up('a', 0)],
      want: { epoch: TERM, leader: 'a' },
    },
    'begins another term with another leader': {
      before: { epoch: TERM, leader: 'a' },
      candidates: [down('a', 0), up('b', 1)],
      want: { epoch: 2 * TERM, leader: 'b' },
    },
    'begins it above what routers have counted up to': {
      before: { epoch: TERM + 12_345, leader: 'a' },
      candidates: [up('b', 1)],
      want: { epoch: 2 * TERM, leader: 'b' },
    },
    'has no term without a leader': { candidates: [], want: { epoch: 0 } },
  }
  for (const [name, c] of Object.entries(terms)) it(name, () => expect(settle(c.before, c.candidates)).to.deep.equal(c.want))
})
