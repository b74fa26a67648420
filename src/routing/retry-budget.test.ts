import { describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import { RetryBudget } from './retry-budget.ts'

/** A budget after tasks that began at these moments. */
const after = (tasks: number, nowMs: number) => {
  const budget = new RetryBudget()
  for (let i = 0; i < tasks; i++) budget.began(nowMs)
  return budget
}
const takeAll = (budget: RetryBudget, percent: number, nowMs: number) => {
  let taken = 0
  while (budget.take(percent, nowMs)) taken += 1
  return taken
}

describe('retry budget', () => {
  const cases = {
    'allows ten retries a second without any task': { tasks: 0, percent: 20, want: 100 },
    'allows no less with few tasks': { tasks: 100, percent: 20, want: 100 },
    'is a share of many tasks': { tasks: 5_000, percent: 20, want: 1_000 },
    'can be as many as there are tasks': { tasks: 5_000, percent: 100, want: 5_000 },
    'rounds down': { tasks: 1_234, percent: 9, want: 111 },
  }
  for (const [name, { tasks, percent, want }] of Object.entries(cases)) {
    it(name, () => {
      const budget = after(tasks, 77_123)
      expect(budget.left(percent, 77_123)).to.equal(want)
      expect(takeAll(budget, percent, 77_123)).to.equal(want)
      expect(budget.left(percent, 77_123)).to.equal(0)
    })
  }

  it('is full again when the retries are older than ten seconds', () => {
    const budget = after(0, 500)
    expect(takeAll(budget, 20, 500)).to.equal(100)
    expect([9_999, 10_000].map((nowMs) => budget.left(20, nowMs))).to.deep.equal([0, 100])
  })

  it('forgets tasks of long ago at once, also after a long silence', () => {
    const budget = after(5_000, 0)
    expect(budget.left(20, 9_000)).to.equal(1_000)
    expect(budget.left(20, 86_400_000)).to.equal(100)
  })

  it('never allows more than the rule says in any ten seconds, and counts as a list of moments would', () => {
    const step = fc.record({ waitMs: fc.nat(3_000), tasks: fc.nat(300), retries: fc.nat(80) })
    fc.assert(fc.property(fc.array(step, { maxLength: 40 }), fc.integer({ min: 1, max: 100 }), (steps, percent) => {
      const budget = new RetryBudget()
      const tasks: number[] = []
      const retries: number[] = []
      let nowMs = 0
      const recent = (list: readonly number[]) => list.filter((at) => Math.floor(at / 1000) > Math.floor(nowMs / 1000) - 10).length
      for (const { waitMs, tasks: begun, retries: wanted } of steps) {
        nowMs += waitMs
        for (let i = 0; i < begun; i++) {
          budget.began(nowMs)
          tasks.push(nowMs)
        }
        for (let i = 0; i < wanted; i++) {
          const allowed = Math.max(100, Math.floor((recent(tasks) * percent) / 100))
          const mayRetry = recent(retries) < allowed
          expect(budget.take(percent, nowMs)).to.equal(mayRetry)
          if (mayRetry) retries.push(nowMs)
        }
      }
    }), { numRuns: 30 }) // prettier-ignore
  })
})
