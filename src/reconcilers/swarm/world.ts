import type { HealthState } from '../../api/health.ts'
import type { GroupSpec } from '../../api/swarm.ts'
import type { Topology } from '../../api/topology.ts'
import type { Brake, Failure } from '../../health/brake.ts'
import type { Cap, Limit, Tally } from '../../scaling/budget.ts'

/** An agent as the API server, the provider and the routers last showed it. Times are Unix milliseconds. */
export type AgentSeen = {
  name: string
  group: string
  place: number
  revision: string
  state: 'Running' | 'Draining' | 'Paused'
  stateSinceMs: number
  /** Being deleted: its place is free already. */
  deleting: boolean
  /** Takes tasks, as far as its own state goes. */
  ready: boolean
  /** Has been ready at some time. */
  wasReady: boolean
  /** Lost for good; `readyForMs` is how long it had been ready. */
  failed?: { reason: string; atMs: number; readyForMs: number }
  /** How well it does, once it has been ready. */
  health?: HealthState
  /** Its command has been started: it waits for no sandbox any more. */
  isStarted: boolean
  attempt: number
  /** Tasks that the routers have given it and not seen the end of. */
  inFlight: number
  /** Every router has said that it sends no more tasks and waits for none. */
  drained: boolean
  /** The provider will not extend its life, or it has reached the age at which agents are replaced. */
  expiring: boolean
  /** Another one is to take its place: it was made before the time at which all agents are restarted, or a person asked for it. */
  restarting?: 'Restarted' | 'Asked'
  /** When it reaches that age. */
  expiresMs?: number
}

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

/** One group as it is wanted. */
export type GroupWanted = { name: string; replicas: number }

/** What a rollout asks for instead of a rolling update. */
export type Sides = {
  /** Agents that each revision is to have; those that come first are made first. */
  sides: readonly { revision: string; groups: readonly GroupWanted[] }[]
  /** Revisions whose agents stay as they are, without being replaced. */
  kept: readonly string[]
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
