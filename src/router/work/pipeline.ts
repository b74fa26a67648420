import { wayOf, type Direction } from '../../routing/stages.ts'
import type { Stage } from '../../topology/parts.ts'
import type { AttemptReport, Call, CallRequest, CallResult } from '../call.ts'
import { Problem } from '../problem.ts'
import { stageLoads } from '../stages.ts'
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

/** The way of a new task, or why it is refused. */
function admit({ entry, direction = 'forward', capability }: Task, desk: Desk): Direction | Problem {
  const nowMs = desk.now()
  const where = `swarm ${entry.namespace}/${entry.name}`
  const unable = entry.settings?.stages.find(({ part }) => capability !== undefined && !entry.fleet.canDo(part, capability))
  if (unable) {
    const detail = `stage ${unable.name} of ${where} does not have the capability ${capability}; in a ring every stage works on a task: leave capability out`
    return new Problem('NoAgentWithCapability', { detail })
  }
  const loads = stageLoads(entry, nowMs)
  const way = wayOf(loads, direction)
  if ('direction' in way) return way.direction
  const { stage, refusal } = way
  const waiting = loads.find((load) => load.stage === stage)?.waiting ?? 0
  if (refusal === 'StageBroken') {
    const detail = `stage ${stage} of ${where} has no agent that works; kubectl -n ${entry.namespace} get agents says why, and it goes on by itself when it has one`
    return new Problem('StageBroken', { retryAfterSeconds: 1, detail, more: { stage } })
  }
  const part = entry.settings?.stages.find(({ name }) => name === stage)?.part
  const waitMs = entry.fleet.expectedWaitMs({ part, tried: [] }, waiting, 1, nowMs) ?? 0
  const detail = `${waiting} task${waiting === 1 ? ' waits' : 's wait'} for stage ${stage} of ${where}, as many as it works on at once; send it again later, or give the stage more replicas`
  return new Problem('StageFull', {
    retryAfterSeconds: Math.min(MAX_RETRY_AFTER_SECONDS, Math.max(1, Math.ceil(waitMs / 1000))),
    detail,
    more: { stage },
  })
}

/** Longest pause that is asked of clients. */
const MAX_RETRY_AFTER_SECONDS = 60

type PipelineOptions = { readonly task: Task; readonly desk: Desk; readonly direction: Direction }

/**
 * One task on its way through the stages. A stage that fails is tried again with another agent, or waits for one, while the stages
 * before it stay done. The task keeps the revision that it began with as long as the next stage has agents of it.
 */
class Pipeline implements Work {
  readonly #task: Task
  readonly #desk: Desk
  readonly #direction: Direction
  readonly #onEnd: (result: Answered | Problem) => void
  readonly #left: Stage[]
  readonly #reports: StageReport[] = []
  readonly #attempts: AttemptReport[] = []
  #queuedMs = 0
  #revision: string | undefined
  #call: Call | undefined

  constructor({ task, desk, direction }: PipelineOptions, onEnd: (result: Answered | Problem) => void) {
    this.#task = task
    this.#desk = desk
    this.#direction = direction
    this.#onEnd = onEnd
    this.#revision = task.revision
    const stages = [...(task.entry.settings?.stages ?? [])]
    this.#left = direction === 'forward' ? stages.reverse() : stages // the next one is taken from the end
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

  #next(inputJson: string): void {
    const stage = this.#left.pop()
    if (!stage) return
    const request = this.#request(stage, inputJson)
    this.#call = this.#desk.dispatcher.start(request, (result) => this.#ended(stage, result))
  }

  #request({ part, name }: Stage, inputJson: string): CallRequest {
    const task = this.#task
    const isContinued = this.#reports.length > 0
    // All stages see one id, so that an agent finds what it has noted; the key is another one for each: it is another piece of work.
    const call = callOf(task, this.#desk.now(), { part, inputJson, isContinued, body: { stage: name } })
    const request = { ...call, idempotencyKey: `${task.idempotencyKey}/${name}` }
    const wanted = this.#revision
    if (wanted === task.revision || wanted === undefined) return request
    const { fleet } = task.entry
    return {
      ...request,
      /** Looked up anew whenever the call is placed: the revision may go while it waits. */
      get revision() {
        return fleet.members(part, wanted).next().done === true ? undefined : wanted
      },
    }
  }

  #ended({ name: stage }: Stage, result: CallResult | Problem): void {
    this.#attempts.push(...(this.#call?.attempts ?? (result instanceof Problem ? [] : result.attempts)))
    if (result instanceof Problem) return this.#onEnd(this.#problem(stage, result))
    const { slot, output, attempts, queuedMs, agentMs, totalMs } = result
    const { name: agent, revision } = slot.facts
    this.#reports.push({ stage, agent, revision, attempts: attempts.length, queuedMs, agentMs, totalMs })
    this.#queuedMs += queuedMs
    this.#revision ??= revision
    const { namespace, name: swarm } = this.#task.entry
    this.#desk.metrics.stageSeconds.observe({ namespace, swarm, stage }, totalMs / 1000)
    this.#call = undefined
    if (this.#left.length > 0) return this.#next(JSON.stringify(output))
    this.#onEnd({
      ...answeredBy(result),
      attempts: this.#attempts,
      queuedMs: round(this.#queuedMs),
      totalMs: round(this.#desk.now() - this.#task.startedMs),
      more: { direction: this.#direction, stages: this.#reports },
    })
  }

  #problem(stage: string, { code, fields }: Problem): Problem {
    const more = { ...fields.more, stage, stages: this.#reports, attempts: this.#attempts }
    const told = new Problem(code, { ...fields, taskId: this.#task.id, detail: `at stage ${stage}: ${fields.detail}`, more })
    return this.#reports.length === 0 ? told : endOfBegun(this.#task, told, `the stages before ${stage}`)
  }
}

const round = (ms: number) => Math.round(ms * 100) / 100
