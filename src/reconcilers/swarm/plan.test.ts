import { describe, it } from 'mocha'
import { expect } from 'chai'
import fc from 'fast-check'
import { planSwarm } from './plan.ts'
import type { AgentSeen } from '../shared/agent-seen.ts'
import type { Action, World } from './world.ts'
import { create, fresh, isPlanned, lost, quota, replicas, rollout, world, type Case } from '../../../test/support/swarm-plan.ts'
import { agent, NOW } from '../../../test/support/swarm-world.ts'

const BRAKE = { brake: { failed: 4, of: 10, untilMs: NOW + 40_000 } }

const CASES: Record<string, Case> = {
  'gives each revision of a rollout its agents, and replaces a lost one by its own kind': {
    world: world({
      ...replicas(2),
      updateRevision: 'r2',
      ...rollout({ r1: 2, r2: 1 }),
      agents: [agent(), lost({ name: 'b', place: 1 })],
    }),
    want: [
      create({ place: 1, attempt: 1, replaces: { name: 'b', reason: 'SandboxGone' } }),
      { do: 'deleteAgent', name: 'b', reason: 'Replaced' },
      create({ revision: 'r2' }),
    ],
  },
  'lets a revision of a rollout shrink, and one that is kept as it is, without replacing what it loses': {
    world: world({
      ...replicas(2),
      ...rollout({ r1: 1, r2: 1 }, 'r3'),
      agents: [
        agent(),
        agent({ name: 'b', place: 1, inFlight: 1 }),
        agent({ name: 'c', revision: 'r2' }),
        agent({ name: 'd', revision: 'r3' }),
        lost({ name: 'e', revision: 'r3', place: 1 }),
      ],
    }),
    want: [
      { do: 'drainAgent', name: 'a', reason: 'ScaledDown' },
      { do: 'deleteAgent', name: 'e', reason: 'Replaced' },
    ],
  },
  'drains agents of revisions that a rollout does not name': {
    world: world({ ...rollout({ r1: 1 }), updateRevision: 'r2', agents: [agent(), agent({ name: 'b', revision: 'r2' })] }),
    want: [{ do: 'drainAgent', name: 'b', reason: 'Outdated' }],
  },
  'makes the agents of the first side first when the budget has no room for all': {
    world: world({ ...replicas(2), ...rollout({ r1: 2, r2: 2 }), maxAgents: 3, agents: [agent()] }),
    want: [create({ place: 1 }), create({ revision: 'r2' })],
    withheld: 1,
  },
  'replaces agents that are to be restarted as in an update, in their places': {
    world: world({ agents: [agent({ restarting: 'Restarted' })] }),
    want: [create()],
  },
  'drains an agent that is to be restarted once another is ready, and none while the brake is on': {
    world: world({ agents: [agent({ restarting: 'Restarted' }), agent({ name: 'n' })] }),
    want: [{ do: 'drainAgent', name: 'a', reason: 'Restarted' }],
  },
  'replaces an agent that a person has asked to drain in the same way, and says so': {
    world: world({ agents: [agent({ restarting: 'Asked' }), agent({ name: 'n' })] }),
    want: [{ do: 'drainAgent', name: 'a', reason: 'Asked' }],
  },
  'restarts nobody while the brake is on': {
    world: world({ ...BRAKE, agents: [agent({ restarting: 'Restarted' }), agent({ name: 'n' })] }),
    want: [],
    checkAgainMs: 40_000,
  },
  'looks again when all agents are to be restarted': {
    world: world({ restartsMs: NOW + 5_000, agents: [agent()] }),
    want: [],
    checkAgainMs: 5_000,
  },
  'does nothing when the world is as asked': { world: world({ agents: [agent()] }), want: [] },
  'creates what is missing': { world: world({ ...replicas(2), agents: [agent()] }), want: [create({ place: 1 })] },
  'drains the idlest of the surplus, by name when equal': {
    world: world({ agents: [agent({ name: 'c' }), agent({ name: 'busy', inFlight: 3 }), agent({ name: 'b' })] }),
    want: [
      { do: 'drainAgent', name: 'b', reason: 'ScaledDown' },
      { do: 'drainAgent', name: 'c', reason: 'ScaledDown' },
    ],
  },
  'drains one that leads after those that do not, however busy they are': {
    world: world({ leader: 'a', agents: [agent(), agent({ name: 'busy', inFlight: 3 })] }),
    want: [{ do: 'drainAgent', name: 'busy', reason: 'ScaledDown' }],
  },
  'spares no leader that is not ready': {
    world: world({ leader: 'a', agents: [agent({ ready: false }), agent({ name: 'b' })] }),
    want: [{ do: 'drainAgent', name: 'a', reason: 'ScaledDown' }],
  },
  'renews one that leads last': {
    world: world({
      ...replicas(2),
      leader: 'a',
      updateRevision: 'r2',
      agents: [agent(), agent({ name: 'b', place: 1 }), agent({ name: 'c', revision: 'r2' })],
    }),
    want: [{ do: 'drainAgent', name: 'b', reason: 'Outdated' }],
  },
  'deletes surplus that never worked without draining it': {
    world: world({ agents: [agent(), fresh({ name: 'b' })] }),
    want: [{ do: 'deleteAgent', name: 'b', reason: 'NeverReady' }],
  },
  'deletes a drained agent': {
    world: world({ agents: [agent(), agent({ name: 'd', state: 'Draining', drained: true })] }),
    want: [{ do: 'deleteAgent', name: 'd', reason: 'Drained' }],
  },
  'pauses a drained agent when asked': {
    world: world({ onScaleDown: 'Pause', agents: [agent(), agent({ name: 'd', state: 'Draining', drained: true })] }),
    want: [{ do: 'pauseAgent', name: 'd' }],
  },
  'deletes a drained agent of an older revision although surplus is paused': {
    world: world({ onScaleDown: 'Pause', agents: [agent(), agent({ name: 'd', revision: 'r0', state: 'Draining', drained: true })] }),
    want: [{ do: 'deleteAgent', name: 'd', reason: 'Drained' }],
  },
  'leaves a busy draining agent alone and looks again when its time is up': {
    world: world({ agents: [agent(), agent({ name: 'd', state: 'Draining', inFlight: 1, stateSinceMs: NOW - 10_000 })] }),
    want: [],
    checkAgainMs: 20_000,
  },
  'deletes a busy agent whose drain timed out': {
    world: world({ agents: [agent(), agent({ name: 'd', state: 'Draining', inFlight: 1, stateSinceMs: NOW - 30_000 })] }),
    want: [{ do: 'deleteAgent', name: 'd', reason: 'DrainTimedOut' }],
  },
  'takes back a draining agent, then resumes a paused one, then creates': {
    world: world({
      ...replicas(3),
      agents: [agent({ name: 'p', state: 'Paused', ready: false }), agent({ name: 'd', state: 'Draining', drained: true })],
    }),
    want: [{ do: 'keepAgent', name: 'd' }, { do: 'resumeAgent', name: 'p' }, create({ place: 2 })],
  },
  'deletes paused spares of an older revision': {
    world: world({ agents: [agent(), agent({ name: 'p', state: 'Paused', revision: 'r0' })] }),
    want: [{ do: 'deleteAgent', name: 'p', reason: 'SpareOutdated' }],
  },
  'replaces a lost agent at once': {
    world: world({ agents: [lost()] }),
    want: [create({ attempt: 1, replaces: { name: 'a', reason: 'SandboxGone' } }), { do: 'deleteAgent', name: 'a', reason: 'Replaced' }],
  },
  'waits before it replaces one that failed again and again': {
    world: world({ agents: [lost({ attempt: 3, failed: { reason: 'CommandExited', atMs: NOW - 1_000, readyForMs: 0 } })] }),
    want: [],
    checkAgainMs: 3_000,
  },
  'does not fill the place that waits for its delay': {
    world: world({
      ...replicas(2),
      agents: [agent({ name: 'b' }), lost({ attempt: 2, failed: { reason: 'CommandExited', atMs: NOW, readyForMs: 0 } })],
    }),
    want: [],
    checkAgainMs: 1_000 * 2,
  },
  'forgets a lost agent that nobody needs': {
    world: world({ agents: [agent({ name: 'b' }), lost()] }),
    want: [{ do: 'deleteAgent', name: 'a', reason: 'Replaced' }],
  },
  'starts an update with the surge': {
    world: world({ ...replicas(3), updateRevision: 'r2', agents: [agent(), agent({ name: 'b' }), agent({ name: 'c' })] }),
    want: [create({ revision: 'r2' })],
  },
  'drains one older agent when one newer is ready': {
    world: world({
      ...replicas(2),
      updateRevision: 'r2',
      agents: [agent(), agent({ name: 'b', inFlight: 1 }), agent({ name: 'n', revision: 'r2' })],
    }),
    want: [{ do: 'drainAgent', name: 'a', reason: 'Outdated' }],
  },
  'keeps the older agents while the newer is not ready': {
    world: world({ ...replicas(2), updateRevision: 'r2', agents: [agent(), agent({ name: 'b' }), fresh({ name: 'n', revision: 'r2' })] }),
    want: [],
  },
  'drains first when only unavailability is allowed': {
    world: world({ ...replicas(2), updateRevision: 'r2', maxSurge: 0, maxUnavailable: 1, agents: [agent(), agent({ name: 'b' })] }),
    want: [{ do: 'drainAgent', name: 'a', reason: 'Outdated' }],
  },
  'replaces older agents that never worked at once': {
    world: world({ ...replicas(2), updateRevision: 'r2', agents: [fresh(), fresh({ name: 'b' })] }),
    want: [
      create({ revision: 'r2' }),
      { do: 'deleteAgent', name: 'a', reason: 'NeverReady' },
      { do: 'deleteAgent', name: 'b', reason: 'NeverReady' },
    ],
  },
  'replaces a lost older agent by its own kind while the newer revision has not worked': {
    world: world({ ...replicas(2), updateRevision: 'r2', agents: [agent({ name: 'b' }), lost(), fresh({ name: 'n', revision: 'r2' })] }),
    want: [
      create({ attempt: 1, place: 1, replaces: { name: 'a', reason: 'SandboxGone' } }),
      { do: 'deleteAgent', name: 'a', reason: 'Replaced' },
    ],
  },
  'replaces a lost older agent by the newer kind once that works': {
    world: world({ ...replicas(2), updateRevision: 'r2', agents: [lost(), agent({ name: 'n', revision: 'r2' })] }),
    want: [
      create({ revision: 'r2', place: 1, replaces: { name: 'a', reason: 'SandboxGone' } }),
      { do: 'deleteAgent', name: 'a', reason: 'Replaced' },
    ],
  },
  'keeps the successor of a lost older agent while the newer revision has not worked': {
    world: world({
      ...replicas(2),
      updateRevision: 'r2',
      agents: [agent({ name: 'b' }), fresh({ place: 1, attempt: 1 }), fresh({ name: 'n', revision: 'r2' })],
    }),
    want: [],
  },
  'does not need it any more when the newer revision works': {
    world: world({
      ...replicas(2),
      updateRevision: 'r2',
      agents: [agent({ name: 'b' }), fresh({ place: 1, attempt: 1 }), agent({ name: 'n', revision: 'r2' })],
    }),
    want: [{ do: 'deleteAgent', name: 'a', reason: 'NeverReady' }],
  },
  'with the brake on: takes nothing away for an update': {
    world: world({
      ...BRAKE,
      ...replicas(2),
      updateRevision: 'r2',
      agents: [agent(), agent({ name: 'b' }), agent({ name: 'n', revision: 'r2' })],
    }),
    want: [],
    checkAgainMs: 40_000,
  },
  'with the brake on: adds the first agent of an update, which may mend the swarm': {
    world: world({ ...BRAKE, ...replicas(2), maxSurge: 2, updateRevision: 'r2', agents: [agent(), agent({ name: 'b' })] }),
    want: [create({ revision: 'r2' })],
    checkAgainMs: 40_000,
  },
  'with the brake on: adds no second one': {
    world: world({
      ...BRAKE,
      ...replicas(2),
      maxSurge: 2,
      updateRevision: 'r2',
      agents: [agent(), agent({ name: 'b' }), fresh({ revision: 'r2' })],
    }),
    want: [],
    checkAgainMs: 40_000,
  },
  'with the brake on: replaces the lost, by the newest revision once that works': {
    world: world({ ...BRAKE, ...replicas(2), updateRevision: 'r2', agents: [lost(), agent({ name: 'n', revision: 'r2' })] }),
    want: [
      create({ revision: 'r2', place: 1, replaces: { name: 'a', reason: 'SandboxGone' } }),
      { do: 'deleteAgent', name: 'a', reason: 'Replaced' },
    ],
    checkAgainMs: 40_000,
  },
  'with the brake on: takes nothing away for a scale-down': {
    world: world({ ...BRAKE, agents: [agent(), agent({ name: 'b' }), agent({ name: 'g', group: 'gone' })] }),
    want: [],
    checkAgainMs: 40_000,
  },
  'with the brake on: ends what has drained already': {
    world: world({ ...BRAKE, agents: [agent(), agent({ name: 'd', state: 'Draining', drained: true })] }),
    want: [{ do: 'deleteAgent', name: 'd', reason: 'Drained' }],
    checkAgainMs: 40_000,
  },
  'with the brake on: lets agents that are about to end go, each after its successor': {
    world: world({ ...BRAKE, ...replicas(2), agents: [agent(), agent({ name: 'e', expiring: true, inFlight: 2 }), agent({ name: 'n' })] }),
    want: [{ do: 'drainAgent', name: 'e', reason: 'Expiring' }],
    checkAgainMs: 40_000,
  },
  'looks again when the last failure is old': {
    world: world({
      failures: [
        { place: '/0@r1', atMs: NOW - 50_000, of: 1 },
        { place: '/1@r1', atMs: NOW - 20_000, of: 1 },
      ],
      agents: [agent()],
    }),
    want: [],
    checkAgainMs: 40_000,
  },
  'creates the successor of an agent that is about to end, although no surge is allowed': {
    world: world({ maxSurge: 0, maxUnavailable: 1, agents: [agent({ expiring: true })] }),
    want: [create(), { do: 'drainAgent', name: 'a', reason: 'Expiring' }],
  },
  'keeps an agent that is about to end until its successor is ready': {
    world: world({ agents: [agent({ expiring: true }), fresh({ name: 'n' })] }),
    want: [],
  },
  'looks again when an agent reaches its age': {
    world: world({ agents: [agent({ expiresMs: NOW + 5_000 })] }),
    want: [],
    checkAgainMs: 5_000,
  },
  'drains the agents of a group that is no longer there': {
    world: world({ agents: [agent(), agent({ name: 'g', group: 'gone' })] }),
    want: [{ do: 'drainAgent', name: 'g', reason: 'GroupRemoved' }],
  },
}

describe('planSwarm', () => {
  for (const [name, c] of Object.entries(CASES)) {
    it(name, () => isPlanned(c))
  }

  const anAgent = fc.record({
    group: fc.constantFrom('', 'g', 'gone'),
    revision: fc.constantFrom('r1', 'r2', 'r3'),
    state: fc.constantFrom('Running' as const, 'Draining' as const, 'Paused' as const),
    deleting: fc.boolean(),
    ready: fc.boolean(),
    wasReady: fc.boolean(),
    attempt: fc.nat(5),
    inFlight: fc.nat(3),
    drained: fc.boolean(),
    expiring: fc.boolean(),
    isLost: fc.boolean(),
  })
  const aWorld = fc
    .record({
      agents: fc.array(anAgent, { maxLength: 12 }),
      first: fc.nat(4),
      second: fc.nat(4),
      maxSurge: fc.nat(2),
      maxUnavailable: fc.nat(2),
      isOrdered: fc.boolean(),
      budget: fc.option(fc.nat(10)),
      pause: fc.boolean(),
    })
    .map(({ agents, first, second, budget, pause, ...update }) =>
      world({
        ...update,
        groups: [
          { name: '', replicas: first },
          { name: 'g', replicas: second },
        ],
        updateRevision: 'r2',
        onScaleDown: pause ? 'Pause' : 'Delete',
        ...(budget !== null && { maxAgents: budget }),
        agents: agents.map(({ isLost, ...a }, i) =>
          agent({
            ...a,
            name: `a${i}`,
            wasReady: a.wasReady || a.ready,
            ...(isLost && { ready: false, failed: { reason: 'X', atMs: NOW - 1e6, readyForMs: 0 } }),
          }),
        ),
      }),
    )

  it('does one thing at most to each agent, and never creates beyond the budget', () => {
    fc.assert(
      fc.property(aWorld, (w) => {
        const { actions } = planSwarm(w)
        const named = actions.flatMap((a) => ('name' in a ? [a.name] : []))
        expect(new Set(named).size, JSON.stringify(actions)).to.equal(named.length)
        const added = actions.filter((a) => a.do === 'createAgent' || a.do === 'resumeAgent').length
        expect(added === 0 || added <= (w.limits?.[0]?.left.Scale ?? Infinity)).to.equal(true)
      }),
    )
  })

  it('never creates beyond the quotas of its namespace, and still does one thing at most to each agent', () => {
    fc.assert(
      fc.property(aWorld, fc.nat(6), fc.nat(6), fc.nat(3), (w, sandboxes, objects, claimed) => {
        const claims = [{ purpose: 'Scale' as const, sandboxes: claimed, objects: claimed, rate: 0n }]
        const quotas = [quota('Sandboxes', sandboxes, 0, claims), quota('Objects', objects, 0, claims)]
        const { actions } = planSwarm({ ...w, limits: [...(w.limits ?? []), ...quotas] })
        const named = actions.flatMap((a) => ('name' in a ? [a.name] : []))
        expect(new Set(named).size, JSON.stringify(actions)).to.equal(named.length)
        const created = actions.filter((a) => a.do === 'createAgent').length
        expect(created).to.be.at.most(objects)
        expect(created + actions.filter((a) => a.do === 'resumeAgent').length).to.be.at.most(sandboxes)
      }),
    )
  })

  it('ends at the wanted agents, from any world, with every pass applied', () => {
    fc.assert(
      fc.property(aWorld, (start) => {
        const { limits: _, ...unlimited } = start
        let w: World = unlimited
        for (let pass = 0; pass < 60; pass += 1) w = applied(w, planSwarm(w).actions)
        expect(planSwarm(w).actions).to.deep.equal([])
        for (const group of w.groups) {
          const here = w.agents.filter((a) => a.group === group.name && a.state === 'Running')
          expect(here.map((a) => a.revision)).to.deep.equal(Array.from({ length: group.replicas }, () => 'r2'))
        }
        expect(w.agents.filter((a) => a.state === 'Draining' || a.group === 'gone')).to.deep.equal([])
      }),
    )
  })

  const braked = (w: World, untilMs = w.nowMs + 40_000): World => ({ ...w, brake: { failed: 4, of: 10, untilMs } })

  it('takes nothing with the brake on that has worked and is not about to end, and looks again when that is over', () => {
    fc.assert(
      fc.property(aWorld, (w) => {
        const { actions, checkAgainMs } = planSwarm(braked(w))
        const taken = actions.flatMap((a) => (['drainAgent', 'deleteAgent', 'pauseAgent'].includes(a.do) && 'name' in a ? [a.name] : []))
        const working = w.agents.filter((a) => a.wasReady && !a.failed && !a.expiring && a.state !== 'Draining')
        expect(working.filter((a) => taken.includes(a.name))).to.deep.equal([])
        expect(checkAgainMs).to.be.at.most(40_000)
      }),
    )
  })

  it('replaces every lost agent with the brake on, and goes on where it was when it is off', () => {
    fc.assert(
      fc.property(aWorld, (start) => {
        const { limits: _, ...unlimited } = start
        let w = braked(unlimited, Infinity)
        for (let pass = 0; pass < 30; pass += 1) w = applied(w, planSwarm(w).actions)
        for (const group of w.groups) {
          const here = w.agents.filter((a) => a.group === group.name && a.state === 'Running' && a.ready)
          expect(here.length, group.name).to.be.at.least(group.replicas)
        }
        const { brake: __, ...released } = w
        w = released
        for (let pass = 0; pass < 60; pass += 1) w = applied(w, planSwarm(w).actions)
        for (const group of w.groups) {
          const here = w.agents.filter((a) => a.group === group.name && a.state === 'Running')
          expect(here.map((a) => a.revision)).to.deep.equal(Array.from({ length: group.replicas }, () => 'r2'))
        }
      }),
    )
  })

  for (const [maxSurge, maxUnavailable] of [
    [1, 0],
    [0, 1],
  ] as const) {
    it(`lets a change in with the brake on that ends a crash loop, with maxSurge ${maxSurge}: it takes the places of the lost, and no other`, () => {
      const bad = [0, 1, 2, 3]
      const all = Array.from({ length: 10 }, (_, place) => agent({ name: `a${place}`, place, revision: place in bad ? 'r2' : 'r1' }))
      let w = braked(world({ ...replicas(10), maxSurge, maxUnavailable, updateRevision: 'r3', agents: all }), Infinity)
      for (let pass = 0; pass < 20; pass += 1) {
        // Everything of the bad revision that has got ready is lost again.
        const failed = { reason: 'CommandExited', atMs: w.nowMs, readyForMs: 1_000 }
        w = { ...w, agents: w.agents.map((a) => (a.revision === 'r2' && a.ready ? { ...a, ready: false, failed } : a)) }
        w = applied({ ...w, nowMs: w.nowMs + 60_000 }, planSwarm(w).actions)
      }
      const counts = (revision: string) => w.agents.filter((a) => a.revision === revision && a.ready && a.state === 'Running').length
      expect({ r1: counts('r1'), r2: counts('r2'), r3: counts('r3') }).to.deep.equal({ r1: 6, r2: 0, r3: 4 })
    })
  }

  it('wears no group down while a bad template comes and agents are lost', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(3), { maxLength: 6 }), (losses) => {
        let w = world({ ...replicas(4), updateRevision: 'r2', agents: [0, 1, 2, 3].map((place) => agent({ name: `a${place}`, place })) })
        for (const [round, at] of losses.entries()) {
          const failed = { reason: 'SandboxGone', atMs: w.nowMs, readyForMs: 100_000 }
          const good = w.agents.filter((a) => a.revision === 'r1')
          w = { ...w, agents: w.agents.map((a) => (a === good[at % good.length] ? { ...a, ready: false, failed } : a)) }
          for (let pass = 0; pass < 3; pass += 1) w = applied(w, planSwarm(w).actions, (a) => a.revision === 'r1' && pass > 0) // starts a pass late; r2 never does
          const works = w.agents.filter((a) => a.ready && a.state === 'Running')
          expect(works.length, `round ${round}`).to.equal(4)
        }
      }),
    )
  })

  it('gives the stages of a ring their places back, whichever agents are lost', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 6 }),
        fc.array(fc.array(fc.nat(5), { maxLength: 3 }), { maxLength: 4 }),
        fc.nat(6),
        (n, losses, later) => {
          const grow = (start: World) => {
            let w = start
            for (let pass = 0; pass < 20; pass += 1) w = applied({ ...w, nowMs: w.nowMs + 60_000 }, planSwarm(w).actions)
            const places = w.agents.filter((a) => a.state === 'Running').map((a) => a.place)
            expect(places.sort((a, b) => a - b)).to.deep.equal(Array.from({ length: w.groups[0]?.replicas ?? 0 }, (_, i) => i))
            return w
          }
          let w = grow(world({ isOrdered: true, groups: [{ name: '', replicas: n }], agents: [] }))
          for (const lost of losses) {
            const failed = { reason: 'SandboxGone', atMs: w.nowMs, readyForMs: 100_000 }
            w = grow({ ...w, agents: w.agents.map((a) => (lost.includes(a.place) ? { ...a, ready: false, failed } : a)) })
          }
          w = grow({ ...w, groups: [{ name: '', replicas: later }] })
          grow({ ...w, updateRevision: 'r9' })
        },
      ),
    )
  })

  it('brings every stage of a ring an agent, whatever places agents have when it becomes one', () => {
    const some = fc.record({
      place: fc.nat(7),
      state: fc.constantFrom<AgentSeen['state']>('Running', 'Running', 'Draining', 'Paused'),
      isLost: fc.boolean(),
      expiring: fc.boolean(),
      revision: fc.constantFrom('r1', 'r1', 'r2'),
    })
    fc.assert(
      fc.property(fc.array(some, { maxLength: 7 }), fc.nat(6), fc.constantFrom('Delete', 'Pause'), (seen, n, onScaleDown) => {
        const agents = seen.map(({ isLost, ...over }, i) => (isLost ? lost : agent)({ name: `a${i}`, ...over }))
        let w = world({ isOrdered: true, ...replicas(n), onScaleDown, agents })
        for (let pass = 0; pass < 40; pass += 1) w = applied({ ...w, nowMs: w.nowMs + 60_000 }, planSwarm(w).actions)
        const places = w.agents.filter((a) => a.state === 'Running' && !a.failed).map((a) => a.place)
        expect(places.sort((a, b) => a - b)).to.deep.equal(Array.from({ length: n }, (_, i) => i))
      }),
    )
  })

  for (const what of ['update', 'renewal'] as const) {
    it(`leaves no stage of a ring without an agent in an update or renewal: ${what}`, () => {
      fc.assert(
        fc.property(fc.array(fc.nat(3), { minLength: 1, maxLength: 6 }), fc.integer({ min: 1, max: 3 }), (load, maxSurge) => {
          const agents = load.map((inFlight, place) => agent({ name: `a${place}`, place, inFlight, expiring: what === 'renewal' }))
          let w = world({ isOrdered: true, ...replicas(load.length), maxSurge, updateRevision: what === 'update' ? 'r2' : 'r1', agents })
          for (let pass = 0; pass < 20; pass += 1) {
            w = applied(w, planSwarm(w).actions)
            const served = new Set(w.agents.filter((a) => a.state === 'Running' && a.ready).map((a) => a.place))
            expect(
              [...served].sort((a, b) => a - b),
              `pass ${pass}`,
            ).to.deep.equal(load.map((_, place) => place))
          }
          expect(
            w.agents.some((a) => a.name.startsWith('a')),
            'an old one is left',
          ).to.equal(false)
        }),
      )
    })
  }

  it('never takes a working agent away below what maxUnavailable allows', () => {
    fc.assert(
      fc.property(aWorld, (any) => {
        const w = { ...any, isOrdered: false } // one that serves no stage is none that works
        const { actions, wanted } = planSwarm(w)
        for (const group of wanted) {
          const serving = w.agents.filter((a) => a.group === group.name && a.ready && a.state === 'Running' && !a.deleting && !a.failed)
          const taken = actions.filter((a) => a.do === 'drainAgent' && serving.some((s) => s.name === a.name)).length
          const unavailable = Number(w.maxSurge) + Number(w.maxUnavailable) === 0 ? 1 : Number(w.maxUnavailable)
          if (taken > 0) expect(serving.length - taken).to.be.at.least(group.replicas - unavailable)
        }
      }),
    )
  })
})

/**
 * The world after the actions and a moment in which everything that starts gets ready and everything that drains is idle. With
 * `getsReady` new agents are not ready yet, and those of which it says so get ready.
 */
function applied(w: World, actions: readonly Action[], getsReady?: (agent: AgentSeen) => boolean): World {
  const gone = new Set(actions.flatMap((a) => (a.do === 'deleteAgent' ? [a.name] : [])))
  const to = new Map(
    actions.flatMap((a): [string, AgentSeen['state']][] => {
      if (a.do === 'drainAgent') return [[a.name, 'Draining']]
      if (a.do === 'pauseAgent') return [[a.name, 'Paused']]
      return a.do === 'keepAgent' || a.do === 'resumeAgent' ? [[a.name, 'Running']] : []
    }),
  )
  const kept = w.agents
    .filter((a) => !gone.has(a.name) && !a.deleting)
    .map((a) => ({
      ...a,
      state: to.get(a.name) ?? a.state,
      ...(!a.failed && (getsReady?.(a) ?? true) && { ready: true, wasReady: true }),
      drained: (to.get(a.name) ?? a.state) === 'Draining',
    }))
  const made = actions.flatMap((a) =>
    a.do === 'createAgent'
      ? [
          (getsReady ? fresh : agent)({
            name: `n${w.nowMs}-${kept.length}-${actions.indexOf(a)}`,
            group: a.group,
            place: a.place,
            revision: a.revision,
            attempt: a.attempt,
          }),
        ]
      : [],
  )
  return { ...w, nowMs: w.nowMs + 60_000, agents: [...kept, ...made] }
}
