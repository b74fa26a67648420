import { describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import { SmoothShares, revisionOfSession, type Share } from './shares.ts'

const always = () => true
const weights = fc
  .array(fc.integer({ min: 0, max: 100 }), { minLength: 1, maxLength: 6 })
  .filter((list) => list.some((percent) => percent > 0))
  .map((list): Share[] => list.map((percent, i) => ({ revision: `r${i}`, percent })))

function count(picks: readonly (string | undefined)[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const pick of picks) counts[pick ?? 'none'] = (counts[pick ?? 'none'] ?? 0) + 1
  return counts
}

describe('smooth weighted round-robin', () => {
  const cases = {
    'gives a canary of 5 % exactly 5 of 100': { shares: { stable: 95, canary: 5 }, picks: 100, want: { stable: 95, canary: 5 } },
    'gives a revision without weight nothing': { shares: { old: 0, new: 100 }, picks: 10, want: { new: 10 } },
    'takes weights that do not sum to 100': { shares: { a: 1, b: 2 }, picks: 6, want: { a: 2, b: 4 } },
    'has nothing to give without weights': { shares: {}, picks: 1, want: { none: 1 } },
  }
  for (const [name, c] of Object.entries(cases)) {
    it(name, () => {
      const state = new SmoothShares()
      state.set(Object.entries(c.shares).map(([revision, percent]) => ({ revision, percent })))
      expect(count(Array.from({ length: c.picks }, () => state.next(always)))).to.deep.equal(c.want)
    })
  }

  it('is exact over every window as long as the weights sum to, from the first pick on', () => {
    fc.assert(
      fc.property(weights, fc.integer({ min: 0, max: 250 }), (shares, skipped) => {
        const state = new SmoothShares()
        state.set(shares)
        const total = shares.reduce((sum, share) => sum + share.percent, 0)
        for (let i = 0; i < skipped; i++) state.next(always)
        const counts = count(Array.from({ length: total }, () => state.next(always)))
        for (const { revision, percent } of shares) expect(counts[revision] ?? 0).to.equal(percent)
      }),
    )
  })

  it('passes over what cannot be used, and shares the rest by weight', () => {
    const state = new SmoothShares()
    state.set([
      { revision: 'a', percent: 50 },
      { revision: 'b', percent: 25 },
      { revision: 'c', percent: 25 },
    ])
    const picks = Array.from({ length: 50 }, () => state.next((revision) => revision !== 'a'))
    expect(count(picks)).to.deep.equal({ b: 25, c: 25 })
  })
})

describe('the revision of a session', () => {
  it('stays while no other weight grows', () => {
    const pair = fc.tuple(weights, fc.array(fc.nat(100), { minLength: 6, maxLength: 6 }))
    fc.assert(
      fc.property(pair, fc.string(), ([shares, less], key) => {
        const before = revisionOfSession(key, shares, always)
        const grown = shares.map((share, i) =>
          share.revision === before ? { ...share, percent: 100 } : { ...share, percent: Math.min(share.percent, less[i] ?? 0) },
        )
        expect(revisionOfSession(key, grown, always)).to.equal(before)
      }),
    )
  })

  it('of two, the one that grows step by step keeps every session it ever had', () => {
    const keys = Array.from({ length: 500 }, (_, i) => `session-${i}`)
    const onCanary = new Set<string>()
    for (const percent of [0, 5, 10, 25, 50, 75, 100]) {
      const shares = [
        { revision: 'stable', percent: 100 - percent },
        { revision: 'canary', percent },
      ]
      for (const key of keys) {
        const revision = revisionOfSession(key, shares, always)
        if (onCanary.has(key)) expect(revision, `${key} at ${percent} %`).to.equal('canary')
        if (revision === 'canary') onCanary.add(key)
      }
    }
    expect(onCanary.size).to.equal(keys.length)
  })

  it('follows the weights over many sessions', () => {
    const shares = [
      { revision: 'a', percent: 80 },
      { revision: 'b', percent: 20 },
    ]
    const counts = count(Array.from({ length: 10_000 }, (_, i) => revisionOfSession(`s${i}`, shares, always)))
    expect(counts['b']).to.be.within(1_800, 2_200)
  })

  it('goes elsewhere only while its revision cannot be used', () => {
    const shares = [
      { revision: 'a', percent: 50 },
      { revision: 'b', percent: 50 },
    ]
    const home = revisionOfSession('x', shares, always)
    expect(revisionOfSession('x', shares, (revision) => revision !== home)).to.equal(home === 'a' ? 'b' : 'a')
    expect(revisionOfSession('x', shares, () => false)).to.equal(undefined)
  })
})
