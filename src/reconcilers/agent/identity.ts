import type { Agent, Swarm } from '../../api/objects.ts'
import { stampOf } from '../../e2b/metadata.ts'

/** What is written on the sandbox of an agent, so that it is found again and nobody takes it for an orphan. */
export function stampFor({ metadata, spec }: Agent, swarm: Swarm | undefined, operator: string): Record<string, string> {
  return stampOf({
    operator,
    namespace: metadata.namespace,
    swarm: spec.swarm,
    swarmUid: swarm?.metadata.uid ?? '',
    agent: metadata.name,
    agentUid: metadata.uid,
    nonce: spec.nonce,
    revision: spec.revision,
  })
}

/** The variables by which the command of an agent learns who it is and where it listens. */
export function identityVariables({ metadata, spec }: Agent, port: number): Record<string, string> {
  return {
    PORT: String(port),
    SWARM_NAME: spec.swarm,
    SWARM_NAMESPACE: metadata.namespace,
    SWARM_GROUP: spec.group,
    SWARM_ROLE: spec.role,
    SWARM_AGENT: metadata.name,
    SWARM_REVISION: spec.revision,
  }
}
