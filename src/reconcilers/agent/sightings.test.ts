import { describe, it } from 'mocha'
import { expect } from 'chai'
import { REASON } from '../../api/reasons.ts'
import { OperatorError, TransientError } from '../../errors.ts'
import { madeFrom, Sightings } from './sightings.ts'

const LARGE = { cpus: 8, memoryMib: 8192 }
const KIND = madeFrom({ metadata: { namespace: 'trading' }, spec: { swarm: 'desk', revision: 'r1', group: 'pairs' } })

describe('the size of sandboxes', () => {
  it('is asked of the first of a kind only, however many are made at once', async () => {
    const sightings = new Sightings()
    let looks = 0
    const look = () => {
      looks += 1
      return Promise.resolve({ size: LARGE })
    }
    await Promise.all([1, 2, 3].map(() => sightings.learn(KIND, look)))
    await sightings.learn(KIND, look)
    expect([looks, sightings.sizeOf('a', KIND), sightings.usualSize(KIND)]).to.deep.equal([1, LARGE, LARGE])
  })

  it('is taken for the usual one when the provider does not say', async () => {
    const sightings = new Sightings()
    await sightings.learn(KIND, () => Promise.resolve({}))
    expect(sightings.usualSize(KIND)).to.deep.equal({ cpus: 2, memoryMib: 512 })
  })

  it('stays unknown when the sandbox is gone or the look fails, and is asked again', async () => {
    const sightings = new Sightings()
    await sightings.learn(KIND, () => Promise.resolve(undefined))
    const failed = sightings.learn(KIND, () => Promise.reject(new TransientError(REASON.providerUnavailable, 'no answer')))
    expect(await failed.catch((error: unknown) => error)).to.be.instanceOf(OperatorError)
    expect(sightings.usualSize(KIND)).to.equal(undefined)
    await sightings.learn(KIND, () => Promise.resolve({ size: LARGE }))
    expect(sightings.usualSize(KIND)).to.deep.equal(LARGE)
  })
})
