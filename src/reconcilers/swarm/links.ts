import type { TopologyStatus } from '../../api/topology.ts'
import type { Member } from '../../topology/graph.ts'
import { MAX_NEIGHBOURS } from '../../topology/limits.ts'
import { settle } from '../../topology/leader.ts'
import { PART, isLed, partsOf } from '../../topology/parts.ts'
import { leaderNamedBy, raise } from '../../topology/succession.ts'
import { isServing, type AgentSeen } from '../shared/agent-seen.ts'
import type { Observed, Plan } from './world.ts'

/** The agents that a plan lets go. They count as gone before that is done, so that a leader hands over and then drains. */
export const leavingIn = ({ actions }: Pick<Plan, 'actions'>): ReadonlySet<string> =>
  new Set(actions.flatMap((action) => (action.do === 'drainAgent' || action.do === 'deleteAgent' ? [action.name] : [])))

/** The agents that are linked: those that take tasks and stay. */
export const linkedIn = ({ agents }: Pick<Observed, 'agents'>, leaving: ReadonlySet<string>): readonly Member[] =>
  agents.filter((agent) => isServing(agent) && !leaving.has(agent.name))

/** What is known of a topology beside the world: what was stored, the highest epoch that an agent has told, and the graph. */
export type Known = { stored: TopologyStatus | undefined; heardEpoch: number; agents: number; links: number }

/**
 * Who leads, and how the agents are linked; a leader that is lost or leaves is followed by another one, in another term. An agent that
 * has heard of a higher epoch names the leader that routers go by: it is settled.
 */
export function topologyStatus(world: Observed, leaving: ReadonlySet<string>, known: Known): TopologyStatus | undefined {
  const { topology, agents } = world
  if (!topology) return undefined
  const { epoch = 0, leader } = known.stored ?? {}
  if (!isLed(topology.spec)) return { epoch: raise(epoch, known.heardEpoch), agents: known.agents, links: known.links }
  const parts = partsOf(topology.spec, topology.groups)
  const coordinators = agents.filter((agent) => parts?.(agent).includes(PART.coordinators) && !agent.deleting)
  const candidates = coordinators.map((agent) => ({
    name: agent.name,
    place: agent.place,
    isUp: isServing(agent) && !leaving.has(agent.name),
  }))
  const raised = raise(epoch, known.heardEpoch)
  // Routers that have failed over by themselves had a reason, and tasks go that way already.
  const chosen = (raised > epoch ? leaderNamedBy(known.heardEpoch, candidates) : undefined) ?? leader
  const leadership = settle({ epoch: raised, ...(chosen !== undefined && { leader: chosen }) }, candidates)
  return { ...leadership, agents: known.agents, links: known.links }
}

/**
 * What stays of a topology that is taken away: its agents go on refusing lower epochs, also in tasks, and whoever leads next must not
 * have an epoch in which another one has led.
 */
export const remainderOf = (stored: TopologyStatus | undefined): TopologyStatus | undefined =>
  stored && stored.epoch > 0 ? { epoch: stored.epoch, agents: 0, links: 0 } : undefined

/** What people are told when another one leads: who, since which epoch, whom it follows and why. Undefined when nothing of that has changed. */
export function leaderMessage(
  before: TopologyStatus | undefined,
  { leader, epoch }: TopologyStatus,
  { agents, leaving }: Pick<Observed, 'agents'> & { leaving: ReadonlySet<string> },
): string | undefined {
  if (leader === undefined || leader === before?.leader) return undefined
  const leads = `${leader} leads from epoch ${epoch} on`
  if (before?.leader === undefined) return leads
  const old = agents.find((agent) => agent.name === before.leader)
  return `${leads}, after ${before.leader}, which ${old ? whyNot(old, leaving) : 'is gone'}`
}

function whyNot(old: AgentSeen, leaving: ReadonlySet<string>): string {
  if (old.failed) return `is lost: ${old.failed.reason}`
  if (old.deleting) return 'is being deleted'
  if (old.state === 'Paused') return 'is paused'
  if (!old.ready) return 'is not ready'
  return leaving.has(old.name) || old.state === 'Draining' ? 'is leaving' : 'routers could not reach'
}

/** What people are told when a swarm has grown so large that not all can know each other; undefined when it has not. */
export function limitMessage(before: TopologyStatus | undefined, { agents }: TopologyStatus, { topology }: Observed): string | undefined {
  const most = MAX_NEIGHBOURS + 1
  if (!topology || topology.spec.type === 'Ring' || topology.spec.maxDegree !== undefined) return undefined
  if (agents <= most || (before !== undefined && before.agents > most)) return undefined
  const advice = topology.spec.type === 'Mesh' ? '; spec.topology.maxDegree sets a lower bound, which costs less' : ''
  return `of ${agents} agents each knows ${MAX_NEIGHBOURS} others at most${advice}`
}

/** What people are told when agents knew of a higher epoch; undefined when they did not. */
export function epochMessage(before: TopologyStatus | undefined, { epoch }: TopologyStatus, heardEpoch: number): string | undefined {
  if (before === undefined || heardEpoch <= before.epoch || heardEpoch >= epoch) return undefined
  return `an agent knows of epoch ${heardEpoch}, which is above ${before.epoch}: epoch ${epoch} is settled above both`
}
