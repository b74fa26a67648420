import { AGENT, BLUE_GREEN_ROLLOUT, CANARY_ROLLOUT, SWARM } from '../../api/kinds.ts'
import type { Agent, BlueGreenRollout, CanaryRollout, Swarm } from '../../api/objects.ts'
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

/** The field manager of everything that the operator writes. */
export const FIELD_MANAGER = 'swarm-operator'
