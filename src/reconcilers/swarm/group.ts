import type { AgentSeen } from '../shared/agent-seen.ts'
import { Coming, type Stock } from './coming.ts'
import { resolveCounts, type GroupLimits } from './counts.ts'
import { dropOutdated, letGo, type Going } from './going.ts'
import { byAttempt, dispensableFirst } from './order.ts'
import { isCurrent, isInPlace, type Action, type GroupWorld } from './world.ts'

/** What is to be done in a group, and when something in it falls due, in milliseconds from now. */
export type GroupPlan = Going & { readonly times: readonly number[] }

/** Brings one group to its replicas and its revision. `isFirst` is not for what comes beside the agents that serve: the new revision of a rollout. */
export function planGroup(of: GroupWorld, isFirst: boolean, stock: Stock): GroupPlan {
  const { group, world } = of
  const here = world.agents.filter((a) => a.group === group.name && !a.deleting)
  const running = here.filter((a) => !a.failed && a.state === 'Running')
  const newest = running.filter((a) => isCurrent(a, world)).sort(dispensableFirst(world))
  const current = keptOf(newest, of)
  const outdated = running.filter((a) => !isCurrent(a, world))
  const available = Math.min(group.replicas, current.filter((a) => a.ready).length)
  const limits = limitsOf(of, { outdated, available })
  const needed = Math.max(0, group.replicas - limits.maxUnavailable - available)

  const lost = here.filter((a) => a.failed).sort(byAttempt)
  const older = lost.filter((a) => a.revision !== world.updateRevision && a.state === 'Running' && isInPlace(a, of))
  const kept = available > 0 ? [] : older.slice(0, Math.max(0, needed - outdated.length))
  const most = Math.max(0, Math.min(group.replicas, group.replicas + limits.maxSurge - outdated.length - kept.length))
  const missing = Math.max(0, most - current.length)

  const coming = new Coming(of, stock)
  for (const agent of kept) coming.replace(agent, agent.revision)
  const taken = coming.replaceLost(
    lost.filter((a) => !kept.includes(a)),
    missing,
  )
  const standing = running.length + kept.length + taken
  coming.fill({ missing: missing - taken, lacking: isFirst ? Math.max(0, group.replicas - standing) : 0 }, here)

  const staying = new Set(current)
  const surplus = letGo(
    newest.filter((a) => !staying.has(a)),
    'ScaledDown',
    world,
  )
  const dropped = dropOutdated(outdated, { needed, current }, of)
  return {
    actions: [...coming.actions, ...surplus.actions, ...dropped.actions, ...uselessSpares(here, of)],
    spared: surplus.spared + dropped.spared,
    times: [...expiries(running, of), ...coming.times],
  }
}

/** The agents of the newest revision that stay, of those sorted by how dispensable they are: as many as are wanted, or one in each place. */
function keptOf(newest: readonly AgentSeen[], of: GroupWorld): readonly AgentSeen[] {
  if (!of.world.isOrdered) return newest.slice(Math.max(0, newest.length - of.group.replicas))
  return [...new Map(newest.filter((a) => isInPlace(a, of)).map((a) => [a.place, a])).values()]
}

/** How far the update may go; with the brake on one more agent at most, and only where none of the newest revision works yet. */
function limitsOf({ group, world }: GroupWorld, seen: { outdated: readonly AgentSeen[]; available: number }): GroupLimits {
  const isEnding = seen.outdated.some((a) => a.expiring)
  const limits = resolveCounts(group.replicas, world, isEnding)
  if (!world.brake) return limits
  return { ...limits, maxSurge: seen.available === 0 || isEnding ? Math.min(1, limits.maxSurge) : 0 }
}

/** Agents that sleep and would have to be replaced when they wake up. */
const uselessSpares = (here: readonly AgentSeen[], { world }: GroupWorld): Action[] =>
  here
    .filter((a) => a.state === 'Paused' && !a.failed && !isCurrent(a, world) && !world.brake)
    .map(({ name }) => ({ do: 'deleteAgent', name, reason: 'SpareOutdated' }))

/** When agents reach the age at which they are replaced. */
const expiries = (running: readonly AgentSeen[], { world: { nowMs } }: GroupWorld): number[] =>
  running.flatMap(({ expiresMs, expiring }) => (expiresMs === undefined || expiring ? [] : [expiresMs - nowMs]))
