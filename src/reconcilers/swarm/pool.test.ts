import { describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import { limitOf } from '../../scaling/budget.ts'
import { planSwarm } from './plan.ts'
import { REFILL_AT_ONCE } from './pool.ts'
import type { AgentSeen } from '../shared/agent-seen.ts'
import type { PoolSeen, WarmSeen, World } from './world.ts'
import { agent, NOW, world as worldSeen } from '../../../test/support/swarm-world.ts'

const warm = (over: Partial<WarmSeen> = {}): WarmSeen => ({
  name: 'w1',
  shape: 'base',
  state: 'Running',
  deleting: false,
  isEnding: false,
  attempt: 0,
  ...over,
})
const SHAPES = new Map([
  ['r1/', 'base'],
  ['r1/pairs', 'base'],
  ['r1/own', 'other'],
  ['r2/', 'base'],
  ['r3/', 'third'],
])
const pool = (replicas: number, members: readonly WarmSeen[], over: Partial<PoolSeen> = {}) => ({
  pool: { replicas, warm: members, shapes: SHAPES, isShort: false, ...over },
})
/** With `maxAgents` the limit that a budget of so many sets. */
const world = ({ maxAgents, ...over }: Partial<World> & { maxAgents?: number } = {}) =>
  worldSeen({ ...(maxAgents !== undefined && { limits: [budget(maxAgents, over)] }), agents: [agent()], ...over })
const budget = (most: number, { agents = [agent()], pool: seen }: Partial<World>) => {
  const used = agents.length + (seen?.warm ?? []).filter((w) => w.state !== 'Paused' && !w.failed).length
  return limitOf({ by: 'Budget', name: 'spec.budget.maxAgents', counts: 'Sandboxes', most: BigInt(most), used: BigInt(used) }, 1n)
}
const replicas = (n: number) => ({ groups: [{ name: '', replicas: n }] })
const failed = (atMs: number) => ({ failed: { reason: 'SandboxGone', atMs, readyForMs: 0 } })
const lost = agent({ ready: false, failed: { reason: 'SandboxGone', atMs: NOW, readyForMs: 90_000 } })
const make = (over: object = {}) => ({ do: 'warmAgent', revision: 'r1', attempt: 0, ...over })
const take = (name: string, over: object = {}) => ({ do: 'takeAgent', name, group: '', place: 0, revision: 'r1', attempt: 0, ...over })
const create = (over: object = {}) => ({ do: 'createAgent', group: '', place: 0, revision: 'r1', attempt: 0, ...over })
const remove = (name: string, reason: string) => ({ do: 'deleteAgent', name, reason })

type Case = { world: World; agents?: unknown[]; pool?: unknown[]; withheld?: number; warmWithheld?: number; checkAgainMs?: number }

const CASES: Record<string, Case> = {
  'is filled a few at a time': { world: world(pool(5, [])), pool: [make(), make()] },
  'waits with more until those are made': { world: world(pool(5, [warm({ state: 'Making' }), warm({ name: 'w2', state: 'Making' })])) },
  'is not filled while agents wait for their sandboxes': {
    world: world({ agents: [agent({ ready: false, wasReady: false, isStarted: false })], ...pool(1, []) }),
  },
  'is left alone when it is full': { world: world(pool(1, [warm()])) },
  'gives the quickest first, then makes new ones': {
    world: world({
      ...replicas(5),
      ...pool(3, [warm({ name: 'w3', state: 'Making' }), warm({ name: 'w2', state: 'Paused' }), warm({ name: 'w1' })]),
    }),
    agents: [take('w1', { place: 1 }), take('w2', { place: 2 }), take('w3', { place: 3 }), create({ place: 4 })],
    pool: [make(), make()],
  },
  'puts one in the place of a lost agent': {
    world: world({ agents: [lost], ...pool(1, [warm()]) }),
    agents: [take('w1', { attempt: 1, replaces: { name: 'a', reason: 'SandboxGone' } }), remove('a', 'Replaced')],
    pool: [make()],
  },
  'serves groups that need the same sandbox, and no others': {
    world: world({
      groups: [
        { name: 'own', replicas: 1 },
        { name: 'pairs', replicas: 1 },
      ],
      agents: [],
      ...pool(1, [warm()]),
    }),
    agents: [create({ group: 'own' }), take('w1', { group: 'pairs' })],
    pool: [make()],
  },
  'serves another revision that needs the same sandbox': {
    world: world({ updateRevision: 'r2', ...pool(1, [warm()]) }),
    agents: [take('w1', { revision: 'r2', place: 0 })],
    pool: [make({ revision: 'r2' })],
  },
  'is made anew for a revision that needs another one': {
    world: world({ agents: [agent({ revision: 'r3' })], updateRevision: 'r3', ...pool(1, [warm()]) }),
    pool: [remove('w1', 'WarmOutdated'), make({ revision: 'r3' })],
  },
  'stays with the revision that has most agents in a rollout': {
    world: world({
      ...replicas(2),
      updateRevision: 'r3',
      rollout: {
        sides: [
          { revision: 'r1', groups: [{ name: '', replicas: 2 }] },
          { revision: 'r3', groups: [{ name: '', replicas: 1 }] },
        ],
        kept: [],
      },
      agents: [agent(), agent({ name: 'b', place: 1 }), agent({ name: 'c', revision: 'r3' })],
      ...pool(1, [warm()]),
    }),
  },
  'ends what is too much, what is near its end, and what belongs to a forgotten revision': {
    world: world(
      pool(1, [
        warm(),
        warm({ name: 'w2', state: 'Making' }),
        warm({ name: 'w3', isEnding: true }),
        warm({ name: 'w4', shape: undefined }),
      ]),
    ),
    pool: [remove('w3', 'WarmOutdated'), remove('w4', 'WarmOutdated'), remove('w2', 'WarmSurplus')],
  },
  'does not give what is about to end': {
    world: world({ agents: [], ...pool(0, [warm({ isEnding: true })]) }),
    agents: [create()],
    pool: [remove('w1', 'WarmOutdated')],
  },
  'ends all when no pool is wanted any more': { world: world(pool(0, [warm()])), pool: [remove('w1', 'WarmSurplus')] },
  'replaces a lost one at once': {
    world: world(pool(1, [warm(failed(NOW))])),
    pool: [make({ attempt: 1 }), remove('w1', 'Replaced')],
  },
  'and later and later when those are lost as well': {
    world: world(pool(1, [warm({ attempt: 3, ...failed(NOW - 1_000) })])),
    checkAgainMs: 3_000,
  },
  'forgets a lost one that is not needed': { world: world(pool(0, [warm(failed(NOW))])), pool: [remove('w1', 'Replaced')] },
  'gets only what the budget has left, and says so': {
    world: world({ maxAgents: 2, ...pool(2, []) }),
    pool: [make()],
    warmWithheld: 1,
  },
  'is begun with one alone where cost is limited and its size is not known': {
    world: world({ sized: [], ...pool(3, []) }),
    pool: [make()],
  },
  'goes on once that is known': { world: world({ sized: ['r1/'], ...pool(3, [warm()]) }), pool: [make(), make()] },
  'counts in the budget, and needs no more of it when it is taken': {
    world: world({ ...replicas(2), maxAgents: 2, ...pool(1, [warm()]) }),
    agents: [take('w1', { place: 1 })],
    warmWithheld: 1,
  },
  'does not count while it sleeps, and needs room when it wakes': {
    world: world({ ...replicas(2), maxAgents: 1, ...pool(1, [warm({ state: 'Paused' })]) }),
    withheld: 1,
  },
  'makes room for agents that cannot use it': {
    world: world({
      groups: [{ name: 'own', replicas: 3 }],
      agents: [agent({ group: 'own' })],
      maxAgents: 3,
      ...pool(2, [warm(), warm({ name: 'w2' })]),
    }),
    pool: [remove('w1', 'MadeRoom'), remove('w2', 'MadeRoom')],
    withheld: 2,
  },
  'makes no more room than is needed, those on their way out included': {
    world: world({
      groups: [{ name: 'own', replicas: 2 }],
      agents: [agent({ group: 'own' })],
      maxAgents: 3,
      ...pool(1, [warm(), warm({ name: 'w2', deleting: true })]),
    }),
    withheld: 1,
  },
  'makes room when the budget is lowered': {
    world: world({ maxAgents: 1, ...pool(1, [warm()]) }),
    pool: [remove('w1', 'MadeRoom')],
    warmWithheld: 1,
  },
  'makes room in a quota of objects, in which also those that sleep count': {
    world: world({
      groups: [{ name: 'own', replicas: 2 }],
      agents: [agent({ group: 'own' })],
      limits: [limitOf({ by: 'Quota', name: 'quota', counts: 'Objects', most: 2n, used: 2n }, 1n)],
      ...pool(1, [warm({ state: 'Paused' })]),
    }),
    pool: [remove('w1', 'MadeRoom')],
    withheld: 1,
  },
  'makes room when the provider gives agents no more sandboxes': {
    world: world({
      agents: [agent({ isStarted: false, ready: false, wasReady: false })],
      ...pool(2, [warm(), warm({ name: 'w2' })], { isShort: true }),
    }),
    pool: [remove('w2', 'MadeRoom')],
  },
}

describe('planning a warm pool', () => {
  for (const [name, { world: seen, agents = [], pool: want = [], withheld = 0, warmWithheld = 0, checkAgainMs }] of Object.entries(CASES)) {
    it(name, () => {
      const plan = planSwarm(seen)
      expect(plan.actions).to.deep.equal(agents)
      expect(plan.pool?.actions).to.deep.equal(want)
      expect([plan.withheld, plan.pool?.withheld]).to.deep.equal([withheld, warmWithheld])
      expect(plan.checkAgainMs).to.equal(checkAgainMs)
    })
  }

  it('is not planned where there is none', () => {
    expect(planSwarm(world()).pool).to.equal(undefined)
  })

  const members = fc.array(
    fc.record({
      shape: fc.constantFrom('base', 'other', undefined),
      state: fc.constantFrom<WarmSeen['state']>('Making', 'Running', 'Paused'),
      deleting: fc.boolean(),
      isEnding: fc.boolean(),
      attempt: fc.nat(4),
    }),
    { maxLength: 8 },
  )
  const CAP = 12

  it('never gives one twice, never goes beyond the budget, and is full in the end', () => {
    fc.assert(
      fc.property(members, fc.nat(6), fc.nat(8), (shown, wanted, size) => {
        let seen = shown.map((w, i): WarmSeen => ({ name: `w${i}`, ...w }))
        let agents: AgentSeen[] = []
        const running = () => agents.length + seen.filter((w) => w.state !== 'Paused').length
        const atFirst = running()
        for (let n = 0; n < 16; n += 1) {
          const plan = planSwarm(world({ ...replicas(size), maxAgents: CAP, agents, ...pool(wanted, seen) }))
          const actions = [...plan.actions, ...(plan.pool?.actions ?? [])]
          const named = actions.flatMap((a) => ('name' in a ? [a.name] : []))
          expect(new Set(named).size).to.equal(named.length)
          expect(actions.filter((a) => a.do === 'warmAgent').length).to.be.at.most(REFILL_AT_ONCE)
          seen = seen
            .filter((w) => !w.deleting && !named.includes(w.name))
            .map((w) => (w.state === 'Making' ? { ...w, state: 'Running' } : w))
          for (const [i, a] of actions.entries()) {
            if (a.do === 'warmAgent') seen.push(warm({ name: `n${n}-${i}`, state: 'Making' }))
            if (a.do === 'createAgent' || a.do === 'takeAgent') agents = [...agents, agent({ name: `a${n}-${i}`, place: a.place })]
          }
          expect(running()).to.be.at.most(Math.max(CAP, atFirst))
        }
        expect(agents).to.have.length(size)
        expect(seen).to.have.length(Math.min(wanted, CAP - size + seen.filter((w) => w.state === 'Paused').length))
      }),
    )
  })
})
