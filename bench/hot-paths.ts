import type { Agent } from '../src/api/objects.ts'
import { ObjectStore } from '../src/kube/object-store.ts'
import { WorkQueue } from '../src/kube/work-queue.ts'
import { FULL_WEIGHT, decide, readBallot, type CastVote } from '../src/routing/consensus.ts'
import { Fleet } from '../src/routing/fleet.ts'
import type { Strategy } from '../src/routing/strategy.ts'
import type { Benchmark, Context, Figure } from './benchmark.ts'
import { callersOf } from './support/callers.ts'
import { compare, ratioOf, type Family, type Timed, type Work } from './support/micro.ts'
import { figureOf } from './support/statistics.ts'

const OBJECTS = 10_000
const OBJECTS_PER_SWARM = 100
const KEYS = 1_000
const REPEATS = 1_000

export const hotPaths: Benchmark = {
  name: 'hot-paths',
  what: 'What is done for every task, every change and every object, beside something well known timed in turn with it.',
  run: measure,
}

async function measure(context: Context): Promise<readonly Figure[]> {
  const { quick, signal } = context
  const how = quick ? { rounds: 3, roundMs: 5 } : { rounds: 15, roundMs: 60 }
  const figures: Figure[] = []
  for (const family of [routing(), queues(), caches(), await callersOf(context)]) {
    signal.throwIfAborted()
    const [reference, ...subjects] = await compare([family.reference, ...family.subjects], how)
    if (!reference) throw new Error('there is nothing to compare')
    figures.push(figureFor(reference), ...subjects.map((subject) => figureFor(subject, reference)))
  }
  return figures
}

function figureFor(timed: Timed, reference?: Timed): Figure {
  const micros = timed.nanoseconds.map((ns) => ns / 1000)
  const { value } = figureOf('', '', micros)
  const times = reference && `${ratioOf(timed, reference).toFixed(1)} × ${reference.name}`
  return figureOf(timed.name, 'µs', micros, { note: `${Math.round(1e6 / value).toLocaleString('en-GB')} /s${times ? `; ${times}` : ''}` })
}

const ADAPTIVE = { explorationPercent: 5, halfLifeMs: 30_000 }

function votes(): Work[] {
  const cast = (count: number): CastVote[] =>
    Array.from({ length: count }, (_, i) => ({ key: i % 4 === 0 ? 'sell' : 'buy', weightMillionths: FULL_WEIGHT }))
  const ballot = { choice: { side: 'buy', series: 'x', limit: 101.25 }, weight: 0.8 }
  const decision = (voters: number): Work => {
    const tally = { cast: cast(voters - 1), outstanding: 1, voters }
    return {
      name: `vote of ${voters} voters: read one, decide`,
      operations: REPEATS,
      run: () => {
        for (let i = 0; i < REPEATS; i++) {
          if (typeof readBallot(ballot) === 'string' || decide(tally, 50).kind !== 'Decided') throw new Error('there is no consensus')
        }
      },
    }
  }
  const panel = (agents: number, size: number): Work => {
    const fleet = fleetOf(agents, 'Consensus')
    return {
      name: `${size} voters of ${agents} agents`,
      operations: REPEATS,
      run: () => {
        for (let i = 0; i < REPEATS; i++) {
          const slots = fleet.choosePanel({ tried: [] }, { size, least: 2 }, i, Math.random)
          if (typeof slots === 'string') throw new Error(`no agents were chosen: ${slots}`)
          for (const slot of slots) fleet.begin(slot, i)
          for (const slot of slots) fleet.end(slot, 'Answered', i)
        }
      },
    }
  }
  return [panel(15, 3), panel(500, 3), decision(5), decision(100)]
}

function routing(): Family {
  const map = new Map(Array.from({ length: 500 }, (_, i) => [`agent-${i}`, i]))
  const keys = [...map.keys()]
  const choices = (agents: number, strategy: Strategy, session?: string): Work => {
    const fleet = fleetOf(agents, strategy)
    const wish = { tried: [], sessionKey: session }
    return {
      name: `task to one of ${agents} agents, ${session === undefined ? strategy : 'by session'}`,
      operations: REPEATS,
      run: () => {
        for (let i = 0; i < REPEATS; i++) {
          const slot = fleet.choose(wish, i, Math.random)
          if (typeof slot === 'string') throw new Error(`no agent was chosen: ${slot}`)
          fleet.begin(slot, i)
          fleet.end(slot, 'Answered', i)
        }
      },
    }
  }
  return {
    reference: {
      name: 'reference: Map get and set',
      operations: REPEATS,
      run: () => {
        for (let i = 0; i < REPEATS; i++) {
          const key = keys[i % keys.length] ?? ''
          map.set(key, (map.get(key) ?? 0) + 1)
        }
      },
    },
    subjects: [
      ...[5, 50, 500].map((agents) => choices(agents, 'LeastLoaded')),
      ...[5, 50, 500].map((agents) => choices(agents, 'RoundRobin')),
      ...[5, 50, 500].map((agents) => choices(agents, 'Adaptive')),
      choices(500, 'LeastLoaded', 'somebody'),
      ...votes(),
    ],
  }
}

function fleetOf(agents: number, strategy: Strategy): Fleet {
  const groups = strategy === 'Adaptive' ? ['momentum', 'pairs', 'arbitrage', 'value'] : ['']
  const fleet = new Fleet({
    strategy,
    adaptive: strategy === 'Adaptive' ? ADAPTIVE : undefined,
    shares: [{ revision: 'old', percent: 90 }, { revision: 'new', percent: 10 }], // prettier-ignore
    groups: new Map(groups.map((group) => [group, { capabilities: ['pairs'], limit: 4 }])),
    breaker: { consecutiveFailures: 5, openForMs: 5_000 },
  })
  for (let i = 0; i < agents; i++) {
    const facts = {
      namespace: 'n',
      swarm: 's',
      name: `agent-${i}`,
      uid: `uid-${i}`,
      group: groups[i % groups.length] ?? '',
      place: 0,
      isCandidate: true,
      isDraining: false,
    }
    fleet.put({ ...facts, revision: i % 5 === 0 ? 'new' : 'old' }, 0)
  }
  return fleet
}

function queues(): Family {
  const keys = Array.from({ length: KEYS }, (_, i) => `namespace/agent-${i}`)
  const queue = new WorkQueue({ name: 'bench' })
  const map = new Map<string, number>()
  return {
    reference: {
      name: 'reference: Map set, await, delete',
      operations: KEYS,
      run: async () => {
        for (const key of keys) map.set(key, 0)
        for (const key of keys) map.delete(await Promise.resolve(key))
      },
    },
    subjects: [
      {
        name: 'work queue: add, next, done',
        operations: KEYS,
        run: async () => {
          for (const key of keys) queue.add(key)
          for (let i = 0; i < KEYS; i++) queue.done((await queue.next()) ?? '')
        },
      },
    ],
  }
}

function caches(): Family {
  const objects = Array.from({ length: OBJECTS }, (_, i) => agentOf(i))
  const text = JSON.stringify(objects[0])
  const store = new ObjectStore<Agent>({ swarm: (agent) => [agent.spec.swarm] }, () => undefined)
  for (const object of objects) store.seen('', object)
  let version = OBJECTS
  let at = 0
  return {
    reference: {
      name: 'reference: JSON.parse of one object',
      operations: REPEATS,
      run: () => {
        for (let i = 0; i < REPEATS; i++) JSON.parse(text)
      },
    },
    subjects: [
      {
        name: `cache of ${OBJECTS} objects: take in a change`,
        operations: REPEATS,
        run: () => {
          for (let i = 0; i < REPEATS; i++) {
            const object = objects[(at = (at + 1) % OBJECTS)]
            if (object) store.seen('', { ...object, metadata: { ...object.metadata, resourceVersion: String(++version) } })
          }
        },
      },
      {
        name: `cache of ${OBJECTS} objects: the ${OBJECTS_PER_SWARM} of an index`,
        operations: REPEATS,
        run: () => {
          for (let i = 0; i < REPEATS; i++) {
            if (store.index('swarm', `desk-${i % (OBJECTS / OBJECTS_PER_SWARM)}`).length !== OBJECTS_PER_SWARM)
              throw new Error('objects are missing')
          }
        },
      },
    ],
  }
}

/** An agent as large as real ones are. */
function agentOf(i: number): Agent {
  const at = '2026-01-01T00:00:00Z'
  const swarm = `desk-${i % (OBJECTS / OBJECTS_PER_SWARM)}`
  const owner = { apiVersion: 'swarmops.dev/v1alpha1', kind: 'Swarm', name: swarm, uid: `uid-${swarm}`, controller: true }
  return {
    apiVersion: 'swarmops.dev/v1alpha1',
    kind: 'Agent',
    metadata: {
      name: `${swarm}-${i}`,
      namespace: 'default',
      uid: `00000000-0000-4000-8000-${String(i).padStart(12, '0')}`,
      resourceVersion: String(i + 1),
      generation: 1,
      creationTimestamp: at,
      labels: { 'swarmops.dev/swarm': swarm, 'swarmops.dev/revision': '6f9c7d5b4' },
      finalizers: ['swarmops.dev/sandbox'],
      ownerReferences: [owner],
    },
    spec: { swarm, group: '', place: 0, role: 'Worker', revision: '6f9c7d5b4', nonce: `nonce-${i}`, attempt: 0, state: 'Running' },
    status: {
      observedGeneration: 1,
      readySince: at,
      sandbox: { id: `sandbox${i}`, state: 'Running', commandStarted: true, port: 8080, startedAt: at },
      conditions: [
        { type: 'Ready', status: 'True', reason: 'Ready', message: 'it takes tasks', lastTransitionTime: at, observedGeneration: 1 },
      ],
    },
  }
}
