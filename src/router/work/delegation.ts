import type { Subtask } from '../../routing/subtasks.ts'
import { PART } from '../../topology/parts.ts'
import type { CallResult } from '../call.ts'
import { MAX_SUBTASKS, MERGE_SHARE } from '../limits.ts'
import { Problem } from '../problem.ts'
import { rounded } from '../times.ts'
import { answeredBy, callOf } from './calls.ts'
import { LedCall } from './led-call.ts'
import { SubtaskRun } from './subtask-run.ts'
import { endOfBegun } from './unknown.ts'
import type { Answered, Desk, StartWork, Task, Work } from './work.ts'

/**
 * The leader plans the task, workers do its subtasks, the leader merges their results:
 *
 * | asked for a capability    | what happens                                                    |
 * |---------------------------|-----------------------------------------------------------------|
 * | no                        | the leader plans                                                |
 * | one that workers have     | a worker that has it does the task; nobody plans                |
 * | one that only leaders have| the leader plans                                                |
 * | one that nobody has       | the task fails at once                                          |
 */
export const startDelegation: StartWork = (task, desk, onEnd) => {
  const { capability, entry } = task
  const isForLeader =
    capability === undefined || (!entry.fleet.canDo(PART.workers, capability) && entry.fleet.canDo(PART.coordinators, capability))
  return isForLeader ? new Delegation(task, desk, onEnd).start() : startOnWorker(task, desk, onEnd)
}

const startOnWorker: StartWork = (task, desk, onEnd) => {
  const request = (nowMs: number) => callOf(task, nowMs, { mayPlan: true })
  const call = new LedCall({ task, desk, to: 'worker', request }, (result) => {
    const { attempts } = call
    if (result instanceof Problem) onEnd(result)
    else if (result.subtasks) onEnd(nestedProblem(task, result, 'a task that was meant for a worker'))
    else onEnd({ ...answeredBy(result), attempts })
  })
  return call.start()
}

/**
 * One task on its way: plan, subtasks, merge. The leader may change at any moment: a plan that was not answered is asked of the next
 * leader, results that are there are merged by the next leader. A leader that is asked no more is not heard any more.
 */
class Delegation implements Work {
  readonly #task: Task
  readonly #desk: Desk
  readonly #onEnd: (result: Answered | Problem) => void
  readonly #plan: LedCall
  #planned: CallResult | undefined
  #run: SubtaskRun | undefined
  #merge: LedCall | undefined
  #isOver = false

  constructor(task: Task, desk: Desk, onEnd: (result: Answered | Problem) => void) {
    this.#task = task
    this.#desk = desk
    this.#onEnd = onEnd
    const request = (nowMs: number) => callOf(task, nowMs, { mayPlan: true, body: { phase: 'plan' } })
    this.#plan = new LedCall({ task, desk, to: 'leader', request }, (result) => this.#afterPlan(result))
  }

  start(): this {
    this.#plan.start()
    return this
  }

  cancel(): void {
    this.#isOver = true
    this.#plan.cancel()
    this.#run?.cancel()
    this.#merge?.cancel()
  }

  fail(problem: Problem): void {
    if (this.#merge) return this.#merge.fail(problem)
    if (!this.#run) return this.#plan.fail(problem)
    this.#run.cancel()
    this.#end(problem)
  }

  #afterPlan(result: CallResult | Problem): void {
    if (this.#isOver) return
    if (result instanceof Problem) return this.#end(result)
    this.#planned = result
    if (!result.subtasks) return this.#answer(this.#plan, result)
    if (result.subtasks.length > MAX_SUBTASKS) return this.#end(this.#tooMany(result.subtasks.length, result))
    this.#runSubtasks(result.subtasks)
  }

  #runSubtasks(plan: readonly Subtask[]): void {
    const { timeoutMs, startedMs } = this.#task
    const nowMs = this.#desk.now()
    const leftMs = timeoutMs - (nowMs - startedMs)
    const deadlineMs = nowMs + leftMs * (1 - MERGE_SHARE)
    const run = new SubtaskRun({ task: this.#task, desk: this.#desk, plan, deadlineMs }, () => this.#mergeResults(plan, run))
    this.#run = run
    run.start()
  }

  #mergeResults(plan: readonly Subtask[], run: SubtaskRun): void {
    if (this.#isOver) return
    const bodyJson = `"phase":"merge","subtasks":${JSON.stringify(plan)},"results":${run.resultsJson}`
    const task = this.#task
    // The id is that of the plan, so that a coordinator finds what it has noted; the key is another one: it is another piece of work.
    const idempotencyKey = `${task.idempotencyKey}/merge`
    const request = (nowMs: number) => ({ ...callOf(task, nowMs, { mayPlan: true, isContinued: true, bodyJson }), idempotencyKey })
    const merge = new LedCall({ task, desk: this.#desk, to: 'leader', request }, (result) => {
      if (this.#isOver) return
      if (result instanceof Problem) this.#end(result)
      else if (result.subtasks) this.#end(nestedProblem(task, result, 'the merge of a task that it had planned before'))
      else this.#answer(merge, result)
    })
    this.#merge = merge
    merge.start()
  }

  #answer(by: LedCall, result: CallResult): void {
    this.#isOver = true
    const { plan, attempts } = { plan: this.#planned, attempts: this.#attempts }
    const isMerged = by !== this.#plan
    this.#onEnd({
      ...answeredBy(result),
      attempts,
      queuedMs: rounded(result.queuedMs + (isMerged ? (plan?.queuedMs ?? 0) : 0)),
      totalMs: rounded(this.#desk.now() - this.#task.startedMs),
      more: { epoch: by.epoch, leader: result.slot.facts.name, ...this.#subtasks },
    })
  }

  #end(problem: Problem): void {
    this.#isOver = true
    const { code, fields } = problem
    const more = { ...fields.more, attempts: this.#attempts, ...this.#subtasks }
    const told = new Problem(code, { ...fields, more })
    this.#onEnd(this.#run ? endOfBegun(this.#task, told, 'the subtasks of the task') : told)
  }

  get #attempts() {
    return [...this.#plan.attempts, ...(this.#merge?.attempts ?? [])]
  }

  get #subtasks() {
    return this.#run && { subtasks: this.#run.reports }
  }

  #tooMany(count: number, { slot }: CallResult): Problem {
    const agent = slot.facts.name
    const detail = `agent ${agent} planned ${count} subtasks, and ${MAX_SUBTASKS} may be planned for one task; let it plan fewer and larger ones`
    return new Problem('TooManySubtasks', { taskId: this.#task.id, detail, more: { agent } })
  }
}

function nestedProblem({ id: taskId }: Task, { slot, attempts }: CallResult, what: string): Problem {
  const agent = slot.facts.name
  const detail = `agent ${agent} answered ${what} with subtasks; only the coordinator may plan, and only once for each task: let it answer with an output`
  return new Problem('NestedSubtasks', { taskId, detail, more: { agent, attempts } })
}
