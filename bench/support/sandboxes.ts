import { SECRETS } from '../../src/kube/objects.ts'
import { AGENTS } from '../../src/reconcilers/shared/kinds.ts'
import type { Bed } from './bed.ts'

/** An agent, and the headers by which the provider's proxy finds it. */
export type SandboxAddress = { readonly agent: string; readonly group: string; readonly headers: Readonly<Record<string, string>> }

/** The agents of a swarm by their names, as routers reach them: with their access tokens. */
export async function addressesOf({ client, namespace }: Bed, swarm: string): Promise<readonly SandboxAddress[]> {
  const { items } = await client.list(AGENTS, { namespace })
  const tokens = await client.get(SECRETS, { namespace, name: `${swarm}-agent-tokens` })
  return items
    .filter(({ spec }) => spec.swarm === swarm)
    .map(({ metadata: { name: agent }, spec: { group }, status }) => {
      const headers = {
        'e2b-sandbox-id': status?.sandbox?.id ?? '',
        'e2b-sandbox-port': String(status?.sandbox?.port ?? 0),
        'e2b-traffic-access-token': Buffer.from(tokens?.data?.[agent] ?? '', 'base64').toString('utf8'),
      }
      return { agent, group, headers }
    })
}
