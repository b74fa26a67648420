import { describe, it } from 'mocha'
import { expect } from 'chai'
import { NamespaceLimits } from './namespace-limits.ts'

describe('limits of namespaces', () => {
  let nowMs = 0
  const limits = (maxInFlight: number | undefined, perSecond: number | undefined) =>
    new NamespaceLimits({ maxInFlightPerNamespace: maxInFlight, tasksPerSecondPerNamespace: perSecond }, () => nowMs)
  const enter = (of: NamespaceLimits, ...namespaces: readonly string[]) =>
    namespaces.map((namespace) => {
      const problem = of.enter(namespace)
      return problem ? [problem.code, problem.fields.retryAfterSeconds] : 'in'
    })

  it('let a namespace have so many tasks at once, whatever others do', () => {
    const both = limits(2, undefined)
    expect(enter(both, 'a', 'a', 'a', 'b')).to.deep.equal(['in', 'in', ['NamespaceFull', 1], 'in'])
    both.leave('a')
    expect(enter(both, 'a', 'a')).to.deep.equal(['in', ['NamespaceFull', 1]])
  })

  it('let it send so many a second, and say when to come again', () => {
    nowMs = 0
    const slow = limits(undefined, 0.5)
    expect(enter(slow, 'a', 'a', 'b')).to.deep.equal(['in', ['NamespaceTooFast', 2], 'in'])
    nowMs = 1_500
    expect(enter(slow, 'a')).to.deep.equal([['NamespaceTooFast', 1]])
    nowMs = 2_000
    expect(enter(slow, 'a')).to.deep.equal(['in'])
  })

  it('count no task that they refuse', () => {
    nowMs = 0
    const strict = limits(1, 10)
    enter(strict, ...Array.from({ length: 50 }, () => 'a'))
    expect([...strict.open()]).to.deep.equal([['a', 1]])
    strict.leave('a')
    // The refusals have used up nothing of the rate either.
    for (let i = 0; i < 9; i++) {
      expect(enter(strict, 'a')).to.deep.equal(['in'])
      strict.leave('a')
    }
    expect(enter(strict, 'a')).to.deep.equal([['NamespaceTooFast', 1]])
  })

  it('let everybody in where there are none, and keep nothing', () => {
    const none = limits(undefined, undefined)
    expect(enter(none, ...Array.from({ length: 50 }, () => 'a'))).to.deep.equal(Array.from({ length: 50 }, () => 'in'))
    expect([...none.open()]).to.deep.equal([])
    none.leave('a')
    expect([...none.open()]).to.deep.equal([])
  })

  it('keep nothing of namespaces that are at rest', () => {
    nowMs = 0
    const many = limits(10, 10)
    for (let i = 0; i < 10_000; i++) {
      nowMs += 10
      many.enter(`n-${i}`)
      many.leave(`n-${i}`)
    }
    expect([...many.open()].length).to.be.at.most(11)
  })
})
