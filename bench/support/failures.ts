import type { Agent, Swarm } from '../../src/api/objects.ts'
import type { System } from '../../test/support/system.ts'

/** A fault on some agents of a swarm that has tasks meanwhile. */
export type Scenario = {
  readonly name: string
  readonly spec: { readonly [field: string]: unknown }
  readonly input: unknown
  /** A line of the agents' request handler. */
  readonly program?: string
  /** Agents that take tasks when all is well. */
  readonly agents: number
  readonly victims: (swarm: Swarm, agents: readonly Agent[]) => readonly Agent[]
  readonly strike: (system: System, sandbox: string) => Promise<unknown>
}

const kill: Scenario['strike'] = async (system, sandbox) => system.e2b.admin.fault(sandbox, { type: 'kill' })
const killProcesses: Scenario['strike'] = async (system, sandbox) => {
  for (const one of await system.e2b.admin.processes()) if (one.sandboxId === sandbox) process.kill(one.pid, 'SIGKILL')
}
const MESH = { replicas: 4, topology: { type: 'Mesh' } }
const mesh = { spec: MESH, input: { sleepMs: 3 }, agents: 4 }

/** The faults that are measured. */
export const SCENARIOS: readonly Scenario[] = [
  { name: 'mesh of 4, a process killed', ...mesh, victims: (_, agents) => agents.slice(0, 1), strike: killProcesses },
  { name: 'mesh of 4, a sandbox killed', ...mesh, victims: (_, agents) => agents.slice(0, 1), strike: kill },
  { name: 'mesh of 4, 3 sandboxes killed', ...mesh, victims: (_, agents) => agents.slice(0, 3), strike: kill },
]
