import { PART } from '../../topology/parts.ts'
import { Results, type Subtask } from '../../routing/subtasks.ts'
import type { CallResult } from '../call.ts'
import { MAX_RESULTS_BYTES, SUBTASKS_AT_ONCE } from '../limits.ts'
import { Problem, type ProblemCode } from '../problem.ts'
import { callOf } from './calls.ts'
import { LedCall } from './led-call.ts'
import type { Desk, Task } from './work.ts'

/** One subtask as clients see it. `outcome` is `Done`, or the code of what became of it. */
export type SubtaskReport = {
  readonly agent?: string
  readonly capability?: string
  readonly outcome: 'Done' | 'ResultTooLarge' | ProblemCode
  readonly totalMs: number
}

/** What is run, and until when. */
export type SubtaskRunOptions = {
  readonly task: Task
  readonly desk: Desk
  readonly plan: readonly Subtask[]
  readonly deadlineMs: number
}

/** Runs the subtasks of one task on the workers, side by side, each until it has an output or an error. */
export class SubtaskRun {
  readonly #o: SubtaskRunOptions
  readonly #onEnd: () => void
  readonly #results: Results
  readonly #reports: (SubtaskReport | undefined)[]
  readonly #running = new Set<LedCall>()
  #next = 0
  #left: number
  #isFilling = false
  #isOver = false

  constructor(options: SubtaskRunOptions, onEnd: () => void) {
    this.#o = options
    this.#onEnd = onEnd
    const { length } = options.plan
    this.#results = new Results(length, MAX_RESULTS_BYTES)
    this.#reports = Array.from({ length }, () => undefined)
    this.#left = length
  }

  /** Starts as many as may run at once, the others as these end; `onEnd` may be called before this returns. */
  start(): void {
    if (this.#left === 0) this.#finish()
    else this.#fill()
  }

  /** Whether every subtask has an output or an error. */
  get hasEnded(): boolean {
    return this.#left === 0
  }

  /** Cuts what runs; `onEnd` is not called any more. */
  cancel(): void {
    this.#isOver = true
    for (const call of this.#running) call.cancel()
    this.#running.clear()
  }

  /** The results as a JSON list, in the order of the plan. */
  get resultsJson(): string {
    return this.#results.json
  }

  /** What became of the subtasks, in the order of the plan; those that have not ended are not told of. */
  get reports(): readonly SubtaskReport[] {
    return this.#reports.filter((report) => report !== undefined)
  }

  /** Subtasks may end while they are started: those that follow are started by the same loop. */
  #fill(): void {
    if (this.#isFilling) return
    this.#isFilling = true
    while (!this.#isOver && this.#next < this.#o.plan.length && this.#running.size < SUBTASKS_AT_ONCE) this.#startOne(this.#next++)
    this.#isFilling = false
    if (this.#left === 0) this.#finish()
  }

  #finish(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#onEnd()
  }

  #startOne(index: number): void {
    const { task, desk, plan, deadlineMs } = this.#o
    const { input, capability } = plan[index] ?? { input: null }
    const inputJson = JSON.stringify(input)
    const { fleet } = task.entry
    const startedMs = desk.now()
    // A session binds its task to a revision, not all of its subtasks to one agent.
    const { sessionKey } = task
    const revision = () => task.revision ?? fleet.revisionOfSession({ sessionKey, capability, part: PART.workers })
    const suffix = `/subtask/${index}`
    const call = new LedCall(
      {
        task,
        desk,
        to: 'worker',
        revision,
        request: (nowMs) => ({
          ...callOf(task, nowMs, { inputJson, capability, suffix, isContinued: true, mayPlan: true }),
          sessionKey: undefined,
          timeoutMs: Math.max(1, deadlineMs - nowMs),
        }),
      },
      (result) => this.#ended({ index, call, startedMs, result }),
    )
    this.#running.add(call)
    call.start()
  }

  #ended(end: { index: number; call: LedCall; startedMs: number; result: CallResult | Problem }): void {
    const { index, call, startedMs, result } = end
    if (this.#isOver || !this.#running.delete(call)) return
    const { task, desk, plan } = this.#o
    const { namespace, name: swarm, settings } = task.entry
    const outcome = this.#keep(index, result)
    const agent = call.attempts.at(-1)?.agent
    const capability = plan[index]?.capability
    const totalMs = Math.round((desk.now() - startedMs) * 100) / 100
    this.#reports[index] = { ...(agent !== undefined && { agent }), ...(capability !== undefined && { capability }), outcome, totalMs }
    if (settings) desk.metrics.subtasks.inc({ namespace, swarm, outcome })
    this.#left -= 1
    this.#fill()
  }

  #keep(index: number, result: CallResult | Problem): SubtaskReport['outcome'] {
    if (result instanceof Problem) {
      const { code, fields } = result
      const { agentStatus, answer } = fields.more ?? {}
      const said = code === 'TaskRejected' ? { status: agentStatus, answer } : {}
      this.#results.failed(index, { code, detail: fields.detail, ...said })
      return code
    }
    const agent = result.slot.facts.name
    if (result.subtasks) {
      const detail = `agent ${agent} answered a subtask with subtasks; only the coordinator may plan, and only once for each task`
      this.#results.failed(index, { code: 'NestedSubtasks', detail })
      return 'NestedSubtasks'
    }
    if (this.#results.done(index, result.output)) return 'Done'
    const detail = `the results of the task have more than ${MAX_RESULTS_BYTES} bytes together; let workers answer with references instead`
    this.#results.failed(index, { code: 'ResultTooLarge', detail })
    return 'ResultTooLarge'
  }
}
