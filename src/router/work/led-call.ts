import { PART, isLed } from '../../topology/parts.ts'
import type { AttemptReport, Call, CallRequest, CallResult } from '../call.ts'
import { MAX_TAKE_OVERS } from '../limits.ts'
import { Problem } from '../problem.ts'
import type { Desk, Task } from './work.ts'

/** Who is called, and with what; the request is made anew whenever it is sent anew, with the time that is left then. */
export type LedCallOptions = {
  readonly task: Task
  readonly desk: Desk
  readonly to: 'leader' | 'worker'
  readonly request: (nowMs: number) => CallRequest
  /** The revision whose agents may have it, looked up whenever it is placed; that of the task when absent. */
  readonly revision?: () => string | undefined
}

/**
 * A call in the name of the leader: to the leader itself, whoever that is when the call is placed, or to a worker. An agent that knows of
 * a higher epoch refuses it with 409; the router goes by that epoch from then on, and the call is sent again.
 */
export class LedCall {
  /** The epoch in whose name it was sent last. */
  epoch = 0
  readonly #o: LedCallOptions
  readonly #onEnd: (result: CallResult | Problem) => void
  readonly #earlier: AttemptReport[] = []
  #call: Call | undefined
  #takeOvers = 0

  constructor(options: LedCallOptions, onEnd: (result: CallResult | Problem) => void) {
    this.#o = options
    this.#onEnd = onEnd
  }

  /** Sends it; may end at once, before this returns. */
  start(): this {
    const { task, desk, to, request, revision } = this.#o
    const { leaders } = desk
    const base = request(desk.now())
    const revisionNow = revision ?? (() => task.revision)
    const isForLeader = to === 'leader'
    const epochNow = () => (this.epoch = leaders.of(task.entry, task.revision).epoch)
    const leaderNow = () => leaders.of(task.entry, task.revision).leader
    // A swarm that came to have no leader has no such parts: anybody may work, and a leader that is gone has no successor to wait for.
    const isLeaderless = () => task.entry.settings !== undefined && !isLed(task.entry.settings.topology)
    const partNow = () => (isLeaderless() ? PART.whole : isForLeader ? PART.coordinators : PART.workers)
    const led: CallRequest = {
      ...base,
      // It had its turn when an agent refused it for its epoch.
      isContinued: base.isContinued === true || this.#takeOvers > 0,
      get part() {
        return partNow()
      },
      get isImpatient() {
        return isForLeader && isLeaderless()
      },
      get revision() {
        return revisionNow()
      },
      get agent() {
        return isForLeader ? leaderNow() : undefined
      },
      get epoch() {
        return epochNow()
      },
    }
    this.#call = undefined
    this.#call = desk.dispatcher.start(led, (result) => this.#ended(result))
    return this
  }

  /** All attempts so far, those under earlier epochs included. */
  get attempts(): readonly AttemptReport[] {
    return [...this.#earlier, ...(this.#call?.attempts ?? [])]
  }

  /** The client went away: nobody hears of its end. */
  cancel(): void {
    if (this.#call) this.#o.desk.dispatcher.cancel(this.#call)
  }

  /** Ends it now with this problem, unless an agent may have begun what must not be sent again. */
  fail(problem: Problem): void {
    if (this.#call) this.#o.desk.dispatcher.fail(this.#call, problem)
  }

  #ended(result: CallResult | Problem): void {
    const known = result instanceof Problem ? knownEpoch(result) : undefined
    if (known === undefined || known <= this.epoch) return this.#onEnd(result)
    const { task, desk } = this.#o
    this.#takeOvers += 1
    if (this.#takeOvers <= MAX_TAKE_OVERS && desk.leaders.refused(task.entry, this.epoch, known)) {
      this.#earlier.push(...(this.#call?.attempts ?? []))
      this.start()
      return
    }
    const { attempts } = this
    const detail = `agent ${attempts.at(-1)?.agent} refused epoch ${this.epoch} because it knows of ${known}, and that could not be settled; look at status.topology of the swarm and at what other routers say`
    this.#onEnd(new Problem('AgentFailed', { taskId: task.id, detail, more: { attempts } }))
  }
}

/** The epoch that an agent has given as its reason to refuse, if it has. */
function knownEpoch({ code, fields: { more } }: Problem): number | undefined {
  const answer = more?.['answer']
  if (code !== 'TaskRejected' || more?.['agentStatus'] !== 409 || typeof answer !== 'object' || answer === null) return undefined
  return 'epoch' in answer && typeof answer.epoch === 'number' && Number.isInteger(answer.epoch) ? answer.epoch : undefined
}
