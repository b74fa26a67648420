import { expect } from 'chai'
import { describe, it } from 'mocha'
import type { Agent } from '../api/objects.ts'
import { countedIn, loadsOf, loadText, sortedBy, type Counted, type Load, type Look } from './load.ts'
import type { LiveAgent } from './router.ts'
import { plain } from './table.ts'

const live = (agent: string, change: Partial<LiveAgent> = {}): LiveAgent => ({
  agent,
  health: 'Healthy',
  inFlight: 1,
  limit: 4,
  done: 10,
  failed: 2,
  latency: [1, 2],
  ...change,
})
const view = (...agents: LiveAgent[]) => ({ queue: { length: 0 }, agents })

describe('what several routers see of an agent', () => {
  it('is added up', () => {
    const counted = countedIn([view(live('a'), live('b')), view(live('a', { inFlight: 3, latency: [0, 0, 5] }))])
    expect(counted.get('a')).to.deep.equal({ inFlight: 4, limit: 8, done: 20, failed: 4, latency: [1, 2, 5] })
    expect(counted.get('b')).to.deep.equal({ inFlight: 1, limit: 4, done: 10, failed: 2, latency: [1, 2] })
  })
})

const agent = (name: string): Agent => ({
  apiVersion: 'swarmops.dev/v1alpha1',
  kind: 'Agent',
  metadata: { name, namespace: 'here', uid: name, generation: 1, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' },
  spec: { swarm: 'desk', group: '', role: 'Worker', revision: 'r1', place: 0, nonce: 'nonce-nonce', attempt: 0, state: 'Running' },
  status: {
    observedGeneration: 1,
    sandbox: { id: `sandbox-${name}`, state: 'Running', commandStarted: true, port: 8080, startedAt: '2026-01-01T00:00:00Z' },
    conditions: [
      {
        type: 'Ready',
        status: 'True',
        reason: 'AgentReady',
        message: '',
        lastTransitionTime: '2026-01-01T00:00:00Z',
        observedGeneration: 1,
      },
    ],
  },
})
const seen = (atMs: number, counted: Record<string, Counted> = {}, usage: Look['usage'] = new Map()): Look => ({
  atMs,
  counted: new Map(Object.entries(counted)),
  usage,
})
const counted = (change: Partial<Counted> = {}): Counted => ({ inFlight: 1, limit: 4, done: 100, failed: 0, latency: [100], ...change })
const bare = { swarm: 'desk', group: '', agent: 'a', status: 'AgentReady' }

const cases: Record<string, { before: Look; now: Look; want: Load }> = {
  'is what was counted between two looks': {
    before: seen(0, { a: counted() }),
    now: seen(2_000, { a: counted({ done: 109, failed: 1, latency: [100, 0, 0, 10] }) }),
    want: { ...bare, inFlight: 1, limit: 4, tasksPerSecond: 5, errorPercent: 10, latencyMs: 49 },
  },
  'has no share of errors and no latency when nothing has ended': {
    before: seen(0, { a: counted() }),
    now: seen(2_000, { a: counted() }),
    want: { ...bare, inFlight: 1, limit: 4, tasksPerSecond: 0 },
  },
  'is not below zero after the start of a router': {
    before: seen(0, { a: counted() }),
    now: seen(2_000, { a: counted({ done: 3, latency: [3] }) }),
    want: { ...bare, inFlight: 1, limit: 4, tasksPerSecond: 0 },
  },
  'has what E2B has measured': {
    before: seen(0),
    now: seen(2_000, {}, new Map([['sandbox-a', { cpuPercent: 12.34, memoryPercent: 56.78, measuredMs: 1_000 }]])),
    want: { ...bare, cpuPercent: 12.3, memoryPercent: 56.8 },
  },
  'has nothing that nobody has told': { before: seen(0), now: seen(2_000), want: bare },
}
describe('the load of an agent', () => {
  for (const [name, { before, now, want }] of Object.entries(cases))
    it(name, () => expect(loadsOf([agent('a')], before, now)).to.deep.equal([want]))
})

describe('lines of loads', () => {
  const loads: Load[] = [
    { ...bare, agent: 'c', cpuPercent: 5, inFlight: 2, limit: 4, tasksPerSecond: 1, errorPercent: 50, latencyMs: 20 },
    { ...bare, agent: 'b' },
    { ...bare, agent: 'a', cpuPercent: 50, inFlight: 0, limit: 4, tasksPerSecond: 3 },
  ]
  it('are sorted by name', () => expect(sortedBy(loads, 'name').map((l) => l.agent)).to.deep.equal(['a', 'b', 'c']))
  it('are sorted by a figure, those without it last', () => {
    expect(sortedBy(loads, 'cpu').map((l) => l.agent)).to.deep.equal(['a', 'c', 'b'])
    expect(sortedBy(loads, 'errors').map((l) => l.agent)).to.deep.equal(['c', 'a', 'b'])
  })
  it('leave out what is not known', () => {
    expect(loadText(loads.slice(0, 2), plain).split('\n')).to.deep.equal([
      'AGENT   GROUP   STATUS       CPU   MEMORY   IN-FLIGHT   TASKS/S   ERRORS   P95',
      'c               AgentReady   5%             2/4         1.0       50%      20ms',
      'b               AgentReady',
      '',
    ])
  })
})
