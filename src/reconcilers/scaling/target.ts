import type { ScalingPolicy, Swarm } from '../../api/objects.ts'
import { REASON } from '../../api/reasons.ts'
import { groupsOf } from '../../api/swarm-group.ts'
import { isPaused } from '../../scaling/settings.ts'

/** Whose replicas a policy sets, and where they stand. */
export type Target = {
  readonly swarm: Swarm
  /** Empty for a swarm without groups. */
  readonly group: string
  readonly current: number
  /** Where the group is in spec.groups; absent for a swarm without groups. */
  readonly at?: number
}

/** Why a policy has no target. `isStalled` when a person must change something. */
export type NoTarget = { readonly reason: string; readonly message: string; readonly isStalled: boolean }

/** The group that a policy names; empty when it names none. */
export const groupOf = ({ spec }: ScalingPolicy): string => spec.target.group ?? ''

/** What a policy acts on, or why it does not: of several policies for the same replicas the oldest acts. */
export function targetOf(policy: ScalingPolicy, swarm: Swarm | undefined, others: readonly ScalingPolicy[]): Target | NoTarget {
  const { namespace } = policy.metadata
  const { swarm: name } = policy.spec.target
  const group = groupOf(policy)
  const where = `Swarm ${namespace}/${name}`
  const no = (reason: string, message: string, isStalled = true): NoTarget => ({ reason, message, isStalled })
  if (!swarm || swarm.metadata.deletionTimestamp)
    return no(REASON.swarmNotFound, `there is no ${where}; create it, or correct spec.target.swarm`, false)
  const first = [policy, ...others.filter((other) => groupOf(other) === group)].sort(olderFirst)[0]
  if (first && first !== policy && first.metadata.uid !== policy.metadata.uid) {
    const what = group === '' ? where : `group ${group} of ${where}`
    return no(
      REASON.otherPolicy,
      `ScalingPolicy ${first.metadata.name} sets the replicas of ${what} already and is older; delete one of the two`,
    )
  }
  const { groups } = swarm.spec
  if (!groups) {
    if (group !== '') return no(REASON.groupNotFound, `${where} has no groups; remove spec.target.group`)
    // The number is there in a moment: the operator writes the 1 that a spec without one means.
    return { swarm, group, current: groupsOf(swarm.spec)[0]?.replicas ?? 1 }
  }
  const names = groups.map((each) => each.name)
  const offer = `write one of ${names.join(', ')} in spec.target.group`
  if (group === '') return no(REASON.groupMissing, `${where} has groups, and a policy is for one of them; ${offer}`)
  const at = names.indexOf(group)
  const found = groups[at]
  return found ? { swarm, group, current: found.replicas, at } : no(REASON.groupNotFound, `${where} has no group ${group}; ${offer}`)
}

/** What grows with tasks that wait. */
const BY_QUEUE: ReadonlySet<string> = new Set(['InFlightPerAgent', 'QueueLength', 'OldestWaiting'])

/** The groups that other policies give more agents for tasks that wait: those that act and have not reached their most. */
export function growingGroups(policy: ScalingPolicy, swarm: Swarm, others: readonly ScalingPolicy[]): readonly string[] {
  return others.flatMap((other) => {
    const { metadata, spec } = other
    const mayGrow = !spec.dryRun && !isPaused(metadata.annotations) && spec.metrics.some(({ type }) => BY_QUEUE.has(type))
    if (!mayGrow || groupOf(other) === groupOf(policy)) return []
    const target = targetOf(other, swarm, others)
    return 'reason' in target || target.current >= spec.maxReplicas ? [] : [target.group]
  })
}

const olderFirst = ({ metadata: a }: ScalingPolicy, { metadata: b }: ScalingPolicy) =>
  Date.parse(a.creationTimestamp) - Date.parse(b.creationTimestamp) || (a.name < b.name ? -1 : 1)
