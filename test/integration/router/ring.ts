import { answer, type TestAgent } from './agents.ts'
import type { TestFleet } from './fleet.ts'
import type { RouterProcess } from './router-process.ts'

/** The stages of every ring in these tests. */
export const STAGES = ['clean', 'score', 'judge'] as const
export type StageName = (typeof STAGES)[number]

/** Two agents for the stage in the middle, one for each of the others, unless told otherwise. */
export type RingOptions = {
  readonly agents?: Partial<Record<StageName, number>>
  readonly topology?: object
  readonly routing?: object
  readonly limit?: number
  readonly revision?: string
}

/** The agents of a ring, by stage. */
export type Ring = Readonly<Record<StageName, TestAgent[]>>

/** What one agent is called. */
export const stageAgentName = (swarm: string, { group, number, revision = 'r1' }: StageAgent): string =>
  `${swarm}-${group}-${number}-${revision}`

type StageAgent = { readonly group: StageName; readonly number: number; readonly revision?: string }

/** Starts an agent that adds its stage to the way of its input. */
export async function stageAgent(fleet: TestFleet, swarm: string, which: StageAgent): Promise<TestAgent> {
  const { group, revision = 'r1' } = which
  const agent = await fleet.agent(swarm, stageAgentName(swarm, which), { group, revision, isReady: false })
  agent.work = (task, response) => {
    const { way = [] } = task.input as { way?: string[] }
    answer(response, 200, { output: { way: [...way, task.stage] } })
  }
  await fleet.setReady(agent.name, true)
  return agent
}

/** Makes a ring, and waits until the router knows all of it. */
export async function makeRing(place: { fleet: TestFleet; router: RouterProcess }, name: string, options: RingOptions = {}): Promise<Ring> {
  const { fleet, router } = place
  const { agents = {}, revision = 'r1' } = options
  await fleet.swarm(name, ringSpec(options), { [revision]: 100 })
  const made: Ring = { clean: [], score: [], judge: [] }
  let count = 0
  for (const group of STAGES) {
    const size = agents[group] ?? (group === 'score' ? 2 : 1)
    for (let number = 0; number < size; number += 1) made[group].push(await stageAgent(fleet, name, { group, number, revision }))
    count += size
  }
  await router.sees(name, `${count} healthy agents`, (view) => view.agents.filter((a) => a.health === 'Healthy').length === count)
  return made
}

/** The spec of a ring of these stages. */
export const ringSpec = ({ topology = {}, routing = {}, limit = 4 }: RingOptions, stages: readonly StageName[] = STAGES) => ({
  template: { sandboxTemplate: 'base', command: ['x'], maxConcurrentTasks: limit },
  groups: stages.map((group) => ({ name: group, replicas: 1 })),
  topology: { type: 'Ring', ...topology },
  routing,
})

/** How often agents have begun a task. */
export const begun = (agents: readonly TestAgent[]): number => agents.reduce((sum, agent) => sum + agent.received.length, 0)

/** Holds every task of an agent until it is let go. */
export function holding(agent: TestAgent | undefined): { readonly held: (() => void)[]; readonly release: () => void } {
  const held: (() => void)[] = []
  if (!agent) throw new Error('there is no such agent')
  const { work } = agent
  agent.work = (task, response) => void held.push(() => void work(task, response))
  return { held, release: () => held.splice(0).forEach((go) => go()) }
}
