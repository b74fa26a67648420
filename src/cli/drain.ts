import { DRAIN } from '../api/names.ts'
import type { Agent, Swarm } from '../api/objects.ts'
import type { KubeClient } from '../kube/client.ts'
import { AGENTS, CliError, readAgent, readSwarm, type Ref } from './fleet.ts'
import { waitFor } from './watch.ts'

/** Who asks, how long is waited (0: not at all), and who hears how far it is. */
export type DrainOptions = { readonly by: string; readonly timeoutMs: number; readonly tell: (text: string) => void | Promise<void> }

/**
 * Asks for an agent to be replaced: another one takes its place within the limits of its swarm, it finishes its tasks, and goes. Waits until it is
 * gone. Throws a CliError when it is not in time; what was asked for stays.
 */
export async function drain(client: KubeClient, ref: Ref, { by, timeoutMs, tell }: DrainOptions): Promise<void> {
  const { metadata } = await readAgent(client, ref)
  if (!metadata.deletionTimestamp) {
    const { uid, namespace, name } = metadata
    await client.mergePatch(AGENTS, { namespace, name }, { metadata: { uid, annotations: { [DRAIN]: `asked for by ${by}` } } })
  }
  await tell(`agent ${ref.name} is asked to drain: another one takes its place, it finishes its tasks and goes\n`)
  if (timeoutMs === 0) return
  let told: string | undefined
  const gone = await waitFor<Agent, true>(client, { kind: AGENTS, ref, timeoutMs }, (agent) => {
    if (agent?.metadata.uid !== metadata.uid) return true
    const stage = stageOf(agent)
    if (stage !== told) void tell(`agent ${ref.name} ${stage}\n`)
    told = stage
    return undefined
  })
  if (!gone) throw new CliError(`agent ${ref.name} ${await whyThere(client, ref, timeoutMs)}`)
  await tell(`agent ${ref.name} is gone\n`)
}

function stageOf({ metadata, spec }: Agent): string {
  if (metadata.deletionTimestamp) return 'has no tasks left: its sandbox is being ended'
  return spec.state === 'Draining' ? 'gets no new tasks and finishes those that it has' : 'waits for another one to be ready'
}

/** How far it is, and what its swarm says, which knows what holds it up. */
async function whyThere(client: KubeClient, ref: Ref, timeoutMs: number): Promise<string> {
  const agent = await readAgent(client, ref)
  const after = `is still there after ${Math.round(timeoutMs / 1_000)} s, it ${stageOf(agent)}`
  const swarm = await readSwarm(client, { namespace: ref.namespace, name: agent.spec.swarm })
  return `${after}; swarm ${swarm.metadata.name} says: ${messageOf(swarm)}`
}

function messageOf({ status }: Swarm): string {
  const conditions = status?.conditions ?? []
  const telling = ['MassFailure', 'QuotaExceeded', 'BudgetExceeded', 'Stalled', 'Reconciling', 'Ready']
  const found = telling.flatMap((type) => conditions.find((c) => c.type === type && (type === 'Ready' || c.status === 'True')) ?? [])
  return found[0]?.message ?? 'nothing'
}
