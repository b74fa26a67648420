import { describe, it } from 'mocha'
import { expect } from 'chai'
import type { GroupSpec } from '../../api/swarm-group.ts'
import type { TopologyStatus } from '../../api/topology.ts'
import { TERM } from '../../topology/leader.ts'
import { epochAfter } from '../../topology/succession.ts'
import { epochMessage, leaderMessage, leavingIn, limitMessage, linkedIn, topologyStatus } from './links.ts'
import type { AgentSeen } from '../shared/agent-seen.ts'
import type { World } from './world.ts'
import { agent as agentSeen, world as worldSeen } from '../../../test/support/swarm-world.ts'

const agent = (name: string, over: Partial<AgentSeen> = {}) => agentSeen({ name, group: 'lead', ...over })
const GROUPS: GroupSpec[] = [
  { name: 'lead', role: 'Coordinator', replicas: 2, capabilities: [] },
  { name: 'work', role: 'Worker', replicas: 1, capabilities: [] },
]
const world = (agents: AgentSeen[], topology?: World['topology']) => worldSeen({ groups: GROUPS, agents, ...(topology && { topology }) })
const STAR = { spec: { type: 'Star' as const }, groups: GROUPS }
const MESH = { spec: { type: 'Mesh' as const }, groups: GROUPS }
const stored = (epoch: number, leader?: string): TopologyStatus => ({ epoch, agents: 9, links: 9, ...(leader && { leader }) })

describe('the topology in the status', () => {
  const two = [agent('a'), agent('b', { place: 1 })]
  const cases: Record<string, { world: World; leaving?: string[]; stored?: TopologyStatus; heard?: number; want: object | undefined }> = {
    'is not there without a topology': { world: world(two), want: undefined },
    'has the first leader': { world: world(two, STAR), want: { epoch: TERM, leader: 'a' } },
    'keeps the leader': { world: world(two, STAR), stored: stored(2 * TERM, 'b'), want: { epoch: 2 * TERM, leader: 'b' } },
    'has another one in the next term when the leader leaves by the plan': {
      world: world(two, STAR),
      leaving: ['a'],
      stored: stored(TERM, 'a'),
      want: { epoch: 2 * TERM, leader: 'b' },
    },
    'has another one when the leader is not ready': {
      world: world([agent('a', { ready: false }), agent('b')], STAR),
      stored: stored(TERM, 'a'),
      want: { epoch: 2 * TERM, leader: 'b' },
    },
    'keeps one that leaves when nobody could follow': {
      world: world([agent('a')], STAR),
      leaving: ['a'],
      stored: stored(TERM, 'a'),
      want: { epoch: TERM, leader: 'a' },
    },
    'goes to the term above an epoch that an agent knows of': {
      world: world(two, STAR),
      stored: stored(TERM, 'a'),
      heard: 4 * TERM + 711,
      want: { epoch: 5 * TERM, leader: 'a' },
    },
    'goes above it with another leader, too': {
      world: world(two, STAR),
      leaving: ['a'],
      stored: stored(TERM, 'a'),
      heard: 4 * TERM + 711,
      want: { epoch: 6 * TERM, leader: 'b' },
    },
    'settles the leader that routers have failed over to': {
      world: world(two, STAR),
      stored: stored(TERM, 'a'),
      heard: epochAfter(TERM, 'b'),
      want: { epoch: 2 * TERM, leader: 'b' },
    },
    'settles another one when that is not ready': {
      world: world([agent('a'), agent('b', { ready: false })], STAR),
      stored: stored(TERM, 'a'),
      heard: epochAfter(TERM, 'b'),
      want: { epoch: 2 * TERM, leader: 'a' },
    },
    'stays where that is absurd': {
      world: world(two, STAR),
      stored: stored(TERM, 'a'),
      heard: 1e15,
      want: { epoch: TERM, leader: 'a' },
    },
    'has no leader any more when it becomes a mesh': { world: world(two, MESH), stored: stored(3 * TERM, 'a'), want: { epoch: 3 * TERM } },
    'begins another term when it is led again, also by the one that led last': {
      world: world(two, STAR),
      stored: stored(3 * TERM),
      want: { epoch: 4 * TERM, leader: 'a' },
    },
    'has no leader in a mesh, but an epoch above that of its agents': {
      world: world(two, MESH),
      stored: stored(0),
      heard: 12,
      want: { epoch: TERM },
    },
  }
  for (const [name, c] of Object.entries(cases)) {
    it(name, () => {
      const known = { stored: c.stored, heardEpoch: c.heard ?? 0, agents: 2, links: 1 }
      const status = topologyStatus(c.world, new Set(c.leaving), known)
      expect(status).to.deep.equal(c.want && { ...c.want, agents: 2, links: 1 })
    })
  }

  it('links the agents that take tasks and stay', () => {
    const all = [agent('a'), agent('b', { ready: false }), agent('c', { state: 'Draining' }), agent('d'), agent('e', { deleting: true })]
    const leaving = leavingIn({ actions: [{ do: 'drainAgent', name: 'd', reason: 'Outdated' }] })
    expect(linkedIn(world(all, STAR), leaving).map((m) => m.name)).to.deep.equal(['a'])
  })
})

describe('what people are told', () => {
  const cases: Record<string, { before?: TopologyStatus; old?: AgentSeen; leaving?: string[]; want: string | undefined }> = {
    'of the first leader': { want: `b leads from epoch ${2 * TERM} on` },
    'of nothing new': { before: stored(2 * TERM, 'b'), want: undefined },
    'of one that is gone': { before: stored(TERM, 'a'), want: `b leads from epoch ${2 * TERM} on, after a, which is gone` },
    'of one that is lost': {
      before: stored(TERM, 'a'),
      old: agent('a', { ready: false, failed: { reason: 'SandboxGone', atMs: 0, readyForMs: 0 } }),
      want: `b leads from epoch ${2 * TERM} on, after a, which is lost: SandboxGone`,
    },
    'of one that is not ready': {
      before: stored(TERM, 'a'),
      old: agent('a', { ready: false }),
      want: `b leads from epoch ${2 * TERM} on, after a, which is not ready`,
    },
    'of one that leaves': {
      before: stored(TERM, 'a'),
      old: agent('a'),
      leaving: ['a'],
      want: `b leads from epoch ${2 * TERM} on, after a, which is leaving`,
    },
    'of one that the operator finds ready, and routers do not': {
      before: stored(TERM, 'a'),
      old: agent('a'),
      want: `b leads from epoch ${2 * TERM} on, after a, which routers could not reach`,
    },
    'of one that is deleted': {
      before: stored(TERM, 'a'),
      old: agent('a', { deleting: true }),
      want: `b leads from epoch ${2 * TERM} on, after a, which is being deleted`,
    },
    'of one that is paused': {
      before: stored(TERM, 'a'),
      old: agent('a', { state: 'Paused', ready: false }),
      want: `b leads from epoch ${2 * TERM} on, after a, which is paused`,
    },
  }
  for (const [name, c] of Object.entries(cases))
    it(name, () =>
      expect(leaderMessage(c.before, stored(2 * TERM, 'b'), { agents: c.old ? [c.old] : [], leaving: new Set(c.leaving) })).to.equal(
        c.want,
      ),
    )

  it('of an epoch that was raised', () => {
    expect(epochMessage(stored(TERM), stored(5 * TERM), 4 * TERM + 711)).to.equal(
      `an agent knows of epoch ${4 * TERM + 711}, which is above ${TERM}: epoch ${5 * TERM} is settled above both`,
    )
    expect(epochMessage(stored(5 * TERM), stored(5 * TERM), 4 * TERM + 711)).to.equal(undefined)
    expect(epochMessage(stored(TERM), stored(TERM), 1e15)).to.equal(undefined)
  })

  const limits: Record<string, { before?: number; agents: number; topology: World['topology']; want: string | undefined }> = {
    'of a mesh that has grown too large': {
      before: 201,
      agents: 202,
      topology: MESH,
      want: 'of 202 agents each knows 200 others at most; spec.topology.maxDegree sets a lower bound, which costs less',
    },
    'of a star that is too large': { agents: 300, topology: STAR, want: 'of 300 agents each knows 200 others at most' },
    'of a mesh in which all know each other': { before: 200, agents: 201, topology: MESH, want: undefined },
    'of one that they have been told of': { before: 202, agents: 300, topology: MESH, want: undefined },
    'of a bound that they have set': {
      agents: 300,
      topology: { ...MESH, spec: { type: 'Mesh', maxDegree: 8 } },
      want: undefined,
    },
  }
  for (const [name, c] of Object.entries(limits)) {
    it(name, () => {
      const status = (agents: number): TopologyStatus => ({ epoch: 0, agents, links: 0 })
      const before = c.before === undefined ? undefined : status(c.before)
      expect(limitMessage(before, status(c.agents), world([], c.topology))).to.equal(c.want)
    })
  }
})
