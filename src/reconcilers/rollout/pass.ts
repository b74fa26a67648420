import { isDeepStrictEqual } from 'node:util'
import { LABEL } from '../../api/names.ts'
import type { Rollout, Swarm } from '../../api/objects.ts'
import { REASON } from '../../api/reasons.ts'
import type { Ended } from '../../api/rollout.ts'
import type { RolloutStatus } from '../../api/rollout-status.ts'
import type { Guard } from '../../api/swarm-status.ts'
import { isMassFailureWithout } from '../../health/brake.ts'
import { keyOf } from '../../kube/objects.ts'
import { conditionsOf } from '../../rollouts/conditions.ts'
import { isUnderWay } from '../../rollouts/pass.ts'
import type { AttemptCounts } from '../../rollouts/subject.ts'
import type { Plan, World } from '../../rollouts/world.ts'
import { BLUE_GREEN_ROLLOUTS, CANARY_ROLLOUTS, FIELD_MANAGER } from '../shared/kinds.ts'
import { isServing } from '../shared/agent-seen.ts'
import type { RolloutFacts, RoutersFollow } from '../shared/rollout-facts.ts'
import { sameStatus } from '../shared/same-status.ts'
import type { Sides } from '../shared/sides.ts'
import type { Stores } from '../shared/stores.ts'
import type { Analyst } from './analyst.ts'
import { attachedTo, nameOf } from './attach.ts'
import { FIGURES_MS } from './followed.ts'
import type { RolloutMetrics } from './metrics.ts'
import { checksOf, countReady, courseOf, groupsOfUnits, planOf, unitsOf } from './plan.ts'
import type { Seen } from './seen.ts'
import { rolloutStatus, withoutFigures } from './status.ts'

/** What rollouts are worked on with. */
export type RolloutDeps = {
  readonly stores: Stores
  readonly analyst: Analyst
  readonly rolloutMetrics: RolloutMetrics
  /** When the status of a rollout was last written, by the key of its swarm. Unix milliseconds. */
  readonly wroteAt: Map<string, number>
}

/** What a rollout asks of its swarm: agents, what to tell of it, and when to look again. */
export type Asked = { readonly sides: Sides; readonly facts: RolloutFacts; readonly checkAgainMs?: number | undefined }

/** Writes new weights, and leaves all else that routers follow as it is. */
export type WriteWeights = (traffic: Plan['weights']) => Promise<void>

/**
 * One pass over the rollout that a swarm follows, if there is one: what it has decided is stored before it is done. Only tasks that go back
 * do not wait for that: whatever is lost by a crash, stable may have them. Without a rollout a revision that an earlier one gave up is
 * kept back, until the template changes.
 */
export async function passRollout(
  seen: Seen,
  deps: RolloutDeps,
  writeWeights: WriteWeights,
  signal: AbortSignal,
): Promise<Asked | undefined> {
  const { stores, analyst } = deps
  const key = keyOf(seen.swarm)
  const rollout = attachedTo(seen.swarm, stores)
  tellAttached(seen, rollout, stores)
  if (!rollout) {
    analyst.forget(key)
    deps.wroteAt.delete(key)
    return heldBack(seen)
  }
  const of = { uid: rollout.metadata.uid, stored: rollout.status?.metrics ?? [] }
  const look = analyst.look(key, of)
  const world = worldOf(seen, rollout, { stores, checks: look.checks })
  const plan = planOf(rollout, world)
  const course = courseOf(rollout)
  const status = rolloutStatus(course, plan, {
    generation: rollout.metadata.generation,
    stored: rollout.status,
    inForce: world.inForce,
    counts: { ...countedOf(rollout.status, plan.state.attempt), ...analyst.counts(key) },
    metrics: look.metrics,
    now: new Date(world.nowMs).toISOString(),
  })
  if (goesBack(seen.swarm, plan)) await writeWeights(plan.weights)
  const againMs = await store({ key, rollout, status }, deps, signal)
  for (const event of plan.events) stores.events.record(rollout, event)
  for (const ended of newlyEnded(rollout.status, status)) deps.rolloutMetrics.ended(rollout, ended)
  const { state } = plan
  analyst.follow(key, {
    ...of,
    rollout: { kind: rollout.kind, namespace: rollout.metadata.namespace, name: rollout.metadata.name },
    swarm: seen.swarm.metadata.name,
    attempt: state.attempt,
    target: state.targetRevision,
    stable: state.stableRevision ?? '',
    checks: checksOf(rollout, plan),
    counted: countedOf(rollout.status, state.attempt),
  })
  const hasRouters = stores.routers.inForce(seen.swarm.metadata.namespace, seen.swarm.metadata.name) !== undefined
  return askedOf(seen, { rollout, plan, course, againMs, hasRouters })
}

/** Whether the stable revision gets tasks back. */
function goesBack({ status }: Swarm, { state: { stableRevision }, weights }: Plan): boolean {
  const percentOf = (shares: Plan['weights']) => shares.find(({ revision }) => revision === stableRevision)?.percent ?? 0
  return stableRevision !== undefined && status?.traffic !== undefined && percentOf(weights) > percentOf(status.traffic)
}

type Passed = { rollout: Rollout; plan: Plan; course: ReturnType<typeof courseOf>; againMs: number | undefined; hasRouters: boolean }

function askedOf({ swarm, world: { isOrdered } }: Seen, { rollout, plan, course, againMs, hasRouters }: Passed): Asked {
  const { state } = plan
  const working = conditionsOf(course, plan).find(({ type }) => type === 'Reconciling')
  // Nobody tells of weights in force where there is no router: once they are written they are.
  const isAtOnce = !hasRouters && !isDeepStrictEqual(swarm.status?.traffic, plan.weights)
  const times = [plan.checkAgainMs, againMs, isAtOnce ? 1 : undefined].filter((ms) => ms !== undefined)
  return {
    sides: {
      sides: plan.sides.map(({ revision, groups }) => ({ revision, groups: groupsOfUnits(groups, isOrdered) })),
      kept: plan.kept,
    },
    facts: {
      name: nameOf(rollout),
      stable: state.stableRevision,
      routing: routingOf(rollout, plan),
      rejected: state.rejectedRevision === state.templateRevision ? state.rejectedRevision : undefined,
      work: working && { reason: working.reason, message: `${nameOf(rollout)}: ${working.message}` },
    },
    ...(times.length > 0 && { checkAgainMs: Math.min(...times) }),
  }
}

/** What routers follow. */
function routingOf(rollout: Rollout, plan: Plan): RoutersFollow {
  const guard = guardOf(rollout, plan)
  const { testers } = rollout.spec
  const { state, weights, mirror } = plan
  return {
    traffic: [...weights],
    ...(guard && { guard }),
    ...(testers && state.stableRevision !== undefined && isUnderWay(state) && { testers: { revision: state.targetRevision, ...testers } }),
    ...(mirror && { mirror: { ...mirror, run: guardRun(rollout.metadata.uid, mirror.run) } }),
  }
}

/** What routers guard. The run is named with the rollout, so that another one never meets the trip of an earlier one. */
function guardOf({ metadata, spec }: Rollout, { guard, state }: Plan): Guard | undefined {
  if (!guard || state.stableRevision === undefined) return undefined
  return { run: guardRun(metadata.uid, guard.run), revision: guard.revision, stable: state.stableRevision, ...spec.guard }
}

const guardRun = (uid: string, run: string) => `${uid.slice(0, 8)}-${run}`

function worldOf(seen: Seen, rollout: Rollout, { stores, checks }: { stores: Stores; checks: World['checks'] }): World {
  const { swarm, world, update } = seen
  const { namespace, name } = swarm.metadata
  const { status } = swarm
  const asked = Object.fromEntries((status?.traffic ?? []).map(({ revision, percent }) => [revision, { least: percent, most: percent }]))
  const prefix = guardRun(rollout.metadata.uid, '')
  const trips = stores.routers.trips(namespace, name).filter(({ run }) => run.startsWith(prefix))
  const request = rollout.status?.request
  const target = rollout.status?.state?.targetRevision ?? ''
  return {
    nowMs: world.nowMs,
    templateRevision: update.hash,
    currentRevision: status?.currentRevision ?? update.hash,
    ...(status?.rejectedRevision !== undefined && { rejectedRevision: status.rejectedRevision }),
    isMassFailure: world.brake !== undefined && isMassFailureWithout(target, world.failures ?? [], world.brake.of),
    groups: unitsOf(world.groups, world.isOrdered),
    ready: countReady(world.agents.filter(isServing), world.isOrdered),
    // Without routers nobody sends tasks: what is asked for is in force.
    inForce: stores.routers.inForce(namespace, name) ?? asked,
    checks,
    trips: trips.map(({ run, message }) => ({ run: run.slice(prefix.length), message })),
    revisions: seen.revisions.flatMap(({ metadata }) => metadata.labels?.[LABEL.revision] ?? []).concat(update.hash),
    ...(request && { request }),
  }
}

/** Revisions that the rollout of a swarm may still need the template of. */
export function revisionsOfRollout(swarm: Swarm, stores: Stores): string[] {
  const state = attachedTo(swarm, stores)?.status?.state
  if (!state) return []
  return [
    state.stableRevision ?? '',
    state.targetRevision,
    state.wantedRevision,
    ...state.recentStable,
    ...state.kept.map((k) => k.revision),
  ]
}

/** What the history has gained. */
function newlyEnded(before: RolloutStatus | undefined, after: RolloutStatus): readonly Ended[] {
  const known = before?.state?.history[0]?.endedAt
  const history = after.state?.history ?? []
  const old = history.findIndex(({ endedAt }) => endedAt === known)
  return old < 0 ? history : history.slice(0, old)
}

/** Figures as they were stored for this attempt. */
function countedOf(stored: RolloutStatus | undefined, attempt: number): Readonly<Record<string, AttemptCounts>> {
  if (stored?.state?.attempt !== attempt) return {}
  return Object.fromEntries((stored.weights ?? []).map(({ revision, samples, failed }) => [revision, { samples, failed }]))
}

/** Without a rollout: the revision that one gave up stays given up, and what was stable before has all agents and tasks. */
function heldBack({ swarm, world, update, revisions }: Seen): Asked | undefined {
  const { rejectedRevision, currentRevision } = swarm.status ?? {}
  if (rejectedRevision !== update.hash || currentRevision === undefined || currentRevision === rejectedRevision) return undefined
  if (!revisions.some(({ metadata }) => metadata.labels?.[LABEL.revision] === currentRevision)) return undefined
  return {
    sides: { sides: [{ revision: currentRevision, groups: world.groups }], kept: [] },
    facts: { stable: currentRevision, routing: { traffic: [{ revision: currentRevision, percent: 100 }] }, rejected: rejectedRevision },
  }
}

/** Stores the status, if it says something new; returns in how many milliseconds figures that have changed may be written. */
async function store(
  { key, rollout, status }: { key: string; rollout: Rollout; status: RolloutStatus },
  { stores, wroteAt }: RolloutDeps,
  signal: AbortSignal,
): Promise<number | undefined> {
  if (sameStatus(rollout.status, status)) return undefined
  const isNews = !rollout.status || !sameStatus(withoutFigures(rollout.status), withoutFigures(status))
  const now = stores.now()
  const leftMs = (wroteAt.get(key) ?? 0) + FIGURES_MS - now
  if (!isNews && leftMs > 0) return leftMs
  await writeRolloutStatus(rollout, status, stores, signal)
  wroteAt.set(key, now)
  return undefined
}

/** Writes the whole status. People write `request` into it as well: what was written meanwhile is a conflict, and the pass is made again. */
export async function writeRolloutStatus(rollout: Rollout, status: RolloutStatus, stores: Stores, signal: AbortSignal): Promise<void> {
  const { client, canaries, blueGreens } = stores
  const options = { fieldManager: FIELD_MANAGER, signal }
  if (rollout.kind === 'CanaryRollout') canaries.wrote(await client.patchStatus(CANARY_ROLLOUTS, rollout, status, options))
  else blueGreens.wrote(await client.patchStatus(BLUE_GREEN_ROLLOUTS, rollout, status, options))
}

function tellAttached({ swarm }: Seen, rollout: Rollout | undefined, { events }: Stores): void {
  const before = swarm.status?.rollout
  const now = rollout && nameOf(rollout)
  if (before === now) return
  if (before !== undefined)
    events.record(swarm, { type: 'Normal', reason: REASON.rolloutDetached, message: `${before} is not followed any more` })
  if (now !== undefined) events.record(swarm, { type: 'Normal', reason: REASON.rolloutAttached, message: `template changes follow ${now}` })
}
