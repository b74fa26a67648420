import { FAILURE_WINDOW_MS } from '../../health/brake.ts'
import { Allowance, type Limit, type Purpose } from '../../scaling/budget.ts'
import type { AgentSeen } from '../shared/agent-seen.ts'
import type { GroupWanted } from '../shared/sides.ts'
import { resolveCounts, type GroupLimits } from './counts.ts'
import { Places } from './places.ts'
import { planPool, Pool } from './pool.ts'
import { planSpares } from './spares.ts'
import { successorOf } from './successor.ts'
import {
  awaitsSize,
  isFresh,
  isWanted,
  type Action,
  type DrainReason,
  type Made,
  type Plan,
  type Successor,
  type WarmSeen,
  type World,
} from './world.ts'

/**
 * Brings every group to its replicas and its revision.
 *
 * - Missing agents come, in this order, from those that still drain, from paused ones, from the warm pool, from new sandboxes.
 * - Agents of another revision, and those whose sandbox is about to end, are replaced within maxSurge and
 *   maxUnavailable, counted in each group: a new one is ready before an old one drains.
 * - A failed agent is replaced at once, and later and later when its successors fail as well.
 * - Until the newest revision has one ready agent in a group, failed agents of the older one are replaced by their
 *   own kind, so that a bad template does not wear the group down.
 * - Nothing is created beyond the budget and the quotas of the namespace: successors of lost agents come first, then agents that are
 *   wanted, then those that an update or a rollout adds for a while, then the warm pool. Where cost is limited, the first of its kind comes
 *   alone and tells its size.
 * - With a rollout each of its revisions has the agents that it asks for, as if it were a swarm of its own; agents of revisions that
 *   it does not name are drained.
 * - While the brake is on, nothing that has worked goes but what is about to end anyway. Lost agents are replaced as ever; an update
 *   may add its first agent, so that a change that mends the swarm can show it.
 */
export function planSwarm(world: World): Plan {
  const { limits = [] } = world
  const unlimited = new Allowance([])
  const plan = planWith(world, unlimited)
  // What is most urgent is served first, whatever group or revision it is for: for that all that is asked for must be known.
  return unlimited.isWithin(limits) ? plan : planWith(world, new Allowance(limits, unlimited.asked))
}

function planWith(world: World, allowance: Allowance): Plan {
  const budget = tightest(world.limits?.filter(({ cap }) => cap.by === 'Budget') ?? [])
  const pool = new Pool(world)
  const counted = world.agents.filter(countsForBudget).length + pool.counted
  const wanted = withinBudget(world.groups, budget && Math.max(0, counted + budget.left.Scale))
  const actions: Action[] = []
  const times = timesToCome(world)
  const brake = { isOn: world.brake !== undefined, spared: 0 }
  const owed = { before: [...(world.owed ?? [])], now: [] }
  for (const [i, side] of sidesOf(world, wanted).entries()) {
    const within = side.revision === undefined ? world : worldOf(world, side.revision)
    for (const group of side.groups)
      planGroup({ group, world: within, isFirst: i === 0, allowance, owed, brake, pool, actions, times, places: new Places(group, within) })
  }
  const elsewhere = world.agents.filter((a) => !wanted.some((g) => g.name === a.group))
  for (const agent of sparing(elsewhere, brake)) retire(agent, 'GroupRemoved', actions)
  for (const agent of sparing(leftOver(world), brake)) if (!elsewhere.includes(agent)) retire(agent, 'Outdated', actions)
  for (const agent of world.agents) finishDraining(agent, { world, actions, times })
  const warm = planPool(world, pool, allowance)
  actions.push(...planSpares(world, [...actions, ...(warm?.actions ?? [])], allowance))
  const capped = sum(world.groups) - sum(wanted)
  if (capped > 0 && budget) allowance.hold(budget, capped)
  const next = Math.min(...[...times, warm?.checkAgainMs ?? Infinity].filter((ms) => ms > 0))
  return {
    actions,
    ...(Number.isFinite(next) && { checkAgainMs: Math.ceil(next) }),
    ...allowance.held,
    ...(warm && { pool: warm }),
    missed: allowance.missed,
    owed: owed.now,
    spared: brake.spared,
    wanted,
  }
}

/** The limit that leaves least. */
const tightest = (limits: readonly Limit[]): Limit | undefined =>
  limits.reduce<Limit | undefined>((least, limit) => (least && least.left.Scale <= limit.left.Scale ? least : limit), undefined)

/** When the brake is off again, when the last failure is old, and when all agents are restarted, if nothing more happens. */
function timesToCome({ failures = [], brake, restartsMs, nowMs }: World): number[] {
  const last = failures.at(-1)
  return [
    ...(restartsMs === undefined ? [] : [restartsMs - nowMs]),
    ...(brake ? [brake.untilMs - nowMs] : []),
    ...(last ? [last.atMs + FAILURE_WINDOW_MS - nowMs] : []),
  ]
}

type Side = { revision?: string; groups: readonly GroupWanted[] }

/** The revisions of a rollout with their agents; without one, all agents together, which are brought to the newest revision. */
function sidesOf({ rollout }: World, wanted: readonly GroupWanted[]): readonly Side[] {
  if (!rollout) return [{ groups: wanted }]
  const most = new Map(wanted.map(({ name, replicas }) => [name, replicas]))
  return rollout.sides.map(({ revision, groups }) => ({
    revision,
    groups: groups.flatMap(({ name, replicas }) => (most.has(name) ? [{ name, replicas: Math.min(replicas, most.get(name) ?? 0) }] : [])),
  }))
}

/** The part of a world that is one revision. */
const worldOf = (world: World, revision: string): World => ({
  ...world,
  updateRevision: revision,
  agents: world.agents.filter((a) => a.revision === revision),
})

/** Agents of revisions that a rollout does not name any more, and those of kept ones that are lost. */
function leftOver({ rollout, agents }: World): readonly AgentSeen[] {
  if (!rollout) return []
  const named = new Set(rollout.sides.map((side) => side.revision))
  return agents.filter((a) => !named.has(a.revision) && (a.failed || !rollout.kept.includes(a.revision)))
}

type BrakeState = { isOn: boolean; spared: number }
type GroupPass = {
  group: GroupWanted
  world: World
  /** Not for what comes beside the agents that serve: the new revision of a rollout. */
  isFirst: boolean
  allowance: Allowance
  owed: { before: Successor[]; now: Successor[] }
  brake: BrakeState
  pool: Pool
  actions: Action[]
  times: number[]
  places: Places
}

/** Those of the agents that may go: with the brake on only lost ones, and those that end anyway or were never of use. */
function sparing(agents: readonly AgentSeen[], brake: BrakeState): readonly AgentSeen[] {
  if (!brake.isOn) return agents
  const going = agents.filter((a) => a.failed || a.expiring || !a.wasReady)
  brake.spared += agents.filter((a) => !going.includes(a) && !a.deleting && a.state === 'Running').length
  return going
}

function planGroup(pass: GroupPass): void {
  const { group, world, brake, actions, times } = pass
  const here = world.agents.filter((a) => a.group === group.name && !a.deleting)
  const running = here.filter((a) => !a.failed && a.state === 'Running')
  const newest = running.filter((a) => isCurrent(a, world)).sort(dispensableFirst(world))
  const current = keptOf(newest, pass)
  const outdated = running.filter((a) => !isCurrent(a, world))
  const available = Math.min(group.replicas, current.filter((a) => a.ready).length)
  const limits = limitsOf(pass, { outdated, available })
  const needed = Math.max(0, group.replicas - limits.maxUnavailable - available)
  for (const agent of running) if (agent.expiresMs !== undefined && !agent.expiring) times.push(agent.expiresMs - world.nowMs)

  const lost = here.filter((a) => a.failed).sort(byAttempt)
  const older = lost.filter((a) => a.revision !== world.updateRevision && a.state === 'Running' && isInPlace(a, pass))
  const kept = available > 0 ? [] : older.slice(0, Math.max(0, needed - outdated.length))
  const most = Math.max(0, Math.min(group.replicas, group.replicas + limits.maxSurge - outdated.length - kept.length))
  const missing = Math.max(0, most - current.length)

  for (const agent of kept) replace(agent, agent.revision, pass)
  const taken = replaceLost(
    lost.filter((a) => !kept.includes(a)),
    missing,
    pass,
  )
  const standing = running.length + kept.length + taken
  fill({ missing: missing - taken, lacking: pass.isFirst ? Math.max(0, group.replicas - standing) : 0 }, here, pass)
  const staying = new Set(current)
  const surplus = newest.filter((a) => !staying.has(a))
  for (const agent of sparing(surplus, brake)) retire(agent, 'ScaledDown', actions)
  dropOutdated(outdated, { needed, current }, pass)
  for (const spare of here) {
    if (spare.state === 'Paused' && !spare.failed && !isCurrent(spare, world) && !brake.isOn)
      actions.push({ do: 'deleteAgent', name: spare.name, reason: 'SpareOutdated' })
  }
}

/** The agents of the newest revision that stay, of those sorted by how dispensable they are: as many as are wanted, or one in each place. */
function keptOf(newest: readonly AgentSeen[], pass: GroupPass): readonly AgentSeen[] {
  if (!pass.world.isOrdered) return newest.slice(Math.max(0, newest.length - pass.group.replicas))
  return [...new Map(newest.filter((a) => isInPlace(a, pass)).map((a) => [a.place, a])).values()]
}

/** Its place is one that counts, if places count at all. */
const isInPlace = ({ place }: AgentSeen, { world, group }: GroupPass) => !world.isOrdered || place < group.replicas

/** How far the update may go; with the brake on one more agent at most, and only where none of the newest revision works yet. */
function limitsOf({ group, world, brake }: GroupPass, seen: { outdated: readonly AgentSeen[]; available: number }): GroupLimits {
  const isEnding = seen.outdated.some((a) => a.expiring)
  const limits = resolveCounts(group.replicas, world, isEnding)
  if (!brake.isOn) return limits
  return { ...limits, maxSurge: seen.available === 0 || isEnding ? Math.min(1, limits.maxSurge) : 0 }
}

/** Puts successors of the newest revision in the places of lost agents, as far as agents are missing; returns how many places that takes. */
function replaceLost(lost: readonly AgentSeen[], missing: number, pass: GroupPass): number {
  const wanted = lost.filter((a) => a.state === 'Running' && isInPlace(a, pass)).slice(0, missing)
  for (const agent of wanted) replace(agent, pass.world.updateRevision, pass)
  for (const agent of lost) if (!wanted.includes(agent)) pass.actions.push({ do: 'deleteAgent', name: agent.name, reason: 'Replaced' })
  return wanted.length
}

/** Makes a successor and lets the lost one go. Where one more object is too many, the lost one goes first and its successor follows. */
function replace(agent: AgentSeen, revision: string, pass: GroupPass): void {
  const { world, actions, times, allowance, places, owed } = pass
  const { attempt, atMs } = successorOf(agent)
  const isSame = agent.revision === revision
  const waitMs = isSame ? atMs - world.nowMs : 0
  if (waitMs > 0) {
    times.push(waitMs)
    return
  }
  if (awaitsFirst(revision, pass)) return
  const { warm, limit } = sourceOf('Replacement', revision, pass)
  if (limit && limit.cap.counts !== 'Objects') return allowance.hold(limit)
  const replaces = { name: agent.name, reason: agent.failed?.reason ?? '' }
  const place = places.take(revision, agent.place)
  const successor = { group: agent.group, place, revision, attempt: isSame ? attempt : 0, replaces }
  if (limit) owed.now.push(successor)
  else provide(successor, warm, pass)
  actions.push({ do: 'deleteAgent', name: agent.name, reason: 'Replaced' })
}

/** Whether one more has to wait until the first of its kind has told its size; one of the warm pool is made already. */
const awaitsFirst = (revision: string, { group, pool, world, actions }: GroupPass) =>
  !pool.find(revision, group.name) && awaitsSize({ revision, group: group.name }, world, actions)

/** A sandbox of the warm pool for one more agent, if there is one that fits, and what refuses it. One that runs is counted already. */
function sourceOf(purpose: Purpose, revision: string, { group, pool, allowance }: GroupPass): { warm?: WarmSeen; limit?: Limit } {
  const warm = pool.find(revision, group.name)
  const limit = warm && warm.state !== 'Paused' ? undefined : allowance.take(purpose, warm !== undefined)
  return { ...(warm && { warm }), ...(limit && { limit }) }
}

function provide(made: Made, warm: WarmSeen | undefined, { pool, actions }: GroupPass): void {
  if (warm) pool.take(warm)
  actions.push(warm ? { do: 'takeAgent', name: warm.name, ...made } : { do: 'createAgent', ...made })
}

/** Adds `missing` agents of the newest revision: the cheapest way first. So many of them are `lacking`, the others come besides. */
function fill({ missing, lacking }: { missing: number; lacking: number }, here: readonly AgentSeen[], pass: GroupPass): void {
  const { group, world, allowance, actions, places } = pass
  const usable = here.filter((a) => !a.failed && isCurrent(a, world))
  const fitting = (sorted: readonly AgentSeen[]) =>
    world.isOrdered
      ? sorted.filter((a, i) => isInPlace(a, pass) && places.isFree(a) && !sorted.slice(0, i).some((b) => b.place === a.place))
      : sorted
  const draining = usable.filter((a) => a.state === 'Draining').sort((a, b) => Number(b.ready) - Number(a.ready) || byName(a, b))
  const back = fitting(draining).slice(0, missing)
  for (const agent of back) {
    places.take(agent.revision, agent.place)
    actions.push({ do: 'keepAgent', name: agent.name })
  }
  const purposeOf = (n: number) => (n < lacking ? 'Scale' : 'Update')
  const spares = fitting(usable.filter((a) => a.state === 'Paused').sort(byName)).slice(0, missing - back.length)
  for (const [i, agent] of spares.entries()) {
    if (!spend(allowance, purposeOf(back.length + i), true)) continue
    places.take(agent.revision, agent.place)
    actions.push({ do: 'resumeAgent', name: agent.name })
  }
  for (let n = back.length + spares.length; n < missing; n += 1) {
    if (awaitsFirst(world.updateRevision, pass)) break
    const successor = owedTo(pass)
    const { warm, limit } = sourceOf(successor ? 'Replacement' : purposeOf(n), world.updateRevision, pass)
    if (limit) {
      allowance.hold(limit)
      if (successor) pass.owed.now.push(successor)
      continue
    }
    const place = places.take(world.updateRevision, successor?.place)
    provide({ attempt: 0, ...successor, group: group.name, place, revision: world.updateRevision }, warm, pass)
  }
}

/** Takes the successor of an agent that is gone from those that are still to come. */
function owedTo({ group, world, owed }: GroupPass): Successor | undefined {
  const at = owed.before.findIndex((each) => each.group === group.name && each.revision === world.updateRevision)
  return at < 0 ? undefined : owed.before.splice(at, 1)[0]
}

/**
 * Lets older agents go as far as availability allows: `needed` of them stay, those that work first. One that never
 * worked holds nothing up and goes at once, unless it has just taken the place of a lost one that no newer agent can take yet.
 */
function dropOutdated(
  outdated: readonly AgentSeen[],
  { needed, current }: { needed: number; current: readonly AgentSeen[] },
  pass: GroupPass,
): void {
  const { world, brake, actions } = pass
  const ready = current.filter((a) => a.ready)
  const isOfUse = (a: AgentSeen) => a.wasReady || (ready.length === 0 && a.attempt > 0)
  const served = new Set(ready.map((a) => a.place))
  const stays = (a: AgentSeen) => isInPlace(a, pass) && !served.has(a.place)
  // Where places count the new ones come from the first place on, and an old one is followed by the one in its own.
  const inOrder = (a: AgentSeen, b: AgentSeen) =>
    Number(stays(a)) - Number(stays(b)) || Number(a.ready) - Number(b.ready) || a.place - b.place
  const useful = outdated.filter(isOfUse).sort(world.isOrdered ? inOrder : dispensableFirst(world))
  const most = Math.max(0, useful.length - needed)
  const surplus = sparing(brake.isOn ? useful.toSorted(endingFirst).slice(0, most) : useful.slice(0, most), brake)
  for (const agent of outdated) {
    if (isOfUse(agent) && !surplus.includes(agent)) continue
    retire(agent, whyOutdated(agent, world), actions)
  }
}

function whyOutdated({ revision, restarting = 'Restarted', expiring }: AgentSeen, { updateRevision }: World): DrainReason {
  if (revision !== updateRevision) return 'Outdated'
  return expiring ? 'Expiring' : restarting
}

function retire(agent: AgentSeen, reason: DrainReason, actions: Action[]): void {
  if (agent.deleting || (agent.state === 'Draining' && !agent.failed)) return
  if (agent.failed || agent.state === 'Paused')
    actions.push({ do: 'deleteAgent', name: agent.name, reason: agent.failed ? 'Replaced' : 'SpareOutdated' })
  else if (!agent.wasReady && agent.inFlight === 0) actions.push({ do: 'deleteAgent', name: agent.name, reason: 'NeverReady' })
  else actions.push({ do: 'drainAgent', name: agent.name, reason })
}

/** Ends an agent that has drained, or has had its time for it: paused when it may be of use again, else deleted. */
function finishDraining(agent: AgentSeen, { world, actions, times }: Pick<GroupPass, 'world' | 'actions' | 'times'>): void {
  if (agent.deleting || agent.failed || agent.state !== 'Draining') return
  if (actions.some((a) => a.do === 'keepAgent' && a.name === agent.name)) return
  const leftMs = agent.stateSinceMs + world.drainTimeoutMs - world.nowMs
  const isSpare =
    world.onScaleDown === 'Pause' &&
    agent.ready &&
    isFresh(agent) &&
    isWanted(agent, world) &&
    world.groups.some((g) => g.name === agent.group)
  if (agent.drained && isSpare) actions.push({ do: 'pauseAgent', name: agent.name })
  else if (agent.drained || (!agent.ready && agent.inFlight === 0)) actions.push({ do: 'deleteAgent', name: agent.name, reason: 'Drained' })
  else if (leftMs <= 0) actions.push({ do: 'deleteAgent', name: agent.name, reason: 'DrainTimedOut' })
  else times.push(leftMs)
}

/** The groups with their replicas cut, in their order, to what the budget allows. */
function withinBudget(groups: readonly GroupWanted[], maxAgents = Infinity): GroupWanted[] {
  let left = maxAgents
  return groups.map((g) => {
    const replicas = Math.min(g.replicas, left)
    left -= replicas
    return { name: g.name, replicas }
  })
}

/** Whether one more agent may come for this; one that sleeps has its object already. */
function spend(allowance: Allowance, purpose: Purpose, isThere = false): boolean {
  const limit = allowance.take(purpose, isThere)
  if (limit) allowance.hold(limit)
  return !limit
}

const isCurrent = (agent: AgentSeen, world: World) => agent.revision === world.updateRevision && isFresh(agent)
/** A lost agent's sandbox is ended before the agent is marked so; a paused one costs nothing. */
const countsForBudget = (agent: AgentSeen) => agent.state !== 'Paused' && !agent.failed
const sum = (groups: readonly GroupWanted[]) => groups.reduce((n, g) => n + g.replicas, 0)
const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1)
const byAttempt = (a: AgentSeen, b: AgentSeen) => b.attempt - a.attempt || byName(a, b)
const endingFirst = (a: AgentSeen, b: AgentSeen) => Number(b.expiring) - Number(a.expiring)
/** One that leads goes last: in an update its group hands over once, to one that stays. */
const dispensableFirst = (world: World) => (a: AgentSeen, b: AgentSeen) =>
  Number(a.ready && a.name === world.leader) - Number(b.ready && b.name === world.leader) || idlestFirst(a, b)
const idlestFirst = (a: AgentSeen, b: AgentSeen) => Number(a.ready) - Number(b.ready) || a.inFlight - b.inFlight || byName(a, b)
