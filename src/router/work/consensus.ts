import { decide, quorumOf, readBallot, FULL_WEIGHT, type Ballot, type NoConsensusReason } from '../../routing/consensus.ts'
import type { Slot } from '../../routing/slot.ts'
import type { Outcome } from '../../routing/verdict.ts'
import type { Call, CallResult } from '../call.ts'
import { DEFAULT_CONSENSUS, type Consensus } from '../../api/routing.ts'
import { Problem } from '../problem.ts'
import { rounded } from '../times.ts'
import { callOf } from './calls.ts'
import type { Answered, Desk, StartWork, Task, Work } from './work.ts'

/** One voter as clients see it. `outcome` is that of its attempt; `InvalidVote` when it answered with something else than a vote. */
export type VoteReport = {
  readonly agent: string
  readonly choice?: unknown
  readonly weight?: number
  readonly outcome: Outcome | 'InvalidVote'
  readonly durationMs: number
  /** Whether it was part of the decision. */
  readonly counted: boolean
  /** Why it is no vote. */
  readonly detail?: string
}

/** One registered voter: outstanding while it has no `ended`. */
type Voter = {
  readonly slot: Slot
  readonly startedMs: number
  call?: Call
  ended?: { readonly durationMs: number; readonly outcome: VoteReport['outcome']; readonly ballot?: Ballot; readonly detail?: string }
}

/** Several agents do the task, and the output that enough of them agree on is its output. */
export const startConsensus: StartWork = (task, desk, onEnd) => new Vote(task, desk, onEnd)

/**
 * One vote. Who votes is fixed before the first vote comes: nobody else's is counted, each voter's once, and a voter that fails is not
 * replaced, or failures could choose the electorate. The vote ends with the first answer after which nothing outstanding can change it;
 * the requests that still run are cut then.
 */
class Vote implements Work {
  readonly #task: Task
  readonly #desk: Desk
  readonly #rules: Consensus
  readonly #onEnd: (result: Answered | Problem) => void
  readonly #panel: Call
  #voters: readonly Voter[] = []
  #queuedMs = 0
  #isOver = false

  constructor(task: Task, desk: Desk, onEnd: (result: Answered | Problem) => void) {
    this.#task = task
    this.#desk = desk
    this.#rules = task.entry.settings?.consensus ?? DEFAULT_CONSENSUS
    this.#onEnd = onEnd
    const { voters: size, thresholdPercent } = this.#rules
    const seated = (slots: readonly Slot[], queuedMs: number) => this.#begin(slots, queuedMs)
    const panel = { size, least: quorumOf(size, thresholdPercent), seated }
    this.#panel = desk.dispatcher.start(callOf(task, task.startedMs, { panel }), (result) => {
      if (result instanceof Problem) onEnd(result) // a panel that was seated reports no result
    })
  }

  cancel(): void {
    this.#desk.dispatcher.cancel(this.#panel)
    this.#stop()
  }

  fail(problem: Problem): void {
    if (this.#isOver) return
    if (this.#voters.length === 0) return this.#desk.dispatcher.fail(this.#panel, problem)
    const { id: taskId, isIdempotent } = this.#task
    const more = { ...problem.fields.more, votes: this.#reports() }
    const detail = `agents may have begun the task: ${problem.fields.detail}; it is not idempotent: find out whether it took effect`
    const told = isIdempotent
      ? new Problem(problem.code, { ...problem.fields, more })
      : new Problem('OutcomeUnknown', { taskId, detail, more })
    this.#onEnd(told)
    this.#stop()
  }

  #begin(slots: readonly Slot[], queuedMs: number): void {
    this.#queuedMs = queuedMs
    const nowMs = this.#desk.now()
    this.#voters = slots.map((slot) => ({ slot, startedMs: nowMs }))
    for (const voter of this.#voters) {
      if (this.#isOver) return
      // Each voter has a key of its own: with a common one, agents that share a store of answers would copy each other's vote.
      const { name: agent } = voter.slot.facts
      const call = callOf(this.#task, nowMs, { agent, suffix: `/vote/${agent}`, attempts: 1, isImpatient: true, isContinued: true })
      voter.call = this.#desk.dispatcher.start(call, (result) => this.#voted(voter, result))
    }
  }

  #voted(voter: Voter, result: CallResult | Problem): void {
    if (this.#isOver || voter.ended) return
    voter.ended = { ...readingOf(voter, result), durationMs: rounded(this.#desk.now() - voter.startedMs) }
    const cast = this.#voters.flatMap(({ ended }) => ended?.ballot ?? [])
    const outstanding = this.#voters.reduce((count, { ended }) => count + Number(!ended), 0)
    const decision = decide({ cast, outstanding, voters: this.#rules.voters }, this.#rules.thresholdPercent)
    if (decision.kind === 'Open') return
    this.#onEnd(decision.kind === 'Decided' ? this.#decided(decision.key, decision) : this.#undecided(decision.reason))
    this.#stop()
  }

  #decided(key: string, { weightMillionths, castMillionths }: { weightMillionths: number; castMillionths: number }): Answered {
    const agreed = this.#voters.filter(({ ended }) => ended?.ballot?.key === key)
    const last = agreed.reduce((a, b) => ((b.ended?.durationMs ?? 0) >= (a.ended?.durationMs ?? 0) ? b : a))
    const { name: agent, group, revision } = last.slot.facts
    const { voters, thresholdPercent } = this.#rules
    return {
      output: last.ended?.ballot?.choice,
      agent,
      group,
      revision,
      attempts: this.#voters.flatMap(({ call }) => call?.attempts ?? []),
      queuedMs: rounded(this.#queuedMs),
      agentMs: last.ended?.durationMs ?? 0,
      totalMs: rounded(this.#desk.now() - this.#task.startedMs),
      more: {
        consensus: { voters, thresholdPercent, weight: weightMillionths / FULL_WEIGHT, castWeight: castMillionths / FULL_WEIGHT },
        votes: this.#reports(),
      },
    }
  }

  #undecided(reason: NoConsensusReason): Problem {
    const { voters, thresholdPercent } = this.#rules
    const cast = this.#voters.filter(({ ended }) => ended?.ballot).length
    const quorum = quorumOf(voters, thresholdPercent)
    const text = {
      Tie: `two or more choices have the same weight after ${cast} votes of ${voters} voters`,
      BelowThreshold: `no choice can reach ${thresholdPercent} % of the weight; ${cast} of ${voters} voters have voted`,
      NoQuorum: `too few voters can vote: ${cast} of ${voters} have, the others failed, and ${quorum} must`,
    }
    return new Problem('NoConsensus', {
      taskId: this.#task.id,
      detail: `${text[reason]}; votes lists what each one did`,
      ...(reason === 'NoQuorum' && { retryAfterSeconds: 1 }),
      more: { reason, votes: this.#reports() },
    })
  }

  #reports(): readonly VoteReport[] {
    const nowMs = this.#desk.now()
    return this.#voters.map(({ slot, startedMs, ended }): VoteReport => {
      const agent = slot.facts.name
      if (!ended) return { agent, outcome: 'Cancelled', durationMs: rounded(nowMs - startedMs), counted: false }
      const { ballot, outcome, durationMs, detail } = ended
      if (!ballot) return { agent, outcome, durationMs, counted: false, ...(detail !== undefined && { detail }) }
      return { agent, choice: ballot.choice, weight: ballot.weight, outcome, durationMs, counted: true }
    })
  }

  /** Cuts what runs. The agents are free again, and what they still say is not read. */
  #stop(): void {
    this.#isOver = true
    for (const { call, ended } of this.#voters) if (call && !ended) this.#desk.dispatcher.cancel(call)
  }
}

function readingOf(voter: Voter, result: CallResult | Problem): Pick<NonNullable<Voter['ended']>, 'outcome' | 'ballot' | 'detail'> {
  if (result instanceof Problem) {
    // It has no attempt when the agent left before it could be asked.
    return { outcome: voter.call?.attempts.at(-1)?.outcome ?? 'Refused', detail: result.fields.detail }
  }
  const ballot = readBallot(result.output)
  return typeof ballot === 'string' ? { outcome: 'InvalidVote', detail: ballot } : { outcome: 'Done', ballot }
}
