import type { GroupSpec } from '../../api/swarm-group.ts'
import type { Topology } from '../../api/topology.ts'
import type { Brake, Failure } from '../../health/brake.ts'
import type { Cap, Limit, Tally } from '../../scaling/budget.ts'
import type { AgentSeen } from '../shared/agent-seen.ts'
import type { GroupWanted, Sides } from '../shared/sides.ts'

/** A sandbox of the warm pool. */
export type WarmSeen = {
  name: string
  /** What it was made from, as far as nothing can change that any more; undefined when its revision is forgotten. */
  shape: string | undefined
  /** Making until its files are in it, and it sleeps where it should. */
  state: 'Making' | 'Running' | 'Paused'
  deleting: boolean
  /** It is about to end, or too old. */
  isEnding: boolean
  failed?: NonNullable<AgentSeen['failed']>
  attempt: number
}

/** The warm pool as it is and as it is wanted. */
export type PoolSeen = {
  replicas: number
  warm: readonly WarmSeen[]
  /** What agents are made from, by revision and group (`shapeKey`): equal ones can be made from the same sandbox. */
  shapes: ReadonlyMap<string, string>
  /** Agents wait because the provider gives no more sandboxes. */
  isShort: boolean
}

/** All that planning may know. `nowMs` is Unix time in milliseconds. */
export type World = {
  groups: readonly GroupWanted[]
  /** Revision of the template as it is now. */
  updateRevision: string
  maxSurge: number | string
  maxUnavailable: number | string
  drainTimeoutMs: number
  onScaleDown: 'Delete' | 'Pause'
  /** How its agents work together, if they do, and the groups with their roles. */
  topology?: { spec: Topology; groups: readonly GroupSpec[] }
  /** The agent that leads, if one does: of several that could go it goes last. */
  leader?: string
  /** Each place counts, as the stages of a ring: every one from 0 on has its agent, and one in no such place is too many. */
  isOrdered: boolean
  /** What its budget and the quotas of its namespace leave; paused agents take only of what counts objects. */
  limits?: readonly Limit[]
  /** Where a limit counts cost: what sandboxes were made of before (`kindOf`), so that what one more costs is known. */
  sized?: readonly string[]
  /** Successors of lost agents that are gone already, to make room for them in a quota that counts objects. */
  owed?: readonly Successor[]
  /** Agents that were lost within the last minute, the oldest first. */
  failures?: readonly Failure[]
  /** When all agents are restarted, if that is still to come. */
  restartsMs?: number
  /** So many of them that nothing more may be risked. */
  brake?: Brake
  /** There while a rollout says which revisions have how many agents. */
  rollout?: Sides
  agents: readonly AgentSeen[]
  /** There when a pool is wanted, or some of one are left. */
  pool?: PoolSeen
  nowMs: number
}

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
export type Held = { withheld: number; heldBy?: { by: Cap['by']; text: string } }

/** What to do about the warm pool, and how many sandboxes are held back. */
export type PoolPlan = Held & { actions: Action[]; replicas: number; readyReplicas: number; checkAgainMs?: number }

/** What to do now, what is held back, and what else follows from it. */
export type Plan = Held & {
  actions: Action[]
  /** When to look again if nothing changes before. */
  checkAgainMs?: number
  /** What a quota refused, by what it was for: others who ask for something less urgent leave that. */
  missed: Tally
  /** Successors that are to come once there is room for them. */
  owed: readonly Successor[]
  /** How many agents would have gone but for the brake. */
  spared: number
  wanted: readonly GroupWanted[]
  pool?: PoolPlan
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
