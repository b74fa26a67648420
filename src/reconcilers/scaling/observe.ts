import { latencyQuantile } from '../../stats/latency.ts'
import { isTrue } from '../../api/conditions.ts'
import { ROLLOUT_REASON } from '../../api/rollout.ts'
import type { Agent, ScalingPolicy, Swarm } from '../../api/objects.ts'
import type { MetricSeen } from '../../scaling/answer.ts'
import type { Change } from '../../scaling/behaviour.ts'
import type { World } from '../../scaling/decide.ts'
import { agentsAhead } from '../../scaling/forecast.ts'
import { isPaused } from '../../scaling/settings.ts'
import { shareOf } from '../../scaling/share.ts'
import type { Stores, Waiting } from '../shared/stores.ts'
import type { MetricMemory, PolicyMemory } from './memory.ts'
import { growingGroups, type Target } from './target.ts'
import type { Usages } from './usages.ts'

/** What observing works with. */
export type ObserveDeps = { readonly stores: Pick<Stores, 'agents' | 'routers' | 'now'>; readonly usages: Usages }

/** A policy and what it acts on. */
export type Subject = {
  readonly policy: ScalingPolicy
  readonly target: Target
  readonly memory: PolicyMemory
  /** All policies of the swarm. */
  readonly others: readonly ScalingPolicy[]
}

/** The longest time between two looks at a policy of which nothing is heard, in milliseconds. */
const LONGEST_LOOK_MS = 15_000

/** The shortest time between two looks that only time asks for. Milliseconds. */
const SHORTEST_LOOK_MS = 250

/** Takes a sample of every metric that routers and the provider tell, and puts together all that a decision may know. */
export function observe({ policy, target, memory, others }: Subject, { stores, usages }: ObserveDeps): World {
  const nowMs = stores.now()
  const settings = memory.settingsOf(policy)
  const fleet = fleetOf(target, stores)
  memory.connectedMs = fleet.waiting ? (memory.connectedMs ?? nowMs) : undefined
  const share = fleet.waiting && shareOf(fleet.waiting, target.group, growingBeside(policy, fleet.waiting, target.swarm, others))
  const usage = usages.mean(fleet.ready, nowMs)
  for (const metric of memory.metrics) sample(metric, { fleet, share, usage, memory, nowMs })
  const isMeasured = (metric: MetricMemory) => metric.settings.type === 'Cpu' || metric.settings.type === 'Memory'
  const { status } = policy
  const storedMs = status?.lastActiveAt === undefined ? undefined : Date.parse(status.lastActiveAt)
  const lastActiveMs = memory.activeMs ?? storedMs
  const ahead = settings.predictive.mode === 'Scale' ? memory.foresight.see(settings.predictive, undefined, nowMs) : undefined
  const forecast = ahead && agentsAhead(ahead, settings.predictive.mode)
  const settledMs = fleet.ready.length >= target.current ? Date.parse(newestOf(fleet.ready)) : undefined
  return {
    settings,
    metrics: memory.metrics.map((metric) => seenOf(metric, isMeasured(metric) ? fleet.ready.length - (usage?.known ?? 0) : 0, nowMs)),
    current: target.current,
    ready: fleet.ready.length,
    ...(settledMs !== undefined && !Number.isNaN(settledMs) && { settledMs }),
    // As long as somebody may have tasks of whom nothing is heard, the last agent does not go.
    tasks: fleet.waiting ? { inFlight: fleet.open, queued: fleet.waiting.queued } : { inFlight: 1, queued: 0 },
    ...(lastActiveMs !== undefined && { lastActiveMs }),
    changes: changesOf(policy),
    recent: memory.recent,
    ...(forecast !== undefined && { forecast }),
    isPaused: isPaused(policy.metadata.annotations),
    isRollingOut: isRollingOut(target.swarm),
    isBrakeOn: isTrue(target.swarm, 'MassFailure'),
    nowMs,
  }
}

/** When time alone may change what is measured, in milliseconds; there is always such a time, so that data does not grow old unseen. */
export function lookAgainMs({ memory }: Subject, { settings, tasks, nowMs }: World): number {
  const times = settings.metrics.map(({ maxAgeMs }) => maxAgeMs / 2)
  for (const { settings: metric, window } of memory.metrics) {
    if (metric.type === 'OldestWaiting' && tasks.queued > 0) times.push(SHORTEST_LOOK_MS * 2)
    const isWindow = metric.type === 'ErrorRate' || metric.type === 'Latency'
    const { done, failed } = isWindow ? window.within(metric.spanMs, nowMs) : { done: 0, failed: 0 }
    if (done + failed > 0) times.push(metric.spanMs / 20)
  }
  return Math.max(SHORTEST_LOOK_MS, Math.min(LONGEST_LOOK_MS, ...times))
}

/** What was decided before, the oldest first. */
const changesOf = ({ status }: ScalingPolicy): readonly Change[] =>
  status?.changes?.map(({ at, from, to }) => ({ atMs: Date.parse(at), from, to })) ?? []

type Fleet = {
  readonly ready: readonly Agent[]
  /** Tasks that run on agents that stay, and on all of them. */
  readonly inFlight: number
  readonly open: number
  readonly waiting: Waiting | undefined
}

function fleetOf({ swarm, group }: Target, { agents, routers }: ObserveDeps['stores']): Fleet {
  const { namespace, name, uid } = swarm.metadata
  const ready: Agent[] = []
  let [inFlight, open] = [0, 0]
  for (const agent of agents.index('swarm', uid)) {
    if (agent.spec.group !== group) continue
    const tasks = routers.inFlight(namespace, agent.metadata.name)
    open += tasks
    if (agent.spec.state !== 'Running' || agent.metadata.deletionTimestamp || agent.status?.failed) continue
    inFlight += tasks
    if (isTrue(agent, 'Ready')) ready.push(agent)
  }
  return { ready, inFlight, open, waiting: routers.waiting(namespace, name, group) }
}

/** Looked up only where there is something to share. */
const growingBeside = (policy: ScalingPolicy, { shared }: Waiting, swarm: Swarm, others: readonly ScalingPolicy[]): readonly string[] =>
  shared.length === 0 ? [] : growingGroups(policy, swarm, others)

type Around = {
  readonly fleet: Fleet
  /** The waiting tasks that this target answers for. */
  readonly share: number | undefined
  readonly usage: ReturnType<Usages['mean']>
  readonly memory: PolicyMemory
  readonly nowMs: number
}

/** Adds what is seen now to a metric's samples; nothing while it is not known, so that its data grows old. */
function sample(metric: MetricMemory, around: Around): void {
  const { type } = metric.settings
  if (type === 'Prometheus' || type === 'Json' || type === 'Cron') return // these come by themselves
  if (type === 'Cpu' || type === 'Memory') {
    const { usage } = around
    if (usage) metric.sampled({ atMs: usage.atMs, value: type === 'Cpu' ? usage.cpuPercent : usage.memoryPercent })
    else metric.problem = 'the provider tells of no sandbox of a ready agent'
    return
  }
  const value = routersSay(metric, around)
  if (typeof value === 'number') metric.sampled({ atMs: around.nowMs, value })
  else metric.problem = value
}

/** What routers say, or why that is not known. */
function routersSay({ settings, spec, window }: MetricMemory, { fleet, share, memory, nowMs }: Around): number | string {
  const { waiting, inFlight } = fleet
  if (!waiting || share === undefined) return 'the operator does not hear from every router; look at --router-urls'
  if (settings.type === 'InFlightPerAgent') return inFlight + share
  if (settings.type === 'QueueLength') return share
  if (settings.type === 'OldestWaiting') return waiting.oldestMs / 1_000
  const { done, failed, latency } = window.within(settings.spanMs, nowMs)
  const isWhole = nowMs - (memory.connectedMs ?? nowMs) >= settings.spanMs
  if (done + failed === 0 && !isWhole) return 'routers have not been heard for the whole window yet'
  if (settings.type === 'ErrorRate') return done + failed === 0 ? 0 : (failed * 100) / (done + failed)
  return (latencyQuantile(latency, (spec.percentile ?? 95) / 100) ?? 0) / 1_000
}

function seenOf({ settings, series, timetable, problem }: MetricMemory, unmeasured: number, nowMs: number): MetricSeen {
  const trouble = timetable && 'problem' in timetable ? timetable.problem : problem
  return {
    settings,
    series,
    ...(timetable && 'at' in timetable && { timetable: timetable.at(nowMs) }),
    ...(unmeasured > 0 && { unmeasured }),
    ...(trouble !== undefined && { problem: trouble }),
  }
}

/** The newest readySince; times of one form sort as text. */
const newestOf = (agents: readonly Agent[]): string =>
  agents.reduce((newest, { status }) => ((status?.readySince ?? '') > newest ? (status?.readySince ?? '') : newest), '')

const ROLLOUT_REASONS: ReadonlySet<string> = new Set(Object.values(ROLLOUT_REASON))

/** A rollout that the swarm follows is under way, whatever it waits for. */
const isRollingOut = ({ status }: Swarm): boolean =>
  status?.rollout !== undefined &&
  (status.conditions?.some((c) => c.type === 'Reconciling' && c.status === 'True' && ROLLOUT_REASONS.has(c.reason)) ?? false)
