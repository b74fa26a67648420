import type { Metric, MetricStatus } from '../api/analysis.ts'
import type { WarmUp } from '../api/blue-green-rollout.ts'
import type { Check } from './world.ts'

/** What a check is made of: what is measured, or tasks that a new revision does before it has any of its own. */
export type CheckContent = { readonly metrics: readonly Metric[] } | { readonly warmUp: WarmUp }

/** One check of a plan with what it is made of. */
export type CheckSubject = { readonly run: string } & CheckContent

/** Attempts of one revision that have ended since the rollout began, and those of them that failed. */
export type AttemptCounts = { readonly samples: number; readonly failed: number }

/** Nothing has ended yet. */
export const NO_ATTEMPTS: AttemptCounts = { samples: 0, failed: 0 }

/** What is measured of a rollout. */
export type Subject = {
  /** UID of the rollout: names of runs begin anew with another one. */
  readonly uid: string
  readonly rollout: { readonly kind: string; readonly namespace: string; readonly name: string }
  readonly swarm: string
  readonly target: string
  readonly stable: string
  /** `state.attempt`: counts begin anew with each. */
  readonly attempt: number
  /** The checks of the plan; none when nothing is measured, and attempts are counted all the same. */
  readonly checks: readonly CheckSubject[]
  /** `status.metrics` as stored, so that counts survive a restart of the operator; read when the rollout is first followed. */
  readonly stored: readonly MetricStatus[]
  /** Figures of `status.weights` as stored for this attempt, by revision; read when the rollout is first followed. */
  readonly counted?: Readonly<Record<string, AttemptCounts>>
}

/** What is known of a rollout by now. */
export type Looked = {
  /** How the checks stand that are followed. */
  readonly checks: readonly Check[]
  /** What `status.metrics` is to be: those of the present runs first, then the ones that ended last. */
  readonly metrics: readonly MetricStatus[]
}
