import { CONFIG_MAPS } from '../../src/kube/objects.ts'
import { AGENTS, SWARMS } from '../../src/reconcilers/shared/kinds.ts'
import { eventually } from '../../test/support/wait.ts'
import type { Bed } from './bed.ts'

/** An agent of every part: plans as many subtasks as it is asked for, merges by counting who did them, passes on what a stage gets, says who it is. */
const PROGRAM = `
import { createServer } from 'node:http'
const { PORT, SWARM_AGENT: agent, SWARM_GROUP: group } = process.env
function answerTo({ input, phase, results }) {
  if (phase === 'plan' && input.subtasks) return { subtasks: input.subtasks }
  if (phase === 'merge') return { output: { done: results.flatMap((r) => r.output ?? []), missing: results.filter((r) => r.error).length } }
  return { output: input?.isPassedOn ? input : { agent, group } }
}
const server = createServer((request, response) => {
  const answer = (body) => {
    const text = JSON.stringify(body)
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }).end(text)
  }
  const chunks = []
  request.on('data', (chunk) => chunks.push(chunk))
  request.on('end', () => answer(request.url === '/tasks' ? answerTo(JSON.parse(Buffer.concat(chunks).toString())) : {}))
})
server.listen(Number(PORT))
`

/** What the router has answered, as far as benchmarks look at it. */
export type TeamAnswer = {
  readonly isDone: boolean
  readonly ms: number
  readonly agent: string
  readonly group: string
  readonly output: unknown
  readonly stages: readonly { readonly agentMs: number }[]
  readonly totalMs: number
  readonly problem?: string
}

type Body = Partial<Pick<TeamAnswer, 'agent' | 'group' | 'output' | 'stages'>> & {
  timings?: { totalMs: number }
  code?: string
  detail?: string
}

/** What a Swarm's spec has besides its template, of which only `maxConcurrentTasks` differs. */
export type TeamSpec = { readonly maxConcurrentTasks?: number; readonly [field: string]: unknown }

/** A swarm on a bed whose agents work together. */
export class Team {
  readonly #url: string

  private constructor(url: string) {
    this.#url = url
  }

  /** Makes the swarm and waits until the router gives it tasks. An agent takes `maxConcurrentTasks` of them at once. */
  static async start(bed: Bed, name: string, { maxConcurrentTasks = 4, ...spec }: TeamSpec): Promise<Team> {
    const { client, namespace } = bed
    const owner = { fieldManager: 'bench', force: true }
    await client.apply(CONFIG_MAPS, { metadata: { name: 'team', namespace }, data: { 'team.mjs': PROGRAM } }, owner)
    const files = [{ path: 'team.mjs', configMapKeyRef: { name: 'team', key: 'team.mjs' } }]
    const template = { sandboxTemplate: 'base', command: ['node', 'team.mjs'], files, maxConcurrentTasks }
    await client.apply(SWARMS, { metadata: { name, namespace }, spec: { template, ...spec } }, owner)
    const view = `http://127.0.0.1:${bed.router?.port ?? 0}/v1/namespaces/${namespace}/swarms/${name}`
    await eventually(`all agents of ${name} take tasks`, async () => {
      const { status } = (await client.get(SWARMS, { namespace, name })) ?? {}
      const seen = (await (await fetch(view)).json()) as { agents: { health: string }[] }
      const isReady = status?.desiredReplicas !== undefined && status.readyReplicas === status.desiredReplicas
      return isReady && seen.agents.length === status.desiredReplicas && seen.agents.every((a) => a.health === 'Healthy')
    })
    return new Team(`${view}/tasks`)
  }

  /** Takes the swarm away, so that the next one has the machine for itself. */
  static async end(bed: Bed, name: string): Promise<void> {
    const { client, namespace } = bed
    await client.delete(SWARMS, { namespace, name })
    await eventually('its agents are gone', async () => (await client.list(AGENTS, { namespace, metadataOnly: true })).items.length === 0)
  }

  /** Sends one task; what fails is an answer, too. */
  async ask(task: object): Promise<TeamAnswer> {
    const from = performance.now()
    const response = await fetch(this.#url, { method: 'POST', body: JSON.stringify(task) })
    const { agent = '', group = '', output, stages = [], timings, code, detail } = (await response.json()) as Body
    const told = code === undefined ? {} : { problem: `${code}: ${detail}` }
    const totalMs = timings?.totalMs ?? NaN
    return { isDone: response.status === 200, ms: performance.now() - from, agent, group, output, stages, totalMs, ...told }
  }
}
