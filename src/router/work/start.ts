import { isLed } from '../../topology/parts.ts'
import { startConsensus } from './consensus.ts'
import { startDelegation } from './delegation.ts'
import { startPipeline } from './pipeline.ts'
import { startSingle } from './single.ts'
import type { StartWork } from './work.ts'

/** Begins a task in the way that its swarm works: the topology decides, then the strategy. */
export const startWork: StartWork = (task, desk, onEnd) => {
  const topology = task.entry.settings?.topology
  if (isLed(topology)) return startDelegation(task, desk, onEnd)
  if (topology?.type === 'Ring') return startPipeline(task, desk, onEnd)
  return task.entry.fleet.rules.strategy === 'Consensus' ? startConsensus(task, desk, onEnd) : startSingle(task, desk, onEnd)
}
