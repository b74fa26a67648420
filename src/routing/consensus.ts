/** One vote as it was cast. Choices that mean the same have the same `key`. */
export type CastVote = { readonly key: string; readonly weightMillionths: number }

/** Where a vote stands: who votes is fixed before, so that `outstanding` only shrinks. */
export type Tally = {
  readonly cast: readonly CastVote[]
  /** Voters that have neither voted nor failed. */
  readonly outstanding: number
  /** Voters in all: those that voted, those that failed, and the outstanding ones. */
  readonly voters: number
}

/** Why no choice was made; a closed set, told to clients. */
export type NoConsensusReason = 'Tie' | 'BelowThreshold' | 'NoQuorum'

/** What follows from a tally. */
export type Decision =
  | { readonly kind: 'Open' }
  | { readonly kind: 'Decided'; readonly key: string; readonly weightMillionths: number; readonly castMillionths: number }
  | { readonly kind: 'NoConsensus'; readonly reason: NoConsensusReason }

/** The weight of a full vote. Weights are counted in millionths, so that sums are exact and do not depend on the order of votes. */
export const FULL_WEIGHT = 1_000_000

/** Objects and lists inside each other in a choice. */
const MAX_CHOICE_DEPTH = 100

/** Characters of a choice in canonical JSON: a choice is something to compare, not a document. */
const MAX_CHOICE_CHARS = 64 * 1024

const OPEN: Decision = { kind: 'Open' }

/**
 * Decides as soon as nothing that is still to come can change it. With q = the threshold's share of the voters, rounded up:
 *
 * | all votes are in and                                                 | outcome        |
 * |----------------------------------------------------------------------|----------------|
 * | fewer than q voters have voted                                       | NoQuorum       |
 * | two or more choices share the greatest weight, and it is not zero    | Tie            |
 * | the greatest weight is zero, or below the threshold of the cast one  | BelowThreshold |
 * | otherwise                                                            | Decided        |
 *
 * While votes are outstanding, a choice is decided when the table gives it even if all others fail, and even if all others vote with
 * full weight for its strongest rival; that there is no consensus is decided when the table gives none even if all others vote with
 * full weight for the strongest choice. That needs weights of at most 1. An early end without consensus is NoQuorum when too few can
 * still vote, else BelowThreshold: no choice can reach the threshold any more.
 */
export function decide({ cast, outstanding, voters }: Tally, thresholdPercent: number): Decision {
  const quorum = quorumOf(voters, thresholdPercent)
  const { best, rival, total } = strongest(cast)
  const open = outstanding * FULL_WEIGHT
  const reaches = (weight: number, of: number) => weight * 100 >= of * thresholdPercent
  if (cast.length + outstanding < quorum) return { kind: 'NoConsensus', reason: 'NoQuorum' }
  if (cast.length >= quorum && best && best.weight > rival + open && reaches(best.weight, total + open)) {
    return { kind: 'Decided', key: best.key, weightMillionths: best.weight, castMillionths: total }
  }
  const weight = best?.weight ?? 0
  if (outstanding === 0) return { kind: 'NoConsensus', reason: weight > 0 && weight === rival ? 'Tie' : 'BelowThreshold' }
  return weight + open > rival && reaches(weight + open, total + open) ? OPEN : { kind: 'NoConsensus', reason: 'BelowThreshold' }
}

/** How many of so many voters must have voted. */
export const quorumOf = (voters: number, thresholdPercent: number): number => Math.ceil((voters * thresholdPercent) / 100)

/** The choice with the greatest weight, the weight of the next one, and the weight of all. */
function strongest(cast: readonly CastVote[]): { best: { key: string; weight: number } | undefined; rival: number; total: number } {
  const weights = new Map<string, number>()
  let total = 0
  for (const { key, weightMillionths } of cast) {
    weights.set(key, (weights.get(key) ?? 0) + weightMillionths)
    total += weightMillionths
  }
  let best: { key: string; weight: number } | undefined
  let rival = 0
  for (const [key, weight] of weights) {
    if (!best || weight > best.weight) {
      rival = best?.weight ?? 0
      best = { key, weight }
    } else if (weight > rival) rival = weight
  }
  return { best, rival, total }
}

/** What an agent voted. */
export type Ballot = CastVote & { readonly choice: unknown; readonly weight: number }

/** Reads a vote, `{choice, weight?}` with a weight from 0 to 1, or says what is wrong with it. */
export function readBallot(output: unknown): Ballot | string {
  if (!isRecord(output) || !('choice' in output)) return 'its output is not a vote; answer {"output": {"choice": …, "weight": 0 to 1}}'
  const { choice, weight = 1 } = output
  if (typeof weight !== 'number' || !(weight >= 0 && weight <= 1)) return 'the weight of its vote is not a number from 0 to 1'
  const key = canonical(choice, MAX_CHOICE_DEPTH)
  if (key === undefined) return `its choice nests deeper than ${MAX_CHOICE_DEPTH} levels`
  if (key.length > MAX_CHOICE_CHARS) return `its choice has more than ${MAX_CHOICE_CHARS} characters; vote for a reference to large data`
  return { choice, weight, key, weightMillionths: Math.round(weight * FULL_WEIGHT) }
}

/** The JSON of a parsed value with the members of objects in the order of their names (as RFC 8785); none when it is too deep. */
export function canonical(value: unknown, depth: number): string | undefined {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (depth === 0) return undefined
  const parts: string[] = []
  const isList = Array.isArray(value)
  for (const [name, member] of isList ? value.entries() : Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const text = canonical(member, depth - 1)
    if (text === undefined) return undefined
    parts.push(isList ? text : `${JSON.stringify(name)}:${text}`)
  }
  return isList ? `[${parts.join(',')}]` : `{${parts.join(',')}}`
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value)
