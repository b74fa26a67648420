import { describe, it } from 'mocha'
import { limitOf } from '../../scaling/budget.ts'
import { create, fresh, isPlanned, lost, quota, replicas, rollout, successor, world, type Case } from '../../../test/support/swarm-plan.ts'
import { agent } from '../../../test/support/swarm-world.ts'

const CASES: Record<string, Case> = {
  'makes the first sandbox of a kind alone under a cap on the cost': {
    world: world({ ...replicas(3), maxAgents: 5, sized: ['r0/', 'r1/pairs'] }),
    want: [create()],
  },
  'makes no other of its kind before that has told its size': {
    world: world({ ...replicas(3), maxAgents: 5, sized: [], agents: [fresh()] }),
    want: [],
  },
  'makes the others once their cost is known': {
    world: world({ ...replicas(3), maxAgents: 3, sized: ['r1/'], agents: [agent()] }),
    want: [create({ place: 1 }), create({ place: 2 })],
  },
  'replaces a lost one of unknown size, as nothing else tells it': {
    world: world({ ...replicas(1), maxAgents: 3, sized: [], agents: [lost()] }),
    want: [create({ attempt: 1, replaces: { name: 'a', reason: 'SandboxGone' } }), { do: 'deleteAgent', name: 'a', reason: 'Replaced' }],
  },
  'creates nothing beyond the budget and says how much it held back': {
    world: world({ ...replicas(5), maxAgents: 3, agents: [agent()] }),
    want: [create({ place: 1 }), create({ place: 2 })],
    withheld: 2,
  },
  'holds an update back that the budget has no room for': {
    world: world({ updateRevision: 'r2', maxAgents: 1, agents: [agent()] }),
    want: [],
    withheld: 1,
  },
  'counts agents that are being deleted against the budget': {
    world: world({ maxAgents: 1, agents: [agent({ deleting: true })] }),
    want: [],
    withheld: 1,
  },
  'replaces lost agents of any group before it adds others': {
    world: world({
      groups: [
        { name: '', replicas: 2 },
        { name: 'g', replicas: 1 },
      ],
      limits: [quota('Sandboxes', 2, 1)],
      agents: [agent(), lost({ name: 'b', group: 'g' })],
    }),
    want: [
      create({ group: 'g', attempt: 1, replaces: { name: 'b', reason: 'SandboxGone' } }),
      { do: 'deleteAgent', name: 'b', reason: 'Replaced' },
    ],
    withheld: 1,
  },
  'adds what is wanted before what an update adds': {
    world: world({
      groups: [
        { name: '', replicas: 1 },
        { name: 'g', replicas: 1 },
      ],
      updateRevision: 'r2',
      limits: [quota('Sandboxes', 2, 1)],
      agents: [agent()],
    }),
    want: [create({ group: 'g', revision: 'r2' })],
    withheld: 1,
  },
  'gives the stable side of a rollout its agents before the new one': {
    world: world({ ...replicas(2), ...rollout({ r1: 2, r2: 1 }), limits: [quota('Sandboxes', 2, 1)], agents: [agent()] }),
    want: [create({ place: 1 })],
    withheld: 1,
  },
  'lets nobody go because of a quota that is lower than what there is': {
    world: world({ ...replicas(2), limits: [quota('Sandboxes', 1, 2)], agents: [agent(), agent({ name: 'b', place: 1 })] }),
    want: [],
  },
  'lets a lost agent go first where no object more may be made': {
    world: world({ limits: [quota('Objects', 1, 1)], agents: [lost({ attempt: 1 })] }),
    want: [{ do: 'deleteAgent', name: 'a', reason: 'Replaced' }],
    owed: [successor()],
  },
  'keeps its successor in mind until there is room': {
    world: world({ limits: [quota('Objects', 1, 1)], owed: [successor({ attempt: 3 })] }),
    want: [],
    withheld: 1,
    owed: [successor({ attempt: 3 })],
  },
  'makes it then, as the successor that it is': {
    world: world({ limits: [quota('Objects', 1, 0)], owed: [successor({ attempt: 3 })] }),
    want: [create({ ...successor({ attempt: 3 }) })],
  },
  'forgets a successor that nobody misses': {
    world: world({ owed: [successor()], agents: [agent()] }),
    want: [],
  },
  'leaves a lost agent where it is while no sandbox more may run': {
    world: world({ limits: [quota('Sandboxes', 1, 1), quota('Objects', 1, 1)], agents: [lost()] }),
    want: [],
    withheld: 1,
  },
  'lets agents that sleep go where others lack the objects that they hold': {
    world: world({
      groups: [
        { name: '', replicas: 1 },
        { name: 'g', replicas: 1 },
      ],
      limits: [quota('Objects', 3, 3)],
      agents: [agent(), agent({ name: 'p', state: 'Paused' }), agent({ name: 'q', state: 'Paused' })],
    }),
    want: [{ do: 'deleteAgent', name: 'p', reason: 'MadeRoom' }],
    withheld: 1,
  },
  'lets them go for another swarm, too': {
    world: world({
      limits: [quota('Objects', 3, 3, [{ purpose: 'Scale', sandboxes: 1, objects: 1, rate: 0n }])],
      agents: [agent(), agent({ name: 'p', state: 'Paused' }), agent({ name: 'q', state: 'Paused' })],
    }),
    want: [{ do: 'deleteAgent', name: 'p', reason: 'MadeRoom' }],
  },
  'keeps them while an object that is gone is still counted, and where a quota is only lowered': {
    world: world({
      groups: [
        { name: '', replicas: 1 },
        { name: 'g', replicas: 1 },
      ],
      limits: [limitOf({ by: 'Quota', name: 'quota', counts: 'Objects', most: 2n, used: 3n, gone: 1n }, 0n)],
      agents: [agent(), agent({ name: 'p', state: 'Paused' })],
    }),
    want: [],
    withheld: 1,
  },
  'wakes agents that sleep where no object more may be made': {
    world: world({ ...replicas(2), limits: [quota('Objects', 2, 2)], agents: [agent(), agent({ name: 'p', state: 'Paused', place: 1 })] }),
    want: [{ do: 'resumeAgent', name: 'p' }],
  },
}

describe('planning within budgets and quotas', () => {
  for (const [name, c] of Object.entries(CASES)) it(name, () => isPlanned(c))
})
