import { describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import { POINTS_A_SEASON, complete, emptyHistory, record, type History } from './history.ts'

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
})
