import { expect } from 'chai'
import { describe, it } from 'mocha'
import { cpuTimeMs } from './usage.ts'

describe('cpuTimeMs', () => {
  const cases: Record<string, number> = {
    '00:00:00': 0,
    '00:00:07': 7_000,
    '01:02:03': 3_723_000,
    '2-01:00:00': 176_400_000,
    '0:00.25': 250,
    '3:04.50': 184_500,
    '100:00.00': 6_000_000,
  }
  for (const [text, want] of Object.entries(cases)) it(`${text} is ${want} ms`, () => expect(cpuTimeMs(text)).to.equal(want))
})
