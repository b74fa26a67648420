import { describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import { MAX_CHANGES } from '../api/scaling-policy.ts'
import {
  coolDown,
  limitStep,
  noRecommendations,
  recommend,
  stabilise,
  withChange,
  type Change,
  type Recommendations,
  type StepLimit,
} from './behaviour.ts'

const S = 1_000
const KEEP_MS = 60 * S
/** What was asked for at these seconds. */
const asked = (...list: [second: number, wanted: number][]): Recommendations =>
  list.reduce((recent, [second, wanted]) => recommend(recent, wanted, { nowMs: second * S, keepMs: KEEP_MS }), noRecommendations(-KEEP_MS))

describe('stabilisation', () => {
  const settle = (recent: Recommendations, current: number, { second, wanted }: { second: number; wanted: number }) =>
    stabilise(wanted, current, {
      recent: recommend(recent, wanted, { nowMs: second * S, keepMs: KEEP_MS }),
      windowMs: 30 * S,
      nowMs: second * S,
    })

  it('goes down to the highest of the window', () => {
    expect(settle(asked([0, 8], [10, 5], [20, 3]), 8, { second: 25, wanted: 3 })).to.deep.equal({ to: 8, untilMs: 40 * S })
    expect(settle(asked([0, 8], [10, 5], [20, 3]), 8, { second: 41, wanted: 3 })).to.deep.equal({ to: 5, untilMs: 50 * S })
    expect(settle(asked([0, 8], [10, 5], [20, 3]), 8, { second: 51, wanted: 3 })).to.deep.equal({ to: 3 })
  })

  it('goes up to the lowest of the window', () => {
    expect(settle(asked([0, 2], [10, 5]), 2, { second: 20, wanted: 9 })).to.deep.equal({ to: 2, untilMs: 40 * S })
    expect(settle(asked([0, 2], [10, 5], [20, 9]), 2, { second: 45, wanted: 9 })).to.deep.equal({ to: 5, untilMs: 50 * S })
  })

  it('never passes what there is', () => {
    expect(settle(asked([0, 20]), 8, { second: 10, wanted: 3 })).to.deep.include({ to: 8 })
    expect(settle(asked([0, 1]), 8, { second: 10, wanted: 12 })).to.deep.include({ to: 8 })
  })

  it('counts what was asked for until it changed, not only when', () => {
    expect(settle(asked([0, 8]), 8, { second: 500, wanted: 3 })).to.deep.equal({ to: 8, untilMs: 530 * S })
  })

  it('takes current replicas for asked for before it has looked', () => {
    const fresh = recommend(noRecommendations(100 * S), 1, { nowMs: 110 * S, keepMs: KEEP_MS })
    expect(stabilise(1, 6, { recent: fresh, windowMs: 30 * S, nowMs: 110 * S })).to.deep.equal({ to: 6, untilMs: 130 * S })
    expect(stabilise(1, 6, { recent: fresh, windowMs: 30 * S, nowMs: 130 * S })).to.deep.equal({ to: 1 })
  })

  it('does nothing without a window', () => {
    expect(stabilise(1, 6, { recent: asked([0, 6], [10, 1]), windowMs: 0, nowMs: 10 * S })).to.deep.equal({ to: 1 })
  })

  it('finds the same as a look at every moment, and keeps no more than there are different numbers', () => {
    const steps = fc.array(fc.record({ afterMs: fc.integer({ min: 1, max: 20 }), wanted: fc.nat(9) }), { minLength: 1, maxLength: 40 })
    fc.assert(
      fc.property(steps, fc.nat(9), fc.integer({ min: 1, max: 60 }), (list, current, windowMs) => {
        let recent = noRecommendations(-1_000)
        let nowMs = 0
        const history: { fromMs: number; wanted: number }[] = []
        for (const { afterMs, wanted } of list) {
          nowMs += afterMs
          recent = recommend(recent, wanted, { nowMs, keepMs: 60 })
          history.push({ fromMs: nowMs, wanted })
        }
        const wanted = history.at(-1)?.wanted ?? 0
        const seen = history.filter((_, i) => (history[i + 1]?.fromMs ?? Infinity) > nowMs - windowMs).map((h) => h.wanted)
        const want = wanted > current ? Math.max(current, Math.min(...seen)) : Math.min(current, Math.max(...seen))
        expect(stabilise(wanted, current, { recent, windowMs, nowMs }).to).to.equal(wanted === current ? current : want)
        expect(Math.max(recent.highs.length, recent.lows.length)).to.be.at.most(10)
      }),
    )
  })
})

const change = (second: number, from: number, to: number): Change => ({ atMs: second * S, from, to })

describe('the changes that are kept', () => {
  it('are those of the time that is looked back', () => {
    expect(withChange([change(0, 1, 2), change(50, 2, 3)], change(100, 3, 5), 100 * S)).to.deep.equal([change(50, 2, 3), change(100, 3, 5)])
  })

  it('become one where there are too many, as late as the last of them', () => {
    const many = Array.from({ length: MAX_CHANGES }, (_, i) => change(i, i, i + 1))
    const kept = withChange(many, change(MAX_CHANGES, MAX_CHANGES, MAX_CHANGES + 1), 1_000 * S)
    expect([kept.length, kept[0], kept[1]]).to.deep.equal([MAX_CHANGES, change(1, 0, 2), change(2, 2, 3)])
  })

  it('are bounded, in order, and of late count for no less than they were, either way', () => {
    const by = fc.integer({ min: -3, max: 3 }).filter((n) => n !== 0)
    fc.assert(
      fc.property(fc.array(by, { minLength: MAX_CHANGES, maxLength: 3 * MAX_CHANGES }), (moves) => {
        let kept: readonly Change[] = []
        const all: Change[] = []
        for (const [second, move] of moves.entries()) {
          const from = all.at(-1)?.to ?? 500
          const next = change(second, from, from + move)
          all.push(next)
          kept = withChange(kept, next, 1_000 * S)
        }
        const times = kept.map((c) => c.atMs)
        expect(kept.length).to.be.at.most(MAX_CHANGES)
        expect(times).to.deep.equal(times.toSorted((a, b) => a - b))
        const since = (of: readonly Change[], second: number, sign: number) =>
          of.filter((c) => c.atMs > second * S && Math.sign(c.to - c.from) === sign).reduce((sum, c) => sum + Math.abs(c.to - c.from), 0)
        for (const back of [2, 10, MAX_CHANGES / 2])
          for (const sign of [1, -1]) expect(since(kept, moves.length - back, sign)).to.be.at.least(since(all, moves.length - back, sign))
      }),
    )
  })
})

describe('a cool-down', () => {
  const cool = (wanted: number, changes: Change[]) => coolDown(wanted, 5, { changes, coolDownMs: 30 * S, nowMs: 50 * S })
  it('holds back fewer after any change', () => {
    expect(cool(3, [change(30, 2, 5)])).to.deep.equal({ to: 5, untilMs: 60 * S })
    expect(cool(3, [change(30, 9, 5)])).to.deep.equal({ to: 5, untilMs: 60 * S })
  })
  it('holds back more only after more, since fewer must not keep a queue waiting', () => {
    expect(cool(9, [change(30, 2, 5)])).to.deep.equal({ to: 5, untilMs: 60 * S })
    expect(cool(9, [change(30, 9, 5)])).to.deep.equal({ to: 9 })
    expect(cool(9, [change(25, 2, 5), change(40, 9, 5)])).to.deep.equal({ to: 5, untilMs: 55 * S })
  })
  it('is over after its time', () => expect(cool(3, [change(20, 2, 5)])).to.deep.equal({ to: 3 }))
  it('is none before the first change', () => expect(cool(3, [])).to.deep.equal({ to: 3 }))
})

describe('step limits', () => {
  const limit = (wanted: number, limits: StepLimit[], over: { changes?: Change[]; select?: 'Max' | 'Min' } = {}) =>
    limitStep(wanted, 10, { limits, select: over.select ?? 'Max', changes: over.changes ?? [], nowMs: 100 * S })
  const four = { count: 4, periodMs: 60 * S }
  const half = { percent: 50, periodMs: 60 * S }

  it('allow so many agents', () => expect(limit(30, [four])).to.deep.equal({ to: 14, untilMs: 160 * S }))
  it('allow so many percent', () => expect(limit(30, [half])).to.deep.include({ to: 15 }))
  it('hold downwards as well', () => expect([limit(0, [four]).to, limit(0, [half]).to]).to.deep.equal([6, 5]))
  it('let what is within them pass', () => expect(limit(13, [four])).to.deep.equal({ to: 13 }))
  it('count what has changed in the period already', () => {
    expect(limit(30, [four], { changes: [change(50, 7, 10)] })).to.deep.equal({ to: 11, untilMs: 110 * S })
    expect(limit(30, [half], { changes: [change(50, 8, 10)] })).to.deep.include({ to: 12 })
  })
  it('do not count what is older, or went the other way', () => {
    expect(limit(30, [four], { changes: [change(40, 6, 10), change(60, 14, 10)] })).to.deep.include({ to: 14 })
  })
  it('of several, the one that allows most counts, or least', () => {
    expect(limit(30, [four, half]).to).to.equal(15)
    expect(limit(30, [four, half], { select: 'Min' }).to).to.equal(14)
  })
  it('of zero let nothing pass', () => expect(limit(30, [{ count: 0, periodMs: S }]).to).to.equal(10))
  it('of percent let one agent pass, also from zero', () => {
    expect(limitStep(9, 0, { limits: [half], select: 'Max', changes: [], nowMs: 0 }).to).to.equal(1)
    expect(limit(0, [{ percent: 1, periodMs: S }]).to).to.equal(9)
  })

  it('are never passed within any period, however often it is decided', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ second: fc.nat(30), wanted: fc.nat(60) }), { maxLength: 60 }),
        fc.integer({ min: 1, max: 5 }),
        (moves, count) => {
          const changes: Change[] = []
          let [current, second] = [10, 0]
          for (const move of moves) {
            second += move.second
            const { to } = limitStep(move.wanted, current, {
              limits: [{ count, periodMs: 60 * S }],
              select: 'Max',
              changes,
              nowMs: second * S,
            })
            if (to !== current) changes.push(change(second, current, to))
            current = to
          }
          for (const { atMs } of changes)
            for (const sign of [1, -1]) {
              const within = changes.filter((c) => c.atMs <= atMs && c.atMs > atMs - 60 * S && Math.sign(c.to - c.from) === sign)
              expect(within.reduce((sum, c) => sum + Math.abs(c.to - c.from), 0)).to.be.at.most(count)
            }
        },
      ),
    )
  })
})
