import { describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import { TokenBucket } from './token-bucket.ts'

describe('a token bucket', () => {
  const taken = (bucket: TokenBucket, times: readonly number[]) => times.map((ms) => bucket.take(ms))

  it('gives its burst at once, then one when its time has come', () => {
    const bucket = new TokenBucket({ perSecond: 10, burst: 2 })
    expect(taken(bucket, [0, 0, 0, 99, 100, 100, 300, 300, 300])).to.deep.equal([0, 0, 100, 1, 0, 100, 0, 0, 100])
  })

  it('is full again after a rest, and no fuller', () => {
    const bucket = new TokenBucket({ perSecond: 1, burst: 3 })
    taken(bucket, [0, 0, 0])
    expect([bucket.isFull(2_999), bucket.isFull(3_000)]).to.deep.equal([false, true])
    expect(taken(bucket, [60_000, 60_000, 60_000, 60_000])).to.deep.equal([0, 0, 0, 1_000])
  })

  it('never gives more than its burst and its rate, and is never slower than it says', () => {
    const steps = fc.array(fc.integer({ min: 0, max: 500 }), { maxLength: 200 })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 20 }), steps, (perSecond, burst, waits) => {
        const bucket = new TokenBucket({ perSecond, burst })
        let nowMs = 0
        let given = 0
        for (const wait of waits) {
          nowMs += wait
          const inMs = bucket.take(nowMs)
          if (inMs === 0) given += 1
          else {
            nowMs += inMs
            expect(bucket.take(nowMs)).to.be.at.most(1) // a millisecond of rounding
          }
        }
        expect(given).to.be.at.most(burst + (nowMs / 1_000) * perSecond + 1)
      }),
    )
  })
})
