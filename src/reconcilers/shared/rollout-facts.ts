import type { Draft } from '../../api/conditions.ts'
import type { SwarmStatus } from '../../api/swarm-status.ts'

/** The fields of a swarm's status that routers follow while there is a rollout. */
export const FOLLOWED = ['traffic', 'guard', 'testers', 'mirror'] as const

/** What is in them. */
export type RoutersFollow = Pick<SwarmStatus, (typeof FOLLOWED)[number]>

/** What the swarm tells of the rollout that it follows, or of a revision that an earlier one gave up. */
export type RolloutFacts = {
  /** Kind and name; absent when there is none, and a rejected revision is kept back. */
  readonly name?: string
  readonly stable?: string | undefined
  /** What routers follow. */
  readonly routing: RoutersFollow
  readonly rejected?: string | undefined
  /** What it does, while it does something. */
  readonly work?: Pick<Draft, 'reason' | 'message'> | undefined
}
