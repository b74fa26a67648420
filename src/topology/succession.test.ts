import { describe, it } from 'mocha'
import { expect } from 'chai'
import type { Candidate, Leadership } from './leader.ts'
import { raise, succeed, takeOver } from './succession.ts'

const up = (name: string, place = 0): Candidate => ({ name, place, isUp: true })
const down = (name: string, place = 0): Candidate => ({ name, place, isUp: false })

describe('who leads, for a router', () => {
  const cases: Record<string, { own: Leadership; settled: Leadership; candidates: Candidate[]; used?: Leadership; want: Leadership }> = {
    'is what the operator has settled': {
      own: { epoch: 1001, leader: 'b' },
      settled: { epoch: 2000, leader: 'a' },
      candidates: [up('a'), up('b', 1)],
      want: { epoch: 2000, leader: 'a' },
    },
    'is the next one when the leader fails': {
      own: { epoch: 1000, leader: 'a' },
      settled: { epoch: 1000, leader: 'a' },
      candidates: [down('a'), up('b', 1)],
      want: { epoch: 1001, leader: 'b' },
    },
    'is the settled one, one epoch on, when the epoch had been taken over with another': {
      own: { epoch: 2000, leader: 'a' },
      settled: { epoch: 2000, leader: 'b' },
      candidates: [up('a'), up('b', 1)],
      want: { epoch: 2001, leader: 'b' },
    },
    'stays when the settled one of the same epoch is not up': {
      own: { epoch: 2000, leader: 'a' },
      settled: { epoch: 2000, leader: 'b' },
      candidates: [up('a'), down('b', 1)],
      want: { epoch: 2000, leader: 'a' },
    },
    'has an epoch above the one that the task has used with another leader': {
      own: { epoch: 0 },
      settled: { epoch: 1000, leader: 'c' },
      candidates: [up('c')],
      used: { epoch: 2001, leader: 'a' },
      want: { epoch: 2002, leader: 'c' },
    },
    'keeps the epoch that the task has used with the same leader': {
      own: { epoch: 1000, leader: 'a' },
      settled: { epoch: 1000, leader: 'a' },
      candidates: [up('a')],
      used: { epoch: 1000, leader: 'a' },
      want: { epoch: 1000, leader: 'a' },
    },
    'is nobody before anybody is up': { own: { epoch: 0 }, settled: { epoch: 0 }, candidates: [], want: { epoch: 0 } },
  }
  for (const [name, c] of Object.entries(cases))
    it(name, () => expect(succeed(c.own, c.settled, c.candidates, c.used)).to.deep.equal(c.want))
})

describe('an epoch that an agent knows of', () => {
  const own = { epoch: 1000, leader: 'a' }
  const cases: Record<string, { refused: number; known: number; want: Leadership | undefined }> = {
    'is taken over when it is higher': { refused: 1000, known: 2000, want: { epoch: 2000, leader: 'a' } },
    'is not needed when the router is further by now': { refused: 800, known: 900, want: own },
    'is nothing new when it is not above the refused one': { refused: 1000, known: 1000, want: undefined },
    'is not believed when it is absurd': { refused: 1000, known: Number.MAX_SAFE_INTEGER, want: undefined },
    'is not believed when it is no whole number': { refused: 1000, known: 1000.5, want: undefined },
  }
  for (const [name, c] of Object.entries(cases)) it(name, () => expect(takeOver(own, c.refused, c.known)).to.deep.equal(c.want))
})

describe("the operator's epoch", () => {
  const cases: Record<string, { epoch: number; known: number; want: number }> = {
    'is raised to the term above what an agent knows of': { epoch: 1000, known: 1001, want: 2000 },
    'is raised above a whole term, too': { epoch: 1000, known: 7000, want: 8000 },
    'is raised where nobody leads': { epoch: 0, known: 1, want: 1000 },
    'stays when it is the higher one by now': { epoch: 3000, known: 2001, want: 3000 },
    'stays when it is the same': { epoch: 3000, known: 3000, want: 3000 },
    'stays when the other is absurd': { epoch: 1000, known: 2_000_000_000, want: 1000 },
    'stays when the other is no whole number': { epoch: 1000, known: 1000.5, want: 1000 },
  }
  for (const [name, c] of Object.entries(cases)) it(name, () => expect(raise(c.epoch, c.known)).to.equal(c.want))
})
