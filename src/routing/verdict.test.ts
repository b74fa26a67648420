import { describe, it } from 'mocha'
import { expect } from 'chai'
import { OUTCOMES, VERDICTS, endingOf, outcomeOfStatus, retryAfterMs, type Outcome } from './verdict.ts'

describe('what a status means', () => {
  const cases = {
    '200 is an answer': { status: 200, hasRetryAfter: false, want: 'Done' },
    '201 is none that the protocol knows': { status: 201, hasRetryAfter: false, want: 'InvalidAnswer' },
    'a redirect neither': { status: 302, hasRetryAfter: false, want: 'InvalidAnswer' },
    '400 is the fault of the task': { status: 400, hasRetryAfter: false, want: 'Rejected' },
    '404 too': { status: 404, hasRetryAfter: true, want: 'Rejected' },
    '429 means not now, with Retry-After': { status: 429, hasRetryAfter: true, want: 'NotNow' },
    '429 means not now, without it too': { status: 429, hasRetryAfter: false, want: 'NotNow' },
    '503 with Retry-After means not now': { status: 503, hasRetryAfter: true, want: 'NotNow' },
    '503 without it is a failure': { status: 503, hasRetryAfter: false, want: 'AgentError' },
    '500 is a failure': { status: 500, hasRetryAfter: true, want: 'AgentError' },
  }
  for (const [name, c] of Object.entries(cases)) it(name, () => expect(outcomeOfStatus(c.status, c.hasRetryAfter)).to.equal(c.want))
})

describe('the pause that Retry-After asks for', () => {
  const bounds = { minMs: 100, maxMs: 5000 }
  const cases = {
    'is taken as it is': { header: '2', want: 2000 },
    'is never longer than the bound': { header: '3600', want: 5000 },
    'is never shorter than the bound': { header: '0', want: 100 },
    'is the shortest for a date': { header: 'Wed, 21 Oct 2026 07:28:00 GMT', want: 100 },
    'is the shortest when there is none': { header: undefined, want: 100 },
  }
  for (const [name, c] of Object.entries(cases)) it(name, () => expect(retryAfterMs(c.header, bounds)).to.equal(c.want))
})

describe('the blame for a timeout', () => {
  const cases = {
    "is the agent's when it had most of the time": { durationMs: 20_000, want: 'Failed' },
    'is not when the client gave little': { durationMs: 5, want: 'Abandoned' },
  }
  for (const [name, c] of Object.entries(cases)) it(name, () => expect(endingOf('Timeout', c.durationMs, 30_000)).to.equal(c.want))
})

describe('a sign of life', () => {
  it('is every answer, whatever it says', () => {
    const answers = new Set<Outcome>(['AnswerTooLarge'])
    for (let status = 200; status < 600; status++)
      for (const hasRetryAfter of [false, true]) answers.add(outcomeOfStatus(status, hasRetryAfter))
    expect(OUTCOMES.filter((outcome) => VERDICTS[outcome].isSignOfLife)).to.have.members([...answers])
  })
})
