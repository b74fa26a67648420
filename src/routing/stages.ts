/** One stage of a ring as a router sees it now. */
export type StageLoad = {
  readonly stage: string
  /** Tasks that its agents can work on at once, those counted that can be reached and whose circuit is not open. */
  readonly capacity: number
  /** Tasks that wait for it. */
  readonly waiting: number
  /** Tasks that one of its agents works on at once, whether there is one now or not. */
  readonly limit: number
}

/** Ready: a task goes to it at once or nearly so. Waiting: tasks wait. Full: as many as it can work on at once. Broken: it has no agent. */
export type StageState = 'Ready' | 'Waiting' | 'Full' | 'Broken'

/** The state of a stage; `Full` and `Broken` ones get no new tasks. */
export function stateOf({ capacity, waiting }: Pick<StageLoad, 'capacity' | 'waiting'>): StageState {
  if (capacity === 0) return 'Broken'
  if (waiting === 0) return 'Ready'
  return waiting >= capacity ? 'Full' : 'Waiting'
}

/** The way through a ring. */
export type Direction = 'forward' | 'reverse'

/** What a task may ask for: a way, or the one on which more can be done now. */
export const DIRECTIONS = ['forward', 'reverse', 'any'] as const
export type AskedDirection = (typeof DIRECTIONS)[number]

/** Where a new task goes, or the stage for which it is refused. */
export type Way = { readonly direction: Direction } | { readonly refusal: 'StageFull' | 'StageBroken'; readonly stage: string }

/**
 * The way of a new task. A task needs every stage, so that a broken one can only be put off, never left out:
 *
 * | asked for        | a stage is broken                                                     | a stage is full | otherwise |
 * |------------------|-----------------------------------------------------------------------|-----------------|-----------|
 * | forward, reverse | refused                                                               | refused         | that way  |
 * | any              | the way on which more stages come before a broken one; refused when one comes first on both, or when as many tasks wait for it as one agent works on at once | refused | forward |
 */
export function wayOf(stages: readonly StageLoad[], asked: AskedDirection): Way {
  const ordered = asked === 'reverse' ? [...stages].reverse() : stages
  const broken = ordered.filter((stage) => stateOf(stage) === 'Broken')
  const [first] = broken
  if (first && (asked !== 'any' || broken.some((stage) => stage.waiting >= stage.limit)))
    return { refusal: 'StageBroken', stage: first.stage }
  const full = ordered.find((stage) => stateOf(stage) === 'Full')
  if (full) return { refusal: 'StageFull', stage: full.stage }
  if (asked !== 'any') return { direction: asked }
  if (!first) return { direction: 'forward' }
  const isBroken = (stage: StageLoad) => stateOf(stage) === 'Broken'
  const forward = stages.findIndex(isBroken)
  const reverse = stages.length - 1 - stages.findLastIndex(isBroken)
  if (forward === 0 && reverse === 0) return { refusal: 'StageBroken', stage: first.stage }
  return { direction: forward >= reverse ? 'forward' : 'reverse' }
}
