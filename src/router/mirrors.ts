import { isDeepStrictEqual } from 'node:util'
import type { Call, CallResult } from './call.ts'
import type { Dispatcher } from './dispatcher.ts'
import { MAX_MIRRORED, MAX_MIRRORED_BYTES } from './limits.ts'
import type { RouterMetrics } from './metrics.ts'
import type { Mirroring, MirrorResult } from './mirroring.ts'
import { Problem } from './problem.ts'
import { callOf } from './work/calls.ts'
import type { Task } from './work/work.ts'

/** What mirrored tasks are sent with. */
export type MirrorsOptions = { readonly dispatcher: Dispatcher; readonly metrics: RouterMetrics; readonly now: () => number }

/** A task that has been answered and is to be done a second time. */
type Answered = { readonly task: Task; readonly result: CallResult; readonly mirroring: Mirroring; readonly bytes: number }

/**
 * Sends tasks a second time, to the revision that is being rolled out, after their clients have been answered. Nobody waits for what comes
 * back: it is compared and dropped. What cannot be sent at once is left out.
 */
export class Mirrors {
  readonly #o: MirrorsOptions
  readonly #running = new Set<Call>()
  #bytes = 0
  #isStopped = false

  constructor(options: MirrorsOptions) {
    this.#o = options
  }

  /** A task was answered; call it after the answer was sent. */
  answered(task: Task, result: CallResult): void {
    const { mirroring, fleet } = task.entry
    if (!mirroring || this.#isStopped) return
    const { revision } = mirroring.settings
    // Who asks for a revision means it, and what must not be done twice is not.
    if (task.isTester || task.revision !== undefined || !task.isIdempotent) return
    if (result.slot.facts.revision === revision || fleet.isCutOff(revision) || !mirroring.next()) return
    const bytes = task.input.length + result.answerBytes
    if (this.#running.size >= MAX_MIRRORED || this.#bytes + bytes > MAX_MIRRORED_BYTES) return this.#ended(task, mirroring, 'Dropped')
    this.#bytes += bytes
    // After those who wait for the agent that has become free.
    setImmediate(() => this.#send({ task, result, mirroring, bytes }))
  }

  /** Cuts what is on its way, and sends nothing more. */
  stop(): void {
    this.#isStopped = true
    for (const call of this.#running) this.#o.dispatcher.cancel(call)
    this.#running.clear()
  }

  #send(answered: Answered): void {
    const { task, mirroring, bytes } = answered
    if (this.#isStopped) return
    const { dispatcher, now } = this.#o
    const { revision } = mirroring.settings
    const mirrored = { isMirrored: true, isImpatient: true, attempts: 1 }
    // An id and a key of its own: agents that share a store of answers would only repeat the first one.
    const request = { ...callOf(task, now(), { ...mirrored, suffix: '/mirror' }), revision, timeoutMs: task.timeoutMs }
    const sent: { call?: Call } = {} // it may end before this has it
    const call = dispatcher.start(request, (second) => {
      if (sent.call) this.#running.delete(sent.call)
      this.#bytes -= bytes
      this.#ended(task, mirroring, resultOf(answered, second))
    })
    sent.call = call
    if (!call.hasEnded) this.#running.add(call)
  }

  #ended({ entry }: Task, mirroring: Mirroring, result: MirrorResult): void {
    mirroring.count(result)
    entry.version += 1
    if (entry.settings) this.#o.metrics.mirrored.inc({ namespace: entry.namespace, swarm: entry.name, result })
  }
}

/** An agent that did not begin it says nothing about the revision. */
function resultOf({ result }: Answered, second: CallResult | Problem): MirrorResult {
  if (!(second instanceof Problem)) return isDeepStrictEqual(second.output, result.output) ? 'Same' : 'Different'
  return second.code === 'AgentsBusy' || NOBODY.has(second.code) ? 'Dropped' : 'Failed'
}

const NOBODY = new Set<string>(['NoAgentReady', 'QueueTimeout', 'NoAgentWithCapability', 'RevisionNotFound'])
