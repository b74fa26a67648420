import { describe, it } from 'mocha'
import { expect } from 'chai'
import type { ScalingPolicy, Swarm } from '../../api/objects.ts'
import { growingGroups, targetOf } from './target.ts'

const metadata = (name: string, second = 0) => ({
  name,
  namespace: 'n',
  uid: `uid-${name}`,
  resourceVersion: '1',
  generation: 1,
  creationTimestamp: `2026-01-01T00:00:0${second}Z`,
})
// Only what is looked at is written; the rest is filled in by the API server.
const policy = (name: string, group?: string, second = 0) =>
  ({ metadata: metadata(name, second), spec: { target: { swarm: 'desk', ...(group !== undefined && { group }) } } }) as ScalingPolicy
const swarm = (spec: object) => ({ metadata: metadata('desk'), spec }) as Swarm
const PLAIN = swarm({ replicas: 3 })
const GROUPS = swarm({
  groups: [
    { name: 'lead', replicas: 1 },
    { name: 'pairs', replicas: 4 },
  ],
})

type Case = { policy: ScalingPolicy; swarm?: Swarm; others?: readonly ScalingPolicy[]; want: object }
const cases: Record<string, Case> = {
  'a swarm without groups': { policy: policy('p'), swarm: PLAIN, want: { swarm: PLAIN, group: '', current: 3 } },
  'a group, and where it is': { policy: policy('p', 'pairs'), swarm: GROUPS, want: { swarm: GROUPS, group: 'pairs', current: 4, at: 1 } },
  'nothing while there is no swarm, which may come': {
    policy: policy('p'),
    want: { reason: 'SwarmNotFound', isStalled: false, message: 'there is no Swarm n/desk; create it, or correct spec.target.swarm' },
  },
  'nothing in a swarm of groups when none is named': {
    policy: policy('p'),
    swarm: GROUPS,
    want: {
      reason: 'GroupMissing',
      isStalled: true,
      message: 'Swarm n/desk has groups, and a policy is for one of them; write one of lead, pairs in spec.target.group',
    },
  },
  'no group that is not there': {
    policy: policy('p', 'x'),
    swarm: GROUPS,
    want: {
      reason: 'GroupNotFound',
      isStalled: true,
      message: 'Swarm n/desk has no group x; write one of lead, pairs in spec.target.group',
    },
  },
  'no group of a swarm without groups': {
    policy: policy('p', 'x'),
    swarm: PLAIN,
    want: { reason: 'GroupNotFound', isStalled: true, message: 'Swarm n/desk has no groups; remove spec.target.group' },
  },
  'nothing when an older policy does': {
    policy: policy('p', undefined, 2),
    swarm: PLAIN,
    others: [policy('q', undefined, 1)],
    want: {
      reason: 'OtherPolicy',
      isStalled: true,
      message: 'ScalingPolicy q sets the replicas of Swarm n/desk already and is older; delete one of the two',
    },
  },
  'the swarm when the other policy is younger': {
    policy: policy('p', undefined, 1),
    swarm: PLAIN,
    others: [policy('q', undefined, 2)],
    want: { swarm: PLAIN, group: '', current: 3 },
  },
  'the swarm when its name comes first among policies of one second': {
    policy: policy('a'),
    swarm: PLAIN,
    others: [policy('b')],
    want: { swarm: PLAIN, group: '', current: 3 },
  },
  'its group beside policies of other groups': {
    policy: policy('p', 'pairs', 2),
    swarm: GROUPS,
    others: [policy('q', 'lead', 1)],
    want: { swarm: GROUPS, group: 'pairs', current: 4, at: 1 },
  },
}

describe('a policy acts on', () => {
  for (const [name, { policy: own, swarm: seen, others = [], want }] of Object.entries(cases))
    it(name, () => expect(targetOf(own, seen, others)).to.deep.equal(want))
})

describe('groups that grow beside that of a policy', () => {
  const asking = (name: string, group: string, over: object = {}) => {
    const { metadata: about, spec } = policy(name, group)
    return {
      metadata: about,
      spec: { ...spec, maxReplicas: 9, dryRun: false, metrics: [{ name: 'load', type: 'QueueLength' }], ...over },
    } as ScalingPolicy
  }
  const own = asking('own', 'lead')
  const paused = asking('other', 'pairs')
  const seen: Record<string, { other: ScalingPolicy; want: string[] }> = {
    'are those of policies that go by tasks': { other: asking('other', 'pairs'), want: ['pairs'] },
    'are not its own': { other: asking('other', 'lead'), want: [] },
    'are none that have reached their most': { other: asking('other', 'pairs', { maxReplicas: 4 }), want: [] },
    'are none that are only tried out': { other: asking('other', 'pairs', { dryRun: true }), want: [] },
    'are none of a policy that goes by something else': {
      other: asking('other', 'pairs', { metrics: [{ name: 'cpu', type: 'Cpu' }] }),
      want: [],
    },
    'are none that are not there': { other: asking('other', 'momentum'), want: [] },
    'are none of a paused policy': {
      other: { ...paused, metadata: { ...paused.metadata, annotations: { 'swarmops.dev/paused': 'true' } } },
      want: [],
    },
  }
  for (const [name, { other, want }] of Object.entries(seen))
    it(name, () => expect(growingGroups(own, GROUPS, [own, other])).to.deep.equal(want))
})
