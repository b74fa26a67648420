import { describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import { shareOf, type Queue } from './share.ts'

const queue: Queue = {
  queued: 17,
  shared: [
    { groups: ['momentum', 'pairs'], queued: 4 },
    { groups: ['momentum', 'pairs', 'lead'], queued: 6 },
    { groups: ['momentum', 'pairs'], queued: 2 },
  ],
}

describe('the share of a group in tasks that several could take', () => {
  const cases: Record<string, { growing: string[]; want: number }> = {
    'is all of them where no other group grows': { growing: [], want: 17 },
    'is half of those that one other group grows for': { growing: ['pairs'], want: 5 + 3 + 3 },
    'is an equal part among all that grow': { growing: ['pairs', 'lead', 'pairs-too'], want: 5 + 3 + 2 },
  }
  for (const [name, { growing, want }] of Object.entries(cases)) it(name, () => expect(shareOf(queue, 'momentum', growing)).to.equal(want))

  it('is all of a swarm without groups', () => expect(shareOf({ queued: 3, shared: [] }, '', [])).to.equal(3))

  it('adds up to every task once, when all groups grow', () => {
    const groups = ['a', 'b', 'c', 'd']
    const set = fc.record({ groups: fc.subarray(groups, { minLength: 1 }), queued: fc.nat(1_000) })
    fc.assert(
      fc.property(fc.array(set, { maxLength: 8 }), (sets) => {
        const shares = groups.map((group) => {
          const own = sets.filter((each) => each.groups.includes(group))
          const queued = own.reduce((sum, each) => sum + each.queued, 0)
          return shareOf({ queued, shared: own.filter((each) => each.groups.length > 1) }, group, groups)
        })
        const all = sets.reduce((sum, each) => sum + each.queued, 0)
        expect(shares.reduce((sum, share) => sum + share, 0)).to.be.closeTo(all, 1e-6)
      }),
    )
  })
})
