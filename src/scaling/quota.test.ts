import { describe, it } from 'mocha'
import { expect } from 'chai'
import { limitOf, textOf } from './budget.ts'
import { capOf, capsOfQuota, mayHaveGrown, parseQuantity, type QuotaCap } from './quota.ts'
import { rateOfMicros } from './cost.ts'

const QUOTA = { namespace: 'trading', name: 'caps', used: {} }
const capsOf = (hard: Record<string, string>, used: Record<string, string> = {}) => capsOfQuota({ ...QUOTA, hard, used })
const USE = { sandboxes: 3, objects: 5, rate: rateOfMicros(326_700n) }

describe('a ResourceQuota', () => {
  const quantities = {
    '50': 50n,
    '0': 0n,
    '1k': 1_000n,
    '1Ki': 1_024n,
    '1.5Ki': 1_536n,
    '1e3': 1_000n,
    '2E1': 20n,
    '5E': 5_000_000_000_000_000_000n,
    '1500m': 1n,
    '10.99': 10n,
    '-1': undefined,
    '': undefined,
    many: undefined,
  }
  for (const [text, want] of Object.entries(quantities)) it(`reads ${text || 'nothing'}`, () => expect(parseQuantity(text)).to.equal(want))

  it('caps nothing that has nothing to do with agents', () => {
    expect(capsOf({ pods: '5', 'count/secrets': '2', cpu: '4' })).to.deep.equal([])
  })

  const leaves = (hard: Record<string, string>, used: Record<string, string> = {}) =>
    capsOf(hard, used).map((cap) => limitOf(capOf(cap, 'trading', USE), rateOfMicros(108_900n)).left.Scale)

  it('leaves sandboxes by what runs, a cost by what that costs, and objects by the larger count', () => {
    expect(leaves({ 'swarmops.dev/agents': '5' })).to.deep.equal([2])
    expect(leaves({ 'swarmops.dev/hourly-cents': '60' })).to.deep.equal([2])
    expect(leaves({ 'count/agents.swarmops.dev': '9' }, { 'count/agents.swarmops.dev': '2' })).to.deep.equal([4])
    expect(leaves({ 'count/agents.swarmops.dev': '9' }, { 'count/agents.swarmops.dev': '8' })).to.deep.equal([1])
  })

  it('is named with what is used of it', () => {
    const texts = capsOf({ 'swarmops.dev/agents': '5', 'swarmops.dev/hourly-cents': '60' }).map((cap) =>
      textOf(limitOf(capOf(cap, 'trading', USE), 0n), 0),
    )
    expect(texts).to.deep.equal([
      'swarmops.dev/agents of ResourceQuota caps in namespace trading (3 of 5 used)',
      'swarmops.dev/hourly-cents of ResourceQuota caps in namespace trading (32.67 of 60.00 cents an hour used)',
    ])
  })

  const grown: Record<string, { before: readonly QuotaCap[]; now: readonly QuotaCap[]; want: boolean }> = {
    'not when it stays': { before: capsOf({ 'swarmops.dev/agents': '5' }), now: capsOf({ 'swarmops.dev/agents': '5' }), want: false },
    'when it is raised': { before: capsOf({ 'swarmops.dev/agents': '5' }), now: capsOf({ 'swarmops.dev/agents': '6' }), want: true },
    'when it is gone': { before: capsOf({ 'swarmops.dev/agents': '5' }), now: [], want: true },
    'when less is used': {
      before: capsOf({ 'count/agents.swarmops.dev': '5' }, { 'count/agents.swarmops.dev': '5' }),
      now: capsOf({ 'count/agents.swarmops.dev': '5' }, { 'count/agents.swarmops.dev': '4' }),
      want: true,
    },
    'when it is counted for the first time': {
      before: capsOf({ 'count/agents.swarmops.dev': '5' }),
      now: capsOf({ 'count/agents.swarmops.dev': '5' }, { 'count/agents.swarmops.dev': '0' }),
      want: true,
    },
    'not when more is used': {
      before: capsOf({ 'count/agents.swarmops.dev': '5' }, { 'count/agents.swarmops.dev': '4' }),
      now: capsOf({ 'count/agents.swarmops.dev': '5' }, { 'count/agents.swarmops.dev': '5' }),
      want: false,
    },
  }
  for (const [name, { before, now, want }] of Object.entries(grown))
    it(`leaves more ${name}`, () => expect(mayHaveGrown(before, now)).to.equal(want))
})
