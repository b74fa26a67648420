import { describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import { Guard, textOfTrip, type GuardRules } from './guard.ts'

const RULES: GuardRules = { maxErrorPercent: 10, minSamples: 5, windowMs: 10_000 }
const MS = 1_000_000

/** Feeds attempts, `x` failed and `.` not, all at once; returns the one that tripped the guard, from 1, and 0 for none. */
const trippedAt = (guard: Guard, attempts: string, nowMs = MS) =>
  attempts.split('').findIndex((attempt) => guard.ended(attempt === 'x', nowMs)) + 1

describe('a guard', () => {
  const cases: Record<string, { rules?: Partial<GuardRules>; attempts: string; want: number }> = {
    'trips at the attempt that makes the share too large': { attempts: '.........xx', want: 11 },
    'does not trip at exactly what is allowed': { attempts: '.........x', want: 0 },
    'does not judge fewer attempts than it needs': { attempts: 'xxxx', want: 0 },
    'judges as soon as there are enough': { attempts: 'x....', want: 5 },
    'trips at the first failure when none is allowed': { rules: { maxErrorPercent: 0, minSamples: 1 }, attempts: '...x', want: 4 },
    'never trips when all may fail': { rules: { maxErrorPercent: 100 }, attempts: 'xxxxxxxxxx', want: 0 },
  }
  for (const [name, { rules, attempts, want }] of Object.entries(cases))
    it(name, () => expect(trippedAt(new Guard({ ...RULES, ...rules }), attempts)).to.equal(want))

  it('trips once, and keeps the figures that it tripped on', () => {
    const guard = new Guard(RULES)
    expect(trippedAt(guard, '...xxxxx')).to.equal(5)
    expect(trippedAt(guard, 'xxxxx')).to.equal(0)
    expect(guard.trip).to.deep.equal({ failed: 2, samples: 5, atMs: MS })
    expect(guard.trip && textOfTrip(guard.trip, RULES)).to.equal('2 of 5 attempts failed, more than 10 %')
  })

  it('forgets what has left the window', () => {
    const guard = new Guard(RULES)
    expect(trippedAt(guard, 'xxxx', MS)).to.equal(0)
    expect(trippedAt(guard, '..........', MS + 10_000)).to.equal(0)
    expect(trippedAt(guard, 'xx', MS + 10_000)).to.equal(2)
    expect(guard.trip).to.deep.equal({ failed: 2, samples: 12, atMs: MS + 10_000 })
  })

  it('stands a clock that goes back', () => {
    const guard = new Guard(RULES)
    trippedAt(guard, '....', MS)
    expect(trippedAt(guard, 'x', MS - 5_000)).to.equal(1)
  })

  it('sees what a plain list of attempts shows, a part of the window more or less', () => {
    const attempts = fc.array(fc.record({ afterMs: fc.integer({ min: 0, max: 4_000 }), failed: fc.boolean() }), { maxLength: 80 })
    fc.assert(
      fc.property(attempts, (list) => {
        const guard = new Guard({ ...RULES, maxErrorPercent: 50 })
        const seen: { atMs: number; failed: boolean }[] = []
        let nowMs = MS
        for (const { afterMs, failed } of list) {
          nowMs += afterMs
          seen.push({ atMs: nowMs, failed })
          if (!guard.ended(failed, nowMs)) continue
          const part = RULES.windowMs / 20
          const count = (sinceMs: number) => seen.filter(({ atMs }) => atMs > sinceMs).length
          expect(guard.trip?.samples).to.be.within(count(nowMs - RULES.windowMs + part), count(nowMs - RULES.windowMs - part))
          expect((guard.trip?.failed ?? 0) * 100).to.be.above(50 * (guard.trip?.samples ?? 0))
        }
      }),
    )
  })
})
