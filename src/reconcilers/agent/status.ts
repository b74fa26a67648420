import type { AgentSpec, AgentStatus } from '../../api/agent.ts'
import { isTrue, merge, progress, type Draft } from '../../api/conditions.ts'
import type { AgentHealth } from '../../api/health.ts'
import { REASON } from '../../api/reasons.ts'
import { StalledError, type OperatorError } from '../../errors.ts'
import type { Verdict } from '../../health/judge.ts'
import type { Health, LossReason } from './plan.ts'

/** What a pass has found out about an agent. Times are RFC 3339. */
export type Told = {
  spec: Pick<AgentSpec, 'state'>
  port: number
  path: string
  deleting: boolean
  stored: AgentStatus
  sandbox?: NonNullable<AgentStatus['sandbox']>
  /** It was given up in this pass, or before. */
  lost?: { reason: LossReason; message: string }
  health?: Health
  /** How well it does by its figures, as long as it answers. */
  verdict: Verdict
  failureThreshold: number
  error?: OperatorError
  generation: number
  now: string
}

/** The status to store for an agent. Pure, so every state has a unit test. */
export function statusOf(told: Told): AgentStatus {
  const { stored, sandbox, lost, now } = told
  const ready = readiness(told)
  const wasReady = isTrue({ status: stored }, 'Ready')
  const readySince = ready.status === 'True' && !wasReady ? now : stored.readySince
  const health = healthOf(told, ready, readySince)
  return {
    observedGeneration: told.generation,
    ...(sandbox && { sandbox }),
    ...(readySince !== undefined && { readySince }),
    ...(stored.failed ? { failed: stored.failed } : lost && { failed: failure(told, lost.reason) }),
    ...(health && { health }),
    conditions: merge(stored.conditions ?? [], conditions(told, ready), told.generation, now),
  }
}

/**
 * How well it does:
 *
 * | the agent                                             | its health                               |
 * |-------------------------------------------------------|------------------------------------------|
 * | was never ready                                       | none                                     |
 * | is lost                                               | Failed, with the reason of its condition |
 * | is being deleted, sleeps, or was not checked yet      | as it was                                |
 * | is ready                                              | the verdict on its figures               |
 * | is not: `failureThreshold` checks in a row have failed | Failed, with the reason of its condition |
 * | is not, and fewer have failed: it is waking up        | as it was                                |
 */
function healthOf(told: Told, ready: Draft, readySince: string | undefined): AgentHealth | undefined {
  const { stored, sandbox, lost, health, now } = told
  if (readySince === undefined) return undefined
  const isLost = lost !== undefined || stored.failed !== undefined
  const isChecked = !told.deleting && sandbox?.state === 'Running' && health !== undefined
  const isDown = isLost || (isChecked && ready.status !== 'True' && health.failures >= told.failureThreshold)
  if (!isDown && !(isChecked && ready.status === 'True')) return stored.health
  const { state, reason, message }: Verdict = isDown ? { state: 'Failed', reason: ready.reason, message: ready.message } : told.verdict
  return { state, reason, message, since: stored.health?.state === state ? stored.health.since : now }
}

/** How long it had been ready counts from `readySince` while the Ready condition is true, else up to when it turned false. */
function failure({ stored, now }: Told, reason: string): NonNullable<AgentStatus['failed']> {
  const ready = stored.conditions?.find((c) => c.type === 'Ready')
  const untilMs = Date.parse(ready?.status === 'True' ? now : (ready?.lastTransitionTime ?? now))
  const readyForMs = stored.readySince === undefined ? 0 : Math.max(0, untilMs - Date.parse(stored.readySince))
  return { reason, at: now, readyForMs }
}

function conditions(told: Told, ready: Draft): Draft[] {
  const { error, deleting, lost, stored, spec } = told
  if (deleting) {
    const reason = error ? error.reason : REASON.deleting
    return [
      { ...ready, status: 'False', reason },
      { type: 'Reconciling', status: 'True', reason, message: error?.message ?? 'ending its sandbox' },
    ]
  }
  const failed = lost ?? (stored.failed && { reason: stored.failed.reason, message: ready.message })
  if (failed) return progress(ready, undefined, new StalledError(failed.reason, failed.message))
  const isDone = ready.status === 'True' || (spec.state === 'Paused' && ready.reason === REASON.paused) || ready.reason === REASON.warm
  return progress(
    ready,
    isDone ? undefined : { type: 'Reconciling', status: 'True', reason: REASON.progressing, message: ready.message },
    error,
  )
}

/** The Ready condition: what is seen, and what to do about it. */
function readiness(told: Told): Draft {
  const { stored, lost, error, sandbox, health, spec } = told
  const no = (reason: string, message: string): Draft => ({ type: 'Ready', status: 'False', reason, message })
  if (lost) return no(lost.reason, lost.message)
  if (stored.failed) return no(stored.failed.reason, stored.conditions?.find((c) => c.type === 'Ready')?.message ?? 'lost')
  if (told.deleting) return no(REASON.deleting, error?.message ?? 'ending its sandbox')
  if (error && !answers(told)) return no(error.reason, error.message)
  if (!sandbox)
    return spec.state === 'Running' || spec.state === 'Warm'
      ? no(REASON.creating, 'its sandbox is being created')
      : no(REASON.draining, 'it has no sandbox')
  if (spec.state === 'Warm')
    return sandbox.prepared
      ? no(REASON.warm, 'in the warm pool; its command starts when it is taken')
      : no(REASON.creating, 'its files are being written')
  if (sandbox.state === 'Paused')
    return no(REASON.paused, spec.state === 'Paused' ? 'paused; it is resumed on the next scale-up' : 'its sandbox is being resumed')
  if (!sandbox.commandStarted) return no(REASON.starting, 'its command is being started')
  return ofHealth(told, health)
}

/** Its last check was good: whatever else cannot be done about it just now, it does its tasks. */
const answers = ({ sandbox, health }: Told) => sandbox?.state === 'Running' && sandbox.commandStarted && health?.outcome === 'ready'

function ofHealth({ stored, spec, health, failureThreshold, port, path }: Told, seen: Health | undefined): Draft {
  const before = stored.conditions?.find((c) => c.type === 'Ready')
  const tells = spec.state === 'Draining' ? [REASON.draining, 'finishes the tasks it has, gets no new ones'] : [REASON.ready, 'takes tasks']
  const [reason = '', message = ''] = tells
  const yes: Draft = { type: 'Ready', status: 'True', reason, message }
  if (seen?.outcome === 'ready') return yes
  if (!seen)
    return before?.status === 'True'
      ? yes
      : { type: 'Ready', status: 'False', reason: REASON.starting, message: 'its command was started; waiting for the first check' }
  if (before?.status === 'True' && (health?.failures ?? 0) < failureThreshold) return yes
  return { type: 'Ready', status: 'False', ...unready(seen.outcome, port, path) }
}

function unready(outcome: Exclude<Health['outcome'], 'ready'>, port: number, path: string): { reason: string; message: string } {
  switch (outcome) {
    case 'not-listening':
      return {
        reason: REASON.portClosed,
        message: `nothing listens on port ${port} yet; the command must listen on the port it is given as PORT`,
      }
    case 'unhealthy':
      return { reason: REASON.notHealthy, message: `GET ${path} on port ${port} does not answer 2xx; look at the agent's own output` }
    case 'no-answer':
      return { reason: REASON.notResponding, message: `GET ${path} on port ${port} does not answer within spec.template.readiness.timeout` }
    case 'sandbox-gone':
      return { reason: REASON.sandboxGone, message: 'the provider says that its sandbox is gone' }
  }
}
