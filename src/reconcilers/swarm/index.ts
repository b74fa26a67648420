import { OperatorError, WaitingError } from '../../errors.ts'
import type { Swarm } from '../../api/objects.ts'
import { REASON } from '../../api/reasons.ts'
import type { SwarmStatus } from '../../api/swarm-status.ts'
import type { TopologyStatus } from '../../api/topology.ts'
import { swarmSelector } from './selector.ts'
import { SWARMS, FIELD_MANAGER } from '../shared/kinds.ts'
import type { Stores } from '../shared/stores.ts'
import { FOLLOWED } from '../shared/rollout-facts.ts'
import { sameStatus } from '../shared/same-status.ts'
import type { Asked } from '../rollout/asked.ts'
import { passRollout, revisionsOfRollout, type RolloutDeps, type WriteWeights } from '../rollout/pass.ts'
import type { Publisher } from '../topology/publisher.ts'
import { adopt } from './adopt.ts'
import { act, keepRevisions, type Done } from './act.ts'
import { isDue, TELL_COST_MS, type Costs } from './costs.ts'
import { deedsOf, successorIn } from './deeds.ts'
import type { Graphs, Linked } from './graphs.ts'
import { epochMessage, leaderMessage, leavingIn, limitMessage, linkedIn, remainderOf, topologyStatus } from './links.ts'
import { observeSwarm, sizedIn, type Seen } from './observe.ts'
import { planSwarm } from './plan.ts'
import type { Quotas } from './quotas.ts'
import { statusOf, storedFailures, waitingStatus } from './status.ts'
import type { Plan, World } from './world.ts'
import { tellBudget, tellHealth, tellMassFailure } from './tell.ts'

/** What the swarm reconciler works with. */
export type SwarmDeps = RolloutDeps & { graphs: Graphs; publisher: Publisher; costs: Costs; quotas: Quotas }

/** How long agents that the API server has refused because of a quota wait, unless that changes before. Milliseconds. */
const QUOTA_RETRY_MS = 30_000

/** One pass over a swarm: look, decide, do, tell. Safe to run again at any time and after a crash at any line. */
export async function reconcileSwarm(key: string, deps: SwarmDeps, signal: AbortSignal): Promise<{ requeueAfterMs?: number }> {
  const prepared = await prepare(key, deps, signal).catch((error: unknown) => {
    deps.quotas.yield(key)
    throw error
  })
  if (!prepared) return {}
  const { seen, asked } = prepared
  const { stores } = deps
  const { world, links, plan, done } = await carryOut(key, prepared, deps, signal)
  const { metadata, status: stored = UNSEEN } = seen.swarm
  const status = statusOf(world, plan, done.error, {
    generation: metadata.generation,
    stored,
    selector: swarmSelector(metadata.name),
    troubles: seen.troubles,
    unread: seen.unread,
    topology: links?.status ?? remainderOf(stored.topology),
    rollout: asked?.facts,
    now: new Date(stores.now()).toISOString(),
  })
  tellHealth(seen, status, stores.events)
  tellMassFailure(seen, status, stores.events)
  tellBudget(seen, status, stores.events)
  const cost = deps.costs.look(seen.swarm, [...seen.agents.values()], stores.now())
  const isNews = isDue(stored.cost, cost) || !sameStatus(seen.swarm.status, status)
  await writeStatus(seen.swarm, isNews && cost ? { ...status, cost } : status, stores, signal)
  if (links) publish(key, { seen, links }, deps)
  if (done.error) throw done.error
  const tellCostMs = cost && Number(cost.hourly) > 0 ? TELL_COST_MS : undefined
  const quotaMs = done.quota === undefined ? undefined : QUOTA_RETRY_MS
  const times = [plan.checkAgainMs, asked?.checkAgainMs, tellCostMs, quotaMs].filter((ms) => ms !== undefined)
  if (seen.unread) throw dueAgain(seen.unread, times)
  return times.length === 0 ? {} : { requeueAfterMs: Math.min(...times) }
}

type Prepared = { seen: Seen; asked: Asked | undefined }

/** All that comes before the plan: what is seen, what is adopted and kept, and what the rollout asks for. Undefined when the swarm is gone. */
async function prepare(key: string, deps: SwarmDeps, signal: AbortSignal): Promise<Prepared | undefined> {
  const { stores } = deps
  const swarm = stores.swarms.get(key)
  if (swarm && !swarm.metadata.deletionTimestamp) {
    await defaultReplicas(swarm, stores, signal)
    await adopt(swarm, stores, signal)
  }
  let seen: Seen | undefined
  try {
    seen = observeSwarm(key, stores)
  } catch (error) {
    if (error instanceof OperatorError) await tellWaiting(key, error, stores, signal)
    throw error
  }
  if (!seen?.world.topology) forget(key, deps)
  if (!seen) {
    deps.analyst.forget(key)
    deps.wroteAt.delete(key)
    deps.quotas.forget(key)
    return undefined
  }
  await keepRevisions(seen, revisionsOfRollout(seen.swarm, stores), stores, signal)
  const current = seen.swarm
  const writeWeights: WriteWeights = async (traffic) =>
    writeStatus(current, { ...(current.status ?? UNSEEN), traffic: [...traffic] }, stores, signal)
  return { seen, asked: await passRollout(seen, deps, writeWeights, signal) }
}

/** Plans, and does what is planned, with the room for it held from the moment of the plan on. */
async function carryOut(key: string, { seen, asked }: Prepared, deps: SwarmDeps, signal: AbortSignal) {
  const { stores, quotas, costs } = deps
  const { swarm } = seen
  // From here to the reservation nothing may be waited for: other passes would take the same room.
  const agents = stores.agents.index('swarm', swarm.metadata.uid)
  const rate = costs.rateOfNext(swarm, agents, seen.update.hash)
  const limits = [...costs.limits(swarm, agents, { rate, doubtful: quotas.doubtful(swarm) }), ...quotas.limits(swarm, rate)]
  const world: World = {
    ...seen.world,
    ...(asked && { rollout: asked.sides }),
    limits,
    ...(limits.some(({ cap }) => cap.counts === 'Cost') && { sized: sizedIn(seen, costs) }),
    owed: quotas.owed(key),
  }
  const plan = planSwarm(world)
  const deeds = deedsOf(swarm, [...plan.actions, ...(plan.pool?.actions ?? [])])
  const reservation = quotas.reserve(swarm, { plan, deeds, rate })
  let doubtful: readonly string[] = []
  try {
    const links = linksOf(key, { seen, plan }, deps)
    await tellFirst(seen, { links, asked }, stores, signal)
    const done = await act(seen, deeds, stores, signal)
    doubtful = done.doubtful
    quotas.owe(key, plan.owed.concat(done.undone.flatMap(successorIn)))
    if (done.quota !== undefined) quotas.refused(swarm)
    return { world, links, plan: withRefused(plan, swarm, done), done }
  } finally {
    reservation.release(doubtful)
  }
}

/** The plan as it was carried out: what the API server has refused is held back, too. */
function withRefused(plan: Plan, { metadata }: Seen['swarm'], { refused, quota }: Done): Plan {
  if (quota === undefined) return plan
  const heldBy = plan.heldBy ?? { by: 'Quota', text: `a ResourceQuota in namespace ${metadata.namespace} (${quota})` }
  return { ...plan, withheld: plan.withheld + refused.length, heldBy }
}

/** The same trouble, to be looked at again when something else is due before. */
function dueAgain(error: OperatorError, times: readonly number[]): OperatorError {
  const againMs = Math.min(...times, error instanceof WaitingError ? error.retryAfterMs : Infinity)
  return againMs === Infinity ? error : new WaitingError(error.reason, error.message, againMs, { cause: error })
}

type Links = Linked & { leaving: ReadonlySet<string>; heardEpoch: number; status: TopologyStatus }

/** Who leads and who is linked to whom once the plan is done; undefined for a swarm without a topology. */
function linksOf(key: string, { seen, plan }: { seen: Seen; plan: Plan }, { graphs, publisher }: SwarmDeps): Links | undefined {
  const { world, swarm } = seen
  if (!world.topology) return undefined
  const leaving = leavingIn(plan)
  const linked = graphs.of(key, world.topology, linkedIn(world, leaving))
  const heardEpoch = publisher.heardEpoch(key, swarm.metadata.uid)
  const known = { stored: swarm.status?.topology, heardEpoch, agents: linked.graph.size, links: linked.links }
  const status = topologyStatus(world, leaving, known)
  return status && { ...linked, leaving, heardEpoch, status }
}

/**
 * Stores what must not wait for, or be lost by a crash in, what follows: the weights of a rollout, so that going back takes one write;
 * the next leader before the one that leads drains, so that nobody is led by one that takes no more tasks; and agents that were lost
 * before they are replaced, and thereby gone.
 */
async function tellFirst(
  { swarm, world }: Seen,
  { links, asked }: { links: Links | undefined; asked: Asked | undefined },
  stores: Stores,
  signal: AbortSignal,
): Promise<void> {
  const { status } = swarm
  if (!status) return
  const followed = Object.fromEntries(FOLLOWED.map((field) => [field, status[field]]))
  const routing = asked?.facts.routing ?? followed
  const hasRouting = !sameStatus(JSON.parse(JSON.stringify(followed)) as object, routing)
  const leader = status.topology?.leader
  const handsOver = links !== undefined && leader !== undefined && leader !== links.status.leader && links.leaving.has(leader)
  const recentFailures = storedFailures(world)
  const known = new Set(status.recentFailures?.map(({ place, at }) => `${place} ${at}`))
  const hasNew = recentFailures.some(({ place, at }) => !known.has(`${place} ${at}`))
  if (!handsOver && !hasNew && !hasRouting) return
  const first = { ...(handsOver && { topology: links.status }), ...(hasNew && { recentFailures }) }
  await writeStatus(swarm, { ...status, ...NOT_FOLLOWED, ...routing, ...first }, stores, signal)
}

/** Tells people of another leader, and the agents what has changed for them; the status is stored by then. */
function publish(key: string, { seen, links }: { seen: Seen; links: Links }, { stores, publisher }: SwarmDeps): void {
  const { swarm, world, agents } = seen
  const before = swarm.status?.topology
  const { status, leaving, heardEpoch, graph } = links
  const tell = (reason: string, message: string | undefined) =>
    message !== undefined && stores.events.record(swarm, { type: 'Normal', reason, message })
  tell(REASON.leaderElected, leaderMessage(before, status, { agents: world.agents, leaving }))
  tell(REASON.epochRaised, epochMessage(before, status, heardEpoch))
  tell(REASON.neighboursLimited, limitMessage(before, status, world))
  if (!world.topology) return
  const stillThere = world.agents.filter((a) => a.ready && !a.deleting && a.state !== 'Paused' && !graph.has(a.name))
  const linked = linkedIn(world, leaving)
  publisher.update(key, {
    swarm,
    shape: world.topology,
    epoch: status.epoch,
    leader: status.leader,
    graph,
    linked,
    leaving: stillThere,
    agents,
  })
}

function forget(key: string, { graphs, publisher }: SwarmDeps): void {
  graphs.forget(key)
  publisher.forget(key)
}

/**
 * Writes the one agent that a spec without a number means, and takes the number away when groups come instead. The API
 * server cannot do it, since a default would stand beside `groups` too; and without a number autoscalers cannot read /scale.
 */
async function defaultReplicas({ spec, metadata }: Swarm, { client, swarms }: Stores, signal: AbortSignal): Promise<void> {
  if ((spec.groups === undefined) === (spec.replicas !== undefined)) return
  const { uid, resourceVersion } = metadata
  const patch = { metadata: { uid, resourceVersion }, spec: { replicas: spec.groups === undefined ? 1 : null } }
  swarms.wrote(await client.mergePatch(SWARMS, metadata, patch, { fieldManager: FIELD_MANAGER, signal }))
}

/** Takes away what routers follow. */
const NOT_FOLLOWED = Object.fromEntries(FOLLOWED.map((field) => [field, undefined]))

const UNSEEN: SwarmStatus = { observedGeneration: -1 }

/** Tells why a swarm cannot even be planned; what runs is left as it is. */
async function tellWaiting(key: string, error: OperatorError, stores: Stores, signal: AbortSignal): Promise<void> {
  const swarm = stores.swarms.get(key)
  if (!swarm) return
  const now = new Date(stores.now()).toISOString()
  await writeStatus(swarm, waitingStatus(swarm.status ?? UNSEEN, error, { generation: swarm.metadata.generation, now }), stores, signal)
}

async function writeStatus(swarm: Seen['swarm'], status: SwarmStatus, stores: Stores, signal: AbortSignal): Promise<void> {
  if (sameStatus(swarm.status, status)) return
  stores.swarms.wrote(await stores.client.patchStatus(SWARMS, swarm, status, { precondition: 'uid', fieldManager: FIELD_MANAGER, signal }))
}
