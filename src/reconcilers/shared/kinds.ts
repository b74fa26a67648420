import { AGENT, SWARM } from '../../api/kinds.ts'
import type { Agent, Swarm } from '../../api/objects.ts'
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

/** The field manager of everything that the operator writes. */
export const FIELD_MANAGER = 'swarm-operator'
