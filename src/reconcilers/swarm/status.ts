import type { Condition } from '../../api/condition.ts'
import { merge, progress, type Draft } from '../../api/conditions.ts'
import type { HealthCounts, RecentFailure } from '../../api/health.ts'
import { REASON } from '../../api/reasons.ts'
import type { SwarmStatus, Traffic } from '../../api/swarm-status.ts'
import type { TopologyStatus } from '../../api/topology.ts'
import { StalledError, type OperatorError } from '../../errors.ts'
import type { Brake } from '../../health/brake.ts'
import { isServing, type AgentSeen } from '../shared/agent-seen.ts'
import type { RolloutFacts } from '../shared/rollout-facts.ts'
import type { GroupWanted } from '../shared/sides.ts'
import { isWanted, type Plan, type World } from './world.ts'

/** What an agent says about itself while it is not ready. */
export type Trouble = { agent: string; reason: string; message: string; stalled: boolean }

/** What status needs beside the world and the plan. `now` is an RFC 3339 time. */
export type Before = {
  generation: number
  stored: SwarmStatus
  selector: string
  troubles: readonly Trouble[]
  /** Why the revision of the template is not known. */
  unread?: OperatorError | undefined
  topology?: TopologyStatus | undefined
  rollout?: RolloutFacts | undefined
  now: string
}

/** The status to store: what was seen, what is being done about it, and what stopped it. Pure, so every state has a unit test. */
export function statusOf(world: World, plan: Plan, error: OperatorError | undefined, before: Before): SwarmStatus {
  const existing = world.agents.filter((a) => !a.deleting && !a.failed && a.state !== 'Paused')
  const { rollout } = before
  const serving = existing.filter((a) => isServing(a) && (!rollout || isWanted(a, world)))
  const desired = total(world.groups)
  const updated = existing.filter((a) => a.revision === world.updateRevision && a.state === 'Running')
  const complete = isComplete(world, plan) && rollout?.work === undefined
  const recentFailures = storedFailures(world)
  return {
    observedGeneration: before.generation,
    desiredReplicas: desired,
    replicas: existing.length,
    readyReplicas: serving.length,
    updatedReplicas: updated.length,
    selector: before.selector,
    groups: world.groups.map((group) => groupStatus(group, world)),
    ...(plan.pool && { warmPool: { replicas: plan.pool.replicas, readyReplicas: plan.pool.readyReplicas } }),
    currentRevision:
      (rollout ? rollout.stable : complete && world.updateRevision) || (before.stored.currentRevision ?? world.updateRevision),
    updateRevision: world.updateRevision,
    ...(rollout?.routing ?? { traffic: trafficOf(serving, before.stored.traffic ?? [], world.updateRevision) }),
    ...(rollout?.name !== undefined && { rollout: rollout.name }),
    ...(rollout?.rejected !== undefined && { rejectedRevision: rollout.rejected }),
    ...(before.topology && { topology: before.topology }),
    ...(before.stored.cost && { cost: before.stored.cost }),
    health: healthOf(world.agents),
    ...(recentFailures.length > 0 && { recentFailures }),
    conditions: conditionsOf({ world, plan, error, before, ready: serving.length, complete }),
  }
}

/** The failures of the last minute as they are stored. */
export function storedFailures({ failures = [] }: Pick<World, 'failures'>): RecentFailure[] {
  return failures.map(({ place, atMs, of }) => ({ place, at: new Date(atMs).toISOString(), of }))
}

/** How many agents do how well: those that were never ready, sleep or are being deleted are left out. */
function healthOf(agents: readonly AgentSeen[]): HealthCounts {
  const judged = agents.filter((a) => !a.deleting && a.state !== 'Paused')
  const count = (state: AgentSeen['health']) => judged.filter((a) => a.health === state).length
  return { healthy: count('Healthy'), degraded: count('Degraded'), critical: count('Critical'), failed: count('Failed') }
}

/** Every wanted agent is there, ready and of a wanted revision, and nothing else is left to do; those that are kept do not matter. */
function isComplete(world: World, plan: Plan): boolean {
  const { rollout } = world
  const agents = rollout ? world.agents.filter((a) => !rollout.kept.includes(a.revision)) : world.agents
  const settled = agents.every(
    (a) =>
      !a.deleting && !a.failed && (a.state === 'Paused' || (a.state === 'Running' && isServing(a) && isWanted(a, world) && !a.restarting)),
  )
  const wanted = rollout ? rollout.sides.reduce((n, side) => n + total(side.groups), 0) : total(world.groups)
  return settled && plan.actions.length === 0 && agents.filter((a) => a.state === 'Running').length === wanted
}

/**
 * Shares of new tasks by revision, in proportion to the agents that take tasks, by the largest remainder, so that they
 * sum to 100. With none ready they stay as they are: tasks wait for those who come back.
 */
export function trafficOf(serving: readonly Pick<AgentSeen, 'revision'>[], stored: readonly Traffic[], updateRevision: string): Traffic[] {
  if (serving.length === 0) return stored.length > 0 ? [...stored] : [{ revision: updateRevision, percent: 100 }]
  const counts = new Map<string, number>()
  for (const { revision } of serving) counts.set(revision, (counts.get(revision) ?? 0) + 1)
  const shares = [...counts].map(([revision, count]) => {
    const exact = (count * 100) / serving.length
    return { revision, percent: Math.floor(exact), rest: exact - Math.floor(exact) }
  })
  shares.sort((a, b) => b.rest - a.rest || (a.revision < b.revision ? -1 : 1))
  const left = 100 - shares.reduce((n, s) => n + s.percent, 0)
  return shares
    .map(({ revision, percent }, i) => ({ revision, percent: percent + (i < left ? 1 : 0) }))
    .sort((a, b) => (a.revision < b.revision ? -1 : 1))
}

type Facts = { world: World; plan: Plan; error: OperatorError | undefined; before: Before; ready: number; complete: boolean }

function conditionsOf(facts: Facts): Condition[] {
  const { world, plan, before, ready } = facts
  const wanted = total(world.groups)
  const enough = ready >= wanted
  const summary: Draft = {
    type: 'Ready',
    status: enough ? 'True' : 'False',
    reason: enough ? REASON.agentsReady : REASON.agentsNotReady,
    message: `${readyText(ready, wanted)}${enough ? '' : troublesText(before.troubles)}`,
  }
  const { unread } = before
  const told: Draft = unread ? { type: 'Ready', status: 'False', reason: unread.reason, message: unread.message } : summary
  const work = workOf(facts)
  const drafts = progress(told, work, facts.error ?? unread ?? stalledBy(facts) ?? (work ? undefined : keptBack(before)))
  const quota = before.troubles.filter((t) => t.reason === REASON.quotaExceeded)
  if (quota[0]) {
    drafts.push({
      type: 'QuotaExceeded',
      status: 'True',
      reason: REASON.quotaExceeded,
      message: `${plural(quota.length, 'agent')} wait: ${quota[0].message}`,
    })
  }
  const heldBy = plan.heldBy ?? plan.pool?.heldBy
  if (heldBy) {
    const message = `${heldText(plan)} held back by ${heldBy.text}; raise it or ask for fewer agents`
    drafts.push({ type: 'BudgetExceeded', status: 'True', reason: HELD_BY[heldBy.by], message })
  }
  const rejected = rejectedText(before)
  if (rejected !== undefined) drafts.push({ type: 'RevisionRejected', status: 'True', reason: REASON.revisionRejected, message: rejected })
  if (world.brake) drafts.push({ type: 'MassFailure', status: 'True', reason: REASON.massFailure, message: massFailureText(world.brake) })
  return merge(before.stored.conditions ?? [], drafts, before.generation, before.now)
}

/** Whose cap it is: the swarm's own, or one of its namespace. */
const HELD_BY = { Budget: REASON.budgetExceeded, Quota: REASON.namespaceQuotaExceeded } as const

function heldText({ withheld, pool }: Plan): string {
  const warm = pool?.withheld ?? 0
  return [
    ...(withheld > 0 ? [plural(withheld, 'agent')] : []),
    ...(warm > 0 ? [`${plural(warm, 'sandbox', 'es')} of the warm pool`] : []),
  ].join(' and ')
}

/** How many are ready; more than are wanted in the middle of an update or a rollout. */
const readyText = (ready: number, wanted: number) =>
  ready > wanted
    ? `${plural(ready, 'agent')} ${ready === 1 ? 'is' : 'are'} ready, ${wanted} ${wanted === 1 ? 'is' : 'are'} wanted`
    : `${ready} of ${plural(wanted, 'agent')} ${wanted === 1 ? 'is' : 'are'} ready`

/** What is lost, until when nothing more is risked, and where to look. */
function massFailureText({ failed, of, untilMs }: Brake): string {
  const until = new Date(Math.ceil(untilMs / 1_000) * 1_000).toISOString().replace('.000', '')
  const what = `${failed} of ${plural(of, 'agent')} lost within a minute: updates and scale-downs wait until ${until}, lost agents are replaced`
  return `${what}; look at the Events AgentFailed, the last change of spec.template and the state of E2B`
}

/** What is going on, if anything: an update, or a change of the number of agents. */
function workOf({ world, plan, before, complete }: Facts): Draft | undefined {
  if (complete) return undefined
  if (before.rollout?.work) return { type: 'Reconciling', status: 'True', ...before.rollout.work }
  const outdated = world.agents.filter(
    (a) => !a.deleting && !a.failed && a.state === 'Running' && ((!isWanted(a, world) && !isKept(a, world)) || a.restarting),
  )
  const updated = world.agents.filter((a) => isServing(a) && isWanted(a, world) && !a.restarting).length
  const wanted = total(world.groups)
  const leaving = world.agents.filter((a) => a.state === 'Draining' || a.deleting).length
  const missing = Math.max(0, wanted - updated)
  const parts =
    outdated.length > 0
      ? [`${updated} of ${wanted} agents run revision ${world.updateRevision}`, `${plural(outdated.length, 'older one')} left`]
      : [
          ...(leaving > 0 ? [`${plural(leaving, 'agent')} leaving`] : []),
          ...(missing > 0 ? [`${plural(missing, 'agent')} not ready yet`] : []),
        ]
  const message = parts.join(', ') || 'settling'
  if (world.brake && (outdated.length > 0 || plan.spared > 0)) {
    const waiting = [...parts, ...(plan.spared > 0 ? [`${plural(plan.spared, 'agent')} not drained yet`] : [])].join(', ')
    return { type: 'Reconciling', status: 'True', reason: REASON.massFailure, message: `waits for the end of a mass failure: ${waiting}` }
  }
  const reason = plan.heldBy ? HELD_BY[plan.heldBy.by] : outdated.length > 0 ? REASON.rollingUpdate : REASON.progressing
  return { type: 'Reconciling', status: 'True', reason, message: message + troublesText(before.troubles) }
}

const isKept = ({ revision }: AgentSeen, { rollout }: World) => rollout?.kept.includes(revision) ?? false

/** The swarm is stalled when every agent that is not ready is: then only a change by a person helps. */
function stalledBy({ world, before, ready }: Facts): OperatorError | undefined {
  const first = before.troubles.find((t) => t.stalled)
  const others = before.troubles.some((t) => !t.stalled)
  return first && !others && ready < total(world.groups) ? new StalledError(first.reason, `${first.agent}: ${first.message}`) : undefined
}

/** A revision that was given up, and what helps. */
function rejectedText({ rollout }: Before): string | undefined {
  if (rollout?.rejected === undefined) return undefined
  const helps = rollout.name === undefined ? 'attach a rollout and ask it for Retry' : `ask ${rollout.name} for Retry`
  return `revision ${rollout.rejected} of the template was given up by a rollout and is not tried again; change spec.template, or ${helps}`
}

/** The template was given up by a rollout that is gone: nobody else says that what is asked for is not what runs. */
function keptBack(before: Before): OperatorError | undefined {
  const text = before.rollout?.name === undefined ? rejectedText(before) : undefined
  return text === undefined ? undefined : new StalledError(REASON.revisionRejected, text)
}

/** The commonest trouble of the agents that are not ready, with one example. */
function troublesText(troubles: readonly Trouble[]): string {
  const counts = new Map<string, Trouble[]>()
  for (const trouble of troubles) counts.set(trouble.reason, [...(counts.get(trouble.reason) ?? []), trouble])
  const [commonest] = [...counts.values()].sort((a, b) => b.length - a.length)
  const [example] = commonest ?? []
  return example ? `; ${commonest?.length} ${example.reason}, for instance ${example.agent}: ${example.message}` : ''
}

function groupStatus(group: GroupWanted, world: World): NonNullable<SwarmStatus['groups']>[number] {
  const here = world.agents.filter((a) => a.group === group.name && !a.deleting && !a.failed)
  const existing = here.filter((a) => a.state !== 'Paused')
  return {
    name: group.name,
    replicas: existing.length,
    readyReplicas: existing.filter(isServing).length,
    updatedReplicas: existing.filter((a) => a.revision === world.updateRevision && a.state === 'Running').length,
    pausedReplicas: here.length - existing.length,
  }
}

const total = (groups: readonly GroupWanted[]) => groups.reduce((n, g) => n + g.replicas, 0)
const plural = (n: number, noun: string, ending = 's') => `${n} ${noun}${n === 1 ? '' : ending}`

/** The status of a swarm that waits for something before it can be planned: all else stays as it was. */
export function waitingStatus(
  stored: SwarmStatus,
  error: OperatorError,
  { generation, now }: { generation: number; now: string },
): SwarmStatus {
  const summary: Draft = { type: 'Ready', status: 'False', reason: error.reason, message: error.message }
  const massFailure = stored.conditions?.filter((c) => c.type === 'MassFailure') ?? [] // people are told once of its beginning and its end
  return {
    ...stored,
    observedGeneration: generation,
    conditions: merge(stored.conditions ?? [], [...progress(summary, undefined, error), ...massFailure], generation, now),
  }
}
