import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type { Slot } from '../routing/slot.ts'
import type { StageLoad } from '../routing/stages.ts'
import type { Call } from './call.ts'
import { stageLoads } from './stages.ts'
import type { SwarmEntry } from './swarm-entry.ts'

const SWARM = ['namespace', 'swarm'] as const
const TASK = ['namespace', 'swarm', 'group', 'revision', 'outcome'] as const
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60]

/** What the gauges are read from at every scrape. */
export type MetricsWorld = {
  readonly entries: () => Iterable<SwarmEntry<Call>>
  readonly openTasks: () => number
  /** Of namespaces that are limited. */
  readonly openTasksOf: () => Iterable<readonly [namespace: string, open: number]>
  readonly now: () => number
}

/**
 * The metrics of the router. Labels come from swarms that exist and from closed sets, never from what clients send: what ends after its
 * swarm has gone is not counted, or its series would stay for ever.
 */
export interface RouterMetrics {
  /** Tasks that ended, by `Done` or the code of the problem; group and revision are empty when no agent had the task. */
  readonly tasks: Counter<(typeof TASK)[number]>
  readonly taskSeconds: Histogram<'namespace' | 'swarm' | 'revision'>
  readonly queueSeconds: Histogram<'namespace' | 'swarm'>
  readonly attempts: Counter<(typeof TASK)[number]>
  readonly retries: Counter<'namespace' | 'swarm'>
  /** Tasks that were not tried again because the retry budget was spent. */
  readonly overBudget: Counter<'namespace' | 'swarm'>
  readonly circuitOpens: Counter<'namespace' | 'swarm'>
  /** Revisions under way that were cut off because too many of their attempts failed. */
  readonly guardTrips: Counter<'namespace' | 'swarm'>
  /** Tasks that were to be done a second time, by how that compares with the answer that clients got. */
  readonly mirrored: Counter<'namespace' | 'swarm' | 'result'>
  readonly probes: Counter<'namespace' | 'swarm' | 'result'>
  /** Requests with a known idempotency key that were answered without doing the task again. */
  readonly repeats: Counter<'namespace' | 'swarm' | 'result'>
  readonly leaderChanges: Counter<'namespace' | 'swarm' | 'cause'>
  /** Subtasks of delegated tasks, by `Done` or the code of what became of them. */
  readonly subtasks: Counter<'namespace' | 'swarm' | 'outcome'>
  /** Time of the stages of rings. */
  readonly stageSeconds: Histogram<'namespace' | 'swarm' | 'stage'>
  /** Tasks that were refused because a stage of a ring was full or broken. */
  readonly stageRefusals: Counter<'namespace' | 'swarm' | 'stage' | 'code'>
  /** Tasks refused because their namespace has, or sends, as many as it may. */
  readonly limited: Counter<'namespace' | 'swarm' | 'code'>
  /** Requests refused before they became a task. */
  readonly refused: Counter<'code'>
  /** Drops the series of a swarm that is gone. */
  forget(namespace: string, swarm: string): void
}

/** Adds the router's metrics to the registry; once per registry. */
export function routerMetrics(registry: Registry, world: MetricsWorld): RouterMetrics {
  const registers = [registry]
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Counter({ name: `swarmops_router_${name}`, help, labelNames, registers })
  const histogram = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Histogram({ name: `swarmops_router_${name}`, help, labelNames, registers, buckets: SECONDS })
  stateGauges(registry, world)
  const metrics = {
    tasks: counter('tasks_total', 'Tasks that ended, by outcome.', TASK),
    taskSeconds: histogram('task_seconds', 'Time from the acceptance of a task to its answer.', ['namespace', 'swarm', 'revision']),
    queueSeconds: histogram('queue_seconds', 'Time that tasks which had to wait waited for an agent.', SWARM),
    attempts: counter('attempts_total', 'Requests to agents that ended, by outcome.', TASK),
    retries: counter('retries_total', 'Attempts after the first.', SWARM),
    overBudget: counter('retries_over_budget_total', 'Tasks that were not tried again because the retry budget was spent.', SWARM),
    circuitOpens: counter('circuit_opens_total', 'Circuits of agents that opened.', SWARM),
    guardTrips: counter('guard_trips_total', 'Revisions that get no more tasks because too many of their attempts failed.', SWARM),
    mirrored: counter('mirrored_total', 'Tasks that were to be done a second time, by what came of it.', [...SWARM, 'result'] as const),
    probes: counter('probes_total', 'Probes of agents, by whether the agent was found.', [...SWARM, 'result'] as const),
    repeats: counter('repeats_total', 'Repeats answered without doing the task again.', [...SWARM, 'result'] as const),
    leaderChanges: counter('leader_changes_total', 'Times that another agent came to lead, by cause.', [...SWARM, 'cause'] as const),
    subtasks: counter('subtasks_total', 'Subtasks that ended, by outcome.', [...SWARM, 'outcome'] as const),
    stageSeconds: histogram('stage_seconds', 'Time that a stage of a ring took for a task, waiting included.', [
      ...SWARM,
      'stage',
    ] as const),
    stageRefusals: counter('stage_refusals_total', 'Tasks refused for a stage of a ring, by code.', [...SWARM, 'stage', 'code'] as const),
    limited: counter('namespace_limited_total', 'Tasks refused because of the limits of their namespace, by code.', [
      ...SWARM,
      'code',
    ] as const),
    refused: counter('refused_total', 'Requests refused before they became a task.', ['code'] as const),
  }
  return { ...metrics, forget: (namespace, swarm) => forget(Object.values(metrics), namespace, swarm) }
}

type Series = { labels?: Partial<Record<string, string | number>> }
type Forgettable = { get(): Promise<{ values: Series[] }>; remove(labels: Partial<Record<string, string | number>>): void }

/** The client library removes single series only. */
function forget(metrics: readonly Forgettable[], namespace: string, swarm: string): void {
  for (const metric of metrics) {
    void metric.get().then(({ values }) => {
      for (const { labels } of values) {
        if (labels?.['namespace'] !== namespace || labels['swarm'] !== swarm) continue
        const { le: _, ...own } = labels
        metric.remove(own)
      }
    })
  }
}

function stateGauges(registry: Registry, world: MetricsWorld): void {
  const registers = [registry]
  const ofSwarms = (name: string, help: string, read: (entry: SwarmEntry<Call>) => number) =>
    new Gauge({
      name: `swarmops_router_${name}`,
      help,
      labelNames: SWARM,
      registers,
      collect() {
        this.reset()
        for (const entry of world.entries()) {
          if (entry.settings) this.set({ namespace: entry.namespace, swarm: entry.name }, read(entry))
        }
      },
    })
  const count = (entry: SwarmEntry<Call>, of: (slot: Slot) => number) => {
    let sum = 0
    for (const { slot } of entry.hosts.values()) sum += of(slot)
    return sum
  }
  ofSwarms('queue_length', 'Tasks that wait for an agent.', (entry) => entry.waiting.size)
  ofSwarms('queue_limit', 'Tasks that may wait for an agent: spec.routing.queue.maxPending.', (entry) => entry.settings?.maxPending ?? 0)
  ofSwarms('in_flight', 'Tasks that agents work on.', (entry) => count(entry, (slot) => slot.inFlight))
  ofSwarms('agents', 'Agents that the API server shows as ready.', (entry) => count(entry, (slot) => Number(slot.facts.isCandidate)))
  ofSwarms('agents_ejected', 'Ready agents that this router leaves out.', (entry) =>
    count(entry, (slot) => Number(slot.facts.isCandidate && !slot.isUp(world.now()))),
  )
  const ofStages = (name: string, help: string, read: (load: StageLoad) => number) =>
    new Gauge({
      name: `swarmops_router_${name}`,
      help,
      labelNames: [...SWARM, 'stage'] as const,
      registers,
      collect() {
        this.reset()
        for (const entry of world.entries()) {
          const { namespace, name: swarm } = entry
          for (const load of stageLoads(entry, world.now())) this.set({ namespace, swarm, stage: load.stage }, read(load))
        }
      },
    })
  ofStages('stage_capacity', 'Tasks that the working agents of a stage take at once; 0 while it is broken.', (load) => load.capacity)
  ofStages('stage_queue_length', 'Tasks that wait for a stage.', (load) => load.waiting)
  openGauges(registry, world)
}

function openGauges(registry: Registry, world: MetricsWorld): void {
  const registers = [registry]
  new Gauge({
    name: 'swarmops_router_namespace_open_tasks',
    help: 'Tasks accepted and not ended, by namespace, where these are limited.',
    labelNames: ['namespace'] as const,
    registers,
    collect() {
      this.reset()
      for (const [namespace, open] of world.openTasksOf()) this.set({ namespace }, open)
    },
  })
  new Gauge({
    name: 'swarmops_router_open_tasks',
    help: 'Tasks accepted and not ended.',
    registers,
    collect() {
      this.set(world.openTasks())
    },
  })
}
