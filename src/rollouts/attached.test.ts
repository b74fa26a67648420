import { describe, it } from 'mocha'
import { expect } from 'chai'
import { attachedRollout, type Candidate } from './attached.ts'

const rollout = (name: string, over: Partial<Candidate> = {}): Candidate => ({
  kind: 'CanaryRollout',
  name,
  swarm: 'desk',
  createdAt: '2026-01-01T00:00:00Z',
  isDeleted: false,
  ...over,
})

describe('the rollout that a swarm follows', () => {
  const cases: Record<string, { candidates: Candidate[]; want: string | undefined }> = {
    'is none without one': { candidates: [rollout('a', { swarm: 'other' })], want: undefined },
    'is the oldest, of either kind': {
      candidates: [rollout('a', { createdAt: '2026-01-02T00:00:00Z' }), rollout('b', { kind: 'BlueGreenRollout' })],
      want: 'b',
    },
    'is the first by kind and name when they are of the same age': {
      candidates: [rollout('b'), rollout('a'), rollout('c', { kind: 'BlueGreenRollout' })],
      want: 'c',
    },
    'is the next one as soon as it is being deleted': {
      candidates: [rollout('a', { isDeleted: true }), rollout('b', { createdAt: '2026-01-02T00:00:00Z' })],
      want: 'b',
    },
  }
  for (const [name, { candidates, want }] of Object.entries(cases))
    it(name, () => expect(attachedRollout('desk', candidates)?.name).to.equal(want))
})
