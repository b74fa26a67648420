import type { AgentSeen } from '../shared/agent-seen.ts'
import { dispensableFirst, endingFirst } from './order.ts'
import { isFresh, isInPlace, isWanted, type Action, type DrainReason, type GroupWorld, type World } from './world.ts'

/** How agents go, and how many more would but for the brake. */
export type Going = { readonly actions: readonly Action[]; readonly spared: number }

/** Lets these agents go, as far as the brake allows. */
export function letGo(agents: readonly AgentSeen[], reason: DrainReason, world: Pick<World, 'brake'>): Going {
  const { going, spared } = sparing(agents, world)
  return { actions: going.flatMap((agent) => retire(agent, reason)), spared }
}

/**
 * Lets older agents go as far as availability allows: `needed` of them stay, those that work first. One that never
 * worked holds nothing up and goes at once, unless it has just taken the place of a lost one that no newer agent can take yet.
 */
export function dropOutdated(
  outdated: readonly AgentSeen[],
  { needed, current }: { needed: number; current: readonly AgentSeen[] },
  of: GroupWorld,
): Going {
  const { world } = of
  const ready = current.filter((a) => a.ready)
  const isOfUse = (a: AgentSeen) => a.wasReady || (ready.length === 0 && a.attempt > 0)
  const served = new Set(ready.map((a) => a.place))
  const stays = (a: AgentSeen) => isInPlace(a, of) && !served.has(a.place)
  // Where places count the new ones come from the first place on, and an old one is followed by the one in its own.
  const inOrder = (a: AgentSeen, b: AgentSeen) =>
    Number(stays(a)) - Number(stays(b)) || Number(a.ready) - Number(b.ready) || a.place - b.place
  const useful = outdated.filter(isOfUse).sort(world.isOrdered ? inOrder : dispensableFirst(world))
  const most = Math.max(0, useful.length - needed)
  const { going, spared } = sparing((world.brake ? useful.toSorted(endingFirst) : useful).slice(0, most), world)
  const leaving = outdated.filter((a) => !isOfUse(a) || going.includes(a))
  return { actions: leaving.flatMap((agent) => retire(agent, whyOutdated(agent, world))), spared }
}

/** Ends agents that have drained, or have had their time for it: paused when they may be of use again, else deleted. */
export function finishDraining(world: World, planned: readonly Action[]): { actions: readonly Action[]; times: readonly number[] } {
  const kept = new Set(planned.flatMap((action) => (action.do === 'keepAgent' ? [action.name] : [])))
  const draining = world.agents.filter((a) => a.state === 'Draining' && !a.deleting && !a.failed && !kept.has(a.name))
  const actions: Action[] = []
  const times: number[] = []
  for (const agent of draining) {
    const { name, drained } = agent
    const leftMs = agent.stateSinceMs + world.drainTimeoutMs - world.nowMs
    if (drained && isSpare(agent, world)) actions.push({ do: 'pauseAgent', name })
    else if (drained || (!agent.ready && agent.inFlight === 0)) actions.push({ do: 'deleteAgent', name, reason: 'Drained' })
    else if (leftMs <= 0) actions.push({ do: 'deleteAgent', name, reason: 'DrainTimedOut' })
    else times.push(leftMs)
  }
  return { actions, times }
}

/** It may be of use again. */
const isSpare = (agent: AgentSeen, world: World) =>
  world.onScaleDown === 'Pause' &&
  agent.ready &&
  isFresh(agent) &&
  isWanted(agent, world) &&
  world.groups.some((g) => g.name === agent.group)

/** Those of the agents that may go: with the brake on only lost ones, and those that end anyway or were never of use. */
function sparing(agents: readonly AgentSeen[], { brake }: Pick<World, 'brake'>): { going: readonly AgentSeen[]; spared: number } {
  if (!brake) return { going: agents, spared: 0 }
  const [going, others] = [agents.filter(mayGo), agents.filter((a) => !mayGo(a))]
  return { going, spared: others.filter((a) => !a.deleting && a.state === 'Running').length }
}

const mayGo = (a: AgentSeen) => a.failed !== undefined || a.expiring || !a.wasReady

function whyOutdated({ revision, restarting = 'Restarted', expiring }: AgentSeen, { updateRevision }: World): DrainReason {
  if (revision !== updateRevision) return 'Outdated'
  return expiring ? 'Expiring' : restarting
}

/** How an agent goes: drained only where it has tasks to end; nothing more is to be done about one that goes already. */
function retire(agent: AgentSeen, reason: DrainReason): Action[] {
  const { name } = agent
  if (agent.deleting || (agent.state === 'Draining' && !agent.failed)) return []
  if (agent.failed) return [{ do: 'deleteAgent', name, reason: 'Replaced' }]
  if (agent.state === 'Paused') return [{ do: 'deleteAgent', name, reason: 'SpareOutdated' }]
  if (!agent.wasReady && agent.inFlight === 0) return [{ do: 'deleteAgent', name, reason: 'NeverReady' }]
  return [{ do: 'drainAgent', name, reason }]
}
