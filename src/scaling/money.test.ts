import { describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import { formatDollars, parseDollars } from './money.ts'

const CASES: Record<string, bigint | undefined> = {
  '10.00': 10_000_000n,
  '0': 0n,
  '7': 7_000_000n,
  '0.000001': 1n,
  '0.0504': 50_400n,
  '999999999999.999999': 999_999_999_999_999_999n,
  '0.0000001': undefined,
  '-1': undefined,
  '1e3': undefined,
  '.5': undefined,
  '1.': undefined,
  '1,50': undefined,
  $1: undefined,
  '': undefined,
  ' 1': undefined,
  '1\n': undefined,
}

describe('money', () => {
  for (const [text, want] of Object.entries(CASES))
    it(`${JSON.stringify(text)} is ${want === undefined ? 'no amount' : `${want} micro-dollars`}`, () =>
      expect(parseDollars(text)).to.equal(want))

  it('is written with at least two decimals, and as many as it needs', () => {
    expect([0n, 10_000_000n, 50_400n, 1n, 1_230_000n].map(formatDollars)).to.deep.equal(['0.00', '10.00', '0.0504', '0.000001', '1.23'])
  })

  it('is read as it was written', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 10n ** 18n - 1n }), (micros) => {
        expect(parseDollars(formatDollars(micros))).to.equal(micros)
      }),
    )
  })
})
