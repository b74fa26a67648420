/** One attempt as the agent that had it has noted it. Times are milliseconds since the machine has started, whichever process asks. */
export type Attempt = {
  readonly revision: string
  /** Which of the routers the client had sent the task to. */
  readonly via: number
  readonly arrivedMs: number
  readonly answeredMs: number
  readonly hasFailed: boolean
}

/** When a revision is given up: the share of failures among all attempts so far, as soon as there are so many. */
export type Limit = { readonly maxPercent: number; readonly minSamples: number }

/** The lines of agents, in the order in which they have answered. */
export function readAttempts(text: string): Attempt[] {
  const attempts = text.split('\n').flatMap((line): Attempt[] => {
    const [revision = '', via, arrivedMs, answeredMs, failed] = line.split(' ')
    if (failed === undefined) return []
    return [{ revision, via: Number(via), arrivedMs: Number(arrivedMs), answeredMs: Number(answeredMs), hasFailed: failed === '1' }]
  })
  return attempts.sort((a, b) => a.answeredMs - b.answeredMs)
}

/** When the response was sent with which the limit was passed; undefined when it was not. `attempts` are in the order of their answers. */
export function decidedMs(attempts: readonly Attempt[], { maxPercent, minSamples }: Limit): number | undefined {
  let failed = 0
  const at = attempts.findIndex(({ hasFailed }, i) => {
    failed += Number(hasFailed)
    return i + 1 >= minSamples && failed * 100 > maxPercent * (i + 1)
  })
  return attempts[at]?.answeredMs
}

/** The same where each router judges by what it has seen itself: when the first of them had to decide. */
export function firstDecidedMs(attempts: readonly Attempt[], limit: Limit): number | undefined {
  const routers = new Set(attempts.map(({ via }) => via))
  const times = [...routers].flatMap(
    (router) =>
      decidedMs(
        attempts.filter(({ via }) => via === router),
        limit,
      ) ?? [],
  )
  return times.length === 0 ? undefined : Math.min(...times)
}

/** The same where the revision must not fail more often, by so many points, than the one beside it. */
export function decidedBesideMs(
  attempts: readonly Attempt[],
  revision: string,
  { maxPercent: points, minSamples }: Limit,
): number | undefined {
  const [own, other] = [
    { samples: 0, failed: 0 },
    { samples: 0, failed: 0 },
  ]
  const percent = ({ samples, failed }: { samples: number; failed: number }) => (100 * failed) / samples
  return attempts.find((attempt) => {
    const side = attempt.revision === revision ? own : other
    side.samples += 1
    side.failed += Number(attempt.hasFailed)
    return own.samples >= minSamples && other.samples >= minSamples && percent(own) > percent(other) + points
  })?.answeredMs
}

/** What came after a decision: until when tasks were still sent, in milliseconds after it, and how many; 0 when none was. */
export function afterwards(attempts: readonly Attempt[], decided: number): { readonly ms: number; readonly tasks: number } {
  const late = attempts.filter(({ arrivedMs }) => arrivedMs > decided)
  return { ms: Math.max(0, ...late.map(({ arrivedMs }) => arrivedMs - decided)), tasks: late.length }
}
