import type { AgentSeen } from '../shared/agent-seen.ts'
import type { World } from './world.ts'

/** In the order of their names. */
export const byName = (a: { readonly name: string }, b: { readonly name: string }): number => (a.name < b.name ? -1 : 1)

/** Those that have failed most often in their place come first. */
export const byAttempt = (a: AgentSeen, b: AgentSeen): number => b.attempt - a.attempt || byName(a, b)

/** Those that end anyway come first. */
export const endingFirst = (a: AgentSeen, b: AgentSeen): number => Number(b.expiring) - Number(a.expiring)

/** Those that are missed least come first. One that leads goes last: in an update its group hands over once, to one that stays. */
export const dispensableFirst =
  ({ leader }: Pick<World, 'leader'>) =>
  (a: AgentSeen, b: AgentSeen): number =>
    Number(a.ready && a.name === leader) - Number(b.ready && b.name === leader) || idlestFirst(a, b)

const idlestFirst = (a: AgentSeen, b: AgentSeen) => Number(a.ready) - Number(b.ready) || a.inFlight - b.inFlight || byName(a, b)
