import { describe, it } from 'mocha'
import { expect } from 'chai'
import { isNews, nextHealth, pauseMs, Prober } from './prober.ts'
import type { Health } from './plan.ts'

const failing = (failures: number, outcome: Health['outcome'] = 'no-answer'): Health => ({ outcome, failures, sinceMs: 0 })
const ready: Health = { outcome: 'ready', failures: 0, sinceMs: 0 }

describe('health of an agent', () => {
  it('counts failures in a row from the first one', () => {
    const first = nextHealth(ready, 'no-answer', 10)
    expect(first).to.deep.equal({ outcome: 'no-answer', failures: 1, sinceMs: 10 })
    expect(nextHealth(first, 'not-listening', 20)).to.deep.equal({ outcome: 'not-listening', failures: 2, sinceMs: 10 })
  })

  it('keeps since when it is ready', () => {
    const first = nextHealth(failing(7), 'ready', 10)
    expect(nextHealth(first, 'ready', 20)).to.deep.equal({ outcome: 'ready', failures: 0, sinceMs: 10 })
  })

  it('is looked at again and again within the first interval, and nothing counts as a failure meanwhile', async () => {
    const outcomes: Health['outcome'][] = ['not-listening', 'no-answer', 'unhealthy', 'ready']
    const prober = new Prober({ onChange: () => undefined, onError: () => undefined, now: () => 7, chance: () => 0.5 })
    const check = () => Promise.resolve(outcomes.shift() ?? 'no-answer')
    prober.watch({ uid: 'a', key: 'default/a', intervalMs: 60_000, failureThreshold: 3, check })
    expect(await prober.becomesReady('a', 1_500, new AbortController().signal)).to.deep.equal({ outcome: 'ready', failures: 0, sinceMs: 7 })
    prober.stop()
  })

  it('is not known by a check that throws: that is told, and the agent is checked again', async () => {
    const told: unknown[] = []
    const prober = new Prober({
      onChange: () => undefined,
      onError: (key, error) => told.push([key, error]),
      now: () => 7,
      chance: () => 0.5,
    })
    const mistake = new TypeError('a mistake of ours')
    let checks = 0
    const check = () => (++checks === 1 ? Promise.reject(mistake) : Promise.resolve('ready' as const))
    prober.watch({ uid: 'a', key: 'default/a', intervalMs: 1, failureThreshold: 1, check })
    expect(await prober.becomesReady('a', 1_500, new AbortController().signal)).to.deep.equal({ outcome: 'ready', failures: 0, sinceMs: 7 })
    expect(told).to.deep.equal([['default/a', mistake]])
    prober.stop()
  })

  const pauses: Record<string, { health: Health; watched?: number; chance?: number; want: number }> = {
    'a second when it is ready': { health: ready, want: 1_000 },
    'longer when many are checked': { health: ready, watched: 100, want: 2_000 },
    'a little less by chance': { health: ready, chance: 0, want: 900 },
    'its interval while it fails': { health: failing(40), want: 250 },
    'longer when it has failed for long': { health: failing(41), want: 2_000 },
  }
  for (const [name, { health, watched = 1, chance = 0.5, want }] of Object.entries(pauses))
    it(`rests until the next check: ${name}`, () => expect(pauseMs({ health, intervalMs: 250, watched, chance })).to.equal(want))

  const cases: Record<string, { before?: Health; after: Health; want: boolean }> = {
    'the first ready check': { after: ready, want: true },
    'one more ready check': { before: ready, after: ready, want: false },
    'ready again': { before: failing(1), after: ready, want: true },
    'one failure': { before: ready, after: failing(1), want: false },
    'as many failures as make it down': { before: failing(2), after: failing(3), want: true },
    'one more failure after that': { before: failing(3), after: failing(4), want: false },
    'another kind of failure after that': { before: failing(4), after: failing(5, 'not-listening'), want: true },
    'the tenth failure': { before: failing(9), after: failing(10), want: true },
    'a sandbox that is gone, at once': { before: ready, after: failing(1, 'sandbox-gone'), want: true },
  }
  for (const [name, c] of Object.entries(cases)) it(`news or not: ${name}`, () => expect(isNews(c.before, c.after, 3)).to.equal(c.want))
})
