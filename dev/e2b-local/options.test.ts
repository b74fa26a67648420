import { expect } from 'chai'
import { describe, it } from 'mocha'
import { parseDuration } from './durations.ts'
import { changeBehaviour, DEFAULT_BEHAVIOUR } from './options.ts'

describe('changeBehaviour', () => {
  const cases: Record<string, { changes: Record<string, unknown>; want: unknown }> = {
    'changes nothing when nothing is given': { changes: {}, want: DEFAULT_BEHAVIOUR },
    'changes what is given': {
      changes: { createRate: 5, failureRate: 0.25 },
      want: { ...DEFAULT_BEHAVIOUR, createRate: 5, failureRate: 0.25 },
    },
    'takes what is undefined for not given': { changes: { createRate: undefined }, want: DEFAULT_BEHAVIOUR },
    'takes all failures': { changes: { ambiguousRate: 1 }, want: { ...DEFAULT_BEHAVIOUR, ambiguousRate: 1 } },
    'refuses a rate above 1': { changes: { failureRate: 1.01 }, want: 'failureRate must be between 0 and 1' },
    'refuses a negative number': { changes: { maxSandboxes: -1 }, want: 'maxSandboxes must be a number, 0 or more' },
    'refuses no number': { changes: { createLatencyMs: '5' }, want: 'createLatencyMs must be a number, 0 or more' },
    'refuses infinity': { changes: { maxSessionMs: Infinity }, want: 'maxSessionMs must be a number, 0 or more' },
    'refuses what it does not know': {
      changes: { toString: 1 },
      want: 'unknown option "toString"; known are createLatencyMs, createRate, maxSandboxes, maxSessionMs, failureRate, ambiguousRate',
    },
  }
  for (const [name, { changes, want }] of Object.entries(cases))
    it(name, () => expect(changeBehaviour(DEFAULT_BEHAVIOUR, changes)).to.deep.equal(want))
})

describe('parseDuration', () => {
  const cases: Record<string, number | undefined> = {
    '150ms': 150,
    '5s': 5_000,
    '1.5s': 1_500,
    '2m': 120_000,
    '1h': 3_600_000,
    '1d': 86_400_000,
    '0s': 0,
    '5': undefined,
    s: undefined,
    '-1s': undefined,
    '1 s': undefined,
    '1w': undefined,
    '': undefined,
  }
  for (const [text, want] of Object.entries(cases))
    it(`${JSON.stringify(text)} is ${want}`, () => expect(parseDuration(text)).to.equal(want))
})
