import { median } from './statistics.ts'

/** A piece of code to be timed. One `run` does `operations` of them. */
export type Work = { readonly name: string; readonly operations: number; readonly run: () => void | Promise<void> }

/** Pieces of code that are timed beside something well known. */
export type Family = { readonly reference: Work; readonly subjects: readonly Work[] }

/** How long one operation took in each round, in nanoseconds. */
export type Timed = { readonly name: string; readonly nanoseconds: readonly number[] }

/**
 * Times pieces of code against each other: after a warm-up each has its turn in every round, so that what disturbs the machine
 * disturbs all of them.
 */
export async function compare(works: readonly Work[], { rounds, roundMs }: { rounds: number; roundMs: number }): Promise<Timed[]> {
  const timed = works.map((work): { work: Work; nanoseconds: number[] } => ({ work, nanoseconds: [] }))
  for (const { work } of timed) await once(work, roundMs)
  for (let round = 0; round < rounds; round++) {
    for (const { work, nanoseconds } of timed) nanoseconds.push(await once(work, roundMs))
  }
  return timed.map(({ work: { name }, nanoseconds }) => ({ name, nanoseconds }))
}

/** The median of the ratios within each round. */
export const ratioOf = (subject: Timed, reference: Timed): number =>
  median(subject.nanoseconds.map((value, round) => value / (reference.nanoseconds[round] ?? NaN)))

async function once({ operations, run }: Work, ms: number): Promise<number> {
  const started = performance.now()
  let runs = 0
  let took = 0
  do {
    const waiting = run()
    if (waiting) await waiting // a synchronous piece must not pay for a turn of the event loop
    runs += 1
    took = performance.now() - started
  } while (took < ms)
  return (took * 1e6) / (runs * operations)
}
