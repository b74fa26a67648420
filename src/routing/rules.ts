import type { Topology } from '../api/topology.ts'
import type { AdaptiveRules } from './adaptive.ts'
import type { BreakerRules } from './breaker.ts'
import type { Share } from './shares.ts'
import type { Strategy } from './strategy.ts'

/** What a group's agents can do and how many tasks one of them takes at a time. */
export type GroupRules = { readonly capabilities: readonly string[]; readonly limit: number; readonly role?: 'Worker' | 'Coordinator' }

/** What a swarm says about the choice of agents. */
export type FleetRules = {
  readonly strategy: Strategy
  /** There with the strategy Adaptive only. */
  readonly adaptive?: AdaptiveRules | undefined
  readonly topology?: Topology | undefined
  readonly shares: readonly Share[]
  readonly groups: ReadonlyMap<string, GroupRules>
  readonly breaker: BreakerRules
}

/** A revision that gets no more tasks but those that ask for it, and the one that gets them instead. */
export type CutOff = { readonly revision: string; readonly inFavourOf: string }
