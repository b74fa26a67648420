import type { AgentSpec, AgentStatus } from './agent.ts'
import type { BlueGreenSpec } from './blue-green-rollout.ts'
import type { CanarySpec } from './canary-rollout.ts'
import type { RolloutStatus } from './rollout-status.ts'
import type { ScalingPolicySpec, ScalingPolicyStatus } from './scaling-policy.ts'
import type { SwarmSpec } from './swarm.ts'
import type { SwarmStatus } from './swarm-status.ts'

/** A reference to the object that this one belongs to. */
export type OwnerReference = {
  apiVersion: string
  kind: string
  name: string
  uid: string
  controller?: boolean
  blockOwnerDeletion?: boolean
}

/** The metadata that every object has; what a cluster always sets is required. */
export type Metadata = {
  name: string
  namespace: string
  uid: string
  resourceVersion: string
  generation: number
  creationTimestamp: string
  deletionTimestamp?: string
  labels?: Record<string, string>
  annotations?: Record<string, string>
  finalizers?: string[]
  ownerReferences?: OwnerReference[]
}

type ObjectOf<K extends string, Spec, Status> = { apiVersion: string; kind: K; metadata: Metadata; spec: Spec; status?: Status }

/** A Swarm as the API server gives it. */
export type Swarm = ObjectOf<'Swarm', SwarmSpec, SwarmStatus>

/** An Agent as the API server gives it. */
export type Agent = ObjectOf<'Agent', AgentSpec, AgentStatus>

/** A CanaryRollout as the API server gives it. */
export type CanaryRollout = ObjectOf<'CanaryRollout', CanarySpec, RolloutStatus>

/** A BlueGreenRollout as the API server gives it. */
export type BlueGreenRollout = ObjectOf<'BlueGreenRollout', BlueGreenSpec, RolloutStatus>

/** A rollout of either kind. */
export type Rollout = CanaryRollout | BlueGreenRollout

/** A ScalingPolicy as the API server gives it. */
export type ScalingPolicy = ObjectOf<'ScalingPolicy', ScalingPolicySpec, ScalingPolicyStatus>
