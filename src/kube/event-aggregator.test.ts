import { describe, it } from 'mocha'
import { expect } from 'chai'
import { EventAggregator } from './event-aggregator.ts'
import type { KubeObject } from './objects.ts'

const LIMITS = { burst: 3, refillMs: 1_000, maxSeries: 100, maxQueued: 5 }
const object = (name: string): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Thing',
  metadata: { name, namespace: 'ns', uid: `uid-${name}`, resourceVersion: '1' },
})
const happening = (message: string) => ({ type: 'Normal', reason: 'Tested', message }) as const

describe('event aggregation', () => {
  it('writes once what happens often before the write, with its count', () => {
    const events = new EventAggregator(LIMITS)
    for (let ms = 0; ms < 10; ms += 1) expect(events.add(object('a'), happening('x'), ms)).to.equal('queued')
    const { count, written, firstMs, lastMs } = events.take() ?? {}
    expect({ count, written, firstMs, lastMs, queued: events.queued }).to.deep.equal({
      count: 10,
      written: 0,
      firstMs: 0,
      lastMs: 9,
      queued: 0,
    })
  })

  it('continues the same series after the write, and keeps other objects and messages apart', () => {
    const events = new EventAggregator(LIMITS)
    events.add(object('a'), happening('x'), 0)
    const first = events.take()
    events.add(object('a'), happening('x'), 5)
    expect(events.take()).to.equal(first)
    events.add(object('a'), happening('y'), 5)
    events.add(object('b'), happening('x'), 5)
    const names = [first, events.take(), events.take()].map((series) => series?.name)
    expect(new Set(names).size).to.equal(3)
  })

  it('gives the same name to the same happening in another process', () => {
    const names = [1, 2].map((ms) => {
      const events = new EventAggregator(LIMITS)
      events.add(object('a'), happening('x'), ms)
      return events.take()?.name
    })
    expect(names[0]).to.match(/^a\.[0-9a-f]{16}$/)
    expect(names[0]).to.equal(names[1])
  })

  it('slows a chatty object down without hurting another, and counts what it did not write', () => {
    const events = new EventAggregator(LIMITS)
    const say = (name: string, message: string, ms: number) => {
      const outcome = events.add(object(name), happening(message), ms)
      return [outcome, events.take()?.count]
    }
    expect([0, 1, 2, 3].map((ms) => say('a', 'x', ms))).to.deep.equal([
      ['queued', 1],
      ['queued', 2],
      ['queued', 3],
      ['rateLimited', undefined],
    ])
    expect(say('b', 'x', 4)).to.deep.equal(['queued', 1])
    expect(say('a', 'x', 1_100)).to.deep.equal(['queued', 5])
  })

  it('drops rather than grows when writing does not keep up', () => {
    const events = new EventAggregator(LIMITS)
    const outcomes = Array.from({ length: 7 }, (_, i) => events.add(object(`o${i}`), happening('x'), 0))
    expect(outcomes).to.deep.equal([...Array.from({ length: 5 }, () => 'queued'), 'queueFull', 'queueFull'])
  })
})
