import { wayOf, type AskedDirection, type Direction } from '../../routing/stages.ts'
import type { Stage } from '../../topology/parts.ts'
import type { Call } from '../call.ts'
import { Problem } from '../problem.ts'
import { stageLoads, trialInMs } from '../stages.ts'
import type { SwarmEntry } from '../swarm-entry.ts'
import { retryAfter } from '../times.ts'
import type { Desk, Task } from './work.ts'

/** Throws unless the way can be had: only a ring that is known both ways can be gone through in another one than forward. */
export function checkDirection({ namespace, name, settings }: SwarmEntry<Call>, direction: AskedDirection | undefined): void {
  if (direction === undefined) return
  const { topology } = settings ?? {}
  if (topology?.type === 'Ring' && (direction === 'forward' || topology.bidirectional === true)) return
  const why = topology?.type === 'Ring' ? 'is a ring of one direction; set spec.topology.bidirectional' : 'is not a ring'
  throw new Problem('InvalidTask', {
    detail: `direction ${direction} cannot be had: swarm ${namespace}/${name} ${why}, or leave direction out`,
  })
}

/** The way of a new task through the ring, or why it is refused: it would get stuck in the middle. */
export function admit(task: Task, desk: Desk): Direction | Problem {
  const { entry, direction: asked = 'forward', capability, revision, id: taskId } = task
  const { settings, fleet, namespace, name: swarm } = entry
  const stages = settings?.stages ?? []
  if (stages.length === 0) return noStagesProblem(task)
  const unable = capability === undefined ? undefined : stages.find(({ part }) => !fleet.canDo(part, capability))
  if (unable) {
    const detail = `stage ${unable.name} of ${where(task)} does not have the capability ${capability}; in a ring every stage works on a task: leave capability out`
    return new Problem('NoAgentWithCapability', { taskId, detail })
  }
  // A revision that nobody has is found out, and said, where an agent is chosen.
  if (revision !== undefined && !fleet.has(revision)) return asked === 'reverse' ? 'reverse' : 'forward'
  const nowMs = desk.now()
  const loads = stageLoads(entry, nowMs, { revision, isBrief: true })
  const way = wayOf(loads, asked)
  if ('direction' in way) return way.direction
  const { stage: name, refusal } = way
  desk.metrics.stageRefusals.inc({ namespace, swarm, stage: name, code: refusal })
  const stage = stages.find((each) => each.name === name)
  const waiting = loads.find((load) => load.stage === name)?.waiting ?? 0
  if (!stage) return noStagesProblem(task)
  return refusal === 'StageBroken' ? brokenProblem(task, stage, nowMs) : fullProblem(task, stage, { nowMs, waiting })
}

/** The stage has no agent. It may have one when a circuit is tried again; otherwise nobody knows when. */
function brokenProblem(task: Task, stage: Stage, nowMs: number): Problem {
  const { id: taskId, entry, revision } = task
  const whose = revision === undefined ? '' : ` of revision ${revision}`
  return new Problem('StageBroken', {
    taskId,
    retryAfterSeconds: retryAfter(trialInMs(entry, stage, nowMs)),
    detail: `stage ${stage.name} of ${where(task)} has no agent${whose} that works; kubectl -n ${entry.namespace} get agents says why, and it goes on by itself when it has one`,
    more: { stage: stage.name },
  })
}

/** The stage has enough to do: it may take more when those who wait now have had their turn. */
function fullProblem(task: Task, stage: Stage, { nowMs, waiting }: { nowMs: number; waiting: number }): Problem {
  const { id: taskId, entry, revision } = task
  const waits = `${waiting} task${waiting === 1 ? ' waits' : 's wait'} for stage ${stage.name} of ${where(task)}`
  return new Problem('StageFull', {
    taskId,
    retryAfterSeconds: retryAfter(entry.fleet.expectedWaitMs({ part: stage.part, revision, tried: [] }, waiting, 1, nowMs)),
    detail: `${waits}, as many as it works on at once; send it again later, or give the stage more replicas`,
    more: { stage: stage.name },
  })
}

/** There is nothing to go through, or not any more. */
export function noStagesProblem(task: Task): Problem {
  const { id: taskId, entry } = task
  if (!entry.settings) return new Problem('SwarmNotFound', { taskId, detail: `${where(task)} was deleted while the task was on its way` })
  const isRing = entry.settings.topology?.type === 'Ring'
  const why = isRing ? 'has no stages; raise spec.replicas, or write spec.groups' : 'is no ring any more; send the task again'
  const detail = `${where(task)} ${why}`
  return new Problem('StageBroken', { taskId, retryAfterSeconds: 1, detail })
}

const where = ({ entry: { namespace, name } }: Task) => `swarm ${namespace}/${name}`
