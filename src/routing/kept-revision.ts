import type { Share } from './shares.ts'

/** What is asked about the agents of a part that are of one revision. */
export interface Revisions {
  /** The revisions that have a share of the traffic. */
  readonly shares: readonly Share[]
  /** Whether one of them is up, busy or not. */
  hasUp(part: string, revision: string, nowMs: number): boolean
  /** Whether one of them is free now. */
  hasFree(part: string, revision: string): boolean
}

/** A task that began on a revision: the part where it goes on, and all parts that tasks go through. */
export type OnItsWay = { readonly revision: string; readonly part: string; readonly parts: readonly string[] }

/**
 * The revision on which a task goes on; undefined for any:
 *
 * | agents of its revision | another revision                                                        | goes on   |
 * |------------------------|-------------------------------------------------------------------------|-----------|
 * | one is free            |                                                                         | with it   |
 * | none is up             |                                                                         | with any  |
 * | all are busy           | has a free one here, and none up in another part: no task can keep to it | with that |
 * | all are busy           | otherwise                                                               | with it   |
 *
 * The third case is an update under way that has come further in one part than in the other. Without it, agents would stand idle there
 * while tasks wait for the few that are of the other revision.
 */
export function keptRevision(revisions: Revisions, { revision, part, parts }: OnItsWay, nowMs: number): string | undefined {
  if (revisions.hasFree(part, revision)) return revision
  if (!revisions.hasUp(part, revision, nowMs)) return undefined
  const isIncomplete = (other: string) => parts.some((each) => !revisions.hasUp(each, other, nowMs))
  const idle = revisions.shares.find(({ revision: other }) => other !== revision && revisions.hasFree(part, other) && isIncomplete(other))
  return idle?.revision ?? revision
}
