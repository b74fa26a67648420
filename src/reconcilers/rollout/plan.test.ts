import { describe, it } from 'mocha'
import { expect } from 'chai'
import { sizesFor } from '../../rollouts/sizes.ts'
import { countReady, groupsOfUnits, unitsOf } from './plan.ts'

const GROUPS = [
  { name: 'lead', replicas: 1 },
  { name: 'work', replicas: 4 },
]
const RING = [{ name: '', replicas: 3 }]
const agent = (group: string, place: number, revision = 'r1') => ({ group, place, revision })

describe('the agents that a rollout counts', () => {
  it('are counted by group', () => {
    expect(unitsOf(GROUPS, false)).to.deep.equal(GROUPS)
    expect(groupsOfUnits(GROUPS, false)).to.deep.equal(GROUPS)
    expect(countReady([agent('work', 0), agent('work', 1), agent('work', 0, 'r2')], false)).to.deep.equal({
      r1: { work: 2 },
      r2: { work: 1 },
    })
  })

  it('are counted by place where each place is a stage, so that two in one place are not two stages', () => {
    expect(unitsOf(RING, true)).to.deep.equal([
      { name: '/0', replicas: 1 },
      { name: '/1', replicas: 1 },
      { name: '/2', replicas: 1 },
    ])
    expect(countReady([agent('', 0), agent('', 0), agent('', 2)], true)).to.deep.equal({ r1: { '/0': 2, '/2': 1 } })
  })

  it('are all of a ring for any weight, and none for no weight', () => {
    const sizes = (weight: number) => groupsOfUnits(sizesFor(unitsOf(RING, true), { by: 'Weight', value: 0 }, weight), true)
    expect([sizes(0), sizes(1), sizes(100)]).to.deep.equal([0, 3, 3].map((replicas) => [{ name: '', replicas }]))
  })
})
