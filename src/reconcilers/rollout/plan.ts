import type { Rollout } from '../../api/objects.ts'
import { checkOfBlueGreen, courseOfBlueGreen, planBlueGreen } from '../../rollouts/blue-green.ts'
import { courseOfCanary, metricsOfCanary, planCanary } from '../../rollouts/canary.ts'
import type { Course } from '../../rollouts/course.ts'
import type { CheckSubject } from '../../rollouts/subject.ts'
import type { GroupWanted, Plan, World } from '../../rollouts/world.ts'

/** One pass over a rollout of either kind. */
export function planOf(rollout: Rollout, world: World): Plan {
  const state = rollout.status?.state
  return rollout.kind === 'CanaryRollout' ? planCanary(rollout.spec, state, world) : planBlueGreen(rollout.spec, state, world)
}

/** The steps and rules that a rollout comes down to. */
export const courseOf = (rollout: Rollout): Course =>
  rollout.kind === 'CanaryRollout' ? courseOfCanary(rollout.spec) : courseOfBlueGreen(rollout.spec)

/** The checks of a plan with what the spec says of them. */
export function checksOf(rollout: Rollout, { checks }: Plan): CheckSubject[] {
  return checks.map(({ run, of }) =>
    rollout.kind === 'CanaryRollout' ? { run, metrics: metricsOfCanary(rollout.spec, of) } : { run, ...checkOfBlueGreen(rollout.spec, of) },
  )
}

/** An agent as far as rollouts count it. */
export type Counted = { readonly group: string; readonly place: number; readonly revision: string }

/**
 * Groups as the machine counts them. Where each place counts (a ring without groups) each place is one: a revision that serves must have
 * all of them, whatever its weight.
 */
export function unitsOf(groups: readonly GroupWanted[], isOrdered: boolean): GroupWanted[] {
  if (!isOrdered) return groups.map(({ name, replicas }) => ({ name, replicas }))
  return groups.flatMap(({ name, replicas }) =>
    Array.from({ length: replicas }, (_, place) => ({ name: unitName(name, place), replicas: 1 })),
  )
}

/** Agents by revision and unit. */
export function countReady(agents: readonly Counted[], isOrdered: boolean): Record<string, Record<string, number>> {
  const ready: Record<string, Record<string, number>> = {}
  for (const { group, place, revision } of agents) {
    const unit = isOrdered ? unitName(group, place) : group
    const units = (ready[revision] ??= {})
    units[unit] = (units[unit] ?? 0) + 1
  }
  return ready
}

/** The groups of a side again: of units that are places, as many as are wanted. */
export function groupsOfUnits(units: readonly GroupWanted[], isOrdered: boolean): GroupWanted[] {
  if (!isOrdered) return units.map(({ name, replicas }) => ({ name, replicas }))
  const sums = new Map<string, number>()
  for (const { name, replicas } of units) {
    const group = name.slice(0, name.lastIndexOf('/'))
    sums.set(group, (sums.get(group) ?? 0) + replicas)
  }
  return [...sums].map(([name, replicas]) => ({ name, replicas }))
}

const unitName = (group: string, place: number) => `${group}/${place}`
