import { expect } from 'chai'
import { limitOf, type Claim, type Counted } from '../../src/scaling/budget.ts'
import type { AgentSeen } from '../../src/reconcilers/shared/agent-seen.ts'
import { planSwarm } from '../../src/reconcilers/swarm/plan.ts'
import type { Successor, World } from '../../src/reconcilers/swarm/world.ts'
import { agent, NOW, world as worldSeen } from './swarm-world.ts'

/** With `maxAgents` the limit that a budget of so many sets. */
export const world = ({ maxAgents, ...over }: Partial<World> & { maxAgents?: number } = {}) =>
  worldSeen({ ...over, ...(maxAgents !== undefined && { limits: [budget(maxAgents, over.agents ?? [])] }) })

/** A budget of so many sandboxes, for these agents. */
const budget = (maxAgents: number, agents: readonly AgentSeen[]) => {
  const used = BigInt(agents.filter((a) => a.state !== 'Paused' && !a.failed).length)
  return limitOf({ by: 'Budget', name: 'spec.budget.maxAgents', counts: 'Sandboxes', most: BigInt(maxAgents), used }, 0n)
}

/** A quota of the namespace, of which so many are used. */
export const quota = (counts: Counted, most: number, used: number, claims: readonly Claim[] = []) =>
  limitOf({ by: 'Quota', name: 'quota', counts, most: BigInt(most), used: BigInt(used) }, 0n, claims)
/** An agent that takes the place of the lost agent a. */
export const successor = (over: Partial<Successor> = {}): Successor => ({
  group: '',
  place: 0,
  revision: 'r1',
  attempt: 1,
  replaces: { name: 'a', reason: 'SandboxGone' },
  ...over,
})

/** An agent that was never ready. */
export const fresh = (over: Partial<AgentSeen> = {}) => agent({ ready: false, wasReady: false, ...over })

/** A swarm without groups of so many agents. */
export const replicas = (n: number) => ({ groups: [{ name: '', replicas: n }] })

/** The creation of an agent. */
export const create = (over: object = {}) => ({ do: 'createAgent', group: '', place: 0, revision: 'r1', attempt: 0, ...over })

/** An agent that is lost after a good while. */
export const lost = (over: Partial<AgentSeen> = {}) =>
  agent({ ready: false, failed: { reason: 'SandboxGone', atMs: NOW, readyForMs: 90_000 }, ...over })

/** A rollout with these sides, and revisions that are kept. */
export const rollout = (sides: Record<string, number>, ...kept: string[]) => ({
  rollout: { sides: Object.entries(sides).map(([revision, count]) => ({ revision, ...replicas(count) })), kept },
})

/** What is seen of a swarm, and what is to be planned. */
export type Case = { world: World; want: unknown[]; checkAgainMs?: number; withheld?: number; owed?: Successor[] }

/** Checks that this is planned. */
export function isPlanned(c: Case): void {
  const { actions, checkAgainMs, withheld, owed } = planSwarm(c.world)
  expect({ actions, checkAgainMs, withheld, owed }).to.deep.equal({
    actions: c.want,
    checkAgainMs: c.checkAgainMs,
    withheld: c.withheld ?? 0,
    owed: c.owed ?? [],
  })
}
