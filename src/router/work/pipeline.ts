import { keptRevision } from '../../routing/kept-revision.ts'
import type { Direction } from '../../routing/stages.ts'
import type { Stage } from '../../topology/parts.ts'
import type { AttemptReport, Call, CallRequest, CallResult } from '../call.ts'
import { Problem } from '../problem.ts'
import { rounded } from '../times.ts'
import { admit, noStagesProblem } from './admission.ts'
import { answeredBy, callOf } from './calls.ts'
import { endOfBegun } from './unknown.ts'
import type { Answered, Desk, StartWork, Task, Work } from './work.ts'

/** One stage that has done its work on a task, as clients see it. Times are milliseconds. */
export type StageReport = {
  readonly stage: string
  readonly agent: string
  readonly revision: string
  readonly attempts: number
  readonly queuedMs: number
  readonly agentMs: number
  readonly totalMs: number
}

/** A task goes through the stages of a ring: the output of one is the input of the next. It is refused before it begins when it would get stuck. */
export const startPipeline: StartWork = (task, desk, onEnd) => {
  const way = admit(task, desk)
  if (!(way instanceof Problem)) return new Pipeline({ task, desk, direction: way }, onEnd).start()
  onEnd(way)
  return { cancel: () => undefined, fail: () => undefined }
}

/** A part that nobody belongs to: that of a stage which has left the ring. */
const NOWHERE = 'nowhere'

type PipelineOptions = { readonly task: Task; readonly desk: Desk; readonly direction: Direction }

/**
 * One task on its way through the stages. A stage that fails is tried again with another agent, or waits for one, while the stages
 * before it stay done. The stages are those that the ring had when the task began, without those that have left it since.
 */
class Pipeline implements Work {
  readonly #task: Task
  readonly #desk: Desk
  readonly #direction: Direction
  readonly #onEnd: (result: Answered | Problem) => void
  /** Names of the stages to come; the next one is taken from the end. Where they are is looked up when they are needed. */
  readonly #left: string[]
  readonly #reports: StageReport[] = []
  readonly #attempts: AttemptReport[] = []
  #queuedMs = 0
  /** What the last stage has said. */
  #last: CallResult | undefined
  #call: Call | undefined

  constructor({ task, desk, direction }: PipelineOptions, onEnd: (result: Answered | Problem) => void) {
    this.#task = task
    this.#desk = desk
    this.#direction = direction
    this.#onEnd = onEnd
    const names = this.#stages.map(({ name }) => name)
    this.#left = direction === 'forward' ? names.reverse() : names
  }

  start(): this {
    this.#next(this.#task.input)
    return this
  }

  cancel(): void {
    if (this.#call) this.#desk.dispatcher.cancel(this.#call)
  }

  fail(problem: Problem): void {
    if (this.#call) this.#desk.dispatcher.fail(this.#call, problem)
  }

  get #stages(): readonly Stage[] {
    return this.#task.entry.settings?.stages ?? []
  }

  #find(name: string): Stage | undefined {
    return this.#stages.find((stage) => stage.name === name)
  }

  #next(inputJson: string): void {
    let name = this.#left.pop()
    while (name !== undefined && !this.#find(name)) name = this.#left.pop()
    if (name !== undefined) {
      const stage = name
      const request = this.#request(stage, inputJson)
      this.#call = undefined
      this.#call = this.#desk.dispatcher.start(request, (result) => this.#ended({ stage, inputJson, result }))
    } else if (this.#last && this.#stages.length > 0) this.#answer(this.#last)
    else this.#onEnd(this.#problem(undefined, noStagesProblem(this.#task)))
  }

  /** The agents of the stage are looked up anew whenever the call is placed: while it waits, the spec may change, or a revision go. */
  #request(stage: string, inputJson: string): CallRequest {
    const task = this.#task
    const { entry } = task
    const isContinued = this.#reports.length > 0
    const isBothWays = entry.settings?.topology?.bidirectional === true
    const body = { stage, ...(isBothWays && { direction: this.#direction }) }
    const partNow = () => this.#find(stage)?.part
    const revisionNow = () => this.#keptRevision(partNow())
    return {
      ...callOf(task, this.#desk.now(), { inputJson, isContinued, body }),
      // All stages see one id, so that an agent finds what it has noted; the key is another one for each: it is another piece of work.
      idempotencyKey: `${task.idempotencyKey}/${stage}`,
      get part() {
        return partNow() ?? NOWHERE
      },
      get isImpatient() {
        return partNow() === undefined
      },
      get revision() {
        return revisionNow()
      },
    }
  }

  /** The revision that the client asks for, or the one of the stages before, as long as that goes and has an agent that has not failed here. */
  #keptRevision(part: string | undefined): string | undefined {
    const { revision: asked, entry } = this.#task
    const revision = this.#reports.at(-1)?.revision
    if (asked !== undefined || revision === undefined || part === undefined) return asked
    const nowMs = this.#desk.now()
    const { spent = 0, tried = [] } = this.#call ?? {}
    if (spent > 0 && ![...entry.fleet.members(part, revision)].some((slot) => slot.isUp(nowMs) && !tried.includes(slot))) return undefined
    return keptRevision(entry.fleet, { revision, part, parts: this.#stages.map((stage) => stage.part) }, nowMs)
  }

  #ended({ stage, inputJson, result }: { stage: string; inputJson: string; result: CallResult | Problem }): void {
    this.#attempts.push(...(this.#call?.attempts ?? []))
    if (result instanceof Problem) {
      const hasLeft = result.code === 'NoAgentReady' && !this.#find(stage)
      return hasLeft ? this.#next(inputJson) : this.#onEnd(this.#problem(stage, result))
    }
    const { slot, output, attempts, queuedMs, agentMs, totalMs } = result
    const { name: agent, revision } = slot.facts
    this.#reports.push({ stage, agent, revision, attempts: attempts.length, queuedMs, agentMs, totalMs })
    this.#queuedMs += queuedMs
    this.#last = result
    const { namespace, name: swarm, settings } = this.#task.entry
    if (settings) this.#desk.metrics.stageSeconds.observe({ namespace, swarm, stage }, totalMs / 1000)
    if (this.#left.length > 0) this.#next(JSON.stringify(output))
    else this.#answer(result)
  }

  #answer(last: CallResult): void {
    this.#onEnd({
      ...answeredBy(last),
      attempts: this.#attempts,
      queuedMs: rounded(this.#queuedMs),
      totalMs: rounded(this.#desk.now() - this.#task.startedMs),
      more: { direction: this.#direction, stages: this.#reports },
    })
  }

  #problem(stage: string | undefined, { code, fields }: Problem): Problem {
    const direction = this.#direction
    const more = { ...fields.more, ...(stage !== undefined && { stage }), direction, stages: this.#reports, attempts: this.#attempts }
    const at = stage === undefined ? '' : `at stage ${stage}: `
    const detail = `${at}${fields.detail}${this.#isForLackOfAgents(stage, code) ? '; no agent of the stage worked at the end' : ''}`
    const told = new Problem(code, { ...fields, taskId: this.#task.id, detail, more })
    if (this.#reports.length === 0) return told
    return endOfBegun(this.#task, told, `the stages ${this.#reports.map((report) => report.stage).join(', ')}`)
  }

  #isForLackOfAgents(name: string | undefined, code: Problem['code']): boolean {
    const stage = name === undefined ? undefined : this.#find(name)
    if (!stage || code !== 'TaskTimeout') return false
    const nowMs = this.#desk.now()
    return ![...this.#task.entry.fleet.members(stage.part, this.#task.revision)].some((slot) => slot.isUp(nowMs))
  }
}
