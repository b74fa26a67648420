import type { AgentSeen } from '../../src/reconcilers/shared/agent-seen.ts'
import type { World } from '../../src/reconcilers/swarm/world.ts'

/** A moment in unit tests of swarms. Unix milliseconds. */
export const NOW = 1_000_000

/** An agent that does well, but for what a test says of it. */
export const agent = (over: Partial<AgentSeen> = {}): AgentSeen => ({
  name: 'a',
  group: '',
  place: 0,
  revision: 'r1',
  state: 'Running',
  stateSinceMs: NOW - 1_000,
  deleting: false,
  ready: true,
  wasReady: true,
  isStarted: true,
  attempt: 0,
  inFlight: 0,
  drained: false,
  expiring: false,
  ...over,
})

/** What is seen of a swarm that wants one agent and has none, but for what a test says of it. */
export const world = (over: Partial<World> = {}): World => ({
  groups: [{ name: '', replicas: 1 }],
  updateRevision: 'r1',
  maxSurge: 1,
  maxUnavailable: 0,
  drainTimeoutMs: 30_000,
  onScaleDown: 'Delete',
  isOrdered: false,
  agents: [],
  nowMs: NOW,
  ...over,
})
