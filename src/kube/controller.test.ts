import { describe, it } from 'mocha'
import { expect } from 'chai'
import { Writable } from 'node:stream'
import { createLogger, transports } from 'winston'
import { StalledError, TransientError, WaitingError } from '../errors.ts'
import { Controller, type Reconcile } from './controller.ts'

function setup(reconcile: Reconcile, more: { concurrency?: number; timeoutMs?: number } = {}) {
  const logged: string[] = []
  const stream = new Writable({
    objectMode: true,
    write(entry: { message: string }, _encoding, done) {
      logged.push(entry.message)
      done()
    },
  })
  const log = createLogger({ level: 'info', transports: [new transports.Stream({ stream })] })
  const controller = new Controller({ name: 'test', concurrency: 2, reconcile, log, retryMs: { first: 1, longest: 2 }, ...more })
  return { controller, logged }
}

/** Runs a controller whose n-th pass over `a` does what the n-th outcome says, until all outcomes were used. */
async function passes(outcomes: readonly (Error | { requeueAfterMs?: number } | undefined)[]): Promise<{ count: number; delayed: number }> {
  let count = 0
  const { promise, resolve } = Promise.withResolvers<void>()
  const { controller } = setup(async () => {
    const outcome = outcomes[count]
    count += 1
    if (count >= outcomes.length) queueMicrotask(resolve)
    await Promise.resolve()
    if (outcome instanceof Error) throw outcome
    return outcome
  })
  controller.enqueue('a')
  controller.start()
  await promise
  while (controller.queue.running > 0) await new Promise((next) => setImmediate(next))
  const { delayed } = controller.queue
  await controller.stop()
  return { count, delayed }
}

describe('controller', () => {
  it('tries again after a transient error and after a bug', async () => {
    expect(await passes([new TransientError('Broke', 'x'), new TypeError('bug'), undefined])).to.deep.equal({ count: 3, delayed: 0 })
  })

  it('comes back when the error or the result says so', async () => {
    expect(await passes([new WaitingError('Quota', 'x', 1), { requeueAfterMs: 1 }, { requeueAfterMs: 60_000 }])).to.deep.equal({
      count: 3,
      delayed: 1,
    })
  })

  it('leaves a stalled object alone until something changes', async () => {
    expect(await passes([new StalledError('Invalid', 'x')])).to.deep.equal({ count: 1, delayed: 0 })
  })

  it('runs as many keys at once as it may, and a key never twice', async () => {
    const running = new Set<string>()
    let most = 0
    let left = 6
    const { promise, resolve } = Promise.withResolvers<void>()
    const { controller } = setup(async (key) => {
      expect(running.has(key)).to.equal(false)
      running.add(key)
      most = Math.max(most, running.size)
      controller.enqueue(key)
      await new Promise((next) => setImmediate(next))
      running.delete(key)
      left -= 1
      if (left === 0) resolve()
    })
    for (const key of ['a', 'b', 'c']) controller.enqueue(key)
    controller.start()
    await promise
    await controller.stop()
    expect(most).to.equal(2)
  })

  it('ends the signal of a pass that takes too long, and tries again', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    let count = 0
    const { controller, logged } = setup(
      async (_key, signal) => {
        count += 1
        if (count === 2) return resolve()
        await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)))
      },
      { timeoutMs: 5 },
    )
    controller.enqueue('a')
    controller.start()
    await promise
    await controller.stop()
    expect(logged).to.deep.equal(['pass failed'])
  })

  it('waits for running passes when stopped, and then ends their signals without calling it a failure', async () => {
    const { promise: began, resolve: begin } = Promise.withResolvers<void>()
    const ends: string[] = []
    const { controller, logged } = setup(async (key, signal) => {
      begin()
      await new Promise<void>((resolve, reject) => {
        if (key === 'quick') setImmediate(resolve)
        else signal.addEventListener('abort', () => reject(signal.reason as Error))
      }).finally(() => ends.push(key))
    })
    controller.enqueue('slow')
    controller.enqueue('quick')
    controller.enqueue('never begun')
    controller.start()
    await began
    await controller.stop(10)
    expect({ ends, logged }).to.deep.equal({ ends: ['quick', 'slow'], logged: [] })
  })
})
