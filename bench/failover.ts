import { costOf, type Cost } from '../test/support/failover.ts'
import { System } from '../test/support/system.ts'
import type { Benchmark, Context, Figure } from './benchmark.ts'
import { SCENARIOS, type Scenario } from './support/failures.ts'
import { figureOf } from './support/statistics.ts'

const CLIENTS = 4
const ROUNDS = 5

export const failover: Benchmark = {
  name: 'failover',
  what: 'Faults on real sandboxes under continuous load from four clients: what each costs, as the clients and the router see it.',
  run: measure,
}

async function measure(context: Context): Promise<readonly Figure[]> {
  const { kubeconfig } = await context.controlPlane()
  const system = await System.start({ kubeconfig, router: 1 })
  await context.ends.own(async () => system.stop())
  const figures: Figure[] = []
  for (const [i, scenario] of SCENARIOS.entries()) {
    const costs: Cost[] = []
    // Each round has a swarm of its own: agents that are lost again and again are replaced later and later.
    for (let round = 0; round < (context.quick ? 1 : ROUNDS); round += 1) {
      context.signal.throwIfAborted()
      costs.push(await costIn(scenario, system, `desk-${i}-${round}`))
    }
    figures.push(...figuresOf(scenario.name, costs))
    context.say(`${scenario.name}: done`)
  }
  return figures
}

async function costIn(scenario: Scenario, system: System, swarm: string): Promise<Cost> {
  const { spec, input, program, victims, strike, agents, isRight, mayRefuse } = scenario
  if (program === undefined) await system.useAgentProgram()
  else await system.configMap('agent', { 'agent.mjs': program })
  await system.apply(swarm, spec)
  const object = await system.settled(swarm)
  await system.tasks.routersSee(swarm, agents)
  const hits = victims(object, await system.agents(swarm))
  const load = system.keepAsking(swarm, CLIENTS, input)
  const trial = {
    system,
    swarm,
    load,
    victims: hits.map(({ metadata }) => metadata.name),
    strike: async () => Promise.all(hits.map(async ({ status }) => strike(system, status?.sandbox?.id ?? ''))),
    agents,
    ...(isRight && { isRight }),
    ...(mayRefuse !== undefined && { mayRefuse }),
  }
  const cost = await costOf(trial).finally(async () => load.stop())
  await system.remove(swarm)
  await system.isEmpty()
  return cost
}

function figuresOf(name: string, costs: readonly Cost[]): Figure[] {
  const of = (what: string, read: (cost: Cost) => number) => figureOf(`${name}: ${what}`, 'ms', costs.map(read))
  const sum = (read: (cost: Cost) => number) => costs.reduce((total, cost) => total + read(cost), 0)
  const lost = { name: `${name}: tasks lost`, unit: '', value: sum((cost) => cost.lost) }
  return [
    { ...lost, note: `of ${sum((cost) => cost.tasks)} in ${costs.length} rounds; ${sum((cost) => cost.refused)} refused at once` },
    of('detected', (cost) => cost.detectionMs ?? NaN),
    of('rerouted after the failed contact', (cost) => cost.rerouteMs),
    of('longest time without an answer', (cost) => cost.silenceMs),
    of('whole again, with a fresh sandbox', (cost) => cost.recoveryMs ?? NaN),
  ]
}
