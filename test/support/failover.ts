import { eventually } from './wait.ts'
import type { Asked, Load } from './load.ts'
import type { System } from './system.ts'

/** What a fault under load has cost. Times are milliseconds, from the fault on unless it says otherwise. */
export type Cost = {
  /** Tasks that were accepted and ended while it lasted, those of them that did not end well, and those that were refused at once. */
  readonly tasks: number
  readonly refused: number
  readonly lost: number
  /** Until the router left the agents that were hit out of its choice; absent when none of them had to be left out. */
  readonly detectionMs?: number
  /** Longest time between a failed contact and the next attempt of the same task. */
  readonly rerouteMs: number
  /** Longest time in which no task ended well: what the clients saw of it. */
  readonly silenceMs: number
  /** Until the swarm was complete again, with other agents in the place of those that were lost. */
  readonly recoveryMs?: number
}

/** A fault under load, and what is waited for. */
export type Trial = {
  readonly system: System
  readonly swarm: string
  readonly load: Load
  /** Names of the agents that are hit. */
  readonly victims: readonly string[]
  readonly strike: () => Promise<unknown>
  /** Ends the fault once it was seen and more tasks have ended; the agents that were hit may come back then. */
  readonly relent?: () => Promise<unknown>
  /** Agents that take tasks once all is well again; recovery is not waited for when left out. */
  readonly agents?: number
  /** The agents that are hit stay in the choice: they are slow, or it is something else that is hit. */
  readonly isUnseen?: boolean
  /** Whether an answer is the right one; what is not counts as lost. */
  readonly isRight?: (body: Asked['body']) => boolean
  /** Problem with which tasks may be refused before they are accepted; those are no losses. */
  readonly mayRefuse?: string
  readonly timeoutMs?: number
}

const LOOK_MS = 5
const SETTLED_TASKS = 50

/** Strikes under load and measures what it costs, until all is well again and some more tasks have ended. */
export async function costOf(trial: Trial): Promise<Cost> {
  const { system, swarm, load, victims, agents, isUnseen, timeoutMs = 60_000 } = trial
  await moreTasks(load)
  const before = load.answers.length
  const options = { timeoutMs, pollMs: LOOK_MS }
  const from = performance.now()
  const struck = trial.strike()
  const usable = async () => (await system.tasks.liveView(swarm)).agents.filter((a) => a.health === 'Healthy').map((a) => a.agent)
  const since = () => performance.now() - from
  let detectionMs: number | undefined
  if (!isUnseen && victims.length > 0) {
    await eventually('the agents that were hit are out', async () => !(await usable()).some((name) => victims.includes(name)), options)
    detectionMs = since()
  }
  await struck
  if (trial.relent) {
    await moreTasks(load)
    await trial.relent()
  }
  let recoveryMs: number | undefined
  if (agents !== undefined) {
    const isWhole = async () => {
      const seen = await usable()
      const mayReturn = isUnseen === true || trial.relent !== undefined
      return seen.length === agents && (mayReturn || !seen.some((name) => victims.includes(name)))
    }
    await eventually(`${agents} agents take tasks again`, isWhole, options)
    recoveryMs = since()
  }
  await moreTasks(load)
  return {
    ...tasksCost(load.answers.slice(before), from, trial),
    ...(detectionMs !== undefined && { detectionMs }),
    ...(recoveryMs !== undefined && { recoveryMs }),
  }
}

/** Waits until some more tasks have ended, so that what is measured is not the first of them. */
async function moreTasks(load: Load): Promise<void> {
  const from = load.answers.length
  await eventually('tasks go on', () => load.answers.length >= from + SETTLED_TASKS, { pollMs: LOOK_MS })
}

/** What the answers since `fromMs` tell. */
function tasksCost(
  answers: readonly Asked[],
  fromMs: number,
  { isRight = () => true, mayRefuse }: Pick<Trial, 'isRight' | 'mayRefuse'>,
): Omit<Cost, 'detectionMs' | 'recoveryMs'> {
  // One that has begun tells what was done of it.
  const accepted = answers.filter(({ body }) => mayRefuse === undefined || body['code'] !== mayRefuse || body['stages'] !== undefined)
  const done = answers.filter(({ status, body }) => status === 200 && isRight(body))
  let silenceMs = 0
  let lastMs = fromMs
  for (const { endedMs } of done) {
    silenceMs = Math.max(silenceMs, endedMs - lastMs)
    lastMs = endedMs
  }
  return {
    tasks: accepted.length,
    refused: answers.length - accepted.length,
    lost: accepted.length - done.length,
    rerouteMs: done.reduce((longest, answer) => Math.max(longest, reroutedIn(answer)), 0),
    silenceMs,
  }
}

type Told = {
  readonly attempts?: readonly { readonly durationMs: number }[]
  readonly timings?: { readonly totalMs: number }
  readonly subtasks?: unknown
}

/** Time that a task of several attempts spent on none of them; 0 for the others, and for one with subtasks, whose attempts are told apart. */
function reroutedIn({ body }: Asked): number {
  const { attempts = [], timings, subtasks } = body as Told
  if (attempts.length < 2 || !timings || subtasks !== undefined) return 0
  return Math.max(0, timings.totalMs - attempts.reduce((sum, { durationMs }) => sum + durationMs, 0))
}

/** One line that a person reads. */
export function costText(name: string, cost: Cost): string {
  const ms = (value: number | undefined) => (value === undefined ? '–' : `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`)
  return (
    `${name}: ${cost.tasks} tasks, ${cost.lost} lost${cost.refused > 0 ? `, ${cost.refused} refused at once` : ''}, detected in ${ms(cost.detectionMs)}, rerouted in ${ms(cost.rerouteMs)}, ` +
    `longest silence ${ms(cost.silenceMs)}, whole again in ${ms(cost.recoveryMs)}`
  )
}
