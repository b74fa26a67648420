import { describe, it } from 'mocha'
import { expect } from 'chai'
import type { Outcome } from '../routing/verdict.ts'
import { MAX_UNBEGUN } from './limits.ts'
import { whetherToRetry, type Retry, type Tried } from './retry.ts'

type Case = {
  outcome: Outcome
  call?: Partial<Pick<Tried, 'hasEnded' | 'spent' | 'unbegun'>>
  request?: Partial<Tried['request']>
  isTriedOut?: boolean
  want: Retry
}

describe('a call after an attempt', () => {
  const once = { isIdempotent: false }
  const cases: Record<string, Case> = {
    'is over when it is done': { outcome: 'Done', want: 'No' },
    'is over when the fault is its own': { outcome: 'Rejected', want: 'No' },
    'is over when its time was up': { outcome: 'Timeout', want: 'No' },
    'is over when its client went away': { outcome: 'Cancelled', want: 'No' },
    'is over when its answer would be too large again': { outcome: 'AnswerTooLarge', want: 'No' },
    'goes on within the budget when the agent failed': { outcome: 'AgentError', want: 'WithinBudget' },
    'goes on within the budget when the agent answered nonsense': { outcome: 'InvalidAnswer', want: 'WithinBudget' },
    'goes on whatever the budget says when the agent was lost': { outcome: 'Reset', want: 'Yes' },
    'goes on whatever the budget says when the agent hung': { outcome: 'Hung', want: 'Yes' },
    'goes on whatever the budget says when the agent was not there': { outcome: 'Refused', want: 'Yes' },
    'goes on whatever the budget says when the sandbox was not there': { outcome: 'SandboxUnreachable', want: 'Yes' },
    'goes on whatever the budget says when the agent put it off': { outcome: 'NotNow', want: 'Yes' },
    'goes on whatever the budget says when it failed on what is tried out': { outcome: 'AgentError', isTriedOut: true, want: 'Yes' },
    'is over when it must not be done twice and may have been begun': { outcome: 'Reset', request: once, want: 'No' },
    'is over when it must not be done twice and failed': { outcome: 'AgentError', request: once, want: 'No' },
    'is over when it must not be done twice, also where a revision is tried out': {
      outcome: 'AgentError',
      request: once,
      isTriedOut: true,
      want: 'No',
    },
    'goes on when it must not be done twice and was not begun': { outcome: 'Refused', request: once, want: 'Yes' },
    'is over when it is done for nobody': { outcome: 'NotNow', request: { isMirrored: true }, want: 'No' },
    'is over when it has ended meanwhile': { outcome: 'Hung', call: { hasEnded: true }, want: 'No' },
    'is over with its last attempt': { outcome: 'AgentError', call: { spent: 3 }, want: 'No' },
    'goes on until its last attempt': { outcome: 'AgentError', call: { spent: 2 }, want: 'WithinBudget' },
    'is over with its last attempt, also where a revision is tried out': {
      outcome: 'AgentError',
      call: { spent: 3 },
      isTriedOut: true,
      want: 'No',
    },
    'is over when it was put off too often': { outcome: 'NotNow', call: { spent: 0, unbegun: MAX_UNBEGUN + 1 }, want: 'No' },
    'goes on until it was put off too often': { outcome: 'NotNow', call: { spent: 0, unbegun: MAX_UNBEGUN }, want: 'Yes' },
  }
  for (const [name, { outcome, call, request, isTriedOut = false, want }] of Object.entries(cases)) {
    it(name, () => {
      const tried = { hasEnded: false, spent: 1, unbegun: 0, mostAttempts: 3, ...call, request: { isIdempotent: true, ...request } }
      expect(whetherToRetry(tried, outcome, isTriedOut)).to.equal(want)
    })
  }
})
