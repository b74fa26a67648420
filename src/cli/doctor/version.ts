import { KubeApiError } from '../../kube/api-error.ts'
import type { KubeClient } from '../../kube/client.ts'
import { operatorsIn } from './cluster.ts'

/** The versions at work; those that could not be read are left out. */
export type Versions = { readonly plugin: string; readonly operators?: readonly string[]; readonly server?: string }

/** Reads what versions there are. */
export async function versionsOf(client: KubeClient, plugin: string): Promise<Versions> {
  const [operators, server] = await Promise.all([
    unread(async () => (await operatorsIn(client)).map(({ metadata }) => metadata.labels?.['app.kubernetes.io/version'] ?? 'unknown')),
    unread(async () => ((await client.raw('/version')) as { gitVersion?: string } | undefined)?.gitVersion), // the parse border
  ])
  return { plugin, ...(operators && { operators }), ...(server !== undefined && { server }) }
}

async function unread<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read()
  } catch (error) {
    if (error instanceof KubeApiError) return undefined
    throw error
  }
}

/** One line each. */
export function versionsText({ plugin, operators, server }: Versions): string {
  const operator = operators ? operators.join(', ') || 'no Deployment of it found; kubectl swarm doctor says whether one leads' : 'unknown'
  return `plugin: ${plugin}\noperator: ${operator}\nAPI server: ${server ?? 'unknown'}\n`
}
