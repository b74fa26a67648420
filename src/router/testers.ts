import { quorumOf } from '../routing/consensus.ts'
import { PART, isLed } from '../topology/parts.ts'
import type { Task } from './work/work.ts'

/** Tasks with this header, its name in lower case, go to the revision. */
export type TesterSettings = { readonly revision: string; readonly header: string; readonly value: string }

/**
 * The task as one that goes to the revision whenever an agent is chosen, as if it asked for it, as long as the revision can do the task by
 * itself; otherwise it goes the way of all others.
 */
export function taskOfTester(task: Task, revision: string, now: () => number): Task {
  return {
    ...task,
    isTester: true,
    get revision() {
      return canDo(task, revision, now()) ? revision : undefined
    },
  }
}

/** Whether agents of the revision are up, busy or not, wherever the task needs them. */
function canDo({ entry, capability }: Task, revision: string, nowMs: number): boolean {
  const { fleet, settings } = entry
  if (!settings) return false
  if (isLed(settings.topology)) {
    const roles = [PART.coordinators, PART.workers]
    const isAble = capability === undefined || roles.some((part) => fleet.hasUp(part, revision, nowMs, { capability }))
    return isAble && roles.every((part) => fleet.hasUp(part, revision, nowMs))
  }
  if (settings.stages.length > 0) return settings.stages.every(({ part }) => fleet.hasUp(part, revision, nowMs, { capability }))
  const { voters, thresholdPercent } = settings.consensus
  const least = fleet.rules.strategy === 'Consensus' ? quorumOf(voters, thresholdPercent) : 1
  return fleet.hasUp(PART.whole, revision, nowMs, { capability, least })
}
