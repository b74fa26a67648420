import { describe, it } from 'mocha'
import { expect } from 'chai'
import { meanUsage, withSample, type Usage } from './usage.ts'

const sample = (atMs: number, cpuPercent: number): Usage => ({ atMs, cpuPercent, memoryPercent: 10 })
const CASES = {
  'one sample is a moment, no mean': { samples: [sample(0, 100)], nowMs: 0, want: undefined },
  'two are': { samples: [sample(0, 100), sample(5_000, 50)], nowMs: 5_000, want: { cpuPercent: 75, memoryPercent: 10 } },
  'the same sample twice is one': { samples: [sample(0, 100), sample(0, 100)], nowMs: 0, want: undefined },
  'only the last three count': {
    samples: [100, 0, 30, 60].map((cpu, i) => sample(i * 5_000, cpu)),
    nowMs: 15_000,
    want: { cpuPercent: 30, memoryPercent: 10 },
  },
  'what is old says nothing': { samples: [sample(0, 100), sample(5_000, 50)], nowMs: 31_000, want: undefined },
}

describe('the use of a sandbox', () => {
  for (const [name, c] of Object.entries(CASES))
    it(name, () => expect(meanUsage(c.samples.reduce<readonly Usage[]>(withSample, []), c.nowMs)).to.deep.equal(c.want))
})
