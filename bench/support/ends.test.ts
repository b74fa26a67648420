import { describe, it } from 'mocha'
import { expect } from 'chai'
import { Ends } from './ends.ts'

describe('things to be ended', () => {
  it('are ended in reverse order, and all of them although one fails', async () => {
    const ended: string[] = []
    const ends = new Ends()
    const failure = new Error('no')
    await ends.own(() => ended.push('first'))
    await ends.own(() => {
      throw failure
    })
    await ends.own(async () => {
      await Promise.resolve()
      ended.push('last')
    })
    const failures = await ends.close()
    expect({ ended, failures }).to.deep.equal({ ended: ['last', 'first'], failures: [failure] })
  })

  it('are ended once', async () => {
    let times = 0
    const ends = new Ends()
    await ends.own(() => (times += 1))
    await ends.close()
    await ends.close()
    expect(times).to.equal(1)
  })

  it('are ended at once when they come too late', async () => {
    let isEnded = false
    const ends = new Ends()
    await ends.close()
    await ends.own(() => (isEnded = true))
    expect(isEnded).to.equal(true)
  })
})
