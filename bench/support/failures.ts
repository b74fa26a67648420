import type { Agent, Swarm } from '../../src/api/objects.ts'
import type { Trial } from '../../test/support/failover.ts'
import type { System } from '../../test/support/system.ts'
import { hasPassed, isSummedUp, TEAM_AGENT, TASK_MS } from '../../test/support/team-agent.ts'

/** A fault on some agents of a swarm that has tasks meanwhile. */
export type Scenario = Pick<Trial, 'isRight' | 'mayRefuse'> & {
  readonly name: string
  readonly spec: { readonly [field: string]: unknown }
  readonly input: unknown
  /** The program of the agents; the small one when left out. */
  readonly program?: string
  /** Agents that take tasks when all is well. */
  readonly agents: number
  readonly victims: (swarm: Swarm, agents: readonly Agent[]) => readonly Agent[]
  readonly strike: (system: System, sandbox: string) => Promise<unknown>
}

const kill: Scenario['strike'] = async (system, sandbox) => system.e2b.admin.fault(sandbox, { type: 'kill' })
const freeze: Scenario['strike'] = async (system, sandbox) => system.e2b.admin.fault(sandbox, { type: 'freeze' })
const killProcesses: Scenario['strike'] = async (system, sandbox) => {
  for (const one of await system.e2b.admin.processes()) if (one.sandboxId === sandbox) process.kill(one.pid, 'SIGKILL')
}

/** Soon enough for a benchmark that waits for it. */
const TEMPLATE = { readiness: { replaceAfter: '3s' } }

const mesh = { spec: { replicas: 4, topology: { type: 'Mesh' }, template: TEMPLATE }, input: { sleepMs: TASK_MS }, agents: 4 }
const first =
  (count: number): Scenario['victims'] =>
  (_, agents) =>
    agents.slice(0, count)

const led = (type: 'Hierarchical' | 'Star') => ({
  spec: {
    groups: [
      { name: 'lead', role: 'Coordinator', replicas: 2 },
      { name: 'work', role: 'Worker', replicas: 4 },
    ],
    topology: { type },
    template: TEMPLATE,
  },
  input: {},
  program: TEAM_AGENT,
  agents: 6,
  isRight: isSummedUp,
})
const leader: Scenario['victims'] = ({ status }, agents) => agents.filter(({ metadata }) => metadata.name === status?.topology?.leader)

const STAGES = ['one', 'two', 'three', 'four']
const ring = (spares: number) => ({
  spec: {
    groups: STAGES.map((name) => ({ name, replicas: name === 'two' ? 1 + spares : 1 })),
    topology: { type: 'Ring' },
    template: TEMPLATE,
  },
  input: {},
  program: TEAM_AGENT,
  agents: 4 + spares,
  isRight: hasPassed(STAGES),
  mayRefuse: 'StageBroken',
})
const second: Scenario['victims'] = (_, agents) => agents.filter(({ spec }) => spec.group === 'two').slice(0, 1)

/** The faults that are measured. */
export const SCENARIOS: readonly Scenario[] = [
  { name: 'mesh of 4, a process killed', ...mesh, victims: first(1), strike: killProcesses },
  { name: 'mesh of 4, a sandbox killed', ...mesh, victims: first(1), strike: kill },
  { name: 'mesh of 4, a sandbox frozen', ...mesh, victims: first(1), strike: freeze },
  { name: 'mesh of 4, 3 sandboxes killed', ...mesh, victims: first(3), strike: kill },
  { name: 'hierarchical, the coordinator killed', ...led('Hierarchical'), victims: leader, strike: kill },
  { name: 'hierarchical, the coordinator frozen', ...led('Hierarchical'), victims: leader, strike: freeze },
  { name: 'star, the hub killed', ...led('Star'), victims: leader, strike: kill },
  { name: 'ring of 4 with a spare, its stage killed', ...ring(1), victims: second, strike: kill },
  { name: 'ring of 4 without a spare, a stage killed', ...ring(0), victims: second, strike: kill },
]
