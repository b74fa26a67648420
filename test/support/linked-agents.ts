import { addressOf } from '../../src/api/address.ts'
import type { Agent, Swarm } from '../../src/api/objects.ts'
import { Informer } from '../../src/kube/informer.ts'
import { SECRETS, type Secret } from '../../src/kube/objects.ts'
import { createLog } from '../../src/log.ts'
import { AGENTS, SWARMS } from '../../src/reconcilers/shared/kinds.ts'
import type { System } from './system.ts'
import { eventually } from './wait.ts'

/** A line of the small agent's request handler: it takes PUT /swarm, refuses lower epochs, and can be asked what it knows. */
export const LINKED_AGENT = `
  const url = new URL(request.url, 'http://agent')
  globalThis.memory ??= { epoch: Number(process.env.KNOWS ?? 0), refused: 0, taken: 0 }
  const { memory } = globalThis
  if (url.pathname === '/swarm' && request.method === 'PUT') {
    let body = ''
    request.on('data', (chunk) => (body += chunk))
    request.on('end', () => {
      const told = JSON.parse(body)
      if (told.epoch < memory.epoch) {
        memory.refused += 1
        return answer(response, 409, { epoch: memory.epoch })
      }
      Object.assign(memory, { told, epoch: told.epoch, taken: memory.taken + 1 })
      answer(response, 200, {})
    })
    return
  }
  if (url.pathname === '/memory') return answer(response, 200, memory)
  if (url.pathname === '/hello') return answer(response, 200, { hello: process.env.SWARM_AGENT })
  if (url.pathname === '/ask') {
    const neighbour = memory.told.neighbours.find((n) => n.agent === url.searchParams.get('agent'))
    fetch(neighbour.url + '/hello', { headers: neighbour.headers ?? {} }).then(
      async (heard) => answer(response, heard.status, await heard.json()),
      (error) => answer(response, 500, { error: String(error) }),
    )
    return
  }
`

/** What an agent was told by PUT /swarm. */
export type Told = {
  epoch: number
  topology: string
  role: string
  stage?: number
  stages?: number
  neighbours: {
    agent: string
    url: string
    role: string
    stage?: number
    capabilities: string[]
    headers?: Record<string, string>
  }[]
}

/** What the agent above remembers. */
export type Memory = { told?: Told; epoch: number; refused: number; taken: number }

/** Asks an agent over its port, as only those can who have its token. */
export async function ask(system: System, agent: Agent, path: string): Promise<{ status: number; body: unknown }> {
  const sandbox = agent.status?.sandbox
  if (!sandbox) throw new Error(`${agent.metadata.name} has no sandbox`)
  const ref = { namespace: system.namespace, name: `${agent.spec.swarm}-agent-tokens` }
  const secret: Secret | undefined = await system.client.get(SECRETS, ref)
  const token = Buffer.from(secret?.data?.[agent.metadata.name] ?? '', 'base64').toString('utf8')
  const { origin, headers } = addressOf(sandbox, token, system.e2b.url)
  const pairs = headers.flatMap((name, i) => (i % 2 === 0 ? [[name, headers[i + 1] ?? ''] as [string, string]] : []))
  const response = await fetch(`${origin}${path}`, { headers: Object.fromEntries(pairs), signal: AbortSignal.timeout(5_000) })
  return { status: response.status, body: await response.json() }
}

/** What each agent of a swarm remembers, by its name; throws while one does not answer. */
export async function memories(system: System, swarm: string): Promise<Map<string, Memory>> {
  const agents = await system.agents(swarm)
  return new Map(
    await Promise.all(
      agents.map(async (agent): Promise<[string, Memory]> => [agent.metadata.name, (await ask(system, agent, '/memory')).body as Memory]),
    ),
  )
}

/** Waits until the agents that take tasks have been told just this: `wanted` names whom each knows. */
export async function everyoneKnows(
  system: System,
  swarm: string,
  wanted: (agent: Agent, all: readonly Agent[]) => readonly string[],
): Promise<Map<string, Told>> {
  return eventually(
    `each agent of ${swarm} knows its neighbours`,
    async () => {
      const agents = await system.agents(swarm)
      const known = await memories(system, swarm)
      const wrong = agents.flatMap((agent) => {
        const names = known.get(agent.metadata.name)?.told?.neighbours.map((n) => n.agent)
        const want = [...wanted(agent, agents)].sort()
        return JSON.stringify(names) === JSON.stringify(want) ? [] : [{ agent: agent.metadata.name, names, want }]
      })
      if (agents.length === 0 || wrong.length > 0) throw new Error(JSON.stringify(wrong))
      return new Map([...known].flatMap(([name, { told }]) => (told ? [[name, told] as const] : [])))
    },
    { timeoutMs: 60_000 },
  )
}

/** When a swarm and an agent first were in a certain state, in versions of the API server's store, which order all writes. */
export function watchVersions(
  { client, namespace }: System,
  states: { leaderChanged: (swarm: Swarm) => boolean; drains: (agent: Agent) => boolean },
): { stop(): Promise<{ leaderChanged: bigint; drains: bigint }> } {
  const common = { client, namespaces: [namespace], log: createLog({ level: 'error', shape: 'text' }) }
  const swarms = new Informer<Swarm>({ ...common, kind: SWARMS })
  const agents = new Informer<Agent>({ ...common, kind: AGENTS })
  const first = { leaderChanged: 0n, drains: 0n }
  swarms.onChange((_type, swarm) => {
    if (first.leaderChanged === 0n && states.leaderChanged(swarm)) first.leaderChanged = BigInt(swarm.metadata.resourceVersion)
  })
  agents.onChange((_type, agent) => {
    if (first.drains === 0n && states.drains(agent)) first.drains = BigInt(agent.metadata.resourceVersion)
  })
  swarms.start()
  agents.start()
  return {
    stop: async () => {
      await eventually('both states were seen', () => first.leaderChanged > 0n && first.drains > 0n)
      await Promise.all([swarms.stop(), agents.stop()])
      return first
    },
  }
}
