import { FAILURE_WINDOW_MS } from '../../health/brake.ts'
import { Allowance, type Limit } from '../../scaling/budget.ts'
import type { AgentSeen } from '../shared/agent-seen.ts'
import type { GroupWanted } from '../shared/sides.ts'
import type { Stock } from './coming.ts'
import { finishDraining, letGo } from './going.ts'
import { planGroup } from './group.ts'
import { planPool, Pool } from './pool.ts'
import { planSpares } from './spares.ts'
import type { Plan, World } from './world.ts'

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
  const stock: Stock = { allowance, pool, owed: { before: [...(world.owed ?? [])], now: [] } }
  const groups = sidesOf(world, wanted).flatMap((side, i) =>
    side.groups.map((group) => planGroup({ group, world: side.world }, i === 0, stock)),
  )
  const elsewhere = world.agents.filter((a) => !wanted.some((g) => g.name === a.group))
  const left = leftOver(world).filter((a) => !elsewhere.includes(a))
  const parts = [...groups, letGo(elsewhere, 'GroupRemoved', world), letGo(left, 'Outdated', world)]
  const planned = parts.flatMap(({ actions }) => actions)
  const drained = finishDraining(world, planned)
  const warm = planPool(world, pool, allowance)
  const actions = [...planned, ...drained.actions]
  const spares = planSpares(world, [...actions, ...(warm?.actions ?? [])], allowance)
  const capped = sum(world.groups) - sum(wanted)
  if (capped > 0 && budget) allowance.hold(budget, capped)
  const times = [...timesToCome(world), ...groups.flatMap((group) => group.times), ...drained.times, warm?.checkAgainMs ?? Infinity]
  const next = Math.min(...times.filter((ms) => ms > 0))
  return {
    actions: [...actions, ...spares],
    ...(Number.isFinite(next) && { checkAgainMs: Math.ceil(next) }),
    ...allowance.held,
    ...(warm && { pool: warm }),
    missed: allowance.missed,
    owed: stock.owed.now,
    spared: parts.reduce((n, { spared }) => n + spared, 0),
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

type Side = { readonly world: World; readonly groups: readonly GroupWanted[] }

/** The revisions of a rollout with their agents; without one, all agents together, which are brought to the newest revision. */
function sidesOf(world: World, wanted: readonly GroupWanted[]): readonly Side[] {
  if (!world.rollout) return [{ world, groups: wanted }]
  const most = new Map(wanted.map(({ name, replicas }) => [name, replicas]))
  return world.rollout.sides.map(({ revision, groups }) => ({
    world: worldOf(world, revision),
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

/** The groups with their replicas cut, in their order, to what the budget allows. */
function withinBudget(groups: readonly GroupWanted[], maxAgents = Infinity): GroupWanted[] {
  let left = maxAgents
  return groups.map((g) => {
    const replicas = Math.min(g.replicas, left)
    left -= replicas
    return { name: g.name, replicas }
  })
}

/** A lost agent's sandbox is ended before the agent is marked so; a paused one costs nothing. */
const countsForBudget = (agent: AgentSeen) => agent.state !== 'Paused' && !agent.failed
const sum = (groups: readonly GroupWanted[]) => groups.reduce((n, g) => n + g.replicas, 0)
