import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Call } from './call.ts'
import { readBody, sendJson, sendProblem, type SwarmPlace } from './front.ts'
import { FLUSH_MS, MAX_KEY_CHARS } from './limits.ts'
import type { RouterMetrics } from './metrics.ts'
import { Problem } from './problem.ts'
import type { SwarmEntry } from './swarm-entry.ts'
import { parseTask } from './task-request.ts'
import { traceOf } from './trace.ts'
import { startWork } from './work/start.ts'
import type { Answered, Desk, Work } from './work/work.ts'
import type { World } from './world.ts'

/** What the task API works with. `broken` hears of mistakes of the router itself. */
export type TasksOptions = {
  readonly world: World<Call>
  readonly desk: Desk
  readonly metrics: RouterMetrics
  readonly maxOpen: number
  readonly isKnowing: () => boolean
  readonly broken: (error: unknown, response: ServerResponse) => void
}

/** Tasks over HTTP: each one that is accepted is answered exactly once, unless its client goes away. */
export class Tasks {
  readonly #o: TasksOptions
  readonly #works = new Map<string, Work>()
  #open = 0
  #isStopping = false
  #whenIdle: (() => void) | undefined

  constructor(options: TasksOptions) {
    this.#o = options
  }

  /** Tasks accepted and not ended. */
  get open(): number {
    return this.#open
  }

  /** Takes no more tasks; resolves when the open ones have ended, which it forces when the time is up. */
  async stop(drainMs: number): Promise<void> {
    this.#isStopping = true
    if (this.#open === 0) return
    const idle = new Promise<void>((resolve) => (this.#whenIdle = resolve))
    const force = setTimeout(() => {
      for (const [taskId, work] of this.#works) {
        const detail = `the router stopped before the task ended, after waiting for it for ${drainMs} ms`
        work.fail(new Problem('ShuttingDown', { taskId, detail }))
      }
    }, drainMs)
    // A client that never finishes sending its task does not hold up the stop.
    const { promise: isOver, resolve } = Promise.withResolvers<void>()
    const end = setTimeout(resolve, drainMs + FLUSH_MS)
    await Promise.race([idle, isOver])
    clearTimeout(force)
    clearTimeout(end)
  }

  /** Answers POST …/tasks. */
  accept(place: SwarmPlace, request: IncomingMessage, response: ServerResponse): void {
    const refusal = this.#refusal(place)
    if (refusal) return this.#refuse(response, refusal)
    this.#open += 1
    let id: string | undefined
    response.on('close', () => {
      const work = id === undefined ? undefined : this.#works.get(id)
      if (id !== undefined && work) this.#cancelled(place, id, work)
      this.#open -= 1
      if (this.#open === 0) this.#whenIdle?.()
    })
    readBody(request, (body) => {
      if (body instanceof Problem) return this.#refuse(response, body)
      if (response.destroyed) return
      try {
        id = this.#start(place, request, body, response)
      } catch (error) {
        if (error instanceof Problem) this.#refuse(response, error)
        else this.#o.broken(error, response)
      }
    })
  }

  #refusal({ namespace, swarm }: SwarmPlace): Problem | undefined {
    if (this.#isStopping)
      return new Problem('ShuttingDown', { retryAfterSeconds: 1, detail: 'this router is stopping; send the task again' })
    if (!this.#o.isKnowing()) {
      return new Problem('NotReady', { retryAfterSeconds: 1, detail: 'this router has just started; send the task again' })
    }
    if (!this.#o.world.find(namespace, swarm)) return swarmNotFound(namespace, swarm)
    if (this.#open < this.#o.maxOpen) return undefined
    return new Problem('TooManyTasks', { retryAfterSeconds: 1, detail: `${this.#open} tasks are open in this router; send it again later` })
  }

  #refuse(response: ServerResponse, problem: Problem): void {
    this.#o.metrics.refused.inc({ code: problem.code })
    sendProblem(response, problem, { mustClose: this.#isStopping })
  }

  /** Begins the task; returns its id. */
  #start({ namespace, swarm }: SwarmPlace, request: IncomingMessage, body: Buffer, response: ServerResponse): string {
    const asked = parseTask(body)
    const entry = this.#o.world.find(namespace, swarm)
    if (!entry?.settings) throw swarmNotFound(namespace, swarm)
    const id = randomUUID()
    const { headers } = request
    const { desk } = this.#o
    const { timeoutMs } = entry.settings
    let hasEnded = false
    const work = startWork(
      {
        id,
        entry,
        input: JSON.stringify(asked.input),
        capability: asked.capability,
        sessionKey: asked.sessionKey,
        revision: keyHeader(headers['swarm-revision'], 'Swarm-Revision'),
        isIdempotent: asked.isIdempotent,
        idempotencyKey: keyHeader(headers['idempotency-key'], 'Idempotency-Key') ?? id,
        trace: traceOf(keyHeader(headers['traceparent'], 'traceparent')),
        timeoutMs: Math.min(asked.timeoutMs ?? timeoutMs, timeoutMs),
        startedMs: desk.now(),
      },
      desk,
      (result) => {
        hasEnded = true
        this.#works.delete(id)
        this.#ended({ entry, id, response, result })
      },
    )
    if (!hasEnded) this.#works.set(id, work)
    return id
  }

  #ended(end: { entry: SwarmEntry<Call>; id: string; response: ServerResponse; result: Answered | Problem }): void {
    const { entry, id, response, result } = end
    entry.version += 1
    const isDone = !(result instanceof Problem)
    if (isDone) entry.done += 1
    else entry.failed += 1
    const { group = '', revision = '' } = isDone ? result : {}
    const { namespace, name: swarm } = entry
    this.#o.metrics.tasks.inc({ namespace, swarm, group, revision, outcome: isDone ? 'Done' : result.code })
    if (!isDone) return sendProblem(response, result, { mustClose: this.#isStopping })
    const { output, agent, attempts, queuedMs, agentMs, totalMs, more } = result
    this.#o.metrics.taskSeconds.observe({ namespace, swarm, revision }, totalMs / 1000)
    if (queuedMs > 0) this.#o.metrics.queueSeconds.observe({ namespace, swarm }, queuedMs / 1000)
    const timings = { queuedMs, agentMs, totalMs }
    if (this.#isStopping && !response.headersSent) response.setHeader('connection', 'close')
    sendJson(response, 200, JSON.stringify({ id, output, agent, group, revision, attempts, timings, ...more }))
  }

  #cancelled({ namespace, swarm }: SwarmPlace, id: string, work: Work): void {
    this.#works.delete(id)
    work.cancel()
    this.#o.metrics.tasks.inc({ namespace, swarm, group: '', revision: '', outcome: 'Cancelled' })
    const entry = this.#o.world.find(namespace, swarm)
    if (!entry) return
    entry.failed += 1
    entry.version += 1
  }
}

/** No such swarm; says where to look. */
export const swarmNotFound = (namespace: string, swarm: string): Problem =>
  new Problem('SwarmNotFound', {
    detail: `there is no swarm ${swarm} in namespace ${namespace}; kubectl -n ${namespace} get swarms lists those there are`,
  })

function keyHeader(value: string | string[] | undefined, header: string): string | undefined {
  if (value === undefined || value === '') return undefined
  if (typeof value === 'string' && value.length <= MAX_KEY_CHARS && /^[\x21-\x7e]+$/.test(value)) return value
  throw new Problem('InvalidTask', {
    detail: `the header ${header} must have 1 to ${MAX_KEY_CHARS} printable ASCII characters without spaces`,
  })
}
