import { describe, it } from 'mocha'
import { expect } from 'chai'
import type { Condition } from './condition.ts'
import { isTrue, merge, progress, type Draft } from './conditions.ts'
import { StalledError, TransientError, WaitingError, type OperatorError } from '../errors.ts'

const THEN = '2026-01-01T00:00:00Z'
const NOW = '2026-01-01T00:01:00Z'
const draft = (over: Partial<Draft> = {}): Draft => ({ type: 'Ready', status: 'True', reason: 'AgentsReady', message: '2 of 2', ...over })
const stored = (over: Partial<Condition> = {}): Condition => ({ ...draft(), observedGeneration: 1, lastTransitionTime: THEN, ...over })

const MERGES: Record<string, { stored: Condition[]; drafts: Draft[]; want: Condition[] }> = {
  'a new condition begins now': { stored: [], drafts: [draft()], want: [stored({ observedGeneration: 2, lastTransitionTime: NOW })] },
  'another reason or message does not move the time': {
    stored: [stored()],
    drafts: [draft({ reason: 'Other', message: '3 of 3' })],
    want: [stored({ reason: 'Other', message: '3 of 3', observedGeneration: 2 })],
  },
  'another status moves the time': {
    stored: [stored()],
    drafts: [draft({ status: 'False' })],
    want: [stored({ status: 'False', observedGeneration: 2, lastTransitionTime: NOW })],
  },
  'a condition that is not drafted goes': {
    stored: [stored(), stored({ type: 'Stalled' })],
    drafts: [draft()],
    want: [stored({ observedGeneration: 2 })],
  },
  'conditions are sorted by type, whatever the order of the drafts': {
    stored: [],
    drafts: [draft({ type: 'Ready' }), draft({ type: 'BudgetExceeded' }), draft({ type: 'Reconciling' })],
    want: ['BudgetExceeded', 'Ready', 'Reconciling'].map((type) => stored({ type, observedGeneration: 2, lastTransitionTime: NOW })),
  },
  'nothing drafted leaves nothing': { stored: [stored()], drafts: [], want: [] },
}

const READY = draft()
const WORKING = draft({ type: 'Reconciling', reason: 'RollingUpdate', message: '1 of 2 agents run revision r2' })
const reconciling = (message: string) => draft({ type: 'Reconciling', reason: 'ProgressingWithRetry', message })

const PROGRESS: Record<string, { working?: Draft; error?: OperatorError; want: Draft[] }> = {
  'at rest there is nothing but Ready': { want: [READY] },
  'work that goes on is told': { working: WORKING, want: [READY, WORKING] },
  'an error that is tried again comes before the work': {
    working: WORKING,
    error: new TransientError('Conflict', 'the object has changed'),
    want: [READY, reconciling('the object has changed')],
  },
  'so does waiting for something': {
    error: new WaitingError('SecretMissing', 'Secret a/b does not exist', 1_000),
    want: [READY, reconciling('Secret a/b does not exist')],
  },
  'what only a person can end is Stalled, and nothing else beside it': {
    working: WORKING,
    error: new StalledError('CredentialsRejected', 'E2B refused the API key'),
    want: [READY, draft({ type: 'Stalled', reason: 'CredentialsRejected', message: 'E2B refused the API key' })],
  },
}

describe('conditions', () => {
  describe('merge', () => {
    for (const [name, c] of Object.entries(MERGES)) it(name, () => expect(merge(c.stored, c.drafts, 2, NOW)).to.deep.equal(c.want))

    it('gives the same when it is done again later: an unchanged pass writes nothing', () => {
      for (const c of Object.values(MERGES)) {
        const once = merge(c.stored, c.drafts, 2, NOW)
        expect(merge(once, c.drafts, 2, '2027-01-01T00:00:00Z')).to.deep.equal(once)
      }
    })
  })

  describe('progress', () => {
    for (const [name, c] of Object.entries(PROGRESS)) it(name, () => expect(progress(READY, c.working, c.error)).to.deep.equal(c.want))
  })
  it('are true only when they are there and say so', () => {
    const object = { status: { conditions: [draft(), draft({ type: 'Paused', status: 'False' })] } }
    expect(['Ready', 'Paused', 'Stalled'].map((type) => isTrue(object, type))).to.deep.equal([true, false, false])
    expect(isTrue({}, 'Ready')).to.equal(false)
  })
})
