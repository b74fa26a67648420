import type { PanelSize, Wish } from '../routing/wish.ts'
import type { Outcome } from '../routing/verdict.ts'
import type { Slot } from '../routing/slot.ts'
import type { Subtask } from '../routing/subtasks.ts'
import type { Ticket } from '../routing/wait-queue.ts'
import type { Problem } from './problem.ts'
import type { SwarmEntry } from './swarm-entry.ts'
import type { Trace } from './trace.ts'

/** Several agents at once: the call waits until all are free, and ends with them instead of being sent to anybody. */
export type Panel = PanelSize & { readonly seated: (slots: readonly Slot[], queuedMs: number) => void }

/** One piece of work for one agent; a plain task is one call, richer ways of working make several. */
export type CallRequest = {
  readonly id: string
  readonly entry: SwarmEntry<Call>
  /** Fields of the agent's request besides `attempt` and `epoch`, as JSON without the outer braces. */
  readonly bodyFields: string
  /** Part of the swarm whose agents may have it; all of it when absent. */
  readonly part?: string | undefined
  /** The one agent that may have it. */
  readonly agent?: string | undefined
  readonly panel?: Panel | undefined
  /** How often it is tried; as the swarm says when absent. */
  readonly attempts?: number | undefined
  /** It ends at once when nobody can have it, instead of waiting for somebody. */
  readonly isImpatient?: boolean | undefined
  /** It goes on with a task that has begun: a full queue does not refuse it. */
  readonly isContinued?: boolean | undefined
  /** Term of the leader in whose name it is made; 0 where nobody leads. */
  readonly epoch?: number | undefined
  /** Its agent may answer with subtasks instead of an output. */
  readonly mayPlan?: boolean | undefined
  /** It is done a second time, for nobody: it never waits, is tried once, and its agent is told. */
  readonly isMirrored?: boolean | undefined
  readonly capability: string | undefined
  readonly sessionKey: string | undefined
  readonly revision: string | undefined
  readonly isIdempotent: boolean
  readonly idempotencyKey: string
  readonly trace: Trace
  readonly timeoutMs: number
}

/** One attempt, as clients see it. */
export type AttemptReport = { readonly agent: string; readonly outcome: Outcome; readonly status?: number; readonly durationMs: number }

/** How a call ended well. */
export type CallResult = {
  readonly output: unknown
  /** What the agent answered instead of an output, where it may. */
  readonly subtasks?: readonly Subtask[]
  readonly slot: Slot
  readonly attempts: readonly AttemptReport[]
  /** Bytes of the agent's answer. */
  readonly answerBytes: number
  readonly queuedMs: number
  readonly agentMs: number
  readonly totalMs: number
}

/** A call on its way. It ends once, with a result or a problem. */
export class Call {
  readonly request: CallRequest
  /** When it began, in milliseconds of the router's clock. */
  readonly startedMs: number
  /** Those that have ended, in their order. */
  readonly attempts: AttemptReport[] = []
  /** Agents that it was with in vain: its next attempt avoids them. */
  readonly tried: Slot[] = []
  /** Attempts that count against the limit: those that an agent may have begun; and the others. */
  spent = 0
  unbegun = 0
  /** Revision that its next attempts go to, after one failed on a revision that is only being tried out. */
  provenRevision: string | undefined
  /** How long it has waited for agents, without the wait that goes on; and when that began. */
  queuedMs = 0
  waitingSinceMs = 0
  /** Its place in the queue while it waits. */
  ticket: Ticket<Call> | undefined
  queueTimer: NodeJS.Timeout | undefined
  deadlineTimer: NodeJS.Timeout | undefined
  /** The agent that has it now. */
  runningOn: string | undefined
  /** Ends the attempt that runs now. */
  stopAttempt: ((outcome: 'Timeout' | 'Cancelled') => void) | undefined
  /** True also once it was cancelled, of which nobody hears. */
  hasEnded = false
  readonly #onEnd: (result: CallResult | Problem) => void

  constructor(request: CallRequest, startedMs: number, onEnd: (result: CallResult | Problem) => void) {
    this.request = request
    this.startedMs = startedMs
    this.#onEnd = onEnd
  }

  /** Calls that the same agents can do share a lane of the waiting queue; those that go on with a task have one of their own. */
  get lane(): string {
    const { capability = '', part = '', agent = '', entry, isContinued } = this.request
    return `${this.#revision ?? entry.fleet.revisionOfSession(this.request) ?? ''}\n${capability}\n${part}\n${agent}${isContinued ? '\ngoes on' : ''}`
  }

  /** How often it may be tried, besides attempts that nobody can have begun. */
  get mostAttempts(): number {
    const { attempts, entry } = this.request
    return attempts ?? entry.settings?.attempts ?? 1
  }

  /** What the choice of an agent goes by. */
  get wish(): Wish {
    const { capability, sessionKey, part, agent } = this.request
    return { capability, sessionKey, revision: this.#revision, part, agent, tried: this.tried }
  }

  /** The revision that it must go to, if it must: one that is gone meanwhile is no longer proven. */
  get #revision(): string | undefined {
    const { revision, entry } = this.request
    if (revision !== undefined || this.provenRevision === undefined) return revision
    return entry.fleet.has(this.provenRevision) ? this.provenRevision : undefined
  }

  /** Ends it with this, unless it has ended before. */
  end(result: CallResult | Problem): void {
    if (this.#close()) this.#onEnd(result)
  }

  /** Ends a call for a panel with its agents. */
  seat(slots: readonly Slot[]): void {
    if (this.#close()) this.request.panel?.seated(slots, this.queuedMs)
  }

  #close(): boolean {
    if (this.hasEnded) return false
    this.hasEnded = true
    clearTimeout(this.deadlineTimer)
    clearTimeout(this.queueTimer)
    return true
  }
}
