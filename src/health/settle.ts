import { severity, type Verdict } from './judge.ts'

/** The verdict that stands, and what the last looks have shown that was better. */
export type Held = {
  readonly verdict: Verdict
  /** Looks in a row that were better, and the worst of them. */
  readonly better?: { readonly looks: number; readonly worst: Verdict }
}

/** Looks in a row that must be better before a state improves. */
export const LOOKS_TO_IMPROVE = 3

/**
 * The verdict that stands after one more look:
 *
 * | look                                   | what stands                                                       |
 * |----------------------------------------|-------------------------------------------------------------------|
 * | worse                                  | the new verdict, at once: its figures cover a window already      |
 * | the same state and reason              | the old one; its figures stay as they were when it began          |
 * | better, or another reason              | the old one, until LOOKS_TO_IMPROVE in a row were; then the worst |
 * |                                        | of these                                                          |
 *
 * `mayImprove` is false while too little has been seen for anything to be called better: just after a restart.
 */
export function settle(held: Held | undefined, look: Verdict, mayImprove: boolean): Held {
  if (!held || severity(look.state) > severity(held.verdict.state)) return { verdict: look }
  if (look.state === held.verdict.state && look.reason === held.verdict.reason) return { verdict: held.verdict }
  if (!mayImprove) return { verdict: held.verdict }
  const { looks, worst } = held.better ?? { looks: 0, worst: look }
  const better = { looks: looks + 1, worst: severity(look.state) >= severity(worst.state) ? look : worst }
  return better.looks >= LOOKS_TO_IMPROVE ? { verdict: better.worst } : { verdict: held.verdict, better }
}
