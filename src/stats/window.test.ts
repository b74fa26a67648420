import { describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import { TaskWindow } from './window.ts'

const WINDOW_MS = 1_000

describe('a window of tasks', () => {
  it('sums what ended within it, and forgets the rest', () => {
    const window = new TaskWindow()
    window.add({ done: 3, failed: 1, latency: [0, 3] }, 0, WINDOW_MS)
    window.add({ done: 2, failed: 0, latency: [2] }, 600, WINDOW_MS)
    expect(window.within(WINDOW_MS, 700)).to.deep.include({ done: 5, failed: 1, latency: [2, 3] })
    expect(window.within(WINDOW_MS, 1_000)).to.deep.include({ done: 2, failed: 0, latency: [2, 0] })
    expect(window.within(WINDOW_MS, 1_600)).to.deep.include({ done: 0, failed: 0, latency: [0, 0] })
  })

  it('never counts a task for much longer, or shorter by more than a part, than the window is', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(200), { minLength: 1, maxLength: 100 }), (steps) => {
        const window = new TaskWindow()
        const times: number[] = []
        let nowMs = 0
        for (const step of steps) {
          nowMs += step
          times.push(nowMs)
          window.add({ done: 1, failed: 0, latency: [] }, nowMs, WINDOW_MS)
          const { done } = window.within(WINDOW_MS, nowMs)
          expect(done).to.be.at.most(times.filter((t) => t > nowMs - WINDOW_MS).length)
          expect(done).to.be.at.least(times.filter((t) => t > nowMs - WINDOW_MS * 0.95).length)
        }
      }),
    )
  })
})
