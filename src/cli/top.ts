import type { Agent } from '../api/objects.ts'
import { USAGE_BATCH } from '../e2b/limits.ts'
import { OperatorError } from '../errors.ts'
import { providerFor, type Keys, type KeyRef } from './access.ts'
import { CliError, readAgents, readSwarm } from './fleet.ts'
import { countedIn, type Look } from './load.ts'
import { liveView, type LiveView, type RouterAccess } from './router.ts'

/** What is looked at, and with what; `problem` hears why a figure is missing. */
export type TopPlace = {
  readonly namespace: string
  readonly swarm: string | undefined
  readonly keys: Keys
  readonly routers: readonly RouterAccess[]
  readonly now: () => number
  readonly problem: (message: string) => void
}

/** The agents that there are, and how busy they are by routers and by E2B. */
export async function look(place: TopPlace): Promise<{ agents: readonly Agent[]; seen: Look }> {
  const { namespace, swarm, keys, now } = place
  if (swarm !== undefined) await readSwarm(keys.client, { namespace, name: swarm })
  const agents = await readAgents(keys.client, namespace, swarm)
  const [views, usage] = await Promise.all([viewsOf(agents, place), usageOf(agents, place)])
  return { agents, seen: { atMs: now(), counted: countedIn(views), usage } }
}

async function viewsOf(agents: readonly Agent[], { namespace, routers, problem }: TopPlace): Promise<LiveView[]> {
  const swarms = new Set(agents.map(({ spec }) => spec.swarm))
  const asked = [...swarms].flatMap((name) => routers.map(async (router) => liveView(router, { namespace, name })))
  const views = await Promise.all(asked.map(async (view) => view.catch(tellOf(problem))))
  return views.filter((view) => view !== undefined)
}

/** What sandboxes use, of those whose key is known. */
async function usageOf(agents: readonly Agent[], { namespace, keys, problem }: TopPlace): Promise<Look['usage']> {
  const byKey = new Map<string, { ref: KeyRef | undefined; ids: string[] }>()
  for (const { spec, status } of agents) {
    if (status?.sandbox?.state !== 'Running') continue
    const ref = spec.credentialsSecretRef
    const key = keys.ownKey ? '' : `${ref?.name}/${ref?.key}`
    const known = byKey.get(key) ?? { ref, ids: [] }
    byKey.set(key, known)
    known.ids.push(status.sandbox.id)
  }
  const usage: [string, NonNullable<ReturnType<Look['usage']['get']>>][] = []
  const ask = async ({ ref, ids }: { ref: KeyRef | undefined; ids: string[] }) => {
    const { provider } = await providerFor(namespace, ref, keys)
    for (let i = 0; i < ids.length; i += USAGE_BATCH) usage.push(...(await provider.usage(ids.slice(i, i + USAGE_BATCH))))
  }
  await Promise.all([...byKey.values()].map(async (each) => ask(each).catch(tellOf(problem))))
  return new Map(usage)
}

/** A figure that is not known is no reason to show none of the others. */
const tellOf = (problem: (message: string) => void) => (error: unknown) => {
  if (!(error instanceof CliError || error instanceof OperatorError)) throw error
  problem(error.message)
  return undefined
}
