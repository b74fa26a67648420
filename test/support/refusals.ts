import { randomUUID } from 'node:crypto'
import type { Agent } from '../../src/api/objects.ts'
import type { KubeObject, ResourceKind } from '../../src/kube/objects.ts'
import { AGENTS } from '../../src/reconcilers/shared/kinds.ts'
import type { System } from './system.ts'
import { eventually } from './wait.ts'

const kindOf = (plural: string, kind: string): ResourceKind<KubeObject> => ({
  group: 'admissionregistration.k8s.io',
  version: 'v1',
  plural,
  kind,
  namespaced: false,
})
const POLICIES = kindOf('validatingadmissionpolicies', 'ValidatingAdmissionPolicy')
const BINDINGS = kindOf('validatingadmissionpolicybindings', 'ValidatingAdmissionPolicyBinding')

/** The name of the Agent by which is found out whether a refusal is in force; `when` must be true of it, too. */
export const PROBE = 'probe'

/** Which writes of Agents are refused: `when` is CEL about `object`. */
export type Refused = {
  readonly operations: readonly ('CREATE' | 'UPDATE')[]
  readonly when: string
  readonly message: string
  readonly state?: Agent['spec']['state']
}

/** Has the API server refuse writes of Agents in the system's namespace, in these words, until removed. */
export async function refuseAgents(
  { client, namespace }: System,
  { operations, when, message, state = 'Running' }: Refused,
): Promise<{ remove(): Promise<void> }> {
  const metadata = { name: `refusal-in-${namespace}` }
  const spec = {
    matchConstraints: { resourceRules: [{ apiGroups: ['swarmops.dev'], apiVersions: ['*'], operations, resources: ['agents'] }] },
    matchConditions: [
      { name: 'here', expression: `request.namespace == '${namespace}'` },
      { name: 'meant', expression: when },
    ],
    validations: [{ expression: 'false', message, reason: 'Forbidden' }],
  }
  await client.create(POLICIES, { metadata, spec })
  await client.create(BINDINGS, { metadata, spec: { policyName: metadata.name, validationActions: ['Deny'] } })
  const mayCreate = async () => {
    const agent = { swarm: 'none', group: '', role: 'Worker', revision: 'r1', place: 0, nonce: randomUUID(), attempt: 0, state }
    const made = await client.create(AGENTS, { metadata: { name: PROBE, namespace }, spec: agent }).catch(() => undefined)
    if (made) await client.delete(AGENTS, made.metadata)
    return made !== undefined
  }
  await eventually('Agents are refused', async () => !(await mayCreate()))
  return {
    remove: async () => {
      await client.delete(BINDINGS, metadata)
      await client.delete(POLICIES, metadata)
      await eventually('Agents are refused no longer', mayCreate)
    },
  }
}
