import type { Refusal } from '../routing/wish.ts'
import { Slot } from '../routing/slot.ts'
import { VERDICTS, endingOf, retryAfterMs, type Outcome } from '../routing/verdict.ts'
import { readAnswer, type Reading } from './answer.ts'
import { bodyOf, epochOf, headersOf, partOf } from './attempt-request.ts'
import { readingOfStopped, reportOf, resultOf, type EndedAttempt } from './attempt-result.ts'
import { Call, type CallRequest, type CallResult } from './call.ts'
import {
  exhaustedProblem,
  goneProblem,
  overBudgetProblem,
  queueFullProblem,
  refusedProblem,
  timeoutProblem,
  unknownProblem,
  wouldTimeOutProblem,
} from './call-problems.ts'
import type { Host, Running } from './host.ts'
import { MAX_ANSWER_BYTES, NOT_NOW_MS } from './limits.ts'
import { Problem } from './problem.ts'
import { whetherToRetry } from './retry.ts'
import type { Settings, SwarmEntry } from './swarm-entry.ts'
import { traceparentOf } from './trace.ts'
import type { Answer, Upstream } from './upstream.ts'

/** What else must know of attempts: health, statistics, metrics. */
export interface DispatchObserver {
  attemptBegan(entry: SwarmEntry<Call>, host: Host): void
  attemptEnded(entry: SwarmEntry<Call>, host: Host, ended: AttemptEnd): void
  queueChanged(entry: SwarmEntry<Call>): void
}

/** How an attempt ended; `willRetry` when the task goes on to another agent, `isOverBudget` when only the retry budget forbids it. */
export type AttemptEnd = {
  readonly outcome: Outcome
  readonly durationMs: number
  readonly openedCircuit: boolean
  /** It was the one after which its revision gets no more tasks. */
  readonly trippedGuard: boolean
  readonly willRetry: boolean
  readonly isOverBudget: boolean
}

/** What the dispatcher works with; clock and chance are given. */
export type DispatcherOptions = {
  readonly upstream: Upstream
  readonly now: () => number
  readonly random: () => number
  readonly observer: DispatchObserver
}

/** Sends calls to agents: chooses, waits, tries again, and ends each call exactly once. */
export class Dispatcher {
  readonly #o: DispatcherOptions

  constructor(options: DispatcherOptions) {
    this.#o = options
  }

  /** Begins a call; `onEnd` hears its end exactly once, unless it is cancelled. */
  start(request: CallRequest, onEnd: (result: CallResult | Problem) => void): Call {
    const call = new Call(request, this.#o.now(), onEnd)
    call.deadlineTimer = setTimeout(() => this.#deadline(call), request.timeoutMs)
    this.#seek(call)
    return call
  }

  /** The client went away: nothing is answered, the agent's request is cut. */
  cancel(call: Call): void {
    if (call.hasEnded) return
    call.hasEnded = true
    clearTimeout(call.deadlineTimer)
    this.#stopWaiting(call)
    call.stopAttempt?.('Cancelled')
  }

  /** Ends a call that has no time left, with this problem, unless an agent may have begun what must not be sent again. */
  fail(call: Call, problem: Problem): void {
    if (call.hasEnded) return
    this.#stopWaiting(call)
    const isUnknown = call.runningOn !== undefined && !call.request.isIdempotent
    const more = { ...problem.fields.more, attempts: call.attempts }
    call.end(isUnknown ? unknownProblem(call, problem.fields.detail) : new Problem(problem.code, { ...problem.fields, more }))
    call.stopAttempt?.('Cancelled')
  }

  /** Gives waiting calls to agents that have become free. */
  pump(entry: SwarmEntry<Call>): void {
    if (entry.waiting.size === 0) return
    entry.waiting.pump((call) => {
      const choice = this.#choose(call)
      if (mayWait(call, choice)) return false
      this.#stopWaiting(call)
      if (typeof choice === 'string') call.end(refusedProblem(call, choice, 0))
      else this.#give(call, choice)
      return true
    })
  }

  /** The Swarm object is gone: what waits for it ends. */
  swarmGone(entry: SwarmEntry<Call>): void {
    for (const call of entry.waiting.items()) this.fail(call, goneProblem(call))
  }

  #seek(call: Call): void {
    const { entry, isMirrored } = call.request
    const isFirst = call.attempts.length === 0
    if (isFirst && !isMirrored && entry.waiting.size > 0 && entry.waiting.hasLane(call.lane)) return this.#wait(call)
    const choice = this.#choose(call)
    if (typeof choice !== 'string') this.#give(call, choice)
    else if (mayWait(call, choice)) this.#wait(call)
    else call.end(refusedProblem(call, choice, 0))
  }

  #choose(call: Call): Slot | readonly Slot[] | Refusal {
    const { entry, panel } = call.request
    const { now, random } = this.#o
    return panel ? entry.fleet.choosePanel(call.wish, panel, now(), random) : entry.fleet.choose(call.wish, now(), random)
  }

  #give(call: Call, choice: Slot | readonly Slot[]): void {
    if (choice instanceof Slot) this.#attempt(call, choice)
    else call.seat(choice)
  }

  /** Calls that were tried before avoid agents that others may use: they wait in a lane of their own. */
  #wait(call: Call): void {
    const { entry } = call.request
    const isFirst = call.attempts.length === 0
    const { settings } = entry
    if (!settings) return call.end(goneProblem(call))
    const isUrgent = call.request.isContinued === true
    if (isFirst && !isUrgent) {
      const refusal = this.#noPlaceToWait(call, settings)
      if (refusal) return call.end(refusal)
    }
    call.waitingSinceMs = this.#o.now()
    call.ticket = entry.waiting.add(isFirst ? call.lane : `${call.lane}\nagain`, call, {
      atFront: !isFirst && !isUrgent,
      isPicky: !isFirst,
      isUrgent,
    })
    call.queueTimer = setTimeout(() => this.#waitedTooLong(call), settings.queueTimeoutMs)
    this.#o.observer.queueChanged(entry)
  }

  /** A new task is refused at once when too many wait, or when by the speed of the agents its turn would come too late. */
  #noPlaceToWait(call: Call, { maxPending, queueTimeoutMs }: Settings): Problem | undefined {
    const { entry, panel, agent, timeoutMs } = call.request
    if (entry.waiting.size >= maxPending) return queueFullProblem(call)
    if (agent !== undefined) return undefined
    const leftMs = Math.min(timeoutMs, queueTimeoutMs)
    const waitMs = entry.fleet.expectedWaitMs(call.wish, entry.waiting.lengthOf(call.lane), panel?.size ?? 1, this.#o.now())
    return waitMs !== undefined && waitMs > leftMs ? wouldTimeOutProblem(call, waitMs, leftMs) : undefined
  }

  #stopWaiting(call: Call): void {
    if (!call.ticket) return
    const { entry } = call.request
    clearTimeout(call.queueTimer)
    entry.waiting.remove(call.ticket)
    call.ticket = undefined
    call.queuedMs += this.#o.now() - call.waitingSinceMs
    this.#o.observer.queueChanged(entry)
  }

  #waitedTooLong(call: Call): void {
    this.#stopWaiting(call)
    const choice = this.#choose(call)
    if (typeof choice !== 'string') return this.#give(call, choice)
    if (mayWait(call, choice) && call.request.isContinued) return this.#wait(call)
    if (call.attempts.length > 0) return call.end(exhaustedProblem(call, `no other agent became free in ${Math.round(call.queuedMs)} ms`))
    call.end(refusedProblem(call, choice, Math.round(call.queuedMs)))
  }

  #deadline(call: Call): void {
    if (call.stopAttempt) return call.stopAttempt('Timeout')
    this.#stopWaiting(call)
    call.end(timeoutProblem(call, false))
  }

  #attempt(call: Call, slot: Slot): void {
    const { request } = call
    const { entry } = request
    const host = entry.hosts.get(slot.facts.name)
    const nowMs = this.#o.now()
    if (!host?.address) return call.end(refusedProblem(call, 'NoAgentReady', 0)) // a candidate always has an address
    const number = call.attempts.length + 1
    const epoch = epochOf(request)
    const leftMs = Math.max(1, Math.ceil(request.timeoutMs - (nowMs - call.startedMs)))
    if (number === 1 && !request.isMirrored) entry.retries.began(nowMs)
    entry.fleet.begin(slot, nowMs)
    const { trace } = request
    const { name: agent, group, revision } = slot.facts
    const span = trace.span?.attempt({ agent, group, revision, number, call: partOf(request) })
    const exchange = this.#o.upstream.send(
      {
        address: host.address,
        method: 'POST',
        path: '/tasks',
        headers: headersOf(request, span?.traceparent ?? traceparentOf(trace), leftMs, epoch),
        body: bodyOf(request, number, epoch),
        maxBytes: MAX_ANSWER_BYTES,
      },
      (answer) => ended(readAnswer(answer, request.mayPlan), answer),
    )
    const running: Running = {
      abort: (outcome) => {
        exchange.abort()
        ended(readingOfStopped(outcome), undefined)
      },
    }
    const ended = (reading: Reading, answer: Answer | undefined) => {
      if (!host.running.delete(running)) return
      span?.end(reading.outcome, reading.status)
      call.stopAttempt = undefined
      call.runningOn = undefined
      const endedMs = this.#o.now()
      const durationMs = endedMs - nowMs
      const ending = endingOf(reading.outcome, durationMs, entry.settings?.timeoutMs ?? 0)
      this.#attemptEnded({ call, host, reading, answer, ending, durationMs, endedMs })
    }
    host.running.add(running)
    call.stopAttempt = (outcome) => running.abort(outcome)
    call.runningOn = slot.facts.name
    this.#o.observer.attemptBegan(entry, host)
  }

  #attemptEnded(attempt: EndedAttempt): void {
    const { call, host, reading, ending, durationMs, endedMs } = attempt
    const { entry } = call.request
    const { slot } = host
    const { outcome } = reading
    const hasFailed = ending !== 'Answered' && ending !== 'Abandoned'
    call.attempts.push(reportOf(attempt))
    if (VERDICTS[outcome].retry === 'always') call.unbegun += 1
    else call.spent += 1
    const trippedGuard = (outcome === 'Done' || hasFailed) && entry.judge(slot, hasFailed, endedMs)
    const openedCircuit = this.#agentEnded(attempt, hasFailed)
    const guarded = entry.guarding?.settings
    const isTriedOut = hasFailed && guarded?.revision === slot.facts.revision
    const retry = whetherToRetry(call, outcome, isTriedOut)
    const isOverBudget = retry === 'WithinBudget' && !entry.retries.take(entry.settings?.budgetPercent ?? 0, endedMs)
    const willRetry = retry !== 'No' && !isOverBudget
    this.#o.observer.attemptEnded(entry, host, { outcome, durationMs, openedCircuit, trippedGuard, willRetry, isOverBudget })
    if (willRetry) {
      if (!call.tried.includes(slot)) call.tried.push(slot)
      // One failure on a new revision is enough for a task: it goes on where others were done.
      if (isTriedOut) call.provenRevision = guarded?.inFavourOf
      this.#seek(call)
    } else if (isOverBudget) call.end(overBudgetProblem(call, reading.why))
    else if (!call.hasEnded) call.end(resultOf(attempt))
    this.pump(entry)
  }

  /** The agent is rid of the task, with what its end says about it. Returns true when that opened its circuit. */
  #agentEnded({ call, host, reading, answer, ending, durationMs, endedMs }: EndedAttempt, hasFailed: boolean): boolean {
    const { entry, isMirrored } = call.request
    const { slot } = host
    if (reading.outcome === 'NotNow') this.#holdBack(entry, host, answer)
    if (ending === 'Answered' || ending === 'Failed') slot.service.add(durationMs, endedMs)
    if (reading.outcome === 'Done') slot.done += 1
    else if (hasFailed) slot.failed += 1
    const openedCircuit = entry.fleet.end(slot, ending, endedMs, isMirrored)
    this.#wakeLater(entry, slot)
    return openedCircuit
  }

  /** The agent asked for a pause. */
  #holdBack(entry: SwarmEntry<Call>, host: Host, answer: Answer | undefined): void {
    const header = answer?.kind === 'answer' ? answer.retryAfter : undefined
    host.slot.notBeforeMs = this.#o.now() + retryAfterMs(header, NOT_NOW_MS)
    entry.fleet.refresh(host.slot, this.#o.now())
  }

  /** Looks again when a pause or an open circuit is over, so that waiting calls need no polling. */
  #wakeLater(entry: SwarmEntry<Call>, slot: Slot): void {
    const untilMs = slot.blockedUntil(this.#o.now())
    if (untilMs === 0) return
    setTimeout(
      () => {
        entry.fleet.refresh(slot, this.#o.now())
        this.pump(entry)
      },
      Math.ceil(untilMs - this.#o.now()) + 1,
    ).unref()
  }
}

/** Whether somebody may become free, or ready, for whom a call that has no agent now is meant to wait. */
const mayWait = ({ request }: Call, choice: Slot | readonly Slot[] | Refusal) =>
  (choice === 'Busy' && !request.isMirrored) || (choice === 'NoAgentReady' && !request.isImpatient)
