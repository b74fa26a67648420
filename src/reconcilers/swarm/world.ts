import type { GroupSpec } from '../../api/swarm-group.ts'
import type { Topology } from '../../api/topology.ts'
import type { Brake, Failure } from '../../health/brake.ts'
import type { Cap, Limit, Tally } from '../../scaling/budget.ts'
import type { AgentSeen } from '../shared/agent-seen.ts'
import type { GroupWanted, Sides } from '../shared/sides.ts'

/** A sandbox of the warm pool. */
export type WarmSeen = {
  readonly name: string
  /** What it was made from, as far as nothing can change that any more; undefined when its revision is forgotten. */
  readonly shape: string | undefined
  /** Making until its files are in it, and it sleeps where it should. */
  readonly state: 'Making' | 'Running' | 'Paused'
  readonly deleting: boolean
  /** It is about to end, or too old. */
  readonly isEnding: boolean
  readonly failed?: NonNullable<AgentSeen['failed']>
  readonly attempt: number
}

/** The warm pool as it is and as it is wanted. */
export type PoolSeen = {
  readonly replicas: number
  readonly warm: readonly WarmSeen[]
  /** What agents are made from, by revision and group (`shapeKey`): equal ones can be made from the same sandbox. */
  readonly shapes: ReadonlyMap<string, string>
  /** Agents wait because the provider gives no more sandboxes. */
  readonly isShort: boolean
}

/** A swarm as it is and as its spec wants it. `nowMs` is Unix time in milliseconds. */
export type Observed = {
  readonly groups: readonly GroupWanted[]
  /** Revision of the template as it is now. */
  readonly updateRevision: string
  readonly maxSurge: number | string
  readonly maxUnavailable: number | string
  readonly drainTimeoutMs: number
  readonly onScaleDown: 'Delete' | 'Pause'
  /** How its agents work together, if they do, and the groups with their roles. */
  readonly topology?: { readonly spec: Topology; readonly groups: readonly GroupSpec[] }
  /** The agent that leads, if one does: of several that could go it goes last. */
  readonly leader?: string
  /** Each place counts, as the stages of a ring: every one from 0 on has its agent, and one in no such place is too many. */
  readonly isOrdered: boolean
  /** When all agents are restarted, if that is still to come. */
  readonly restartsMs?: number
  /** Agents that were lost within the last minute, the oldest first. */
  readonly failures?: readonly Failure[]
  /** So many of them that nothing more may be risked. */
  readonly brake?: Brake
  readonly agents: readonly AgentSeen[]
  /** There when a pool is wanted, or some of one are left. */
  readonly pool?: PoolSeen
  readonly nowMs: number
}

/** All that planning may know. */
export type World = Observed & {
  /** There while a rollout says which revisions have how many agents. */
  readonly rollout?: Sides
  /** What its budget and the quotas of its namespace leave; paused agents take only of what counts objects. */
  readonly limits?: readonly Limit[]
  /** Where a limit counts cost: what sandboxes were made of before (`kindOf`), so that what one more costs is known. */
  readonly sized?: readonly string[]
  /** Successors of lost agents that are gone already, to make room for them in a quota that counts objects. */
  readonly owed?: readonly Successor[]
}

/** One group, in the world as it concerns that: with a rollout, the part that is one revision. */
export type GroupWorld = { readonly group: GroupWanted; readonly world: World }

/** Why an agent is drained. */
export type DrainReason = 'ScaledDown' | 'Outdated' | 'Expiring' | 'Restarted' | 'Asked' | 'GroupRemoved'

/** What an agent is made to be. */
export type Made = { group: string; place: number; revision: string; attempt: number; replaces?: { name: string; reason: string } }

/** An agent that takes the place of a lost one. */
export type Successor = Made & Required<Pick<Made, 'replaces'>>

/** Why an agent is deleted. */
export type DeleteReason =
  'Drained' | 'DrainTimedOut' | 'NeverReady' | 'Replaced' | 'SpareOutdated' | 'WarmOutdated' | 'WarmSurplus' | 'MadeRoom'

/** One thing to do. */
export type Action =
  | ({ do: 'createAgent' } & Made)
  | ({ do: 'takeAgent'; name: string } & Made)
  | { do: 'warmAgent'; revision: string; attempt: number }
  | { do: 'drainAgent'; name: string; reason: DrainReason }
  | { do: 'keepAgent'; name: string }
  | { do: 'pauseAgent'; name: string }
  | { do: 'resumeAgent'; name: string }
  | { do: 'deleteAgent'; name: string; reason: DeleteReason }

/** Agents or sandboxes that are held back, and by what, in words. */
export type Held = { readonly withheld: number; readonly heldBy?: { readonly by: Cap['by']; readonly text: string } }

/** What to do about the warm pool, and how many sandboxes are held back. */
export type PoolPlan = Held & {
  readonly actions: readonly Action[]
  readonly replicas: number
  readonly readyReplicas: number
  readonly checkAgainMs?: number
}

/** What to do now, what is held back, and what else follows from it. */
export type Plan = Held & {
  readonly actions: readonly Action[]
  /** When to look again if nothing changes before. */
  readonly checkAgainMs?: number
  /** What a quota refused, by what it was for: others who ask for something less urgent leave that. */
  readonly missed: Tally
  /** Successors that are to come once there is room for them. */
  readonly owed: readonly Successor[]
  /** How many agents would have gone but for the brake. */
  readonly spared: number
  readonly wanted: readonly GroupWanted[]
  readonly pool?: PoolPlan
}

type Kind = Pick<AgentSeen, 'revision' | 'group'>

/** What the sandbox of an agent is made of, within its swarm. */
export const kindOf = ({ revision, group }: Kind): string => `${revision}/${group}`

/** Whether one more of a kind that was never seen has to wait until the first one has told its size. */
export function awaitsSize(kind: Kind, { sized, agents }: Pick<World, 'sized' | 'agents'>, actions: readonly Action[]): boolean {
  if (!sized || sized.includes(kindOf(kind))) return false
  const isAlike = (other: Kind) => other.revision === kind.revision && other.group === kind.group
  return agents.some((a) => isAlike(a) && !a.failed && !a.deleting) || actions.some((a) => a.do === 'createAgent' && isAlike(a))
}

/** Its revision is the newest one, or one that a rollout names. */
export const isWanted = (
  { revision }: Pick<AgentSeen, 'revision'>,
  { rollout, updateRevision }: Pick<World, 'rollout' | 'updateRevision'>,
) => (rollout ? rollout.sides.some((side) => side.revision === revision) : revision === updateRevision)

/** Nothing but its revision could be a reason to replace it. */
export const isFresh = ({ expiring, restarting }: AgentSeen) => !expiring && restarting === undefined

/** It is of the newest revision and stays. */
export const isCurrent = (agent: AgentSeen, { updateRevision }: Pick<World, 'updateRevision'>) =>
  agent.revision === updateRevision && isFresh(agent)

/** Its place is one that counts, if places count at all. */
export const isInPlace = ({ place }: AgentSeen, { world, group }: GroupWorld) => !world.isOrdered || place < group.replicas
