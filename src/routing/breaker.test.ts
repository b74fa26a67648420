import { describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import { Breaker } from './breaker.ts'

const RULES = { consecutiveFailures: 3, openForMs: 1000 }
const opened = () => {
  const breaker = new Breaker()
  for (let i = 0; i < 3; i++) breaker.failed(RULES, 0)
  return breaker
}

describe('circuit breaker', () => {
  it('opens at the failure that makes the row complete', () => {
    const breaker = new Breaker()
    expect([1, 2, 3].map(() => breaker.failed(RULES, 0))).to.deep.equal([false, false, true])
    expect(breaker.allows(999)).to.equal(false)
  })

  it('counts failures in a row only', () => {
    const breaker = new Breaker()
    for (let i = 0; i < 10; i++) {
      breaker.failed(RULES, 0)
      breaker.failed(RULES, 0)
      breaker.succeeded()
    }
    expect(breaker.isOpen).to.equal(false)
  })

  it('lets one task through when the time is up, and no second one meanwhile', () => {
    const breaker = opened()
    expect(breaker.allows(1000)).to.equal(true)
    breaker.begin()
    expect(breaker.allows(1000)).to.equal(false)
  })

  it('closes when the trial succeeds', () => {
    const breaker = opened()
    breaker.begin()
    breaker.succeeded()
    expect([breaker.isOpen, breaker.allows(1000)]).to.deep.equal([false, true])
  })

  it('opens again for the whole time when the trial fails', () => {
    const breaker = opened()
    breaker.begin()
    expect(breaker.failed(RULES, 1500)).to.equal(true)
    expect([breaker.allows(2499), breaker.allows(2500)]).to.deep.equal([false, true])
  })

  it('gives the trial back when its task said nothing about the agent', () => {
    const breaker = opened()
    breaker.begin()
    breaker.abandoned()
    expect(breaker.allows(1000)).to.equal(true)
  })

  it('is not kept open by late failures of tasks from before it opened', () => {
    const breaker = opened()
    expect(breaker.failed(RULES, 900)).to.equal(false)
    expect(breaker.openUntilMs).to.equal(1000)
  })

  it('never opens on fewer failures in a row than asked for, always on as many', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { maxLength: 60 }), fc.integer({ min: 1, max: 8 }), (results, consecutiveFailures) => {
        const breaker = new Breaker()
        let row = 0
        for (const isFine of results) {
          if (breaker.isOpen) break
          if (isFine) breaker.succeeded()
          else breaker.failed({ consecutiveFailures, openForMs: 1 }, 0)
          row = isFine ? 0 : row + 1
          expect(breaker.isOpen).to.equal(row >= consecutiveFailures)
        }
      }),
    )
  })

  it('is closed, open for its time, or on trial with one task at most, whatever ends and when', () => {
    const step = fc.record({ ends: fc.constantFrom('well', 'failed', 'failed', 'failed', 'abandoned'), laterMs: fc.nat(600) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const breaker = new Breaker()
        let nowMs = 0
        let row = 0
        for (const { ends, laterMs } of steps) {
          nowMs += laterMs
          const wasOpen = breaker.isOpen
          // Tasks begin only when they may: while it is open none before the time is up, and then one at a time.
          expect(breaker.allows(nowMs)).to.equal(!wasOpen || nowMs >= breaker.openUntilMs)
          if (!breaker.allows(nowMs)) continue
          breaker.begin()
          expect(breaker.allows(nowMs)).to.equal(!wasOpen)
          if (ends === 'well') breaker.succeeded()
          else if (ends === 'abandoned') breaker.abandoned()
          else breaker.failed(RULES, nowMs)
          row = ends === 'failed' ? row + 1 : ends === 'well' ? 0 : row
          expect(breaker.isOpen).to.equal(ends === 'well' ? false : wasOpen || row >= RULES.consecutiveFailures)
          if (breaker.isOpen && ends === 'failed') expect(breaker.openUntilMs).to.equal(nowMs + RULES.openForMs)
        }
      }),
    )
  })
})
