import { randomUUID } from 'node:crypto'
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import type { Call } from './call.ts'
import { readBody, sendJson, sendProblem, type SwarmPlace } from './front.ts'
import { FLUSH_MS, MAX_BODY_BYTES } from './limits.ts'
import type { RouterMetrics } from './metrics.ts'
import { OpenTasks, type OpenTasksOptions } from './open-tasks.ts'
import { Problem, type ProblemCode } from './problem.ts'
import type { SwarmEntry } from './swarm-entry.ts'
import { Repeats } from './repeats.ts'
import { keyedOf, keyHeader, keyReused, scopeOf, type Keyed } from './task-key.ts'
import { parseTask, type TaskRequest } from './task-request.ts'
import { parentOf, traceOf, type Trace, type Tracer } from './trace.ts'
import { checkDirection } from './work/admission.ts'
import { startWork } from './work/start.ts'
import { saysNothingWasDone } from './work/unknown.ts'
import { taskOfTester } from './testers.ts'
import type { Answered, Desk, Task, Work } from './work/work.ts'
import type { World } from './world.ts'

/** What the task API works with. `broken` hears of mistakes of the router itself. */
export type TasksOptions = OpenTasksOptions & {
  readonly world: World<Call>
  readonly desk: Desk
  readonly metrics: RouterMetrics
  readonly isKnowing: () => boolean
  /** Records tasks, where somebody wants that. */
  readonly tracer: Tracer | undefined
  readonly broken: (error: unknown, response: ServerResponse) => void
}

/** A task that has begun, with those who wait for its answer: its client, and those who have repeated it. */
type BegunTask = {
  readonly id: string
  readonly entry: SwarmEntry<Call>
  readonly isIdempotent: boolean
  readonly waiting: ServerResponse[]
  /** Where repeats find it; absent without an idempotency key. */
  readonly key: string | undefined
  readonly trace: Trace
  work?: Work
  hasEnded: boolean
}

/** Failures that are final for the task: a repeat would only do it twice. */
const FINAL = new Set<string>(['TaskRejected', 'OutcomeUnknown', 'AnswerTooLarge'] satisfies ProblemCode[])

/** Tasks over HTTP: each one that is accepted is answered exactly once, unless its client goes away. */
export class Tasks {
  readonly #o: TasksOptions
  readonly #tasks = new Map<string, BegunTask>()
  readonly #repeats = new Repeats<BegunTask, string | Problem>()
  readonly #open: OpenTasks
  #isStopping = false

  constructor(options: TasksOptions) {
    this.#o = options
    this.#open = new OpenTasks(options)
  }

  /** Tasks accepted and not ended. */
  get open(): number {
    return this.#open.count
  }

  /** Takes no more tasks; resolves when the open ones have ended, which it forces when the time is up. */
  async stop(drainMs: number): Promise<void> {
    this.#isStopping = true
    if (this.#open.count === 0) return
    const force = setTimeout(() => {
      for (const { id: taskId, work } of this.#tasks.values()) {
        const detail = `the router stopped before the task ended, after waiting for it for ${drainMs} ms`
        work?.fail(new Problem('ShuttingDown', { taskId, detail }))
      }
    }, drainMs)
    // A client that never finishes sending its task does not hold up the stop.
    const { promise: isOver, resolve } = Promise.withResolvers<void>()
    const end = setTimeout(resolve, drainMs + FLUSH_MS)
    await Promise.race([this.#open.idle(), isOver])
    clearTimeout(force)
    clearTimeout(end)
  }

  /** Answers POST …/tasks. */
  accept(place: SwarmPlace, request: IncomingMessage, response: ServerResponse): void {
    let bytes = bytesToCome(request.headers)
    const refusal = this.#refusal(place, bytes)
    if (refusal) return this.#refuse(response, refusal)
    let task: BegunTask | undefined
    response.on('close', () => {
      if (task) this.#left(task, response)
      this.#open.leave(place.namespace, bytes)
    })
    readBody(request, (body) => {
      if (body instanceof Problem) return this.#refuse(response, body)
      if (response.destroyed) return
      this.#open.grow(body.length - bytes)
      bytes = body.length
      try {
        task = this.#take(place, request.headers, body, response)
      } catch (error) {
        if (error instanceof Problem) this.#refuse(response, error)
        else this.#o.broken(error, response)
      }
    })
  }

  /** The Swarm object is gone: another one of its name has other answers. */
  swarmGone(entry: SwarmEntry<Call>): void {
    this.#repeats.forget(scopeOf(entry))
  }

  #refusal(place: SwarmPlace, bytes: number): Problem | undefined {
    if (this.#isStopping)
      return new Problem('ShuttingDown', { retryAfterSeconds: 1, detail: 'this router is stopping; send the task again' })
    if (!this.#o.isKnowing()) {
      return new Problem('NotReady', { retryAfterSeconds: 1, detail: 'this router has just started; send the task again' })
    }
    const { namespace, swarm } = place
    if (!this.#o.world.find(namespace, swarm)) return swarmNotFound(namespace, swarm)
    return this.#open.enter(place, bytes)
  }

  #refuse(response: ServerResponse, problem: Problem): void {
    this.#o.metrics.refused.inc({ code: problem.code })
    sendProblem(response, problem, { mustClose: this.#isStopping })
  }

  /** Begins the task, or joins the one that it repeats, or gives the answer that this one had. */
  #take(place: SwarmPlace, headers: IncomingHttpHeaders, body: Buffer, response: ServerResponse): BegunTask | undefined {
    const { namespace, swarm } = place
    const asked = parseTask(body)
    const entry = this.#o.world.find(namespace, swarm)
    if (!entry?.settings) throw swarmNotFound(namespace, swarm)
    const revision = keyHeader(headers['swarm-revision'], 'Swarm-Revision')
    const keyed = keyedOf({ entry, text: keyHeader(headers['idempotency-key'], 'Idempotency-Key'), body, revision })
    const known = keyed && this.#repeats.find(keyed.key, keyed.fingerprint, this.#o.desk.now())
    if (!known) return this.#start({ entry, asked, revision, headers, response, keyed })
    if (known.kind === 'Reused') throw keyReused(keyed.text)
    this.#o.metrics.repeats.inc({ namespace, swarm, result: known.kind === 'Running' ? 'joined' : 'replayed' })
    response.setHeader('idempotent-replayed', 'true')
    if (known.kind === 'Ended') {
      this.#send(response, known.answer)
      return undefined
    }
    known.task.waiting.push(response)
    return known.task
  }

  #start({ entry, asked, revision, headers, response, keyed }: Order): BegunTask | undefined {
    const { desk } = this.#o
    const id = randomUUID()
    const timeoutMs = entry.settings?.timeoutMs ?? 0
    const { isIdempotent, capability, sessionKey, direction } = asked
    checkDirection(entry, direction)
    const trace = this.#traceOf(id, entry, keyHeader(headers['traceparent'], 'traceparent'))
    const task: BegunTask = { id, entry, isIdempotent, waiting: [response], key: keyed?.key, trace, hasEnded: false }
    if (keyed) this.#repeats.begin(keyed.key, keyed.fingerprint, task)
    try {
      task.work = startWork(
        this.#asAsked(
          {
            id,
            entry,
            input: JSON.stringify(asked.input),
            capability,
            sessionKey,
            revision,
            direction,
            isIdempotent,
            idempotencyKey: keyed?.text ?? id,
            trace,
            timeoutMs: Math.min(asked.timeoutMs ?? timeoutMs, timeoutMs),
            startedMs: desk.now(),
          },
          headers,
        ),
        desk,
        (result) => this.#ended(task, result),
      )
    } catch (error) {
      if (keyed) this.#repeats.drop(keyed.key, task)
      trace.span?.end(error instanceof Problem ? error.code : 'InternalError')
      throw error
    }
    if (task.hasEnded) return undefined
    this.#tasks.set(id, task)
    return task
  }

  #traceOf(id: string, { namespace, name: swarm }: SwarmEntry<Call>, traceparent: string | undefined): Trace {
    const { tracer } = this.#o
    return tracer ? tracer.begin({ id, namespace, swarm }, parentOf(traceparent)) : traceOf(traceparent)
  }

  /** A task of a tester goes to the revision that is being rolled out. */
  #asAsked(task: Task, headers: IncomingHttpHeaders): Task {
    const testers = task.entry.settings?.testers
    const isTester = testers !== undefined && task.revision === undefined && headers[testers.header] === testers.value
    return isTester ? taskOfTester(task, testers.revision, this.#o.desk.now) : task
  }

  #ended(task: BegunTask, result: Answered | Problem): void {
    const { id, key } = task
    this.#close(task, result instanceof Problem ? result.code : result)
    const answer = result instanceof Problem ? result : textOf(id, result)
    for (const response of task.waiting) this.#send(response, answer)
    if (key === undefined) return
    if (answer instanceof Problem && !isFinal(task, answer)) this.#repeats.drop(key, task)
    else this.#repeats.keep(key, task, answer, { bytes: bytesOf(answer), atMs: this.#o.desk.now() })
  }

  /** A task ends once, with an answer or for want of one: whatever is counted and recorded of its end is so here. */
  #close(task: BegunTask, end: Answered | ProblemCode): void {
    const { id, entry, trace } = task
    task.hasEnded = true
    this.#tasks.delete(id)
    entry.version += 1
    if (typeof end === 'string') {
      entry.failed += 1
      trace.span?.end(end)
    } else {
      entry.done += 1
      trace.span?.end('Done', end)
    }
    if (entry.settings) this.#count(task, end)
  }

  #count({ entry: { namespace, name: swarm }, waiting }: BegunTask, end: Answered | ProblemCode): void {
    const { tasks, taskSeconds, queueSeconds } = this.#o.metrics
    if (typeof end === 'string') {
      const outcome = waiting.length === 0 ? 'Cancelled' : end
      tasks.inc({ namespace, swarm, group: '', revision: '', outcome })
      return
    }
    const { group, revision, totalMs, queuedMs } = end
    tasks.inc({ namespace, swarm, group, revision, outcome: 'Done' })
    taskSeconds.observe({ namespace, swarm, revision }, totalMs / 1000)
    if (queuedMs > 0) queueSeconds.observe({ namespace, swarm }, queuedMs / 1000)
  }

  #send(response: ServerResponse, answer: string | Problem): void {
    if (answer instanceof Problem) return sendProblem(response, answer, { mustClose: this.#isStopping })
    if (this.#isStopping && !response.headersSent) response.setHeader('connection', 'close')
    sendJson(response, 200, answer)
  }

  /** Somebody who waited for the answer is gone; the last one takes the task along. */
  #left(task: BegunTask, response: ServerResponse): void {
    if (task.hasEnded) return
    task.waiting.splice(task.waiting.indexOf(response), 1)
    if (task.waiting.length > 0) return
    const { key, isIdempotent, work } = task
    if (key !== undefined && !isIdempotent) {
      // A repeat must learn that an agent may have begun it.
      work?.fail(new Problem('Cancelled', { taskId: task.id, detail: 'the client went away' }))
      return
    }
    this.#close(task, 'Cancelled')
    if (key !== undefined) this.#repeats.drop(key, task)
    work?.cancel()
  }
}

/** What a new task is begun from. */
type Order = {
  readonly entry: SwarmEntry<Call>
  readonly asked: TaskRequest
  readonly revision: string | undefined
  readonly headers: IncomingHttpHeaders
  readonly response: ServerResponse
  readonly keyed: Keyed | undefined
}

const textOf = (id: string, { output, agent, group, revision, attempts, queuedMs, agentMs, totalMs, more }: Answered) =>
  JSON.stringify({ id, output, agent, group, revision, attempts, timings: { queuedMs, agentMs, totalMs }, ...more })

/** Whether a repeat gets this failure again: one of what must not be done twice does as soon as an agent may have begun it. */
const isFinal = ({ isIdempotent }: BegunTask, problem: Problem) =>
  FINAL.has(problem.code) || (!isIdempotent && !saysNothingWasDone(problem))

/** Bytes of the body as far as one can tell before it has come; what is beyond the limit is not kept. */
const bytesToCome = ({ 'content-length': length, 'transfer-encoding': encoding }: IncomingHttpHeaders) =>
  encoding === undefined ? Math.min(Number(length ?? 0), MAX_BODY_BYTES) : MAX_BODY_BYTES

const bytesOf = (answer: string | Problem) => Buffer.byteLength(typeof answer === 'string' ? answer : answer.body())

/** No such swarm; says where to look. */
export const swarmNotFound = (namespace: string, swarm: string): Problem =>
  new Problem('SwarmNotFound', {
    detail: `there is no swarm ${swarm} in namespace ${namespace}; kubectl -n ${namespace} get swarms lists those there are`,
  })
