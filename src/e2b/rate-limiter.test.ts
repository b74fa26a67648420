import { expect } from 'chai'
import { describe, it } from 'mocha'
import { HandClock, settled } from '../../test/support/hand-clock.ts'
import { Gate, type Turn, type Wait } from './rate-limiter.ts'

const WAIT: Wait = { maxWaitMs: 10_000 }

/** Enters several callers, and tells who got through and who was sent away, in the order in which that happened. */
function crowd(gate: Gate) {
  const log: string[] = []
  const enter = (name: string, wait: Wait = WAIT) => {
    void Promise.resolve(gate.enter(wait)).then((turn: Turn) => log.push(turn.granted ? name : `${name}:${turn.why}:${turn.retryAfterMs}`))
    return settled()
  }
  return { log, enter, take: () => log.splice(0) }
}

describe('Gate', () => {
  it('lets everybody through at once without a rate', async () => {
    const { enter, take } = crowd(new Gate({ ratePerSecond: 0, clock: new HandClock(1_000_000) }))
    for (let i = 0; i < 500; i++) void enter(String(i))
    await settled()
    expect(take()).to.have.length(500)
  })

  it('lets a burst through, then one after the other at the rate, in the order in which they came', async () => {
    const clock = new HandClock(1_000_000)
    const { enter, take } = crowd(new Gate({ ratePerSecond: 2, clock }))
    for (const name of 'abcdef') await enter(name)
    expect(take()).to.deep.equal(['a', 'b'])
    await clock.turnSlowly(500)
    expect(take()).to.deep.equal(['c'])
    await clock.turnSlowly(999)
    expect(take()).to.deep.equal(['d'])
    await clock.turnSlowly(1)
    expect(take()).to.deep.equal(['e'])
    await clock.turnSlowly(500)
    expect(take()).to.deep.equal(['f'])
    expect(clock.pending).to.equal(0)
  })

  it('saves up no more than the burst', async () => {
    const clock = new HandClock(1_000_000)
    const { enter, take } = crowd(new Gate({ ratePerSecond: 2, clock }))
    await clock.turnSlowly(3_600_000)
    for (const name of 'abc') await enter(name)
    expect(take()).to.deep.equal(['a', 'b'])
  })

  it('sends somebody away at once whose wait would be too long, and tells when to come back', async () => {
    const clock = new HandClock(1_000_000)
    const { enter, take } = crowd(new Gate({ ratePerSecond: 1, clock }))
    for (const name of 'abc') await enter(name, { maxWaitMs: 1_500 })
    expect(take()).to.deep.equal(['a', 'c:too-long:2000'])
    await clock.turnSlowly(1_000)
    expect(take()).to.deep.equal(['b'])
  })

  it('lets go of somebody who gives up, and the next takes the turn', async () => {
    const clock = new HandClock(1_000_000)
    const { enter, take } = crowd(new Gate({ ratePerSecond: 1, clock }))
    const controller = new AbortController()
    await enter('a')
    await enter('b', { ...WAIT, signal: controller.signal })
    await enter('c')
    controller.abort()
    await settled()
    expect(take()).to.deep.equal(['a', 'b:aborted:0'])
    await clock.turnSlowly(1_000)
    expect(take()).to.deep.equal(['c'])
  })

  it('does not begin to wait under a signal that has ended', async () => {
    const { enter, take } = crowd(new Gate({ ratePerSecond: 0, clock: new HandClock(1_000_000) }))
    await enter('a', { ...WAIT, signal: AbortSignal.abort() })
    expect(take()).to.deep.equal(['a:aborted:0'])
  })

  it('puts one who must go again before the others', async () => {
    const clock = new HandClock(1_000_000)
    const { enter, take } = crowd(new Gate({ ratePerSecond: 1, clock }))
    for (const name of 'abc') await enter(name)
    await enter('a again', { ...WAIT, isFirst: true })
    await clock.turnSlowly(1_000)
    expect(take()).to.deep.equal(['a', 'a again'])
  })

  it('lets one go first after a pause, and twice as many after each success', async () => {
    const clock = new HandClock(1_000_000)
    const gate = new Gate({ ratePerSecond: 0, clock })
    const { enter, take } = crowd(gate)
    await enter('refused')
    gate.pause(2_000)
    gate.done(false)
    for (const name of 'abcdefg') await enter(name)
    expect(take()).to.deep.equal(['refused'])
    await clock.turnSlowly(2_000)
    expect(take()).to.deep.equal(['a'])
    gate.done(true)
    await settled()
    expect(take()).to.deep.equal(['b', 'c'])
    gate.done(true)
    await settled()
    expect(take()).to.deep.equal(['d', 'e', 'f'])
  })

  it('stays with one at a time while there is no success', async () => {
    const clock = new HandClock(1_000_000)
    const gate = new Gate({ ratePerSecond: 0, clock })
    const { enter, take } = crowd(gate)
    gate.pause(1_000)
    for (const name of 'abc') await enter(name)
    await clock.turnSlowly(1_000)
    gate.done(false)
    await settled()
    expect(take()).to.deep.equal(['a', 'b'])
  })

  it('ends a pause early when there is reason to', async () => {
    const clock = new HandClock(1_000_000)
    const gate = new Gate({ ratePerSecond: 0, clock })
    const { enter, take } = crowd(gate)
    gate.pause(5_000)
    expect(gate.pausedUntilMs).to.equal(clock.now() + 5_000)
    await enter('a')
    gate.resume()
    await settled()
    expect([take(), gate.pausedUntilMs]).to.deep.equal([['a'], undefined])
  })

  it('never shortens a pause by another one', () => {
    const clock = new HandClock(1_000_000)
    const gate = new Gate({ ratePerSecond: 0, clock })
    gate.pause(5_000)
    gate.pause(1_000)
    expect(gate.pausedUntilMs).to.equal(clock.now() + 5_000)
  })

  it('sends away all who wait', async () => {
    const clock = new HandClock(1_000_000)
    const gate = new Gate({ ratePerSecond: 0, clock })
    const { enter, take } = crowd(gate)
    gate.pause(5_000)
    await enter('a')
    await enter('b')
    gate.refuseWaiting()
    await settled()
    expect([take(), gate.waiting, clock.pending]).to.deep.equal([['a:closed:5000', 'b:closed:5000'], 0, 0])
  })

  it('sends somebody away when a pause outlasts the wait', async () => {
    const clock = new HandClock(1_000_000)
    const gate = new Gate({ ratePerSecond: 1, clock })
    const { enter, take } = crowd(gate)
    await enter('a')
    await enter('b', { maxWaitMs: 3_000 })
    gate.pause(60_000)
    await clock.turnSlowly(3_000)
    expect(take()).to.deep.equal(['a', 'b:too-long:57000'])
  })
})
