import type { AskedDirection } from '../../routing/stages.ts'
import type { AttemptReport, Call } from '../call.ts'
import type { Dispatcher } from '../dispatcher.ts'
import type { Leaders } from '../leadership.ts'
import type { RouterMetrics } from '../metrics.ts'
import type { Mirrors } from '../mirrors.ts'
import type { Problem } from '../problem.ts'
import type { SwarmEntry } from '../swarm-entry.ts'
import type { Trace } from '../trace.ts'

/** One accepted task. `input` is JSON text: it goes to agents as it came. */
export type Task = {
  readonly id: string
  readonly entry: SwarmEntry<Call>
  readonly input: string
  readonly capability: string | undefined
  readonly sessionKey: string | undefined
  readonly revision: string | undefined
  /** Its revision follows what is ready: it may be another one, or any, whenever an agent is chosen. */
  readonly isTester?: boolean
  /** The way through a ring; forward when the client does not say. */
  readonly direction: AskedDirection | undefined
  readonly isIdempotent: boolean
  readonly idempotencyKey: string
  readonly trace: Trace
  /** Time for all of it, in milliseconds from `startedMs`. */
  readonly timeoutMs: number
  readonly startedMs: number
}

/** How a task ended well, as its client sees it; topologies add what they have done on the way. */
export type Answered = {
  readonly output: unknown
  /** The agent that gave the output. */
  readonly agent: string
  readonly group: string
  readonly revision: string
  readonly attempts: readonly AttemptReport[]
  readonly queuedMs: number
  readonly agentMs: number
  readonly totalMs: number
  readonly more?: Readonly<Record<string, unknown>>
}

/** What a way of working uses; clock and chance are given. */
export type Desk = {
  readonly dispatcher: Dispatcher
  readonly leaders: Leaders
  readonly metrics: RouterMetrics
  readonly mirrors: Mirrors
  readonly now: () => number
  readonly random: () => number
}

/** A task on its way. It hears of its end by itself unless it is cancelled. */
export type Work = {
  /** The client went away: nothing is answered, requests to agents are cut. */
  cancel(): void
  /** Ends it now with this problem. */
  fail(problem: Problem): void
}

/** Begins a task; `onEnd` hears its end exactly once, unless it is cancelled. */
export type StartWork = (task: Task, desk: Desk, onEnd: (result: Answered | Problem) => void) => Work
