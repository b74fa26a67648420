import { describe, it } from 'mocha'
import { expect } from 'chai'
import { afterwards, decidedBesideMs, decidedMs, firstDecidedMs, readAttempts, type Attempt } from './attempts.ts'

/** One attempt every 10 ms, each of 5 ms, by letters: x fails; upper case went through the second router. */
const attempts = (text: string, revision = 'new'): Attempt[] =>
  Array.from(text, (letter, i) => ({
    revision,
    via: Number(letter !== letter.toLowerCase()),
    arrivedMs: 10 * i,
    answeredMs: 10 * i + 5,
    hasFailed: letter.toLowerCase() === 'x',
  }))

describe('attempts as agents note them', () => {
  it('are read in the order of their answers, without what is not yet written', () => {
    const text = 'r2 0 10.5 20 0\nr1 1 5 15.25 1\nr1 0 30'
    expect(readAttempts(text)).to.deep.equal([
      { revision: 'r1', via: 1, arrivedMs: 5, answeredMs: 15.25, hasFailed: true },
      { revision: 'r2', via: 0, arrivedMs: 10.5, answeredMs: 20, hasFailed: false },
    ])
  })

  const decided = {
    'not before there are enough': { text: 'xxxx', limit: { maxPercent: 10, minSamples: 4 }, want: 35 },
    'not while the share is just as large as it may be': { text: 'oooxoooo', limit: { maxPercent: 25, minSamples: 2 }, want: undefined },
    'by the first failure that makes it larger': { text: 'oooxoox', limit: { maxPercent: 25, minSamples: 2 }, want: 65 },
    'also by a success that is the last sample that was missing': { text: 'xo', limit: { maxPercent: 10, minSamples: 2 }, want: 15 },
  }
  for (const [name, { text, limit, want }] of Object.entries(decided))
    it(`decide ${name}`, () => expect(decidedMs(attempts(text), limit)).to.equal(want))

  it('decide in the first router that has seen enough of them', () => {
    const limit = { maxPercent: 10, minSamples: 2 }
    expect(firstDecidedMs(attempts('xOOxX'), limit)).to.equal(35)
    expect(firstDecidedMs(attempts('ooOO'), limit)).to.equal(undefined)
  })

  it('decide beside those of the other revision', () => {
    const both = [...attempts('xo', 'old'), ...attempts('xox', 'new')].sort((a, b) => a.answeredMs - b.answeredMs)
    expect(decidedBesideMs(both, 'new', { maxPercent: 10, minSamples: 2 })).to.equal(25)
    expect(decidedBesideMs(both, 'new', { maxPercent: 20, minSamples: 2 })).to.equal(undefined)
  })

  it('that begin later are counted', () => {
    expect(afterwards(attempts('xxxx'), 15)).to.deep.equal({ ms: 15, tasks: 2 })
    expect(afterwards(attempts('xx'), 15)).to.deep.equal({ ms: 0, tasks: 0 })
  })
})
