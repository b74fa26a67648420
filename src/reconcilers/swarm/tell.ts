import { REASON } from '../../api/reasons.ts'
import type { SwarmStatus } from '../../api/swarm-status.ts'
import type { EventRecorder } from '../../kube/events.ts'
import type { Seen } from './observe.ts'

/** Tells people of the first agent that is critical, when there was none before; each one has an Event of its own besides. */
export function tellHealth({ swarm, agents, world }: Seen, { health }: SwarmStatus, events: EventRecorder): void {
  if (!health?.critical || swarm.status?.health?.critical) return
  const first = [...agents.values()].find((agent) => agent.status?.health?.state === 'Critical')
  const message = `${health.critical} of ${world.agents.length} agents critical, for instance ${first?.metadata.name}: ${first?.status?.health?.message}`
  events.record(swarm, { type: 'Warning', reason: REASON.agentsCritical, message })
}

/** Tells people that a mass failure has begun, or is over. */
export function tellMassFailure({ swarm }: Seen, status: SwarmStatus, events: EventRecorder): void {
  const [before, now] = [swarm.status, status].map((each) => each?.conditions?.find((c) => c.type === 'MassFailure'))
  if (now && !before) events.record(swarm, { type: 'Warning', reason: REASON.massFailure, message: now.message })
  if (before && !now) events.record(swarm, { type: 'Normal', reason: REASON.massFailureOver, message: 'updates and scale-downs go on' })
}

/** Tells people that the budget holds agents back, or does not any more. */
export function tellBudget({ swarm }: Seen, status: SwarmStatus, events: EventRecorder): void {
  const [before, now] = [swarm.status, status].map((each) => each?.conditions?.find((c) => c.type === 'BudgetExceeded'))
  if (now && !before) events.record(swarm, { type: 'Warning', reason: now.reason, message: now.message })
  if (before && !now)
    events.record(swarm, { type: 'Normal', reason: REASON.withinBudget, message: 'the budget holds nothing back any more' })
}
