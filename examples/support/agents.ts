import { kubectl } from './shell.ts'

/** An Agent, as far as examples look at it. */
export type Agent = {
  metadata: { name: string; creationTimestamp: string; labels?: Record<string, string> }
  spec?: { group?: string }
  status?: { sandbox?: { id: string }; conditions?: { type: string; status: string }[] }
}

/** The Agents of a swarm. */
export async function agentsOf(swarm: string): Promise<Agent[]> {
  const list = await kubectl('get', 'agents', '-l', `swarmops.dev/swarm=${swarm}`, '-o', 'json')
  return (JSON.parse(list) as { items: Agent[] }).items
}

/** Whether an Agent takes tasks, as the operator sees it. */
export const isReady = (agent: Agent): boolean => agent.status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ?? false
