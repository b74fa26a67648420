import type { PanelSize, Refusal } from '../routing/wish.ts'
import { PART } from '../topology/parts.ts'
import type { Call } from './call.ts'
import { Problem } from './problem.ts'
import { retryAfter } from './times.ts'

const s = (count: number) => (count === 1 ? '' : 's')
const where = (call: Call) => `swarm ${call.request.entry.namespace}/${call.request.entry.name}`

/** The agents that may have the call, in words. */
function who(call: Call): string {
  const { part, entry } = call.request
  if (part !== PART.coordinators && part !== PART.workers) return where(call)
  const role = part === PART.coordinators ? 'Coordinator' : 'Worker'
  const groups = [...entry.fleet.rules.groups].filter(([, group]) => (group.role ?? 'Worker') === role).map(([name]) => name)
  return `the ${role} group${s(groups.length)} ${groups.join(', ')} of ${where(call)}`
}

/** Why a task cannot be placed at all, or was not placed in the time that it may wait. */
export function refusedProblem(call: Call, refusal: Refusal, waitedMs: number): Problem {
  const { id: taskId, capability = '', revision = '', entry } = call.request
  const retryAfterSeconds = retryAfter(Math.min(entry.settings?.queueTimeoutMs ?? 1_000, 5_000))
  switch (refusal) {
    case 'NoAgentWithCapability': {
      const known = [...new Set([...entry.fleet.rules.groups.values()].flatMap((group) => group.capabilities))]
      const offer = known.length > 0 ? `use one of ${known.join(', ')}` : 'leave capability out: no group of the swarm lists any'
      return new Problem('NoAgentWithCapability', {
        taskId,
        detail: `no group of ${where(call)} has the capability ${capability}; ${offer}`,
      })
    }
    case 'RevisionNotFound':
      return new Problem('RevisionNotFound', {
        taskId,
        detail: `${where(call)} has no agent of revision ${revision}; take the header Swarm-Revision out, or name a revision of its live view`,
      })
    case 'Busy':
      return new Problem('QueueTimeout', {
        taskId,
        retryAfterSeconds,
        detail: `all agents of ${who(call)} stayed busy for ${waitedMs} ms; send fewer tasks at once, or raise replicas or maxConcurrentTasks`,
      })
    case 'NoAgentReady':
      if (call.request.panel) return noQuorumProblem(call, call.request.panel, waitedMs)
      return new Problem('NoAgentReady', {
        taskId,
        retryAfterSeconds,
        detail: `no agent of ${who(call)} was ready for ${waitedMs} ms; kubectl -n ${entry.namespace} get agents says why`,
      })
  }
}

/** So few agents are up that a vote among them could decide nothing. */
function noQuorumProblem(call: Call, { size, least }: PanelSize, waitedMs: number): Problem {
  const up = `fewer than ${least} agents of ${where(call)} were ready for ${waitedMs} ms`
  return new Problem('NoConsensus', {
    taskId: call.request.id,
    retryAfterSeconds: 1,
    detail: `${up}, and a quorum of ${size} voters has ${least}; kubectl -n ${call.request.entry.namespace} get agents says why`,
    more: { reason: 'NoQuorum', votes: [] },
  })
}

/** Too many wait already. */
export function queueFullProblem(call: Call): Problem {
  const { id: taskId, entry } = call.request
  const { maxPending = 0, queueTimeoutMs = 1_000 } = entry.settings ?? {}
  return new Problem('QueueFull', {
    taskId,
    retryAfterSeconds: retryAfter(queueTimeoutMs / 10, Infinity),
    detail:
      maxPending === 0
        ? `no agent of ${where(call)} is free, and tasks may not wait (spec.routing.queue.maxPending is 0); send it again later`
        : `${maxPending} task${s(maxPending)} wait for ${where(call)} already (spec.routing.queue.maxPending); send it again later`,
  })
}

/** By the speed of the agents its turn would not come in its time. */
export function wouldTimeOutProblem(call: Call, waitMs: number, leftMs: number): Problem {
  const { id: taskId, entry } = call.request
  const ahead = entry.waiting.lengthOf(call.lane)
  const turn = `its turn on ${where(call)} would come in about ${Math.round(waitMs)} ms, behind ${ahead} task${s(ahead)}`
  return new Problem('WouldTimeOut', {
    taskId,
    retryAfterSeconds: retryAfter(waitMs - leftMs),
    detail: `${turn}, and it may wait ${Math.round(leftMs)} ms; send it again later, send fewer tasks at once, or raise replicas`,
  })
}

/** The swarm went away while the task waited. */
export const goneProblem = (call: Call): Problem =>
  new Problem('SwarmNotFound', { taskId: call.request.id, detail: `${where(call)} was deleted while the task waited` })

/** Why a call that no agent has ever had did not get one in all of its time. */
function neverHad(call: Call): string {
  const { entry, panel, timeoutMs, part = PART.whole, agent, capability } = call.request
  const { rules } = entry.fleet
  const revision = call.wish.revision ?? entry.fleet.revisionOfSession(call.wish)
  const ready = [...entry.fleet.members(part, revision)].filter(
    ({ facts: { name, group } }) =>
      (agent ?? name) === name && (capability === undefined || rules.groups.get(group)?.capabilities.includes(capability)),
  )
  const { size, least } = panel ?? { size: 1, least: 1 }
  const waited = `the task waited ${Math.round(timeoutMs)} ms for ${panel ? `${size} agents at once` : 'an agent'} of ${who(call)} and got none`
  if (ready.length < least) {
    const needed = panel ? `, and a quorum has ${least}` : ''
    return `${waited} (${ready.length} ready${needed}); kubectl swarm status -n ${entry.namespace} ${entry.name} says why`
  }
  const ejected = ready.filter(({ breaker }) => breaker.isOpen).length
  const state = ejected > 0 ? `${ejected} left out for a while after failures, the others busy` : panel ? 'not at once' : 'all busy'
  return `${waited} (${ready.length} ready, ${state}); send fewer tasks at once, give it more time, or raise replicas or maxConcurrentTasks`
}

/** The overall time is up, or was up while an agent that must not be asked twice had the task. */
export function timeoutProblem(call: Call, wasBegun: boolean): Problem {
  const { id: taskId, timeoutMs, isIdempotent } = call.request
  const more = { attempts: call.attempts }
  if (wasBegun && !isIdempotent) return unknownProblem(call, `it did not answer within ${timeoutMs} ms`)
  if (call.attempts.length === 0) return new Problem('TaskTimeout', { taskId, detail: neverHad(call), more })
  const most = call.request.entry.settings?.timeoutMs ?? 0
  const advice = timeoutMs < most ? `give it a longer timeout, up to ${most} ms` : 'raise spec.routing.timeout of the swarm'
  const detail = `the task did not end within ${Math.round(timeoutMs)} ms on ${where(call)}; ${advice}`
  return new Problem('TaskTimeout', { taskId, detail, more })
}

/** The task must not be sent again, and nobody knows whether it was done. */
export function unknownProblem(call: Call, why: string): Problem {
  const agent = call.runningOn ?? call.attempts.at(-1)?.agent ?? ''
  return new Problem('OutcomeUnknown', {
    taskId: call.request.id,
    detail: `agent ${agent} may have begun the task: ${why}; it is not idempotent and was not sent again: find out whether it took effect`,
    more: { attempts: call.attempts },
  })
}

/** An agent failed, and so many others have lately that the task is not tried again. */
export function overBudgetProblem(call: Call, why: string): Problem {
  const percent = call.request.entry.settings?.budgetPercent ?? 0
  const budget = `the retry budget is spent (spec.routing.retries.budgetPercent is ${percent}): too many tasks fail`
  return exhaustedProblem(call, `${why}; it was not tried again, ${budget}`)
}

/** Nothing is left to try. */
export function exhaustedProblem(call: Call, why: string): Problem {
  const { id: taskId } = call.request
  const more = { attempts: call.attempts }
  const last = call.attempts.at(-1)
  if (call.attempts.every((attempt) => attempt.outcome === 'NotNow')) {
    const detail = `every agent of ${who(call)} that was asked put the task off; send it again later`
    return new Problem('AgentsBusy', { taskId, retryAfterSeconds: 1, detail, more })
  }
  const detail = `${call.attempts.length} attempt${s(call.attempts.length)} failed on ${who(call)}; the last, on ${last?.agent}: ${why}`
  return new Problem('AgentFailed', { taskId, detail, more })
}
