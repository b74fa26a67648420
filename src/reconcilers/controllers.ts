import type { Logger } from 'winston'
import { Controller } from '../kube/controller.ts'
import type { RuntimeMetrics } from '../metrics/registry.ts'
import type { AgentDeps } from './agent/deps.ts'
import { reconcileAgent } from './agent/index.ts'
import { synced } from './informers.ts'
import { reconcileRollout } from './rollout/index.ts'
import { reconcileSwarm, type SwarmDeps } from './swarm/index.ts'

/** Agents worked on at once: most of a pass is waiting for the provider. */
const AGENT_PASSES = 128

/** Swarms worked on at once. */
const SWARM_PASSES = 8

/** Longest pass over one agent, in milliseconds: a slow create and its wait for a turn. */
const AGENT_PASS_MS = 120_000

/** What works on agents, on swarms together with the rollouts that they follow, and on what the other rollouts tell. */
export type Controllers = { readonly agents: Controller; readonly swarms: Controller; readonly rollouts: Controller }

/** The controllers, not started yet; their passes wait until everything has been read. */
export function controllersOf(
  { log, metrics }: { readonly log: Logger; readonly metrics: RuntimeMetrics },
  deps: AgentDeps,
  swarmDeps: SwarmDeps,
): Controllers {
  const { stores } = deps
  const ready = async (signal: AbortSignal) => synced(stores, signal)
  const agents = new Controller({
    log,
    metrics,
    ready,
    name: 'agent',
    concurrency: AGENT_PASSES,
    timeoutMs: AGENT_PASS_MS,
    reconcile: (key, signal) => reconcileAgent(key, deps, signal),
  })
  const swarms = new Controller({
    log,
    metrics,
    ready,
    name: 'swarm',
    concurrency: SWARM_PASSES,
    reconcile: async (key, signal) => {
      const result = await reconcileSwarm(key, swarmDeps, signal)
      await tidyTokens(key, deps)
      return result
    },
  })
  const rollouts = new Controller({
    log,
    metrics,
    ready,
    name: 'rollout',
    concurrency: SWARM_PASSES,
    reconcile: (key, signal) => reconcileRollout(key, stores, signal),
  })
  return { agents, swarms, rollouts }
}

/** Removes the tokens of agents that a swarm does not have any more. */
async function tidyTokens(key: string, { stores, tokens }: AgentDeps): Promise<void> {
  const swarm = stores.swarms.get(key)
  if (!swarm || swarm.metadata.deletionTimestamp) return
  const agents = new Map(stores.agents.index('swarm', swarm.metadata.uid).map((a) => [a.metadata.name, a]))
  await tokens.keepOnly(swarm, agents)
}
