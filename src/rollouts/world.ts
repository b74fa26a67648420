import type { Request, RolloutReason, RolloutState } from '../api/rollout.ts'

/** One group of the swarm as it is wanted. */
export type GroupWanted = { readonly name: string; readonly replicas: number }

/** How an analysis, or a warm-up, stands. Missing data is Running or Inconclusive, never Successful. */
export type Verdict = {
  readonly state: 'Running' | 'Successful' | 'Failed' | 'Inconclusive' | 'Error'
  readonly message: string
}

/** How the check of this run stands. */
export type Check = { readonly run: string; readonly verdict: Verdict }

/** A router says that its guard has tripped. `run` is the one that the guard was given. */
export type Tripped = { readonly run: string; readonly message: string }

/** All that planning may know. Times are Unix milliseconds. */
export type World = {
  readonly nowMs: number
  /** Revision of the template as it is now (`updateRevision` of the Swarm). */
  readonly templateRevision: string
  /** Revision that was last complete (`currentRevision` of the Swarm); asked once, when the rollout is attached. */
  readonly currentRevision: string
  /** Revision that an earlier rollout of this swarm gave up; asked once, when the rollout is attached. */
  readonly rejectedRevision?: string
  /** So many agents were lost that nothing more may be risked: it goes back if it must, and on later. */
  readonly isMassFailure?: boolean
  readonly groups: readonly GroupWanted[]
  /** Agents that take tasks, by revision and group. */
  readonly ready: Readonly<Record<string, Readonly<Record<string, number>>>>
  /** Percent of new tasks that a revision has in the routers: the lowest and the highest of all of them. */
  readonly inForce: Readonly<Record<string, { readonly least: number; readonly most: number }>>
  readonly checks: readonly Check[]
  readonly trips: readonly Tripped[]
  /** Revisions whose template is still stored. */
  readonly revisions: readonly string[]
  readonly request?: Request
}

/** Something that people should know of. */
export type RolloutEvent = { readonly type: 'Normal' | 'Warning'; readonly reason: RolloutReason; readonly message: string }

/** What holds the rollout up. */
export type WaitsFor = 'Agents' | 'Routers' | 'Check' | 'Time' | 'Person' | 'Replicas' | 'MassFailure'

/** What the swarm, the routers and the analyses are to do. */
export type Plan = {
  readonly state: RolloutState
  /** Shares of new tasks; they sum to 100. */
  readonly weights: readonly { readonly revision: string; readonly percent: number }[]
  /** Agents that each revision is to have; missing ones are made, lost ones replaced. */
  readonly sides: readonly { readonly revision: string; readonly groups: readonly GroupWanted[] }[]
  /** Revisions whose agents stay as they are, and are not replaced. Agents of no revision in the plan are drained. */
  readonly kept: readonly string[]
  /** Checks that are to be made now: that of a step (its index), or the background analysis. */
  readonly checks: readonly { readonly run: string; readonly of: number | 'background' }[]
  /** What routers are to guard. */
  readonly guard?: { readonly run: string; readonly revision: string }
  /** Tasks of stable that routers are to send to a revision a second time. */
  readonly mirror?: { readonly run: string; readonly revision: string; readonly percent: number }
  readonly waitsFor?: WaitsFor
  readonly checkAgainMs?: number
  readonly events: readonly RolloutEvent[]
}
