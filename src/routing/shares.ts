import { hashText, mixPair, unitOf } from '../stats/hash.ts'

/** Share of new tasks of one revision. */
export type Share = { readonly revision: string; readonly percent: number }

/** Whether both say the same, in the same order. */
export const sameShares = (a: readonly Share[], b: readonly Share[]): boolean =>
  a.length === b.length && a.every(({ revision, percent }, i) => revision === b[i]?.revision && percent === b[i]?.percent)

/**
 * Smooth weighted round-robin: over every run of as many picks as the weights sum to, each revision is picked exactly as often as
 * its weight says, and evenly spread. Revisions that cannot be used are passed over and neither earn nor lose credit meanwhile.
 */
export class SmoothShares {
  #shares: readonly Share[] = []
  readonly #credit: number[] = []

  /** Takes other weights; the credit of the old ones is forgotten, so that the new shares are exact from the first pick on. */
  set(shares: readonly Share[]): void {
    this.#shares = shares
    this.#credit.length = 0
    for (let i = 0; i < shares.length; i++) this.#credit.push(0)
  }

  /** The next revision of those with a weight above zero that `usable` accepts. */
  next(usable: (revision: string) => boolean): string | undefined {
    let total = 0
    let best = -1
    for (let i = 0; i < this.#shares.length; i++) {
      const share = this.#shares[i]
      if (!share || share.percent <= 0 || !usable(share.revision)) continue
      total += share.percent
      const credit = (this.#credit[i] ?? 0) + share.percent
      this.#credit[i] = credit
      if (best < 0 || credit > (this.#credit[best] ?? 0)) best = i
    }
    if (best < 0) return undefined
    this.#credit[best] = (this.#credit[best] ?? 0) - total
    return this.#shares[best]?.revision
  }
}

/**
 * The revision of a session: weighted rendezvous hashing. Shares are as the weights say, and a session stays with its revision as
 * long as no other revision's weight grows; of two revisions, the one that grows keeps all its sessions.
 */
export function revisionOfSession(sessionKey: string, shares: readonly Share[], usable: (revision: string) => boolean): string | undefined {
  const key = hashText(sessionKey)
  let best: string | undefined
  let bestScore = 0
  for (const { revision, percent } of shares) {
    if (percent <= 0 || !usable(revision)) continue
    const score = percent / -Math.log(unitOf(mixPair(key, hashText(revision))))
    if (best === undefined || score > bestScore) {
      best = revision
      bestScore = score
    }
  }
  return best
}
