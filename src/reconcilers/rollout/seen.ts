import type { Swarm } from '../../api/objects.ts'
import type { Brake, Failure } from '../../health/brake.ts'
import type { ControllerRevision } from '../../kube/objects.ts'
import type { AgentSeen } from '../shared/agent-seen.ts'
import type { GroupWanted } from '../shared/sides.ts'

/** What a rollout sees of its swarm. */
export type Seen = {
  readonly swarm: Swarm
  readonly revisions: readonly ControllerRevision[]
  /** Revision of the template as it is now. */
  readonly update: { readonly hash: string }
  readonly world: {
    readonly groups: readonly GroupWanted[]
    /** Each place counts, as the stages of a ring. */
    readonly isOrdered: boolean
    readonly agents: readonly AgentSeen[]
    /** Agents that were lost within the last minute. */
    readonly failures?: readonly Failure[]
    /** So many of them that nothing more may be risked. */
    readonly brake?: Brake
    /** Unix milliseconds. */
    readonly nowMs: number
  }
}
