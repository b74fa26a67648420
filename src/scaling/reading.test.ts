import { describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import { confidentAnswer, read, withSample, type Judged, type Sample, type Series } from './reading.ts'

const sample = (atMs: number, value = atMs): Sample => ({ atMs, value })
const series = (...times: number[]): Series => times.map((atMs) => sample(atMs))

const KEPT: Record<string, { series: Series; add: Sample; keepMs: number; want: Series }> = {
  'the newest comes last': { series: series(1_000), add: sample(2_000), keepMs: 10_000, want: series(1_000, 2_000) },
  'one that comes late goes where it belongs': {
    series: series(1_000, 3_000),
    add: sample(2_000),
    keepMs: 10_000,
    want: series(1_000, 2_000, 3_000),
  },
  'another from the same moment takes its place': {
    series: [sample(1_000, 1)],
    add: sample(1_000, 2),
    keepMs: 10_000,
    want: [sample(1_000, 2)],
  },
  'what is too old goes, but for the last that still held then': {
    series: series(1_000, 2_000, 3_000),
    add: sample(13_500),
    keepMs: 10_000,
    want: series(3_000, 13_500),
  },
  'one that is no number is left out': { series: series(1_000), add: sample(2_000, NaN), keepMs: 10_000, want: series(1_000) },
  'samples that come very fast replace each other': {
    series: series(0, 1_000, 1_005),
    add: sample(1_010),
    keepMs: 10_000,
    want: series(0, 1_000, 1_010),
  },
}

describe('a series of samples', () => {
  for (const [name, c] of Object.entries(KEPT)) it(name, () => expect(withSample(c.series, c.add, c.keepMs)).to.deep.equal(c.want))

  it('is in order, of one sample a moment, and bounded, however samples come', () => {
    fc.assert(
      fc.property(fc.array(fc.record({ atMs: fc.nat(20_000), value: fc.double() }), { maxLength: 200 }), (samples) => {
        let all: Series = []
        for (const s of samples) all = withSample(all, s, 10_000)
        const times = all.map((s) => s.atMs)
        expect(times).to.deep.equal([...new Set(times)].sort((a, b) => a - b))
        expect(times.filter((t) => t <= (times.at(-1) ?? 0) - 10_000).length).to.be.at.most(1)
      }),
    )
    let fast: Series = []
    for (let ms = 0; ms < 100_000; ms += 7) fast = withSample(fast, sample(ms), 10_000)
    expect(fast.length).to.be.at.most(2 * 512 + 2)
    expect(fast.at(-1)).to.deep.equal(sample(99_995))
  })
})

describe('a reading', () => {
  it('is fresh until it is as old as it may be', () => {
    expect(read(series(1_000), 500, 1_499)).to.deep.equal({ state: 'Fresh', value: 1_000, atMs: 1_000, ageMs: 499 })
    expect(read(series(1_000), 500, 1_500)).to.deep.include({ state: 'Stale', ageMs: 500 })
    expect(read([], 500, 0)).to.deep.equal({ state: 'NoData' })
  })

  it('is not younger than now when a clock is ahead', () => {
    expect(read(series(9_000), 500, 1_000)).to.deep.include({ state: 'Fresh', ageMs: 0 })
  })
})

describe('the answer that enough of a window gives', () => {
  // A value asks for as many agents as it says.
  const judge = (all: Series, over: Partial<Judged> = {}) =>
    confidentAnswer(all, {
      windowMs: 10_000,
      percent: 80,
      maxAgeMs: 5_000,
      current: 4,
      wantedFor: (value) => value,
      nowMs: 20_000,
      ...over,
    })
  const steady = (value: number) => [8, 10, 12, 14, 16, 18].map((s) => sample(s * 1_000, value))

  it('is what all of it asks for', () => expect(judge(steady(7))).to.equal(7))
  it('goes down as it goes up', () => expect(judge(steady(1))).to.equal(1))
  it('is not that of a spike', () => expect(judge([...steady(4), sample(19_000, 40)])).to.equal(4))
  it('is not that of a dip', () => expect(judge([...steady(4), sample(19_000, 0)])).to.equal(4))
  it('is the most that enough of it asks for', () => {
    expect(judge([sample(9_000, 6), sample(12_000, 9), sample(16_000, 8)])).to.equal(8)
    expect(judge([sample(9_000, 6), sample(12_000, 9), sample(16_000, 8)], { percent: 81 })).to.equal(6)
  })
  it('needs data for as much of the window', () => {
    expect(judge([sample(12_001, 9), sample(16_000, 9)])).to.equal(4)
    expect(judge([sample(12_000, 9), sample(16_000, 9)])).to.equal(9)
  })
  it('does not take an old value for a new one', () => expect(judge([sample(9_000, 9)])).to.equal(4))
  it('takes a value without a say for no change', () => expect(judge(steady(9), { wantedFor: () => undefined })).to.equal(4))

  it('lies between what there is and what was asked for', () => {
    const samples = fc.array(fc.record({ atMs: fc.nat(20_000), value: fc.nat(20) }), { minLength: 1, maxLength: 30 })
    fc.assert(
      fc.property(samples, fc.integer({ min: 1, max: 100 }), fc.nat(20), (list, percent, current) => {
        let all: Series = []
        for (const s of list) all = withSample(all, s, 20_000)
        const answer = judge(all, { percent, current })
        const values = [current, ...all.map((s) => s.value)]
        expect(answer).to.be.within(Math.min(...values), Math.max(...values))
      }),
    )
  })
})
