import { costOf, type Cost } from '../test/support/failover.ts'
import { System } from '../test/support/system.ts'
import type { Benchmark, Context, Figure } from './benchmark.ts'
import { SCENARIOS, type Scenario } from './support/failures.ts'
import { figureOf } from './support/statistics.ts'

const SWARM = 'desk'
const CLIENTS = 4
const ROUNDS = 5

export const failover: Benchmark = {
  name: 'failover',
  what: 'Faults on real sandboxes under continuous load from four clients: what each costs, as the clients and the router see it.',
  run: measure,
}

async function measure(context: Context): Promise<readonly Figure[]> {
  const { kubeconfig } = await context.controlPlane()
  const figures: Figure[] = []
  for (const scenario of SCENARIOS) {
    const system = await System.start({ kubeconfig, router: 1 })
    await context.ends.own(async () => system.stop())
    const costs = await costsOf(scenario, system, context)
    figures.push(...figuresOf(scenario.name, costs))
    await system.remove(SWARM)
    await system.isEmpty()
    context.say(`${scenario.name}: done`)
  }
  return figures
}

async function costsOf({ spec, input, program, victims, strike, agents }: Scenario, system: System, context: Context): Promise<Cost[]> {
  if (program !== undefined) await system.useAgentProgram('agent', program)
  await system.apply(SWARM, spec)
  const costs: Cost[] = []
  for (let round = 0; round < (context.quick ? 1 : ROUNDS); round += 1) {
    context.signal.throwIfAborted()
    const swarm = await system.settled(SWARM)
    const hits = victims(swarm, await system.agents(SWARM))
    const load = system.keepAsking(SWARM, CLIENTS, input)
    const hit = async () => Promise.all(hits.map(async ({ status }) => strike(system, status?.sandbox?.id ?? '')))
    const names = hits.map(({ metadata }) => metadata.name)
    costs.push(await costOf({ system, swarm: SWARM, load, victims: names, strike: hit, agents }).finally(async () => load.stop()))
  }
  return costs
}

function figuresOf(name: string, costs: readonly Cost[]): Figure[] {
  const of = (what: string, read: (cost: Cost) => number, unit = 'ms') => figureOf(`${name}: ${what}`, unit, costs.map(read))
  const sum = (read: (cost: Cost) => number) => costs.reduce((total, cost) => total + read(cost), 0)
  return [
    {
      name: `${name}: tasks lost`,
      unit: '',
      value: sum((cost) => cost.lost),
      note: `of ${sum((cost) => cost.tasks)} in ${costs.length} rounds`,
    },
    of('detected', (cost) => cost.detectionMs ?? NaN),
    of('rerouted after the failed contact', (cost) => cost.rerouteMs),
    of('longest time without an answer', (cost) => cost.silenceMs),
    of('whole again, with a fresh sandbox', (cost) => cost.recoveryMs ?? NaN),
  ]
}
