import { answer, type Received, type TestAgent, type Work } from './agents.ts'
import type { TestFleet } from './fleet.ts'
import type { Reply } from './router-process.ts'

/** A coordinator that plans what the input lists as `parts`, and merges by handing on what came back. */
export const coordinate =
  (agent: TestAgent): Work =>
  (task, response) => {
    if (task.phase === 'merge') return answer(response, 200, { output: { by: agent.name, results: task.results } })
    const { parts } = task.input as { parts?: unknown }
    return answer(response, 200, parts === undefined ? { output: { by: agent.name, input: task.input } } : { subtasks: parts })
  }

/** Refuses lower epochs than the highest it has heard of, as agents are meant to. */
function fence(agent: TestAgent): void {
  const { work } = agent
  let highest = 0
  agent.work = (task, response) => {
    if (task.epoch < highest) return answer(response, 409, { epoch: highest })
    highest = task.epoch
    return work(task, response)
  }
}

/** A swarm that is led, with its agents: `NAME-l0`, `NAME-l1` … and `NAME-w0`, `NAME-w1` …. */
export type Team = { readonly leaders: readonly TestAgent[]; readonly workers: readonly TestAgent[] }

/** What a team is made of. */
export type TeamOptions = {
  readonly leaders?: number
  readonly workers?: number
  readonly type?: 'Hierarchical' | 'Star'
  readonly spec?: object
  readonly isFenced?: boolean
}

/** Makes the Swarm and its agents; the first coordinator is settled as the leader when there is an epoch. */
export async function makeTeam(fleet: TestFleet, name: string, options: TeamOptions & { readonly epoch?: number } = {}): Promise<Team> {
  const { leaders = 2, workers = 2, type = 'Hierarchical', spec = {}, isFenced = false, epoch } = options
  const groups = [
    { name: 'lead', role: 'Coordinator', replicas: leaders },
    { name: 'count', replicas: workers, capabilities: ['count'] },
  ]
  await fleet.swarm(name, { groups, topology: { type }, ...spec })
  const start = (letter: string, group: string, count: number) =>
    Promise.all(Array.from({ length: count }, (_, place) => fleet.agent(name, `${name}-${letter}${place}`, { group, place })))
  const team = { leaders: await start('l', 'lead', leaders), workers: await start('w', 'count', workers) }
  if (epoch !== undefined) await fleet.settle(name, `${name}-l0`, epoch)
  for (const leader of team.leaders) leader.work = coordinate(leader)
  if (isFenced) for (const agent of [...team.leaders, ...team.workers]) fence(agent)
  return team
}

/** The results that a coordinator was given, as it has handed them on. */
export const resultsOf = ({ body }: Reply): NonNullable<Received['results']> =>
  (body.output as { results?: NonNullable<Received['results']> } | undefined)?.results ?? []

/** Says for each agent how many subtasks of the tasks it has done. */
export function sharesOf(replies: readonly Reply[]): Readonly<Record<string, number>> {
  const shares: Record<string, number> = {}
  for (const { agent = '' } of replies.flatMap(({ body }) => body.subtasks ?? [])) shares[agent] = (shares[agent] ?? 0) + 1
  return shares
}
