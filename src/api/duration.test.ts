import { describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import { durationMs, parseDuration } from './duration.ts'

const CASES: Record<string, number | undefined> = {
  '0s': 0,
  '500ms': 500,
  '30s': 30_000,
  '10m': 600_000,
  '23h': 82_800_000,
  '1m30s': 90_000,
  '1h1m1s1ms': 3_661_001,
  '1s1s': 2_000,
  '1ms1m': 60_001,
  '007s': 7_000,
  '': undefined,
  '30': undefined,
  s: undefined,
  '1d': undefined,
  '1.5s': undefined,
  '-1s': undefined,
  '+1s': undefined,
  '1 s': undefined,
  ' 1s': undefined,
  '1s\n': undefined,
  '1S': undefined,
  '1us': undefined,
  '99999999999999999999h': undefined,
}

describe('duration', () => {
  for (const [text, want] of Object.entries(CASES)) {
    it(`${JSON.stringify(text)} is ${want === undefined ? 'none' : `${want} ms`}`, () => {
      expect(parseDuration(text)).to.equal(want)
    })
  }

  it('throws on what the API server cannot have let through, saying what to write', () => {
    expect(durationMs('1m30s')).to.equal(90_000)
    expect(() => durationMs('1d')).to.throw(RangeError, 'not a duration: "1d"; write it as 500ms, 30s or 1m30s')
  })

  it('is the sum of its parts', () => {
    const part = fc.tuple(fc.nat(99_999), fc.constantFrom('ms', 's', 'm', 'h'))
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 4 }), (parts) => {
        const texts = parts.map(([count, unit]) => `${count}${unit}`)
        expect(durationMs(texts.join(''))).to.equal(texts.reduce((sum, text) => sum + durationMs(text), 0))
      }),
    )
  })
})
