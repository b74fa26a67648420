import { describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import { brakeOf, isMassFailureWithout, recentFailures, type Failure, type Lost } from './brake.ts'

const NOW = Date.parse('2026-01-01T00:10:00Z')
const iso = (agoMs: number) => new Date(NOW - agoMs).toISOString()
const lost = (place: number, agoMs: number, revision = 'r1'): Lost => ({ group: '', place, revision, failed: { atMs: NOW - agoMs } })
const failures = (...agoMs: number[]): Failure[] => agoMs.map((ago, i) => ({ place: `/${i}@r1`, atMs: NOW - ago, of: 1 }))

describe('recent failures', () => {
  const cases = {
    'of none': { stored: [], agents: [{ group: '', place: 0, revision: 'r1' }], want: [] },
    'are those that are stored and those that are seen': {
      stored: [{ place: '/1@r1', at: iso(30_000), of: 10 }],
      agents: [lost(0, 1_000)],
      want: [
        { place: '/1@r1', atMs: NOW - 30_000, of: 10 },
        { place: '/0@r1', atMs: NOW - 1_000, of: 4 },
      ],
    },
    'do not count one twice that is stored and still there': {
      stored: [{ place: '/0@r1', at: iso(1_000), of: 10 }],
      agents: [lost(0, 1_000)],
      want: [{ place: '/0@r1', atMs: NOW - 1_000, of: 10 }],
    },
    'in one place are one, the last': {
      stored: [{ place: '/0@r1', at: iso(20_000), of: 10 }],
      agents: [lost(0, 5_000), lost(0, 9_000)],
      want: [{ place: '/0@r1', atMs: NOW - 5_000, of: 4 }],
    },
    'of two revisions in one place are two': {
      stored: [],
      agents: [lost(0, 5_000), lost(0, 4_000, 'r2')],
      want: [
        { place: '/0@r1', atMs: NOW - 5_000, of: 4 },
        { place: '/0@r2', atMs: NOW - 4_000, of: 4 },
      ],
    },
    'older than a minute are forgotten': { stored: [{ place: '/0@r1', at: iso(60_000), of: 10 }], agents: [lost(1, 70_000)], want: [] },
  }
  for (const [name, c] of Object.entries(cases))
    it(name, () => expect(recentFailures(c.stored, { agents: c.agents, size: 4, nowMs: NOW })).to.deep.equal(c.want))
})

describe('the brake', () => {
  const cases = {
    'one of one is no mass failure': { failures: failures(0), size: 1, want: undefined },
    'one of three is not either': { failures: failures(0), size: 3, want: undefined },
    'two of two are': { failures: failures(9_000, 1_000), size: 2, want: { failed: 2, of: 2, untilMs: NOW + 51_000 } },
    'three of ten are exactly 30 %, not more': { failures: failures(3, 2, 1), size: 10, want: undefined },
    'four of ten are more; it ends when the first of these is a minute old': {
      failures: failures(9_000, 3_000, 2_000, 1_000),
      size: 10,
      want: { failed: 4, of: 10, untilMs: NOW + 51_000 },
    },
    'five of ten: two must be forgotten before it ends': {
      failures: failures(9_000, 8_000, 3_000, 2_000, 1_000),
      size: 10,
      want: { failed: 5, of: 10, untilMs: NOW + 52_000 },
    },
    'three of ten are not more when one of these leaves after it': {
      failures: failures(3, 2, 1).map((f) => ({ ...f, of: 10 })),
      size: 9,
      want: undefined,
    },
    'half of a swarm are, although one was lost when it was larger': {
      failures: [
        { place: '/99@r1', atMs: NOW - 40_000, of: 100 },
        ...failures(5_000, 4_000, 3_000, 2_000, 1_000).map((f) => ({ ...f, of: 10 })),
      ],
      size: 10,
      want: { failed: 6, of: 10, untilMs: NOW + 56_000 },
    },
    'none of none': { failures: [], size: 0, want: undefined },
  }
  for (const [name, c] of Object.entries(cases)) it(name, () => expect(brakeOf(c.failures, c.size)).to.deep.equal(c.want))

  it('is on exactly while more than 30 %, and at least two, were lost, and says truly when it ends', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(59_999), { maxLength: 30 }), fc.integer({ min: 0, max: 60 }), (ages, size) => {
        const list = failures(...ages.toSorted((a, b) => b - a))
        const brake = brakeOf(list, size)
        expect(brake !== undefined).to.equal(list.length >= 2 && list.length * 100 > size * 30)
        if (!brake) return
        const at = (nowMs: number) =>
          brakeOf(
            recentFailures(
              list.map((f) => ({ place: f.place, at: new Date(f.atMs).toISOString(), of: f.of })),
              { agents: [], size, nowMs },
            ),
            size,
          )
        expect(at(brake.untilMs - 1)).to.not.equal(undefined)
        expect(at(brake.untilMs)).to.equal(undefined)
      }),
    )
  })
})

describe('a mass failure without one revision', () => {
  const at = (place: string): Failure => ({ place, atMs: NOW - 1_000, of: 6 })
  const cases = {
    'is none when that one has lost them all': { lost: ['/0@r2', '/1@r2'], want: false },
    'is none when too few others are lost': { lost: ['/0@r2', '/1@r2', '/0@r1'], want: false },
    'is one when the others are enough': { lost: ['/0@r1', '/1@r1'], want: true },
  }
  for (const [name, { lost: places, want }] of Object.entries(cases))
    it(name, () => expect(isMassFailureWithout('r2', places.map(at), 6)).to.equal(want))
})
