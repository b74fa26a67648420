import { setImmediate as settled } from 'node:timers/promises'
import { describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import { Check } from 'typebox/value'
import type { Metric, MetricStatus } from '../../api/analysis.ts'
import { RolloutStatus } from '../../api/rollout-status.ts'
import { createLog } from '../../log.ts'
import type { Measured } from '../../rollouts/measure.ts'
import type { CheckSubject, Subject } from '../../rollouts/subject.ts'
import type { Verdict } from '../../rollouts/world.ts'
import { Analyst } from './analyst.ts'

const START = Date.parse('2026-01-01T00:00:00.000Z')
const KEY = 'team/words'
const RUN = '1.0/2'
const ROLLOUT = { kind: 'CanaryRollout', namespace: 'team', name: 'words' }

/** Time that is turned by hand. */
class HandClock {
  nowMs = START
  readonly #due = new Set<{ readonly atMs: number; readonly run: () => void }>()

  readonly now = () => this.nowMs
  readonly after = (ms: number, run: () => void) => {
    const one = { atMs: this.nowMs + ms, run }
    this.#due.add(one)
    return () => void this.#due.delete(one)
  }

  get timers(): number {
    return this.#due.size
  }

  advance(ms: number): void {
    const untilMs = this.nowMs + ms
    for (;;) {
      const [next] = [...this.#due].filter(({ atMs }) => atMs <= untilMs).toSorted((a, b) => a.atMs - b.atMs)
      if (!next) break
      this.#due.delete(next)
      this.nowMs = Math.max(this.nowMs, next.atMs)
      next.run()
    }
    this.nowMs = untilMs
  }
}

const metric = (over: Partial<Metric> = {}): Metric => ({
  name: 'errors',
  errorRate: { maxPercent: 10 },
  window: '1m',
  minSamples: 10,
  initialDelay: '0s',
  interval: '10s',
  count: 2,
  failureLimit: 0,
  consecutiveErrorLimit: 1,
  inconclusiveLimit: 0,
  noDataTimeout: '5m',
  dryRun: false,
  ...over,
})
const external = (over: Partial<Metric> = {}): Metric => {
  const { errorRate: _errorRate, ...rest } = metric(over)
  return { ...rest, webhook: { url: 'http://gate.test', timeout: '5s' } }
}
const ended = (done: number, failed = 0) => ({ done, failed, latency: [done] })

type Asked = { readonly name: string; readonly answer: (measured: Measured) => void; readonly signal: AbortSignal }

/** An analyst with a clock that is turned by hand, and with whoever is asked outside. */
function laboratory(stored: readonly MetricStatus[] = []) {
  const clock = new HandClock()
  const asked: Asked[] = []
  const warmed: { done: (count: number) => void; end: (verdict: Verdict) => void; signal: AbortSignal }[] = []
  const lab = { clock, asked, warmed, wakes: 0, isHeard: true, measured: [] as string[] }
  const analyst = new Analyst({
    now: clock.now,
    after: clock.after,
    wake: () => (lab.wakes += 1),
    isHeard: () => lab.isHeard,
    measure: async ({ name }, _asking, signal) =>
      new Promise<Measured>((answer, reject) => {
        signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true })
        asked.push({ name, answer, signal })
      }),
    warmUp: async (_spec, _asking, { signal, onDone }) => new Promise<Verdict>((end) => warmed.push({ done: onDone, end, signal })),
    onMeasured: ({ name }, { result }) => lab.measured.push(`${name}: ${result}`),
    log: createLog({ level: 'error' }),
  })
  const follow = (checks: readonly CheckSubject[], over: Partial<Subject> = {}) =>
    analyst.follow(KEY, { uid: 'u1', rollout: ROLLOUT, swarm: 'words', target: 'new', stable: 'old', attempt: 1, checks, stored, ...over })
  return Object.assign(lab, {
    analyst,
    follow,
    look: () => analyst.look(KEY, { uid: 'u1', stored }),
    state: (run = RUN) => analyst.look(KEY, { uid: 'u1', stored }).checks.find((check) => check.run === run)?.verdict.state,
    end: (done: number, failed = 0, revision = 'new') => analyst.tasksEnded(KEY, new Map([[revision, ended(done, failed)]])),
  })
}
const results = ({ metrics }: { metrics: readonly MetricStatus[] }) =>
  metrics.map(({ name, measurements }) => `${name}: ${measurements.map(({ result }) => result).join(' ')}`)

describe('an analyst', () => {
  it('knows nothing of what it does not follow, and leaves what is stored', () => {
    const stored = [
      {
        run: '1.0/1',
        name: 'a',
        startedAt: '2026-01-01T00:00:00Z',
        successful: 1,
        failed: 0,
        inconclusive: 0,
        consecutiveErrors: 0,
        measurements: [],
      },
    ]
    const { look, analyst } = laboratory(stored)
    expect(look()).to.deep.equal({ checks: [], metrics: stored })
    expect(analyst.counts(KEY)).to.deep.equal({})
  })

  it('measures at once and at the interval, and wakes when the verdict changes', () => {
    const { follow, look, state, end, clock, ...lab } = laboratory()
    follow([{ run: RUN, metrics: [metric()] }])
    expect(results(look())).to.deep.equal(['errors: NoData'])
    end(20)
    expect(state()).to.equal('Running')
    clock.advance(9_999)
    expect(results(look())).to.deep.equal(['errors: NoData'])
    clock.advance(1)
    expect(results(look())).to.deep.equal(['errors: NoData Success'])
    const before = lab.measured.length
    clock.advance(10_000)
    expect(lab.measured.length).to.equal(before + 1)
    expect(look().checks).to.deep.equal([
      { run: RUN, verdict: { state: 'Successful', message: 'errors: 2 succeeded; last: 0 % of 20 attempts failed' } },
    ])
  })

  it('wakes at once by the failure that decides, long before its interval', () => {
    const lab = laboratory()
    lab.follow([{ run: RUN, metrics: [metric({ interval: '1h' })] }])
    lab.look()
    const { wakes } = lab
    lab.end(8, 1)
    expect(lab.wakes).to.equal(wakes)
    lab.end(0, 1)
    expect(lab.wakes).to.equal(wakes + 1)
    lab.end(0, 1)
    expect(lab.wakes).to.equal(wakes + 1)
    expect(lab.look().checks[0]?.verdict).to.deep.equal({
      state: 'Failed',
      message: 'errors: 1 failed, 0 are allowed; last: 20 % of 10 attempts failed, more than 10 %',
    })
  })

  it('wakes at once when attempts of stable show that the new revision is worse', () => {
    const lab = laboratory()
    lab.follow([{ run: RUN, metrics: [metric({ interval: '1h', errorRate: { maxAboveStable: 5 } })] }])
    lab.look()
    lab.end(8, 2)
    expect(lab.state()).to.equal('Running')
    lab.end(10, 0, 'old')
    expect(lab.state()).to.equal('Failed')
  })

  it('judges both sides by what was told together', () => {
    const lab = laboratory()
    lab.follow([{ run: RUN, metrics: [metric({ interval: '1h', errorRate: { maxAboveStable: 5 } })] }])
    lab.end(100, 0, 'old')
    lab.analyst.tasksEnded(
      KEY,
      new Map([
        ['new', ended(8, 2)],
        ['old', ended(100, 50)],
      ]),
    )
    expect(lab.state()).to.equal('Running')
  })

  it('counts nothing of other revisions', () => {
    const lab = laboratory()
    lab.follow([{ run: RUN, metrics: [metric()] }])
    lab.end(0, 50, 'older')
    expect(lab.state()).to.equal('Running')
    expect(lab.analyst.counts(KEY)).to.deep.equal({ old: { samples: 0, failed: 0 }, new: { samples: 0, failed: 0 } })
  })

  it('does not judge before the initial delay is over', () => {
    const lab = laboratory()
    lab.follow([{ run: RUN, metrics: [metric({ initialDelay: '5s' })] }])
    lab.end(0, 50)
    lab.clock.advance(4_999)
    expect(lab.state()).to.equal('Running')
    lab.clock.advance(1)
    expect(lab.state()).to.equal('Failed')
  })

  it('lets nothing follow from a dry run, and takes no measurement early for it', () => {
    const lab = laboratory()
    lab.follow([{ run: RUN, metrics: [metric({ dryRun: true }), metric({ name: 'other' })] }])
    lab.look()
    lab.end(0, 9)
    const wakes = lab.wakes
    lab.end(0, 1)
    expect(lab.wakes).to.equal(wakes + 1)
    expect(results(lab.look())).to.deep.equal(['errors: NoData', 'other: NoData Failure'])
  })

  it('takes the failure after a failure that counts at the interval, as another one', () => {
    const lab = laboratory()
    lab.follow([{ run: RUN, metrics: [metric({ failureLimit: 1 })] }])
    lab.end(0, 20)
    expect(lab.state()).to.equal('Running')
    lab.clock.advance(10_000)
    lab.end(0, 20)
    expect(lab.state()).to.equal('Running')
    lab.clock.advance(9_999)
    expect(lab.state()).to.equal('Running')
    lab.clock.advance(1)
    expect(lab.state()).to.equal('Failed')
  })

  it('decides early after a success when no more failures are put up with', () => {
    const lab = laboratory()
    lab.follow([{ run: RUN, metrics: [metric({ window: '1s' })] }])
    lab.end(20)
    lab.clock.advance(10_000)
    lab.end(0, 20)
    expect(lab.state()).to.equal('Failed')
  })

  it('takes no success while not all routers are heard, and every failure', () => {
    const lab = laboratory()
    lab.follow([{ run: RUN, metrics: [metric()] }])
    lab.isHeard = false
    lab.end(20)
    lab.clock.advance(10_000)
    expect(lab.look().metrics[0]?.measurements.at(-1)).to.deep.include({
      result: 'NoData',
      message: 'not all routers are connected to the operator, so this is not all: 0 % of 20 attempts failed',
    })
    lab.end(0, 20)
    expect(lab.state()).to.equal('Failed')
  })

  it('cannot tell once there was no data for too long, at that very moment', () => {
    const lab = laboratory()
    lab.follow([{ run: RUN, metrics: [metric({ interval: '1h', noDataTimeout: '90s' })] }])
    lab.look()
    const { wakes } = lab
    lab.clock.advance(89_999)
    expect(lab.wakes).to.equal(wakes)
    lab.clock.advance(1)
    expect(lab.wakes).to.equal(wakes + 1)
    expect(lab.state()).to.equal('Inconclusive')
  })

  it('is not woken by what it knows already, and sets no timer when nothing is due', () => {
    const lab = laboratory()
    lab.follow([{ run: RUN, metrics: [metric()] }])
    lab.end(0, 20)
    expect(lab.state()).to.equal('Failed')
    const { wakes } = lab
    lab.end(0, 20)
    lab.follow([{ run: RUN, metrics: [metric()] }])
    lab.clock.advance(3_600_000)
    expect(lab.wakes).to.equal(wakes)
    expect(lab.clock.timers).to.equal(0)
  })

  it('tells of figures once a second at most, and of them at all', () => {
    const lab = laboratory()
    lab.follow([{ run: RUN, metrics: [metric({ interval: '250ms', count: 1_000 })] }])
    lab.end(20)
    let looks = 0
    const shown = new Set<readonly MetricStatus[]>()
    const wakes = lab.wakes
    for (let i = 0; i < 10_000; i += 10) {
      lab.clock.advance(10)
      if (lab.wakes > wakes + looks - 1) {
        looks += 1
        shown.add(lab.look().metrics)
      }
    }
    expect(lab.measured.length).to.equal(41)
    expect(looks).to.be.within(8, 12)
    expect(shown.size).to.be.within(8, 12)
  })

  it('does not wake again before it was looked at', () => {
    const lab = laboratory()
    lab.follow([{ run: RUN, metrics: [metric({ interval: '1s', count: 1_000 })] }])
    const { wakes } = lab
    lab.end(20)
    lab.clock.advance(60_000)
    expect(lab.wakes).to.equal(wakes)
    lab.look()
    lab.clock.advance(1_000)
    expect(lab.wakes).to.equal(wakes + 1)
  })
})

describe('what survives', () => {
  const beforeRestart = (over: Partial<Metric> = {}) => {
    const lab = laboratory()
    lab.follow([{ run: RUN, metrics: [metric(over)] }])
    lab.end(20)
    lab.clock.advance(20_000)
    return JSON.parse(JSON.stringify(lab.look().metrics)) as MetricStatus[]
  }

  it('a restart of the operator: counts, and a verdict that nobody has heard wakes at once', () => {
    const stored = beforeRestart()
    const lab = laboratory(stored)
    expect(lab.look().metrics).to.equal(stored)
    lab.follow([{ run: RUN, metrics: [metric()] }])
    expect(lab.wakes).to.equal(1)
    expect(lab.state()).to.equal('Successful')
  })

  it('a restart: time in which nobody looked is no time without data', () => {
    const nothing = laboratory()
    nothing.follow([{ run: RUN, metrics: [metric()] }])
    const lab = laboratory(nothing.look().metrics)
    lab.clock.advance(3_600_000)
    lab.follow([{ run: RUN, metrics: [metric()] }])
    expect(lab.state()).to.equal('Running')
    lab.clock.advance(300_000)
    expect(lab.state()).to.equal('Inconclusive')
  })

  it('a pause: the same run goes on with its counts, without its samples', () => {
    const lab = laboratory()
    lab.follow([{ run: RUN, metrics: [metric()] }])
    lab.end(20)
    lab.clock.advance(10_000)
    lab.follow([])
    expect(lab.look().checks).to.deep.equal([])
    lab.follow([{ run: RUN, metrics: [metric()] }])
    lab.clock.advance(10_000)
    expect(results(lab.look())).to.deep.equal(['errors: NoData Success NoData'])
    lab.end(20)
    lab.clock.advance(10_000)
    expect(lab.state()).to.equal('Successful')
  })

  it('nothing of another rollout of the swarm, whose runs have the same names', () => {
    const lab = laboratory()
    lab.follow([{ run: RUN, metrics: [metric()] }])
    lab.end(0, 20)
    const stored = [{ ...lab.look().metrics[0], name: 'other' }] as MetricStatus[]
    expect(lab.analyst.look(KEY, { uid: 'u2', stored })).to.deep.equal({ checks: [], metrics: stored })
    expect(lab.clock.timers).to.equal(0)
    lab.follow([{ run: RUN, metrics: [metric()] }], { uid: 'u2', stored })
    const { checks, metrics } = lab.analyst.look(KEY, { uid: 'u2', stored })
    expect(checks[0]?.verdict.state).to.equal('Running')
    expect(metrics.map(({ name, failed }) => [name, failed])).to.deep.equal([
      ['errors', 0],
      ['other', 1],
    ])
  })

  it('a change of another metric; one that is changed itself begins anew', () => {
    const lab = laboratory()
    lab.follow([{ run: RUN, metrics: [metric({ name: 'a' }), metric({ name: 'b' })] }])
    lab.end(20)
    lab.clock.advance(10_000)
    lab.follow([{ run: RUN, metrics: [metric({ name: 'a' }), metric({ name: 'b', count: 3 })] }])
    lab.clock.advance(1_000)
    expect(results(lab.look())).to.deep.equal(['a: NoData Success', 'b: Success'])
  })

  it('nothing of another run: its samples and successes are its own', () => {
    const lab = laboratory()
    lab.follow([{ run: RUN, metrics: [metric()] }])
    lab.end(20)
    lab.clock.advance(20_000)
    expect(lab.state()).to.equal('Successful')
    lab.follow([{ run: '1.0/4', metrics: [metric()] }])
    expect(lab.state('1.0/4')).to.equal('Running')
    expect(results(lab.look())).to.deep.equal(['errors: NoData', 'errors: NoData Success Success'])
  })

  it('attempts are counted over the steps of one rollout, also without a check, and anew in the next one', () => {
    const lab = laboratory()
    lab.follow([], { counted: { new: { samples: 3, failed: 1 } } })
    lab.end(8, 2)
    lab.follow([{ run: RUN, metrics: [metric()] }])
    lab.end(90, 10, 'old')
    expect(lab.analyst.counts(KEY)).to.deep.equal({ old: { samples: 100, failed: 10 }, new: { samples: 13, failed: 3 } })
    lab.follow([], { attempt: 2, target: 'newer' })
    expect(lab.analyst.counts(KEY)).to.deep.equal({ old: { samples: 0, failed: 0 }, newer: { samples: 0, failed: 0 } })
  })

  it('32 metrics, the present ones first and then those that ended last', () => {
    const lab = laboratory()
    const metrics = Array.from({ length: 16 }, (_, i) => metric({ name: `m${i}` }))
    for (const run of ['1.0/1', '1.0/2', '1.0/3']) lab.follow([{ run, metrics }])
    lab.follow([{ run: '1.0/4', metrics: [metric()] }])
    const runs = lab.look().metrics.map(({ run }) => run)
    expect(runs).to.deep.equal(['1.0/4', ...Array<string>(16).fill('1.0/3'), ...Array<string>(15).fill('1.0/2')])
  })
})

describe('sources outside', () => {
  it('are asked when they are due, one request at a time, and what they say wakes', async () => {
    const lab = laboratory()
    lab.follow([{ run: RUN, metrics: [external()] }])
    lab.look()
    expect(lab.asked.length).to.equal(1)
    lab.clock.advance(60_000)
    expect(lab.asked.length).to.equal(1)
    const { wakes } = lab
    lab.asked[0]?.answer({ result: 'Failure', message: 'no' })
    await settled()
    expect(lab.wakes).to.equal(wakes + 1)
    expect(lab.state()).to.equal('Failed')
    expect(lab.clock.timers).to.equal(0)
  })

  it('are not asked again after the success of a step, but all the time in the background', async () => {
    for (const [run, times] of [
      ['1.0/2', 1],
      ['1.0/background', 2],
    ] as const) {
      const lab = laboratory()
      lab.follow([{ run, metrics: [external({ count: 1 }), metric()] }])
      lab.asked[0]?.answer({ result: 'Success' })
      await settled()
      lab.clock.advance(10_000)
      expect(lab.asked.length, run).to.equal(times)
    }
  })

  it('are given up when nobody asks any more', async () => {
    const lab = laboratory()
    lab.follow([{ run: RUN, metrics: [external({ name: 'a' }), external({ name: 'b' }), external({ name: 'c' })] }])
    const aborted = () => lab.asked.map(({ signal }) => signal.aborted)
    lab.follow([{ run: RUN, metrics: [external({ name: 'a' }), external({ name: 'b', count: 7 })] }])
    expect(aborted()).to.deep.equal([false, true, true, false])
    lab.follow([])
    expect(aborted()).to.deep.equal([true, true, true, true])
    for (const { answer } of lab.asked) answer({ result: 'Failure' })
    await settled()
    expect(lab.measured).to.deep.equal([])
  })

  it('are given up when the swarm is forgotten, and when all ends', () => {
    const lab = laboratory()
    lab.follow([{ run: RUN, metrics: [external(), metric()] }])
    lab.analyst.forget(KEY)
    expect([lab.asked[0]?.signal.aborted, lab.clock.timers]).to.deep.equal([true, 0])
    lab.follow([{ run: RUN, metrics: [external(), metric()] }])
    lab.analyst.stop()
    expect([lab.asked[1]?.signal.aborted, lab.clock.timers]).to.deep.equal([true, 0])
  })

  it('are asked so many at once, the others in turn', async () => {
    const lab = laboratory()
    for (const run of ['1.0/1', '1.0/background'])
      lab.analyst.follow(`team/${run}`, {
        uid: 'u1',
        rollout: ROLLOUT,
        swarm: 'words',
        target: 'new',
        stable: 'old',
        attempt: 1,
        stored: [],
        checks: [{ run, metrics: Array.from({ length: 10 }, (_, i) => external({ name: `m${i}` })) }],
      })
    expect(lab.asked.length).to.equal(16)
    lab.asked[0]?.answer({ result: 'Success' })
    await settled()
    expect(lab.asked.length).to.equal(17)
    lab.analyst.forget('team/1.0/1')
    await settled()
    expect(lab.asked.length).to.equal(20)
  })

  it('cannot break the operator', async () => {
    const clock = new HandClock()
    const analyst = new Analyst({
      now: clock.now,
      after: clock.after,
      wake: () => undefined,
      isHeard: () => true,
      measure: async () => Promise.reject(new TypeError('oh no')),
      warmUp: async () => Promise.reject(new TypeError('oh no')),
      onMeasured: () => undefined,
      log: Object.assign(createLog(), { silent: true }),
    })
    const warmUp = { input: '1', tasks: 1, concurrency: 1 }
    const checks = [
      { run: RUN, metrics: [external()] },
      { run: '1.0/1', warmUp },
    ]
    analyst.follow(KEY, { uid: 'u1', rollout: ROLLOUT, swarm: 'words', target: 'new', stable: 'old', attempt: 1, stored: [], checks })
    await settled()
    const { checks: seen } = analyst.look(KEY, { uid: 'u1', stored: [] })
    expect(seen.map(({ verdict }) => verdict.state)).to.deep.equal(['Running', 'Error'])
    expect(seen[0]?.verdict.message).to.contain('the operator made a mistake')
  })
})

describe('a warm-up', () => {
  const warmUp = { input: '1', tasks: 3, concurrency: 2 }

  it('tells how far it is, and wakes when it has ended', async () => {
    const lab = laboratory()
    lab.follow([{ run: RUN, warmUp }])
    lab.warmed[0]?.done(1)
    expect(lab.look().checks).to.deep.equal([{ run: RUN, verdict: { state: 'Running', message: '1 of 3 warm-up tasks were done' } }])
    lab.follow([{ run: RUN, warmUp: { ...warmUp } }])
    expect([lab.warmed.length, lab.wakes]).to.deep.equal([1, 0])
    lab.warmed[0]?.end({ state: 'Successful', message: 'done' })
    await settled()
    expect([lab.state(), lab.wakes]).to.deep.equal(['Successful', 1])
  })

  it('is given up when nobody asks any more, and begins anew when it is another one', async () => {
    const lab = laboratory()
    lab.follow([{ run: RUN, warmUp }])
    lab.follow([{ run: RUN, warmUp: { ...warmUp, tasks: 4 } }])
    expect(lab.warmed.map(({ signal }) => signal.aborted)).to.deep.equal([true, false])
    lab.warmed[0]?.end({ state: 'Successful', message: 'late' })
    await settled()
    expect(lab.state()).to.equal('Running')
    lab.follow([])
    expect(lab.warmed[1]?.signal.aborted).to.equal(true)
  })
})

describe('whatever happens', () => {
  it('a status is valid, and nothing succeeds that was not measured often enough', () => {
    const action = fc.oneof(
      fc.record({ do: fc.constant('end' as const), done: fc.nat(20), failed: fc.nat(3), revision: fc.constantFrom('new', 'old', 'x') }),
      fc.record({ do: fc.constant('wait' as const), ms: fc.nat(5_000) }),
      fc.record({ do: fc.constant('look' as const) }),
      fc.record({ do: fc.constant('follow' as const), step: fc.nat(3), interval: fc.constantFrom('250ms', '1s') }),
      fc.record({ do: fc.constant('lose' as const), isHeard: fc.boolean() }),
    )
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
        const lab = laboratory()
        lab.follow([])
        for (const one of actions) {
          if (one.do === 'end') lab.end(one.done, one.failed, one.revision)
          else if (one.do === 'wait') lab.clock.advance(one.ms)
          else if (one.do === 'follow')
            lab.follow([{ run: `1.0/${one.step}`, metrics: [metric({ interval: one.interval, window: '2s', noDataTimeout: '3s' })] }])
          else if (one.do === 'lose') lab.isHeard = one.isHeard
          const { checks, metrics } = lab.look()
          expect(Check(RolloutStatus, { observedGeneration: 1, metrics: JSON.parse(JSON.stringify(metrics)) as unknown })).to.equal(true)
          for (const { verdict } of checks)
            if (verdict.state === 'Successful') expect(lab.measured.filter((text) => text.endsWith('Success')).length).to.be.at.least(2)
        }
        lab.analyst.stop()
        expect(lab.clock.timers).to.equal(0)
      }),
    )
  })
})
