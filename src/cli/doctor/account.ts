import type { Agent, Swarm } from '../../api/objects.ts'
import { METADATA } from '../../e2b/metadata.ts'
import type { SandboxInfo } from '../../e2b/types.ts'
import { OperatorError } from '../../errors.ts'
import { NAMESPACES } from '../../kube/objects.ts'
import { providerFor, type KeyRef, type Keys } from '../access.ts'
import { CliError } from '../fleet.ts'
import type { LeaseRef } from './cluster.ts'
import { judgeKey, judgeSandboxes, type Finding } from './judge.ts'

/** What is known of the fleet. `namespace` is there when others were not looked at. */
export type Fleet = { readonly swarms: readonly Swarm[]; readonly agents: readonly Agent[]; readonly namespace: string | undefined }

/** The keys of E2B, what they show, and whether that fits the agents. */
export async function checkAccount(fleet: Fleet, lease: LeaseRef, keys: Keys, nowMs: number): Promise<Finding[]> {
  const findings: Finding[] = []
  const sandboxes = new Map<string, SandboxInfo>()
  let isWhole = true
  for (const { namespace, ref } of keysIn(fleet, keys)) {
    try {
      const { provider, source } = await providerFor(namespace, ref, keys)
      const all = await provider.list({})
      findings.push(judgeKey(source, all))
      for (const sandbox of all) sandboxes.set(sandbox.sandboxId, sandbox)
    } catch (error) {
      isWhole = false
      findings.push(whyNot(error))
    }
  }
  const id = await operatorIdOf(lease, keys)
  if (id === undefined || !isWhole) {
    const why =
      id === undefined ? 'you may not get namespace kube-system, whose UID is in the id of sandboxes' : 'not every key could be used'
    return [...findings, { check: 'sandboxes', level: 'warn', message: `not compared with the agents: ${why}` }]
  }
  const own = [...sandboxes.values()].filter(({ metadata }) => metadata[METADATA.operator] === id)
  return [...findings, ...judgeSandboxes({ sandboxes: own, agents: fleet.agents, namespace: fleet.namespace, nowMs })]
}

/** The keys in use, each once. The key of the environment stands for all, as it does for other commands. */
function keysIn({ swarms, agents, namespace }: Fleet, { ownKey }: Keys): readonly { namespace: string; ref: KeyRef | undefined }[] {
  if (ownKey) return [{ namespace: namespace ?? '', ref: undefined }]
  const users = [...swarms, ...agents].map(({ metadata, spec }) => ({ namespace: metadata.namespace, ref: spec.credentialsSecretRef }))
  return [...new Map(users.map((user) => [user.ref ? `${user.namespace}/${user.ref.name}/${user.ref.key}` : '', user])).values()]
}

function whyNot(error: unknown): Finding {
  if (error instanceof CliError) return { check: 'key', level: 'warn', message: error.message }
  if (!(error instanceof OperatorError)) throw error
  return {
    check: 'key',
    level: 'fail',
    message: error.message,
    advice: 'look at E2B_API_KEY, or the Secret in spec.credentialsSecretRef, and at E2B_API_URL',
  }
}

/** The id that the operator stamps on its sandboxes; undefined when one may not know it. */
async function operatorIdOf({ namespace, name }: LeaseRef, { client }: Keys): Promise<string | undefined> {
  try {
    const system = await client.get(NAMESPACES, { name: 'kube-system' })
    return system && `${system.metadata.uid}.${namespace}.${name}`
  } catch (error) {
    if (error instanceof OperatorError) return undefined
    throw error
  }
}
