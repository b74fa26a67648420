import { KubeConfig } from '@kubernetes/client-node'
import { beforeEach, describe, it } from 'mocha'
import { expect } from 'chai'
import type { Agent, Swarm } from '../../api/objects.ts'
import { KubeClient } from '../../kube/client.ts'
import { Informer } from '../../kube/informer.ts'
import { RESOURCE_QUOTAS, type ResourceQuota } from '../../kube/objects.ts'
import { createLog } from '../../log.ts'
import { Allowance, type Purpose } from '../../scaling/budget.ts'
import { DEFAULT_PRICES } from '../../scaling/cost.ts'
import { Sightings } from '../agent/sightings.ts'
import { AGENTS } from '../shared/kinds.ts'
import { AGENT_INDEXERS } from '../shared/owners.ts'
import { Costs } from './costs.ts'
import type { Deed } from './deeds.ts'
import { quotaOfAgents, Quotas } from './quotas.ts'
import type { Plan, Successor } from './world.ts'

const RATE = 5n
const NAMESPACE = 'trading'
let version = 0
const metadata = (name: string) => ({ name, namespace: NAMESPACE, uid: name, resourceVersion: String((version += 1)), generation: 1 })
const swarm = (name: string) => ({ apiVersion: '', kind: 'Swarm', metadata: metadata(name), spec: {} }) as unknown as Swarm
const [A, B] = [swarm('a'), swarm('b')]
const create = (name: string): Deed => ({ do: 'createAgent', group: '', place: 0, revision: 'r1', attempt: 0, name })
const successor: Successor = { group: '', place: 0, revision: 'r1', attempt: 1, replaces: { name: 'x', reason: 'SandboxGone' } }

/** A plan that was refused so many agents. */
const plan = (missed: Partial<Record<Purpose, number>> = {}, owed: readonly Successor[] = []): Plan => {
  const { missed: none } = new Allowance([])
  const counts = Object.entries(missed).map(([purpose, n]) => [purpose, { sandboxes: n, objects: n }])
  return { actions: [], withheld: 0, missed: { ...none, ...Object.fromEntries(counts) }, owed, spared: 0, wanted: [] }
}

describe('room in a namespace', () => {
  let agents: Informer<Agent, 'swarm' | 'namespace'>
  let quotas: Informer<ResourceQuota>
  let room: Quotas
  let woken: string[]
  let timers: { ms: number; run: () => void }[]

  beforeEach(() => {
    const config = new KubeConfig()
    config.loadFromClusterAndUser({ name: 'none', server: 'http://127.0.0.1:1', skipTLSVerify: true }, { name: 'nobody' })
    // Nobody starts them: they hold what is written to them.
    const common = { client: new KubeClient(config), log: createLog({ level: 'error', shape: 'text' }) }
    agents = new Informer({ ...common, kind: AGENTS, indexers: AGENT_INDEXERS })
    quotas = new Informer({ ...common, kind: RESOURCE_QUOTAS, transform: quotaOfAgents })
    woken = []
    timers = []
    room = new Quotas({
      quotas,
      agents,
      costs: new Costs({ prices: () => DEFAULT_PRICES, sightings: new Sightings() }),
      wake: (key) => woken.push(key),
      clock: { after: (ms, run) => (timers.push({ ms, run }), () => undefined) },
    })
    quota({ 'swarmops.dev/agents': '5' })
    for (const each of [A, B]) room.reserve(each, { plan: plan(), deeds: [], rate: RATE })
    woken = []
  })

  const quota = (hard: Record<string, string>, more: object = {}, used: Record<string, string> = {}) =>
    quotas.wrote({ apiVersion: 'v1', kind: 'ResourceQuota', metadata: metadata('caps'), spec: { hard, ...more }, status: { used } })
  const agent = (name: string, { of = 'a', state = 'Running', status = {} }: { of?: string; state?: string; status?: object } = {}) => {
    const spec = { swarm: of, group: '', role: 'Worker', revision: 'r1', place: 0, nonce: '', attempt: 0, state }
    const made = { apiVersion: '', kind: 'Agent', metadata: metadata(name), spec, status } as unknown as Agent
    agents.wrote(made)
    return made
  }
  const left = (of = A, purpose: Purpose = 'Scale') => room.limits(of, RATE).map((limit) => limit.left[purpose])
  const failed = { failed: { reason: 'SandboxGone', message: '', at: '' } }

  it('is what the agents of all swarms leave, and those that are about to come', () => {
    agent('a-1')
    agent('b-1', { of: 'b' })
    agent('b-2', { of: 'b', state: 'Paused' })
    agent('b-3', { of: 'b', state: 'Draining' })
    expect(left()).to.deep.equal([2])
    const held = room.reserve(B, { plan: plan(), deeds: [create('b-4'), { do: 'resumeAgent', name: 'b-2' }], rate: RATE })
    expect(left()).to.deep.equal([0])
    agent('b-4', { of: 'b' })
    agent('b-2', { of: 'b' })
    expect(left(), 'each counts once').to.deep.equal([0])
    held.release([])
    expect(left()).to.deep.equal([0])
  })

  it('comes back when what it was held for was not made', () => {
    const held = room.reserve(B, { plan: plan(), deeds: [create('b-1'), create('b-2')], rate: RATE })
    room.reserve(A, { plan: plan({ Scale: 1 }), deeds: [], rate: RATE })
    held.release([])
    expect([left(), woken]).to.deep.equal([[5], ['trading/a']])
  })

  it('stays held for an agent that may have been made, until it shows or cannot come any more', () => {
    room.reserve(B, { plan: plan(), deeds: [create('b-1'), create('b-2')], rate: RATE }).release(['b-1', 'b-2'])
    expect([left(), room.doubtful(B), room.doubtful(A)]).to.deep.equal([[3], 2, 0])
    const shown = agent('b-1', { of: 'b' })
    expect([left(), room.doubtful(B)]).to.deep.equal([[3], 1])
    agents.deleted(shown)
    expect(left(), 'it has shown, and is gone').to.deep.equal([4])
    room.reserve(A, { plan: plan({ Scale: 1 }), deeds: [], rate: RATE })
    for (const { run } of timers) run()
    expect([left(), room.doubtful(B), woken, timers.map(({ ms }) => ms)]).to.deep.equal([[5], 0, ['trading/a'], [60_000]])
  })

  it('is left to successors of lost agents from the loss on, also before anybody has looked', () => {
    agent('b-1', { of: 'b', status: failed })
    expect([left(A), left(A, 'Replacement'), left(B)]).to.deep.equal([[4], [5], [5]])
  })

  it('is not left to those of swarms that cannot be planned', () => {
    agent('b-1', { of: 'b', status: failed })
    room.yield('trading/b')
    expect(left(A)).to.deep.equal([5])
  })

  it('is left to those of lost agents that are gone already', () => {
    room.reserve(B, { plan: plan({}, [successor]), deeds: [], rate: RATE })
    expect([left(A), left(A, 'Replacement')]).to.deep.equal([[4], [5]])
  })

  it('is left to what is more urgent in another swarm, until that has it', () => {
    room.reserve(B, { plan: plan({ Scale: 2 }), deeds: [], rate: RATE })
    room.reserve(A, { plan: plan({ Update: 1 }), deeds: [], rate: RATE })
    expect([left(A, 'Scale'), left(A, 'Update'), left(B, 'Scale')]).to.deep.equal([[5], [3], [5]])
    room.reserve(B, { plan: plan(), deeds: [create('b-1'), create('b-2')], rate: RATE })
    expect([left(A, 'Update'), woken]).to.deep.equal([[3], ['trading/a']])
  })

  it('asks swarms with warm sandboxes to make it', () => {
    agent('a-1', { state: 'Warm' })
    room.reserve(B, { plan: plan({ Scale: 1 }), deeds: [], rate: RATE })
    expect(woken).to.deep.equal(['trading/a'])
  })

  it('wakes those who wait for it when it may have grown, and nobody else', () => {
    const one = agent('b-1', { of: 'b' })
    agents.deleted(agent('b-2', { of: 'b' }))
    quota({ 'swarmops.dev/agents': '6' })
    expect(woken, 'nobody waits').to.deep.equal([])
    room.reserve(A, { plan: plan({ Scale: 1 }), deeds: [], rate: RATE })
    agent('b-3', { of: 'b' })
    quota({ 'swarmops.dev/agents': '6', pods: '3' })
    expect(woken, 'no room').to.deep.equal([])
    agents.deleted(one)
    agent('b-3', { of: 'b', status: failed })
    quota({ 'swarmops.dev/agents': '7' })
    quotas.deleted({ apiVersion: 'v1', kind: 'ResourceQuota', metadata: metadata('caps') })
    expect(woken.length, 'the loss, the end, the quota, its end').to.be.at.least(3)
    expect(new Set(woken)).to.deep.equal(new Set(['trading/a']))
    expect(left()).to.deep.equal([])
  })

  it('of objects is what the API server counts, if that is more', () => {
    quota({ 'count/agents.swarmops.dev': '5' }, {}, { 'count/agents.swarmops.dev': '3' })
    agent('a-1', { state: 'Paused' })
    expect(left()).to.deep.equal([2])
    room.reserve(B, { plan: plan(), deeds: ['b-1', 'b-2', 'b-3', 'b-4'].map(create), rate: RATE })
    expect(left()).to.deep.equal([0])
  })

  it('is not limited by quotas with scopes, which are for Pods', () => {
    quota({ 'swarmops.dev/agents': '1' }, { scopes: ['BestEffort'] })
    expect(left()).to.deep.equal([])
  })

  it('is told with what is used of it', () => {
    quota({ 'swarmops.dev/agents': '5', 'swarmops.dev/hourly-cents': '100' })
    agent('a-1')
    expect(room.uses()).to.deep.equal([
      { namespace: NAMESPACE, quota: 'caps', resource: 'swarmops.dev/agents', hard: 5, used: 1 },
      { namespace: NAMESPACE, quota: 'caps', resource: 'swarmops.dev/hourly-cents', hard: 100, used: 10.89 },
    ])
  })
})
