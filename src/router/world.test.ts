import { describe, it } from 'mocha'
import { expect } from 'chai'
import type { Agent, Swarm } from '../api/objects.ts'
import type { SwarmEntry } from './swarm-entry.ts'
import { World } from './world.ts'

type Change = { readonly deletionTimestamp?: string; readonly uid?: string; readonly spec?: object; readonly status?: object }

const READY = { type: 'Ready', status: 'True', reason: 'AgentReady', message: '', lastTransitionTime: '' }
const SANDBOX = { id: 'i1', state: 'Running', port: 8080, startedAt: '', commandStarted: true }

// The parse border of the tests: what the API server would have filled in and checked.
const agent = (name: string, { uid = `uid-${name}`, spec, status, ...metadata }: Change = {}): Agent =>
  ({
    metadata: { namespace: 'n', name, uid, ...metadata },
    spec: { swarm: 's', group: '', role: 'Worker', revision: 'r1', nonce: 'x', state: 'Running', ...spec },
    status: { sandbox: SANDBOX, conditions: [READY], ...status },
  }) as unknown as Agent
const swarm = (spec: object = {}, traffic: object[] = [{ revision: 'r1', percent: 100 }]): Swarm =>
  ({
    metadata: { namespace: 'n', name: 's' },
    spec: {
      template: {
        maxConcurrentTasks: 4,
        env: [],
        files: [],
        readiness: { path: '/up', timeout: '1s', interval: '2s', failureThreshold: 5 },
      },
      routing: {
        strategy: 'LeastLoaded',
        timeout: '30s',
        retries: { attempts: 3 },
        circuitBreaker: { consecutiveFailures: 5, openFor: '5s' },
        queue: { maxPending: 10, timeout: '10s' },
      },
      ...spec,
    },
    status: { traffic },
  }) as unknown as Swarm

function world() {
  const heard: string[] = []
  const made = new World<never>({ sandboxUrl: 'http://g', now: () => 0 })
  made.listen({
    agentChanged: (_entry, host) => heard.push(`changed ${host.slot.facts.name}`),
    agentGone: (_entry, host) => heard.push(`gone ${host.slot.facts.name}`),
    swarmChanged: () => heard.push('swarm changed'),
    swarmGone: () => heard.push('swarm gone'),
    mayPlace: () => heard.push('may place'),
  })
  return { made, heard, entry: (): SwarmEntry<never> | undefined => made.find('n', 's') }
}

describe('which agents may get tasks', () => {
  const cases = {
    'one that is ready and wanted': { change: {}, isCandidate: true, isDraining: false },
    'not one that is draining': { change: { spec: { state: 'Draining' } }, isCandidate: false, isDraining: true },
    'not one that is to pause': { change: { spec: { state: 'Paused' } }, isCandidate: false, isDraining: true },
    'not one that is being deleted': { change: { deletionTimestamp: 'now' }, isCandidate: false, isDraining: true },
    'not one that is not ready': {
      change: { status: { conditions: [{ ...READY, status: 'False' }] } },
      isCandidate: false,
      isDraining: false,
    },
    'not one that nobody has looked at': { change: { status: { conditions: undefined } }, isCandidate: false, isDraining: false },
    'not one whose sandbox sleeps': {
      change: { status: { sandbox: { ...SANDBOX, state: 'Paused' } } },
      isCandidate: false,
      isDraining: false,
    },
    'not one without a sandbox': { change: { status: { sandbox: undefined } }, isCandidate: false, isDraining: false },
  }
  for (const [name, c] of Object.entries(cases)) {
    it(name, () => {
      const { made, entry } = world()
      made.putSwarm(swarm())
      made.putAgent(agent('a', c.change))
      const facts = entry()?.hosts.get('a')?.slot.facts
      expect([facts?.isCandidate, facts?.isDraining]).to.deep.equal([c.isCandidate, c.isDraining])
    })
  }
})

describe('the world of the router', () => {
  it('takes Swarm, agents and tokens in any order', () => {
    const { made, entry } = world()
    made.putTokens('n', 's', new Map([['a', 'secret']]))
    made.putAgent(agent('a'))
    expect(entry()).to.equal(undefined)
    made.putSwarm(swarm())
    const host = entry()?.hosts.get('a')
    expect(host?.address?.headers).to.include('secret')
    expect(host?.slot.limit).to.equal(4)
    expect(host?.probe).to.deep.equal({ path: '/up', timeoutMs: 1000, intervalMs: 2000, failureThreshold: 5 })
  })

  it('takes the limit of an agent from its group', () => {
    const { made, entry } = world()
    made.putAgent(agent('a', { spec: { group: 'g' } }))
    made.putSwarm(swarm({ groups: [{ name: 'g', capabilities: [], template: { maxConcurrentTasks: 9 } }] }))
    expect(entry()?.hosts.get('a')?.slot.limit).to.equal(9)
  })

  it('is silent about what says nothing new', () => {
    const { made, heard } = world()
    made.putSwarm(swarm())
    made.putAgent(agent('a'))
    heard.length = 0
    made.putSwarm(swarm())
    made.putAgent(agent('a'))
    expect(heard).to.deep.equal([])
  })

  it('says when waiting tasks may have an agent', () => {
    const { made, heard } = world()
    made.putSwarm(swarm())
    made.putAgent(agent('a', { status: { conditions: [] } }))
    made.putAgent(agent('a'))
    expect(heard).to.deep.equal(['swarm changed', 'may place', 'changed a', 'may place', 'changed a', 'may place'])
  })

  it('keeps what it found out about an agent when only its object changes, and forgets it with another sandbox', () => {
    const { made, entry } = world()
    made.putSwarm(swarm())
    made.putAgent(agent('a'))
    const host = entry()?.hosts.get('a')
    if (host) host.slot.absence = 'Lost'
    made.putAgent(agent('a', { spec: { group: 'other' } }))
    expect([entry()?.hosts.get('a') === host, host?.slot.isUnreachable]).to.deep.equal([true, true])
    made.putAgent(agent('a', { status: { sandbox: { ...SANDBOX, id: 'i2' } } }))
    expect([host?.address?.headers[1], host?.slot.isUnreachable]).to.deep.equal(['i2', false])
  })

  it('takes an agent with another uid for another agent', () => {
    const { made, heard, entry } = world()
    made.putSwarm(swarm())
    made.putAgent(agent('a'))
    const old = entry()?.hosts.get('a')
    made.putAgent(agent('a', { uid: 'new' }))
    expect(heard).to.include('gone a')
    expect([old?.slot.isKnown, entry()?.hosts.get('a')?.slot.facts.uid]).to.deep.equal([false, 'new'])
  })

  it('forgets a swarm when the last thing of it is gone', () => {
    const { made, entry } = world()
    made.putSwarm(swarm())
    made.putAgent(agent('a'))
    made.removeSwarm('n', 's')
    expect([entry(), [...made.entries].length]).to.deep.equal([undefined, 1])
    made.removeAgent('n', 'a')
    expect([...made.entries]).to.deep.equal([])
  })
})
