import type { Allowance } from '../../scaling/budget.ts'
import { byName } from './order.ts'
import type { Action, World } from './world.ts'

/**
 * Lets agents that sleep go where the objects that they hold are all that may be made, and somebody lacks one: this swarm, or another one in
 * its namespace. `actions` are those that are planned already; what they free is enough first.
 */
export function planSpares({ agents, limits = [], pool, brake }: World, actions: readonly Action[], allowance: Allowance): Action[] {
  const ofObjects = limits.filter(({ cap }) => cap.counts === 'Objects')
  if (ofObjects.length === 0 || brake) return []
  // What others wait for is what is left to the most urgent and not to the least.
  const claimed = ofObjects.map(({ left }) => left.Replacement - left.WarmPool - Math.max(0, left.Replacement))
  const gone = Math.max(...ofObjects.map(({ cap }) => Number(cap.gone ?? 0n)))
  const going = [...agents, ...(pool?.warm ?? [])].filter((a) => a.deleting).length
  const freed = actions.filter((a) => a.do === 'deleteAgent').length
  const needed = Math.max(0, ...claimed) + allowance.heldObjects - gone - going - freed
  if (needed <= 0) return []
  const touched = new Set(actions.flatMap((a) => ('name' in a ? [a.name] : [])))
  const spares = agents.filter((a) => a.state === 'Paused' && !a.failed && !a.deleting && !touched.has(a.name))
  return spares
    .sort(byName)
    .slice(0, needed)
    .map(({ name }) => ({ do: 'deleteAgent', name, reason: 'MadeRoom' }))
}
