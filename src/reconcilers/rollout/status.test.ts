import { describe, it } from 'mocha'
import { expect } from 'chai'
import type { RolloutStatus } from '../../api/rollout-status.ts'
import { RolloutLab } from '../../../test/support/rollout-lab.ts'
import { idleStatus, rolloutStatus, withoutFigures, type Around } from './status.ts'

const NOW = '2026-01-01T00:00:00.000Z'
const around = (over: Partial<Around> = {}): Around => ({
  generation: 3,
  stored: undefined,
  inForce: {},
  counts: {},
  metrics: [],
  now: NOW,
  ...over,
})
const inStep = () => {
  const lab = new RolloutLab({ steps: [{ do: 'setWeight', percent: 25 }, { do: 'pause' }] })
  lab.template = 'v2'
  lab.settle()
  return lab
}

describe('the status of a rollout', () => {
  it('tells the step, and weights with what is in force and what has ended', () => {
    const { course, plan } = inStep()
    const inForce = { v1: { least: 75, most: 75 }, v2: { least: 0, most: 25 } }
    const { step, weights, observedGeneration } = rolloutStatus(
      course,
      plan,
      around({ inForce, counts: { v2: { samples: 9, failed: 1 } } }),
    )
    expect([step, observedGeneration]).to.deep.equal(['2/2 pause until promoted', 3])
    expect(weights).to.deep.equal([
      { revision: 'v1', percent: 75, inForce: 75, samples: 0, failed: 0 },
      { revision: 'v2', percent: 25, samples: 9, failed: 1 },
    ])
  })

  it('is the same but for figures when only figures have changed', () => {
    const { course, plan } = inStep()
    const few = rolloutStatus(course, plan, around({ counts: { v2: { samples: 1, failed: 0 } } }))
    const more = rolloutStatus(course, plan, around({ counts: { v2: { samples: 2, failed: 1 } } }))
    const moved = rolloutStatus(course, plan, around({ inForce: { v2: { least: 25, most: 25 } } }))
    expect(withoutFigures(more)).to.deep.equal(withoutFigures(few))
    expect(withoutFigures(moved)).to.not.deep.equal(withoutFigures(few))
  })

  it('drops what it knew when no swarm follows it any more, and says why', () => {
    const { course, plan } = inStep()
    const stored: RolloutStatus = rolloutStatus(course, plan, around())
    const { conditions, ...rest } = idleStatus(stored, { reason: 'SwarmNotFound', message: 'there is none' }, { generation: 4, now: NOW })
    expect(rest).to.deep.equal({ observedGeneration: 4 })
    expect(conditions?.map(({ type, status, reason }) => `${type}=${status} ${reason}`)).to.deep.equal([
      'Ready=False SwarmNotFound',
      'Reconciling=True SwarmNotFound',
    ])
    const other = idleStatus(stored, { reason: 'AnotherRollout', message: 'it follows one' }, { generation: 4, now: NOW })
    expect(other.conditions?.map(({ type, status, reason }) => `${type}=${status} ${reason}`)).to.deep.equal([
      'Ready=False AnotherRollout',
      'Stalled=True AnotherRollout',
    ])
  })
})
