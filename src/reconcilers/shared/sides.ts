/** One group as it is wanted. */
export type GroupWanted = { readonly name: string; readonly replicas: number }

/** What a rollout asks for instead of a rolling update. */
export type Sides = {
  /** Agents that each revision is to have; those that come first are made first. */
  readonly sides: readonly { readonly revision: string; readonly groups: readonly GroupWanted[] }[]
  /** Revisions whose agents stay as they are, without being replaced. */
  readonly kept: readonly string[]
}
