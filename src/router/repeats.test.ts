import { describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import { MAX_REPEATS, MAX_REPEAT_BYTES, REPEAT_MS } from './limits.ts'
import { Repeats } from './repeats.ts'

type Task = { readonly name: string }
const done = (repeats: Repeats<Task, string>, key: string, end: { bytes?: number; atMs?: number } = {}) => {
  const task = { name: key }
  repeats.begin(key, 'f', task)
  repeats.keep(key, task, `answer of ${key}`, { bytes: end.bytes ?? 10, atMs: end.atMs ?? 0 })
}
const find = (repeats: Repeats<Task, string>, key: string, nowMs = 0) => {
  const known = repeats.find(key, 'f', nowMs)
  return known?.kind === 'Ended' ? known.answer : known?.kind === 'Running' ? known.task.name : known?.kind
}

describe('repeats of a task', () => {
  it('are unknown before it, join it while it runs, and get its answer when it has ended', () => {
    const repeats = new Repeats<Task, string>()
    expect(find(repeats, 'k')).to.equal(undefined)
    const task = { name: 'first' }
    repeats.begin('k', 'f', task)
    expect(repeats.find('k', 'f', 0)).to.deep.equal({ kind: 'Running', task })
    repeats.keep('k', task, 'well', { bytes: 4, atMs: 5 })
    expect(repeats.find('k', 'f', 5)).to.deep.equal({ kind: 'Ended', answer: 'well' })
    expect(find(repeats, 'other')).to.equal(undefined)
  })

  it('are no repeats when they ask for something else', () => {
    const repeats = new Repeats<Task, string>()
    repeats.begin('k', 'f', { name: 'first' })
    expect(repeats.find('k', 'g', 0)?.kind).to.equal('Reused')
    done(repeats, 'ended')
    expect(repeats.find('ended', 'g', 0)?.kind).to.equal('Reused')
  })

  it('are done anew after an end that is to be tried again', () => {
    const repeats = new Repeats<Task, string>()
    const task = { name: 'first' }
    repeats.begin('k', 'f', task)
    expect(repeats.drop('k', task)).to.equal(true)
    expect(find(repeats, 'k')).to.equal(undefined)
    expect(repeats.drop('k', task)).to.equal(false)
  })

  it('are forgotten with the swarm, and the end of a task from before is not taken for that of a newer one', () => {
    const repeats = new Repeats<Task, string>()
    const old = { name: 'old' }
    repeats.begin('s\nk', 'f', old)
    done(repeats, 's\nended')
    done(repeats, 'other\nended')
    repeats.forget('s\n')
    expect([find(repeats, 's\nk'), find(repeats, 's\nended')]).to.deep.equal([undefined, undefined])
    expect(find(repeats, 'other\nended')).to.equal('answer of other\nended')
    repeats.begin('s\nk', 'g', { name: 'new' })
    repeats.keep('s\nk', old, 'late', { bytes: 4, atMs: 0 })
    expect(repeats.find('s\nk', 'g', 0)).to.deep.equal({ kind: 'Running', task: { name: 'new' } })
  })

  it('are forgotten in time', () => {
    const repeats = new Repeats<Task, string>()
    done(repeats, 'k', { atMs: 1_000 })
    expect(find(repeats, 'k', 999 + REPEAT_MS)).to.equal('answer of k')
    expect(find(repeats, 'k', 1_000 + REPEAT_MS)).to.equal(undefined)
    expect([repeats.size, repeats.bytes]).to.deep.equal([0, 0])
  })

  it('are bounded in number', () => {
    const repeats = new Repeats<Task, string>()
    for (let i = 0; i < MAX_REPEATS + 3; i++) done(repeats, `k${i}`)
    expect(repeats.size).to.equal(MAX_REPEATS)
    expect([find(repeats, 'k2'), find(repeats, 'k3')]).to.deep.equal([undefined, 'answer of k3'])
  })

  it('are bounded in bytes, and count them right whatever happens', () => {
    const size = fc.integer({ min: 0, max: MAX_REPEAT_BYTES + 1 })
    const step = fc.record({
      key: fc.constantFrom('a', 'b', 'c', 'd'),
      bytes: fc.oneof(size, fc.nat(1_000)),
      laterMs: fc.nat(REPEAT_MS / 2),
    })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const repeats = new Repeats<Task, string>()
        let nowMs = 0
        for (const { key, bytes, laterMs } of steps) {
          nowMs += laterMs
          if (!repeats.find(key, 'f', nowMs)) done(repeats, key, { bytes, atMs: nowMs })
          expect(repeats.bytes).to.be.within(0, MAX_REPEAT_BYTES)
          expect(repeats.bytes === 0).to.equal(repeats.size === 0)
        }
        repeats.find('a', 'f', nowMs + REPEAT_MS)
        expect([repeats.size, repeats.bytes]).to.deep.equal([0, 0])
      }),
    )
  })
})
