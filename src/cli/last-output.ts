import { LAST_OUTPUT } from '../api/names.ts'
import { REASON } from '../api/reasons.ts'
import type { KubeClient } from '../kube/client.ts'
import { EVENTS, type CoreEvent } from '../kube/objects.ts'
import { CliError, type Ref } from './fleet.ts'

/**
 * The last output of agents that are lost, as their Events tell it: of the agent of this name, or of those of the swarm of this name. Throws a
 * CliError when there is none.
 */
export async function lastOutput(client: KubeClient, { namespace, name }: Ref): Promise<string> {
  const { items } = await client.list(EVENTS, { namespace, fieldSelector: `reason=${REASON.agentFailed}` })
  const told = items.filter(({ involvedObject, message = '' }) => isMeant(involvedObject.name, name) && message.includes(LAST_OUTPUT))
  if (told.length === 0)
    throw new CliError(
      `no lost agent of ${name} has left its last output; it is kept while spec.lifecycle.lastOutput is Event, for as long as Events are (an hour)`,
    )
  return told
    .toSorted((a, b) => Number(timeOf(a) > timeOf(b)) - Number(timeOf(a) < timeOf(b)))
    .map(textOf)
    .join('\n')
}

/** Agents are named after their swarm, perhaps a group, and a word of six characters. */
const isMeant = (agent: string | undefined, name: string): boolean =>
  agent === name || (agent?.startsWith(`${name}-`) === true && /^([-a-z0-9]+-)?[a-z0-9]{6}$/.test(agent.slice(name.length + 1)))

const timeOf = ({ lastTimestamp }: CoreEvent): string => lastTimestamp ?? ''

function textOf({ involvedObject, message = '', lastTimestamp }: CoreEvent): string {
  const [why = '', output = ''] = message.split(LAST_OUTPUT)
  return `agent ${involvedObject.name}, ${lastTimestamp}: ${why}\n${output}\n`
}
