import { describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import { Mirroring } from './mirroring.ts'

const mirroring = (percent: number) => new Mirroring({ run: '1', revision: 'r2', percent })
const chosen = (of: Mirroring, tasks: number) => Array.from({ length: tasks }, () => of.next())
const count = (list: readonly boolean[]) => list.filter(Boolean).length

describe('the tasks that are done a second time', () => {
  it('are exactly as many of each hundred as the percentage says, and never two more than evenly spread ones would be', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 100 }), fc.integer({ min: 0, max: 300 }), (percent, tasks) => {
        const list = chosen(mirroring(percent), 300)
        expect([count(list.slice(0, 100)), count(list.slice(100, 200))]).to.deep.equal([percent, percent])
        expect(Math.abs(count(list.slice(0, tasks)) - (tasks * percent) / 100)).to.be.below(1)
      }),
    )
  })

  it('follow another percentage at once, without losing what is counted', () => {
    const one = mirroring(50)
    one.count('Same')
    one.count('Dropped')
    expect(count(chosen(one, 10))).to.equal(5)
    one.settings = { ...one.settings, percent: 100 }
    expect(count(chosen(one, 10))).to.equal(10)
    expect(one.counts).to.deep.equal({ same: 1, different: 0, failed: 0, dropped: 1 })
  })
})
