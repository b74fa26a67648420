import type { SharedQueue } from '../stats/wire.ts'

/** Tasks that wait and that a group could take; `shared` are those of them that other groups could take as well. */
export type Queue = { readonly queued: number; readonly shared: readonly SharedQueue[] }

/**
 * The tasks for which a group is to have agents: one for which other groups get some as well counts in equal parts, so that not all of them grow
 * for the same task. Groups that nobody lets grow leave it whole to the others.
 */
export function shareOf({ queued, shared }: Queue, group: string, growing: readonly string[]): number {
  const left = shared.map(({ groups, queued: tasks }) => {
    const others = groups.filter((name) => name !== group && growing.includes(name)).length
    return groups.includes(group) ? (tasks * others) / (others + 1) : 0
  })
  return queued - left.reduce((sum, part) => sum + part, 0)
}
