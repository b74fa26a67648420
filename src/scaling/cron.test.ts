import { describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import { TimetableError, readTimetable } from './cron.ts'

const at = (text: string) => Date.parse(text)
const berlin = { timeZone: 'Europe/Berlin', replicas: 3 }
const office = { ...berlin, start: '0 8 * * 1-5', end: '0 18 * * 1-5' }
const night = { ...berlin, start: '30 2 * * *', end: '30 3 * * *' }

// In Berlin clocks go from 2:00 to 3:00 on 29 March 2026, and from 3:00 back to 2:00 on 25 October 2026.
const cases = {
  'is off before it begins': { table: office, now: '2026-01-05T06:59:59.999Z', isActive: false, changes: '2026-01-05T07:00:00Z' },
  'is on from the minute of start': { table: office, now: '2026-01-05T07:00:00Z', isActive: true, changes: '2026-01-05T17:00:00Z' },
  'is over at the minute of end': { table: office, now: '2026-01-05T17:00:00Z', isActive: false, changes: '2026-01-06T07:00:00Z' },
  'is off over the weekend': { table: office, now: '2026-01-10T12:00:00Z', isActive: false, changes: '2026-01-12T07:00:00Z' },
  'begins an hour earlier in UTC in summer time': {
    table: office,
    now: '2026-07-06T06:00:00Z',
    isActive: true,
    changes: '2026-07-06T16:00:00Z',
  },
  'goes over midnight': {
    table: { timeZone: 'Asia/Kolkata', start: '0 22 * * *', end: '0 6 * * *', replicas: 1 },
    now: '2026-01-05T20:00:00Z', // 1:30 in Kolkata
    isActive: true,
    changes: '2026-01-06T00:30:00Z',
  },
  'begins at the end of the gap when its time is skipped': {
    table: night,
    now: '2026-03-29T00:59:00Z',
    isActive: false,
    changes: '2026-03-29T01:00:00Z',
  },
  'is on after the gap until its end': { table: night, now: '2026-03-29T01:00:00Z', isActive: true, changes: '2026-03-29T01:30:00Z' },
  'begins at the first of two times that have the same name': {
    table: night,
    now: '2026-10-25T00:29:00Z',
    isActive: false,
    changes: '2026-10-25T00:30:00Z',
  },
  'stays on through the hour that comes twice': {
    table: night,
    now: '2026-10-25T01:30:00Z',
    isActive: true,
    changes: '2026-10-25T02:30:00Z',
  },
  'knows where it is when the next start and the next end are one moment: off': {
    table: { ...berlin, start: '0 8 * * *', end: '0 8,18 * * *' },
    now: '2026-01-05T20:00:00Z',
    isActive: false,
    changes: '2026-01-06T07:00:00Z',
  },
  'knows where it is when the next start and the next end are one moment: on': {
    table: { ...berlin, start: '0 8,18 * * *', end: '0 18 * * *' },
    now: '2026-01-05T12:00:00Z',
    isActive: true,
    changes: '2026-01-05T17:00:00Z',
  },
}

describe('a timetable', () => {
  for (const [name, { table, now, isActive, changes }] of Object.entries(cases))
    it(name, () => expect(readTimetable(table)(at(now))).to.deep.equal({ isActive, changesAtMs: at(changes) }))

  it('is off for ever when it never begins', () => {
    expect(readTimetable({ ...berlin, start: '0 0 31 2 *', end: '0 0 30 2 *' })(0)).to.deep.equal({ isActive: false })
  })

  it('says what it cannot read', () => {
    const refused = { ...office, start: '61 * * * *' }
    expect(() => readTimetable(refused)).to.throw(
      TimetableError,
      /cron\.start "61 \* \* \* \*" cannot be read \(Invalid value for minute: 61\)/,
    )
    expect(() => readTimetable({ ...office, end: '* * * * * *' })).to.throw(TimetableError, /cron\.end/)
    expect(() => readTimetable({ ...office, timeZone: 'Mars/Base' })).to.throw(
      TimetableError,
      /Mars\/Base is not known; write one of the IANA/,
    )
  })

  it('changes exactly when it says so, on every day of a year with changing clocks', () => {
    const zones = fc.constantFrom('Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kolkata', 'UTC')
    const minute = fc.integer({ min: 0, max: 24 * 60 - 1 })
    fc.assert(
      fc.property(
        zones,
        fc.uniqueArray(minute, { minLength: 2, maxLength: 2 }),
        fc.integer({ min: 0, max: 525_600 }),
        (timeZone, [a = 0, b = 0], m) => {
          const daily = (of: number) => `${of % 60} ${Math.floor(of / 60)} * * *`
          const stateAt = readTimetable({ timeZone, start: daily(a), end: daily(b), replicas: 1 })
          const now = stateAt(at('2026-01-01T00:00:00Z') + m * 60_000)
          const { changesAtMs = 0 } = now
          expect(stateAt(changesAtMs - 1).isActive).to.equal(now.isActive)
          expect(changesAtMs - at('2026-01-01T00:00:00Z') - m * 60_000).to.be.within(1, 26 * 3_600_000)
        },
      ),
      { numRuns: 300 },
    )
  })
})
