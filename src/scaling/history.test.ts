import { describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import { POINTS_A_SEASON, complete, emptyHistory, readHistory, record, writeHistory, type History, type StoredHistory } from './history.ts'

const STEP_MS = 2_000
const SEASON_MS = STEP_MS * POINTS_A_SEASON
const recorded = (...list: [ms: number, asked: number][]): History =>
  list.reduce((history, [ms, asked]) => record(history, asked, ms), emptyHistory(SEASON_MS, list[0]?.[0] ?? 0))

describe('a history', () => {
  it('has the highest of each step', () => {
    expect(recorded([10_000, 3], [10_500, 7], [11_999, 5], [12_000, 4])).to.deep.equal({ stepMs: STEP_MS, fromMs: 10_000, points: [7, 4] })
  })

  it('has gaps where nothing was recorded', () => {
    expect(recorded([10_000, 3], [16_000, 5]).points).to.deep.equal([3, undefined, undefined, 5])
  })

  it('takes what comes late, and leaves out what comes too late or is no number', () => {
    expect(recorded([10_000, 3], [16_000, 5], [12_500, 4], [9_000, 9], [16_000, NaN]).points).to.deep.equal([3, 4, undefined, 5])
  })

  it('has steps of five minutes for a day, and of a second at least', () => {
    expect([emptyHistory(86_400_000, 0).stepMs, emptyHistory(1_000, 0).stepMs]).to.deep.equal([300_000, 1_000])
  })

  it('does not count the step that is still being written as complete', () => {
    const history = recorded([10_000, 3], [12_000, 5])
    expect(complete(history, 13_999)).to.deep.equal([3])
    expect(complete(history, 14_000)).to.deep.equal([3, 5])
  })

  it('keeps four seasons at most, and the newest point at its time', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(2 * SEASON_MS), { minLength: 1, maxLength: 20 }), (waits) => {
        let nowMs = 0
        let history = emptyHistory(SEASON_MS, 0)
        for (const wait of waits) history = record(history, 1, (nowMs += wait))
        expect(history.points.length).to.be.at.most(4 * POINTS_A_SEASON)
        expect(Math.floor((nowMs - history.fromMs) / STEP_MS)).to.equal(history.points.length - 1)
        expect(history.points.at(-1)).to.equal(1)
      }),
    )
  })

  it('is stored in few words', () => {
    const history = recorded([10_000, 3], [12_000, 3], [14_000, 3], [20_000, 12], [22_000, 20_000])
    expect(writeHistory(history, 23_000)).to.deep.equal({
      at: '1970-01-01T00:00:23.000Z',
      from: '1970-01-01T00:00:10.000Z',
      stepSeconds: 2,
      load: '3x3 -x2 12 9999',
    })
  })

  it('is read as it was written, in less than the API allows', () => {
    const point = fc.option(fc.nat(9_999), { nil: undefined })
    fc.assert(
      fc.property(fc.array(point, { maxLength: 4 * POINTS_A_SEASON, size: 'max' }), (points) => {
        const history = { stepMs: STEP_MS, fromMs: 10_000, points }
        const stored = writeHistory(history, 5_000_000)
        expect(stored.load.length).to.be.at.most(8_192)
        expect(readHistory(stored, 5_000_000)).to.deep.equal(history)
      }),
      { numRuns: 50 },
    )
  })

  it('is not read from what is none, or from the future', () => {
    const stored = { at: '1970-01-01T00:01:00Z', from: '1970-01-01T00:00:10Z', stepSeconds: 2, load: '3x2 -' }
    const read = (over: Partial<StoredHistory>) => readHistory({ ...stored, ...over }, 60_000)?.points
    expect(read({})).to.deep.equal([3, 3, undefined])
    for (const load of ['3x', 'x3', '3,4', '-3', '3x2x2', 'NaN']) expect(read({ load }), load).to.equal(undefined)
    expect(read({ load: '3x9999' })?.length).to.equal(4 * POINTS_A_SEASON)
    expect(read({ from: '1970-01-01T00:02:00Z' })).to.equal(undefined)
    expect(read({ from: 'yesterday' })).to.equal(undefined)
    expect(read({ stepSeconds: 0 })).to.equal(undefined)
  })
})
