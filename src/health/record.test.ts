import { describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import { countLatency } from '../stats/latency.ts'
import { limitsOf, severity } from './judge.ts'
import { HealthRecord } from './record.ts'

const LIMITS = limitsOf({
  cpuPercent: { degraded: 75, critical: 90 },
  memoryPercent: { degraded: 75, critical: 90 },
  errorPercent: { degraded: 5, critical: 10 },
  latency: { degraded: '2s', critical: '5s' },
  window: '30s',
  minTasks: 20,
})
const tasks = (done: number, failed: number, ms = 10) => {
  const latency: number[] = []
  for (let i = 0; i < done; i += 1) countLatency(latency, ms)
  return { done, failed, latency }
}
const STORED = {
  slow: { state: 'Degraded', reason: 'LatencyHigh', message: 'slow' },
  hot: { state: 'Critical', reason: 'CpuHigh', message: 'hot' },
  down: { state: 'Failed', reason: 'NotResponding', message: 'down' },
} as const

/** A record and time for it: what happens `atSeconds`, with a regular look every five seconds. */
class Course {
  readonly record: HealthRecord
  readonly states: string[] = []
  tasksSinceMs = 0
  #atMs = 0

  constructor(stored?: (typeof STORED)[keyof typeof STORED]) {
    this.record = new HealthRecord(stored, 0)
  }

  /** Goes on for some seconds; before each look `each` happens. */
  pass(seconds: number, each: (nowMs: number) => void = () => undefined): this {
    for (const endMs = this.#atMs + seconds * 1_000; this.#atMs < endMs;) {
      this.#atMs += 5_000
      each(this.#atMs)
      this.look(true)
      this.states.push(this.record.verdict.state)
    }
    return this
  }

  look(isRegular: boolean): boolean {
    return this.record.look({ limits: LIMITS, nowMs: this.#atMs, tasksSinceMs: this.tasksSinceMs, isRegular })
  }

  hot = (nowMs: number) => this.record.used({ cpuPercent: 100, memoryPercent: 10, measuredMs: nowMs }, nowMs)
  cool = (nowMs: number) => this.record.used({ cpuPercent: 1, memoryPercent: 10, measuredMs: nowMs }, nowMs)
  failing = (nowMs: number) => this.record.tasksEnded(tasks(15, 15), nowMs, LIMITS.windowMs)
  slow = (nowMs: number) => this.record.tasksEnded(tasks(15, 0, 2_400), nowMs, LIMITS.windowMs)
}

const CASES: Record<string, { run: () => Course; want: string[] }> = {
  'a new agent is healthy': { run: () => new Course().pass(5), want: ['Healthy'] },
  'a busy processor counts from the second sample on': {
    run: () => {
      const c = new Course()
      return c.pass(10, c.hot)
    },
    want: ['Healthy', 'Critical'],
  },
  'it is over when the mean is low, and three looks have seen that': {
    run: () => {
      const c = new Course()
      return c.pass(15, c.hot).pass(25, c.cool)
    },
    // means of three: none, 100, 100, then 67, 34, 1, 1, 1
    want: ['Healthy', 'Critical', 'Critical', 'Critical', 'Critical', 'Healthy', 'Healthy', 'Healthy'],
  },
  'errors count at once, and until the window has forgotten them and three looks have seen that': {
    run: () => {
      const c = new Course()
      return c.pass(5, c.failing).pass(40)
    },
    want: ['Critical', 'Critical', 'Critical', 'Critical', 'Critical', 'Critical', 'Critical', 'Critical', 'Healthy'],
  },
  'after a restart what was stored stands until a whole window is known': {
    run: () => new Course(STORED.slow).pass(45),
    want: ['Degraded', 'Degraded', 'Degraded', 'Degraded', 'Degraded', 'Degraded', 'Degraded', 'Healthy', 'Healthy'],
  },
  'after a restart a busy processor stands until the provider has measured it again': {
    run: () => {
      const c = new Course(STORED.hot)
      return c.pass(20).pass(20, c.cool)
    },
    want: ['Critical', 'Critical', 'Critical', 'Critical', 'Critical', 'Critical', 'Critical', 'Healthy'],
  },
  'after a restart it does not change while it goes on as it was': {
    run: () => {
      const c = new Course(STORED.slow)
      return c.pass(60, c.slow)
    },
    want: Array.from({ length: 12 }, () => 'Degraded'),
  },
  'whether it answers is seen anew after a restart': { run: () => new Course(STORED.down).pass(5), want: ['Healthy'] },
  'nothing gets better while routers are away': {
    run: () => {
      const c = new Course(STORED.slow)
      return c.pass(60, (nowMs) => (c.tasksSinceMs = nowMs))
    },
    want: Array.from({ length: 12 }, () => 'Degraded'),
  },
}

describe('the health of an agent over time', () => {
  for (const [name, c] of Object.entries(CASES)) it(name, () => expect(c.run().states).to.deep.equal(c.want))

  it('says when another state or reason stands, and that the same sample again is no news', () => {
    const c = new Course()
    expect([c.hot(1_000), c.hot(1_000), c.look(true)]).to.deep.equal([true, false, false])
    expect([c.hot(6_000), c.look(false), c.look(false)]).to.deep.equal([true, true, false])
  })

  it('gets worse between the regular looks, and better only at them, however many others come', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 40 }), (between) => {
        const plain = new Course()
        const other = new Course()
        for (const [i, extra] of between.entries()) {
          const use = (c: Course) => (i % 9 < 4 ? c.hot : c.cool)
          plain.pass(5, use(plain))
          other.pass(5, use(other))
          for (let n = 0; n < extra; n += 1) other.look(false)
        }
        expect(other.states).to.deep.equal(plain.states)
      }),
    )
  })

  it('is never worse than the last look can explain after a whole window without figures', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('hot', 'cool', 'failing', 'slow'), { maxLength: 30 }), (what) => {
        const c = new Course()
        for (const each of what) c.pass(5, c[each])
        c.pass(15, c.cool).pass(60, c.cool)
        expect(severity(c.record.verdict.state)).to.equal(0)
      }),
    )
  })
})
