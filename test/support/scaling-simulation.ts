import type { Change } from '../../src/scaling/behaviour.ts'
import type { Sample } from '../../src/scaling/reading.ts'
import type { Trace } from './scaling-traces.ts'

/** Time between two looks at the fleet, in milliseconds. */
export const TICK_MS = 250

/** What a scaler sees of a moment: the fleet, and what has been measured and is known by now. */
export type Moment = {
  readonly ms: number
  readonly current: number
  readonly ready: number
  readonly arrived: readonly Sample[]
}

/** Decides at a moment; undefined when it does not look at that one. */
export type Scaler = (moment: Moment) => number | undefined

/** A fleet and its work. */
export type Fleet = {
  readonly least: number
  readonly most: number
  /** Tasks that an agent runs at once. */
  readonly perAgent: number
  /** Time from the decision to an agent that takes tasks. */
  readonly startMs: number
  /** How long a task takes. Without it tasks are not kept: those that find no agent wait for as long as the load says so. */
  readonly taskMs?: number
  /** What is measured; tasks that run or wait when left out. */
  readonly measure?: (seen: { readonly ready: number; readonly tasks: number }) => number
}

/** How a run went. */
export type Run = {
  /** Agent-seconds that were missing, and that nobody needed. */
  readonly under: number
  readonly over: number
  /** Task-seconds that tasks waited for an agent. */
  readonly waited: number
  readonly changes: readonly Change[]
  readonly replicas: readonly number[]
}

/** Runs a trace in virtual time. Agents that are not ready yet go first when fewer are wanted. */
export function simulate(trace: Trace, scaler: Scaler, fleet: Fleet): Run {
  const { seconds, load, told = (ms) => ms, judgedFrom = 0 } = trace
  const { least, most, perAgent, startMs, measure = ({ tasks }) => tasks } = fleet
  const needed = (tasks: number) => Math.min(most, Math.max(least, Math.ceil(tasks / perAgent)))
  const work = new Work(load(0), fleet)
  let [current, under, over, waited] = [needed(load(0)), 0, 0, 0]
  let starting: number[] = []
  const changes: Change[] = []
  const replicas: number[] = []
  const onTheWay: (Sample & { readonly arrivesMs: number })[] = []
  for (let ms = 0; ms < seconds * 1_000; ms += TICK_MS) {
    starting = starting.filter((readyAtMs) => readyAtMs > ms)
    const wish = load(ms / 1_000)
    work.pass(wish, (current - starting.length) * perAgent)
    const arrivesMs = told(ms)
    const value = measure({ ready: current - starting.length, tasks: work.open })
    if (arrivesMs !== undefined) onTheWay.push({ atMs: ms, value, arrivesMs })
    const arrived = onTheWay.filter((sample) => sample.arrivesMs <= ms)
    if (arrived.length > 0) onTheWay.splice(0, onTheWay.length, ...onTheWay.filter((sample) => sample.arrivesMs > ms))
    const to = scaler({ ms, current, ready: current - starting.length, arrived }) ?? current
    if (to !== current) changes.push({ atMs: ms, from: current, to })
    for (let n = current; n < to; n += 1) starting.push(ms + startMs)
    if (to < current) starting = starting.slice(0, Math.max(0, starting.length - (current - to)))
    current = to
    replicas.push(to)
    if (ms < judgedFrom * 1_000) continue
    const passed = TICK_MS / 1_000
    under += Math.max(0, needed(wish) - (current - starting.length)) * passed
    over += Math.max(0, current - needed(wish)) * passed
    waited += work.waiting * passed
  }
  return { under, over, waited, changes: changes.filter(({ atMs }) => atMs >= judgedFrom * 1_000), replicas }
}

/** Tasks as a fluid: they come at the pace at which the load would run, agents do as many at once as they have room for, the rest waits. */
class Work {
  readonly #taskMs: number | undefined
  open: number
  waiting = 0

  constructor(load: number, { taskMs }: Fleet) {
    this.open = load
    this.#taskMs = taskMs
  }

  /** A tick passes. */
  pass(load: number, room: number): void {
    if (this.#taskMs === undefined) this.open = load
    else this.open += ((load - Math.min(this.open, room)) * TICK_MS) / this.#taskMs
    this.waiting = Math.max(0, this.open - room)
  }
}

/** How often replicas went the other way than the time before. */
export const reversals = ({ changes }: Run): number =>
  changes.filter(({ from, to }, i) => {
    const before = changes[i - 1]
    return before !== undefined && Math.sign(to - from) !== Math.sign(before.to - before.from)
  }).length
