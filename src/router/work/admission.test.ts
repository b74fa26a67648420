import { describe, it } from 'mocha'
import { expect } from 'chai'
import { Registry } from 'prom-client'
import type { Agent, Swarm } from '../../api/objects.ts'
import { Slot } from '../../routing/slot.ts'
import type { Call } from '../call.ts'
import { Dispatcher } from '../dispatcher.ts'
import { Leaders } from '../leadership.ts'
import { routerMetrics } from '../metrics.ts'
import { Mirrors } from '../mirrors.ts'
import { Problem } from '../problem.ts'
import { Upstream } from '../upstream.ts'
import { World } from '../world.ts'
import { admit } from './admission.ts'
import { callOf } from './calls.ts'
import type { Desk, Task } from './work.ts'

const STAGES = ['clean', 'score']
const NOW = 10_000
const now = () => NOW

// The parse border of the tests: what the API server would have filled in and checked.
const agent = (group: string, revision: string): Agent =>
  ({
    metadata: { namespace: 'n', name: `${group}-${revision}`, uid: `${group}-${revision}` },
    spec: { swarm: 's', group, place: 0, revision, state: 'Running' },
    status: {
      sandbox: { id: 'i1', state: 'Running', port: 8080 },
      conditions: [{ type: 'Ready', status: 'True' }],
    },
  }) as unknown as Agent
const swarm = (spec: object): Swarm =>
  ({
    metadata: { namespace: 'n', name: 's' },
    spec: {
      template: { maxConcurrentTasks: 1, readiness: { path: '/health', timeout: '1s', interval: '1s', failureThreshold: 3 } },
      routing: {
        strategy: 'LeastLoaded',
        timeout: '30s',
        retries: { attempts: 3, budgetPercent: 20 },
        circuitBreaker: { consecutiveFailures: 1, openFor: '5s' },
        queue: { maxPending: 10, timeout: '10s' },
      },
      topology: { type: 'Ring', bidirectional: true },
      groups: STAGES.map((name) => ({ name, role: 'Worker', replicas: 1, capabilities: name === 'clean' ? ['wash'] : [] })),
      ...spec,
    },
    status: { traffic: [{ revision: 'r1', percent: 100 }] },
  }) as unknown as Swarm

/** A ring with an agent of r1 in each stage, and what is needed to ask whether it takes a task. */
class Bench {
  readonly world = new World<Call>({ sandboxUrl: 'http://127.0.0.1:1', now })
  readonly registry = new Registry()
  readonly upstream = new Upstream()
  readonly desk: Desk

  constructor(spec: object = {}) {
    this.world.putSwarm(swarm(spec))
    for (const stage of STAGES) this.world.putAgent(agent(stage, 'r1'))
    const nobody = { attemptBegan: () => undefined, attemptEnded: () => undefined, queueChanged: () => undefined }
    const dispatcher = new Dispatcher({ upstream: this.upstream, now, random: () => 0.5, observer: nobody })
    const metrics = routerMetrics(this.registry, { entries: () => this.world.entries, openTasks: () => 0, openTasksOf: () => [], now })
    this.desk = {
      now,
      random: () => 0.5,
      dispatcher,
      mirrors: new Mirrors({ dispatcher, metrics, now }),
      metrics,
      leaders: new Leaders({ now, isKnowing: () => true, changed: () => undefined }),
    }
  }

  get entry() {
    const entry = this.world.find('n', 's')
    if (!entry) throw new Error('there is no swarm')
    return entry
  }

  slot(name: string): Slot {
    const slot = this.entry.fleet.slots.get(name)
    if (!slot) throw new Error(`there is no agent ${name}`)
    return slot
  }

  task(over: Partial<Task> = {}): Task {
    const plain = { capability: undefined, sessionKey: undefined, revision: undefined, direction: undefined }
    const trace = { traceId: '0', flags: '01' }
    const rest = { isIdempotent: true, idempotencyKey: 'k', trace, timeoutMs: 30_000, startedMs: NOW }
    return { id: 't', entry: this.entry, input: '1', ...plain, ...rest, ...over }
  }

  /** Has so many tasks wait for the second stage, whose agent is busy. */
  wait(count: number): void {
    const { fleet, waiting, settings } = this.entry
    const slot = this.slot('score-r1')
    if (slot.inFlight === 0) fleet.begin(slot, NOW)
    const part = settings?.stages[1]?.part
    const call = this.desk.dispatcher.start(callOf(this.task(), NOW, { part, isContinued: true }), () => undefined)
    for (let i = 1; i < count; i++) waiting.add(call.lane, call)
    clearTimeout(call.deadlineTimer)
    clearTimeout(call.queueTimer)
  }

  ask(over: Partial<Task> = {}): string {
    const way = admit(this.task(over), this.desk)
    return way instanceof Problem ? [way.code, way.fields.retryAfterSeconds, way.fields.more?.['stage']].filter(Boolean).join(' ') : way
  }
}

describe('a new task at the door of a ring', () => {
  const fails = (bench: Bench, name: string) => {
    const { fleet } = bench.entry
    fleet.begin(bench.slot(name), NOW)
    fleet.end(bench.slot(name), 'Failed', NOW - 2_500)
  }
  const isLost = (bench: Bench, name: string) => void (bench.slot(name).absence = 'Lost')

  const cases: Record<string, { given?: (bench: Bench) => void; ask?: Partial<Task>; spec?: object; want: string }> = {
    'goes forward': { want: 'forward' },
    'goes the way it asks for': { ask: { direction: 'reverse' }, want: 'reverse' },
    'is refused when the ring has no stages': { spec: { groups: undefined, replicas: 0 }, want: 'StageBroken 1' },
    'is refused when a stage is out of reach, for a moment that nobody knows': {
      given: (bench) => isLost(bench, 'score-r1'),
      want: 'StageBroken 1 score',
    },
    'is refused until the circuit is tried again': { given: (bench) => fails(bench, 'score-r1'), want: 'StageBroken 3 score' },
    'goes round a broken stage when it may': { given: (bench) => isLost(bench, 'clean-r1'), ask: { direction: 'any' }, want: 'reverse' },
    'is refused for a full stage, for 1 s when nothing is known': { given: (bench) => bench.wait(1), want: 'StageFull 1 score' },
    'is refused for a full stage, until those that wait have had their turn': {
      given: (bench) => {
        for (let i = 0; i < 5; i++) bench.slot('score-r1').service.add(4_000, NOW)
        bench.wait(3)
      },
      want: 'StageFull 14 score',
    },
    'is not kept waiting for longer than a minute': {
      given: (bench) => {
        for (let i = 0; i < 5; i++) bench.slot('score-r1').service.add(400_000, NOW)
        bench.wait(3)
      },
      want: 'StageFull 60 score',
    },
    'is refused when a stage lacks the capability': { ask: { capability: 'wash' }, want: 'NoAgentWithCapability' },
    'goes on to be told that nobody has its revision': { ask: { revision: 'r9' }, want: 'forward' },
    'is refused when its revision is not in all stages': {
      given: ({ world }) => world.putAgent(agent('clean', 'r2')),
      ask: { revision: 'r2' },
      want: 'StageBroken 1 score',
    },
    'is admitted by the agents of its revision, whatever becomes of the others': {
      given: (bench) => {
        for (const stage of STAGES) bench.world.putAgent(agent(stage, 'r2'))
        isLost(bench, 'clean-r1')
        bench.wait(3)
      },
      ask: { revision: 'r2' },
      want: 'forward',
    },
  }
  for (const [name, { given, ask, spec, want }] of Object.entries(cases)) {
    it(name, async () => {
      const bench = new Bench(spec)
      given?.(bench)
      expect(bench.ask(ask)).to.equal(want)
      const { values } = await bench.desk.metrics.stageRefusals.get()
      const [code, , stage] = want.split(' ')
      expect(values.map(({ labels }) => [labels.code, labels.stage])).to.deep.equal(stage === undefined ? [] : [[code, stage]])
      await bench.upstream.close()
    })
  }
})
