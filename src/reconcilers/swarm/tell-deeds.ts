import type { Swarm } from '../../api/objects.ts'
import { REASON } from '../../api/reasons.ts'
import type { EventRecorder } from '../../kube/events.ts'
import type { Deed } from './deeds.ts'

/** Events for people of what was done: one for each kind of change, so that a large swarm does not flood. */
export function tellDeeds(swarm: Swarm, deeds: readonly Deed[], events: EventRecorder): void {
  const tell = (reason: string, message: string, type: 'Normal' | 'Warning' = 'Normal') => events.record(swarm, { type, reason, message })
  const plain = deeds.filter((a) => a.do === 'createAgent' && !a.replaces).length
  if (plain > 0) tell(REASON.agentCreated, `created ${agents(plain)}`)
  const taken = deeds.filter((a) => a.do === 'takeAgent').length
  if (taken > 0) tell(REASON.warmTaken, `took ${agents(taken)} from the warm pool`)
  for (const a of deeds)
    if ((a.do === 'createAgent' || a.do === 'takeAgent') && a.replaces)
      tell(REASON.agentReplaced, `replaces agent ${a.replaces.name}, which is lost: ${a.replaces.reason}`, 'Warning')
  const named = (kind: Deed['do'], reason?: string) =>
    deeds.flatMap((a) => (a.do === kind && (!reason || ('reason' in a && a.reason === reason)) ? [a.name] : []))
  for (const [reason, why] of Object.entries(DRAIN_TEXT)) {
    const names = named('drainAgent', reason)
    if (names.length > 0) tell(REASON.draining, `draining ${listed(names)}: ${why}`)
  }
  const late = named('deleteAgent', 'DrainTimedOut')
  if (late.length > 0)
    tell(REASON.agentDeleted, `ending ${listed(late)} with tasks still running: spec.lifecycle.drainTimeout has passed`, 'Warning')
  const drained = named('deleteAgent', 'Drained')
  if (drained.length > 0) tell(REASON.agentDeleted, `ending ${listed(drained)}, all tasks are done`)
  const room = named('deleteAgent', 'MadeRoom')
  if (room.length > 0) tell(REASON.warmEnded, `ending ${listed(room)} of the warm pool: agents that are wanted need the room`)
  const paused = named('pauseAgent')
  if (paused.length > 0) tell(REASON.agentPaused, `pausing ${listed(paused)} for the next scale-up`)
  const resumed = named('resumeAgent')
  if (resumed.length > 0) tell(REASON.agentResumed, `resuming ${listed(resumed)}`)
}

const DRAIN_TEXT = {
  ScaledDown: 'fewer agents are wanted',
  Outdated: 'the template changed',
  Expiring: 'its sandbox is near the end of its life',
  Restarted: 'spec.restartAt asks for other agents',
  Asked: 'a person asked for it',
  GroupRemoved: 'its group is not in the spec any more',
}
const agents = (n: number) => `${n} agent${n === 1 ? '' : 's'}`
const listed = (names: readonly string[]) => (names.length > 3 ? agents(names.length) : names.join(', '))
