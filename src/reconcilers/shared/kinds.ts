import { AGENT, BLUE_GREEN_ROLLOUT, CANARY_ROLLOUT, SCALING_POLICY, SWARM } from '../../api/kinds.ts'
import type { Agent, BlueGreenRollout, CanaryRollout, ScalingPolicy, Swarm } from '../../api/objects.ts'
import type { ResourceKind } from '../../kube/objects.ts'

const resource = ({ group, version, plural, kind }: Omit<ResourceKind, 'namespaced'>) => ({
  group,
  version,
  plural,
  kind,
  namespaced: true,
})

/** How Swarms are addressed. */
export const SWARMS: ResourceKind<Swarm> = resource(SWARM)

/** How Agents are addressed. */
export const AGENTS: ResourceKind<Agent> = resource(AGENT)

/** How CanaryRollouts are addressed. */
export const CANARY_ROLLOUTS: ResourceKind<CanaryRollout> = resource(CANARY_ROLLOUT)

/** How BlueGreenRollouts are addressed. */
export const BLUE_GREEN_ROLLOUTS: ResourceKind<BlueGreenRollout> = resource(BLUE_GREEN_ROLLOUT)

/** How ScalingPolicies are addressed. */
export const SCALING_POLICIES: ResourceKind<ScalingPolicy> = resource(SCALING_POLICY)

/** The field manager of everything that the operator writes, but for replicas that a ScalingPolicy sets. */
export const FIELD_MANAGER = 'swarm-operator'

/** The field manager of replicas that a ScalingPolicy sets, so that GitOps can leave them alone. */
export const SCALING_MANAGER = 'swarm-operator-scaling'
