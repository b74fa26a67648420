import { GROUP } from '../api/kinds.ts'

/** Keys of a sandbox's metadata. It cannot be changed after the create: everything is stamped then. */
export const METADATA = {
  operator: `${GROUP}/operator`,
  namespace: `${GROUP}/namespace`,
  swarm: `${GROUP}/swarm`,
  swarmUid: `${GROUP}/swarm-uid`,
  agent: `${GROUP}/agent`,
  agentUid: `${GROUP}/agent-uid`,
  nonce: `${GROUP}/nonce`,
  revision: `${GROUP}/revision`,
} as const

/** Whose sandbox it is. `operator` tells operators apart that share an account. */
export type Owner = { readonly [K in keyof typeof METADATA]: string }

const FIELDS = Object.entries(METADATA) as readonly (readonly [keyof Owner, string])[]

/** The metadata of a sandbox of this owner. */
export function stampOf(owner: Owner): Record<string, string> {
  return Object.fromEntries(FIELDS.map(([field, key]) => [key, owner[field]]))
}

/** The owner named by a sandbox's metadata; undefined when an operator did not make it. */
export function ownerOf(metadata: Readonly<Record<string, string>>): Owner | undefined {
  const owner: Record<string, string> = {}
  for (const [field, key] of FIELDS) {
    const value = metadata[key]
    if (value === undefined) return undefined
    owner[field] = value
  }
  return owner as Owner
}
