import { describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import { Account, type Costing } from './account.ts'
import { DEFAULT_PRICES, DEFAULT_SIZE, rateOf } from './cost.ts'

const HOUR = 3_600_000
const START = Date.parse('2026-01-01T00:00:00Z')
/** 0.1089 dollars an hour. */
const RATE = rateOf(DEFAULT_SIZE, DEFAULT_PRICES)
const runs = (uid: string, startedMs = START, group = '', isSeen = true): Costing => ({
  uid,
  group,
  rate: RATE,
  startedMs,
  isSeen,
  timeoutMs: HOUR / 6,
})
const unseen = (uid: string) => runs(uid, START, '', false)
const spentBy = (account: Account) => account.stored(['']).accumulated

describe('the account of a swarm', () => {
  it('charges what runs from its beginning, and until it is seen to be gone', () => {
    const account = new Account(undefined, START)
    account.look({ running: [runs('a')] }, START + HOUR / 2)
    expect(account.stored([''])).to.deep.include({ hourly: '0.1089', accumulated: '0.05445' })
    account.look({ running: [] }, START + HOUR)
    expect(account.stored([''])).to.deep.include({ hourly: '0.00', accumulated: '0.1089' })
    account.look({ running: [] }, START + 9 * HOUR)
    expect(spentBy(account)).to.equal('0.1089')
  })

  it('goes on where it was stored, and charges no time twice', () => {
    const before = new Account(undefined, START)
    before.look({ running: [runs('a')] }, START + HOUR)
    const after = new Account(before.stored(['']), START + 2 * HOUR)
    after.look({ running: [runs('a')] }, START + 2 * HOUR)
    expect(spentBy(after)).to.equal('0.2178')
    after.look({ running: [runs('a'), runs('b', START + 2 * HOUR)] }, START + 3 * HOUR)
    expect(spentBy(after)).to.equal('0.4356')
  })

  it('charges what came and went between two looks, and what was seen only once', () => {
    const account = new Account(undefined, START)
    account.look({ running: [runs('a')] }, START)
    account.gone(runs('b', START + HOUR / 4), START + HOUR / 2)
    account.gone(runs('a'), START + HOUR / 2)
    account.look({ running: [] }, START + HOUR / 2)
    expect(spentBy(account)).to.equal('0.081675')
  })

  describe('after a time in which nobody looked', () => {
    const opened = () => {
      const before = new Account(undefined, START)
      before.look({ running: [runs('a')] }, START + HOUR)
      return new Account(before.stored(['']), START + 3 * HOUR)
    }

    it('charges it once the provider has shown that the sandbox is still there, and is not to be stored before', () => {
      const account = opened()
      account.look({ running: [unseen('a')] }, START + 3 * HOUR)
      expect([account.isSettled, account.awaits('a'), account.awaits('b'), spentBy(account)]).to.deep.equal([false, true, false, '0.1089'])
      account.look({ running: [runs('a')] }, START + 4 * HOUR)
      expect([account.isSettled, spentBy(account)]).to.deep.equal([true, '0.4356'])
    })

    it('charges no more than it can have lived by itself when it turns out to be gone', () => {
      const account = opened()
      account.look({ running: [unseen('a')] }, START + 3 * HOUR)
      account.look({ running: [], lost: [{ ...unseen('a'), lostMs: START + 3 * HOUR }] }, START + 3 * HOUR)
      expect([account.isSettled, spentBy(account)]).to.deep.equal([true, '0.12705'])
    })

    it('charges the same when it was known to be gone before the first look, once', () => {
      const account = opened()
      const lost = [{ ...unseen('a'), lostMs: START + 3 * HOUR }]
      account.look({ running: [], lost }, START + 3 * HOUR)
      account.look({ running: [], lost }, START + 4 * HOUR)
      expect(spentBy(account)).to.equal('0.12705')
    })

    it('charges nothing for one that was lost before the account was stored', () => {
      const account = opened()
      account.look({ running: [], lost: [{ ...unseen('a'), lostMs: START + HOUR / 2 }] }, START + 3 * HOUR)
      expect(spentBy(account)).to.equal('0.1089')
    })

    it('gives up waiting for the provider when the sandbox cannot live any more', () => {
      const account = opened()
      account.look({ running: [unseen('a')] }, START + 3 * HOUR)
      account.look({ running: [unseen('a')] }, START + 3 * HOUR + HOUR / 6)
      expect([account.isSettled, spentBy(account)]).to.deep.equal([true, '0.1452'])
    })
  })

  it('charges nothing while a sandbox sleeps', () => {
    const account = new Account(undefined, START)
    account.look({ running: [runs('a')] }, START + HOUR)
    account.look({ running: [], sleeping: ['a'] }, START + HOUR)
    account.look({ running: [runs('a')] }, START + 5 * HOUR)
    account.look({ running: [runs('a')] }, START + 6 * HOUR)
    expect(spentBy(account)).to.equal('0.2178')
  })

  it('counts each group, and keeps groups that are gone in the total', () => {
    const account = new Account(undefined, START)
    account.look({ running: [runs('a', START, 'lead'), runs('b', START, 'pairs')] }, START + HOUR)
    account.look({ running: [runs('b', START, 'pairs')] }, START + HOUR)
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
    account.look({ running: [] }, START)
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
          account.look({ running: [runs('a')] }, nowMs)
          const units = [...account.spent(nowMs)][0]?.units ?? 0n
          expect(units >= last).to.equal(true)
          last = units
          if (isStored) account = new Account(account.stored(['']), nowMs)
          account.look({ running: [runs('a')] }, nowMs)
        }
        expect([...account.spent(nowMs)][0]?.units).to.equal(RATE * BigInt(nowMs - START))
      }),
    )
  })
})
