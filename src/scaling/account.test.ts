import { describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import { Account, type Costing } from './account.ts'
import { DEFAULT_PRICES, DEFAULT_SIZE, rateOf } from './cost.ts'

const HOUR = 3_600_000
const START = Date.parse('2026-01-01T00:00:00Z')
/** 0.1089 dollars an hour. */
const RATE = rateOf(DEFAULT_SIZE, DEFAULT_PRICES)
const runs = (uid: string, startedMs = START, group = ''): Costing => ({ uid, group, rate: RATE, startedMs })
const spentBy = (account: Account) => account.stored(['']).accumulated

describe('the account of a swarm', () => {
  it('charges what runs from its beginning, and until it is seen to be gone', () => {
    const account = new Account(undefined, START)
    account.look([runs('a')], [], START + HOUR / 2)
    expect(account.stored([''])).to.deep.include({ hourly: '0.1089', accumulated: '0.05445' })
    account.look([], [], START + HOUR)
    expect(account.stored([''])).to.deep.include({ hourly: '0.00', accumulated: '0.1089' })
    account.look([], [], START + 9 * HOUR)
    expect(spentBy(account)).to.equal('0.1089')
  })

  it('goes on where it was stored, and charges no time twice', () => {
    const before = new Account(undefined, START)
    before.look([runs('a')], [], START + HOUR)
    const after = new Account(before.stored(['']), START + 2 * HOUR)
    after.look([runs('a')], [], START + 2 * HOUR)
    expect(spentBy(after)).to.equal('0.2178')
    after.look([runs('a'), runs('b', START + 2 * HOUR)], [], START + 3 * HOUR)
    expect(spentBy(after)).to.equal('0.4356')
  })

  it('charges nothing while a sandbox sleeps', () => {
    const account = new Account(undefined, START)
    account.look([runs('a')], [], START + HOUR)
    account.look([], ['a'], START + HOUR)
    account.look([runs('a')], [], START + 5 * HOUR)
    account.look([runs('a')], [], START + 6 * HOUR)
    expect(spentBy(account)).to.equal('0.2178')
  })

  it('counts each group, and keeps groups that are gone in the total', () => {
    const account = new Account(undefined, START)
    account.look([runs('a', START, 'lead'), runs('b', START, 'pairs')], [], START + HOUR)
    account.look([runs('b', START, 'pairs')], [], START + HOUR)
    const stored = account.stored(['pairs', 'none'])
    expect(stored).to.deep.include({ hourly: '0.1089', accumulated: '0.2178', through: '2026-01-01T01:00:00.000Z' })
    expect(stored.groups).to.deep.equal([
      { name: 'pairs', hourly: '0.1089', accumulated: '0.1089', remainder: 0 },
      { name: 'none', hourly: '0.00', accumulated: '0.00', remainder: 0 },
    ])
    const tells = [...account.spent(START + 2 * HOUR)].map(({ group, units }) => [group, Number(units / RATE) / HOUR])
    expect(tells).to.deep.equal([
      ['lead', 1],
      ['pairs', 2],
    ])
  })

  it('begins anew from what cannot be read', () => {
    const broken = { hourly: 'x', accumulated: 'much', remainder: -1, through: 'never', groups: [] }
    const account = new Account(broken, START)
    account.look([], [], START)
    expect([spentBy(account), account.isEmpty]).to.deep.equal(['0.00', true])
  })

  it('never goes back, and comes to the same sum however often it is looked at and stored', () => {
    const steps = fc.array(fc.record({ ms: fc.nat(100_000), isStored: fc.boolean() }), { minLength: 1, maxLength: 30 })
    fc.assert(
      fc.property(steps, (list) => {
        let account = new Account(undefined, START)
        let [nowMs, last] = [START, -1n]
        for (const { ms, isStored } of list) {
          nowMs += ms
          account.look([runs('a')], [], nowMs)
          const units = [...account.spent(nowMs)][0]?.units ?? 0n
          expect(units >= last).to.equal(true)
          last = units
          if (isStored) account = new Account(account.stored(['']), nowMs)
          account.look([runs('a')], [], nowMs)
        }
        expect([...account.spent(nowMs)][0]?.units).to.equal(RATE * BigInt(nowMs - START))
      }),
    )
  })
})
