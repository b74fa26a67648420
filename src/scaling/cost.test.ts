import { describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import {
  DEFAULT_PRICES,
  MAX_PENDING_MS,
  charge,
  chargeableUpTo,
  hourlyMicros,
  openLedger,
  rateOf,
  readLedger,
  readPrices,
  writeLedger,
  type Ledger,
  type Running,
} from './cost.ts'

const HOUR_MS = 3_600_000
const small = rateOf({ cpus: 2, memoryMib: 512 }, DEFAULT_PRICES)

describe('the price of a sandbox', () => {
  it('is what E2B publishes for 8 CPUs and 4 GiB: 0.468 dollars an hour', () => {
    expect(hourlyMicros(rateOf({ cpus: 8, memoryMib: 4096 }, DEFAULT_PRICES))).to.equal(468_000n)
  })

  it('is rounded up to a micro-dollar where it is shown', () => {
    expect(hourlyMicros(rateOf({ cpus: 0, memoryMib: 1 }, DEFAULT_PRICES))).to.equal(16n) // 15.82
  })

  it('comes from a table, with defaults for what is left out', () => {
    expect(readPrices({ cpuHour: '0.10' })).to.deep.equal({ prices: { cpuHour: 100_000n, gibHour: 16_200n }, wrong: [] })
  })

  it('names what is wrong in a table, and goes by the default', () => {
    const { prices, wrong } = readPrices({ cpuHour: 'cheap', gpuHour: '2.00' })
    expect(prices).to.deep.equal(DEFAULT_PRICES)
    expect(wrong).to.deep.equal([
      'cpuHour: "cheap" is not a price; write dollars an hour with up to six decimals, such as "0.0504"',
      'gpuHour is not a price; write cpuHour or gibHour',
    ])
  })
})

describe('what was spent', () => {
  it('is the price for an hour of running', () => {
    const ledger = charge(openLedger(0), [{ fromMs: 0, rate: small }], HOUR_MS)
    expect(writeLedger(ledger)).to.deep.equal({ accumulated: '0.1089', remainder: 0, through: '1970-01-01T01:00:00.000Z' })
  })

  it('begins with the sandbox and ends with it', () => {
    const ledger = charge(openLedger(0), [{ fromMs: HOUR_MS / 2, untilMs: HOUR_MS, rate: small }], 9 * HOUR_MS)
    expect(writeLedger(ledger).accumulated).to.equal('0.05445')
  })

  it('is not charged twice when a pass is repeated, nor when the clock goes back', () => {
    const once = charge(openLedger(0), [{ fromMs: 0, rate: small }], HOUR_MS)
    expect(charge(once, [{ fromMs: 0, rate: small }], HOUR_MS)).to.deep.equal(once)
    expect(charge(once, [{ fromMs: 0, rate: small }], HOUR_MS / 2)).to.deep.equal(once)
  })

  it('waits for creations that are under way, but not for ever', () => {
    expect(chargeableUpTo([], 5_000)).to.equal(5_000)
    expect(chargeableUpTo([4_000, 3_000], 5_000)).to.equal(3_000)
    expect(chargeableUpTo([0], MAX_PENDING_MS + 1)).to.equal(MAX_PENDING_MS + 1)
  })

  it('is not read from what is no ledger', () => {
    const good = writeLedger(openLedger(0))
    expect(readLedger({ ...good, accumulated: 'much' })).to.equal(undefined)
    expect(readLedger({ ...good, remainder: -1 })).to.equal(undefined)
    expect(readLedger({ ...good, remainder: 1e12 })).to.equal(undefined)
    expect(readLedger({ ...good, through: 'now' })).to.equal(undefined)
  })

  const sandbox = fc
    .record({
      fromMs: fc.nat(100_000),
      lengthMs: fc.option(fc.nat(100_000)),
      cpus: fc.integer({ min: 1, max: 8 }),
      memoryMib: fc.integer({ min: 1, max: 9_999 }),
    })
    .map(({ fromMs, lengthMs, ...size }): Running => ({
      fromMs,
      untilMs: lengthMs === null ? undefined : fromMs + lengthMs,
      rate: rateOf(size, DEFAULT_PRICES),
    }))

  it('is the same to the last part however often it is charged, stored and read again', () => {
    fc.assert(
      fc.property(fc.array(sandbox, { maxLength: 8 }), fc.array(fc.nat(300_000), { maxLength: 20 }), (sandboxes, moments) => {
        const endMs = 300_000
        let ledger: Ledger | undefined = openLedger(0)
        for (const nowMs of [...moments, endMs]) {
          // What is not created yet cannot be seen; what has ended stays until its end is charged.
          const seen = sandboxes
            .filter((s) => s.fromMs <= nowMs)
            .map((s) => (s.untilMs !== undefined && s.untilMs > nowMs ? { ...s, untilMs: undefined } : s))
          ledger = ledger && readLedger(writeLedger(charge(ledger, seen, nowMs)))
        }
        expect(ledger).to.deep.equal(charge(openLedger(0), sandboxes, endMs))
      }),
    )
  })
})
