import type { Condition } from '../../api/condition.ts'
import { merge, progress, type Draft } from '../../api/conditions.ts'
import { REASON } from '../../api/reasons.ts'
import type { ScalingPolicyStatus } from '../../api/scaling-policy.ts'
import type { OperatorError } from '../../errors.ts'
import { number, type Answer } from '../../scaling/answer.ts'
import type { Change } from '../../scaling/behaviour.ts'
import type { Decision, World } from '../../scaling/decide.ts'
import type { Forecast } from '../../scaling/forecast.ts'
import { stepMsOf, type StoredHistory } from '../../scaling/history.ts'
import type { NoTarget } from './target.ts'

/** How long a policy warns after somebody else has set its replicas, in milliseconds. */
const WARN_MS = 600_000

/** Characters of the summary. */
const MOST_SUMMARY = 80

/** The load as it was, to be stored, and what it lets expect. */
export type Foreseen = { readonly forecast?: Forecast | undefined; readonly recorded?: StoredHistory | undefined }

/** What status needs beside the decision. */
export type Before = Foreseen & {
  readonly generation: number
  readonly stored: ScalingPolicyStatus | undefined
  /** The changes with the one that this pass has made, if it did. */
  readonly changes: readonly Change[]
  readonly setReplicas?: number | undefined
  readonly overridden?: ScalingPolicyStatus['overridden'] | undefined
  /** Why the replicas could not be set, if they could not. */
  readonly error?: OperatorError | undefined
}

/** The status after a decision. Pure, so every state has a unit test. */
export function statusOf(world: World, decision: Decision, before: Before): ScalingPolicyStatus {
  const { generation, stored, changes, setReplicas, overridden, forecast, recorded, error } = before
  const now = time(world.nowMs)
  return {
    observedGeneration: generation,
    currentReplicas: world.current,
    wantedReplicas: decision.replicas,
    askedReplicas: decision.asked,
    ...(setReplicas !== undefined && { setReplicas }),
    ...(overridden && { overridden }),
    summary: summaryOf(decision.answers),
    ...(decision.deciding !== undefined && { decidingMetric: decision.deciding }),
    metrics: decision.answers.map(metricStatus),
    limitedBy: decision.limitedBy.map(({ by, from, to }) => ({ by, from, to })),
    ...(forecast && { forecast: forecastStatus(forecast, world) }),
    ...(recorded && { recorded: { ...recorded } }),
    changes: changes.map(({ atMs, from, to }) => ({ at: time(atMs), from, to })),
    ...(world.settings.minReplicas === 0 && { lastActiveAt: time(decision.lastActiveMs) }),
    conditions: merge(stored?.conditions ?? [], conditionsOf(world, decision, { overridden, error }), generation, now),
  }
}

/** The status of a policy that has nothing to act on; what it had decided before stays to be seen. */
export function noTargetStatus(
  stored: ScalingPolicyStatus | undefined,
  { reason, message, isStalled }: NoTarget,
  { generation, nowMs }: { readonly generation: number; readonly nowMs: number },
): ScalingPolicyStatus {
  const no = { status: 'False', reason, message } as const
  const drafts: Draft[] = [
    { type: 'Ready', ...no },
    { type: 'ScalingActive', ...no },
    { type: isStalled ? 'Stalled' : 'Reconciling', status: 'True', reason, message },
  ]
  return { ...stored, observedGeneration: generation, conditions: merge(stored?.conditions ?? [], drafts, generation, time(nowMs)) }
}

/**
 * Whether two statuses tell of the same decision and differ only in what changes all the time: values, what is asked for, messages. Such
 * a change can wait, since a write for each sample would be a load on the API server.
 */
export function tellsTheSame(a: ScalingPolicyStatus | undefined, b: ScalingPolicyStatus): boolean {
  return a !== undefined && JSON.stringify(gist(a)) === JSON.stringify(gist(b))
}

function gist(status: ScalingPolicyStatus): unknown {
  const { observedGeneration, currentReplicas, wantedReplicas, setReplicas, overridden, changes, forecast } = status
  return [
    [observedGeneration, currentReplicas, wantedReplicas, setReplicas, overridden?.at, changes, forecast?.used],
    status.metrics?.map(({ name, state }) => [name, state]),
    status.limitedBy?.map(({ by }) => by),
    status.conditions?.map(({ type, status: is, reason }) => [type, is, reason]),
  ]
}

function conditionsOf(world: World, decision: Decision, { overridden, error }: Pick<Before, 'overridden' | 'error'>): Draft[] {
  const { message, answers, limitedBy } = decision
  const failing = answers.filter(({ state }) => state !== 'Fresh')
  const isBlind = failing.length === answers.length
  const is = (type: string, status: Condition['status'], reason: string, text = message): Draft => ({ type, status, reason, message: text })
  const why = failing.map((answer) => `${answer.name}: ${answer.message}`).join('; ')
  const last = limitedBy.at(-1)
  const drafts = [
    last
      ? is('ScalingLimited', 'True', last.by)
      : is('ScalingLimited', 'False', REASON.withinLimits, 'nothing limits what the metrics ask for'),
  ]
  if (error)
    drafts.push(
      ...progress(is('Ready', 'False', error.reason, error.message), undefined, error),
      is('ScalingActive', 'False', error.reason, error.message),
    )
  else if (isBlind) drafts.push(is('Ready', 'False', REASON.metricsFailing, why), is('ScalingActive', 'False', REASON.metricsFailing, why))
  else if (world.isPaused) drafts.push(is('Ready', 'True', REASON.paused), is('ScalingActive', 'False', REASON.paused))
  else if (world.settings.dryRun) drafts.push(is('Ready', 'True', REASON.dryRun), is('ScalingActive', 'False', REASON.dryRun))
  else drafts.push(is('Ready', 'True', REASON.scalingActive), is('ScalingActive', 'True', REASON.scalingActive))
  if (failing.length > 0) drafts.push(is('MetricsFailing', 'True', REASON.metricsFailing, why))
  if (isWarned(overridden, world.nowMs))
    drafts.push(is('ReplicasSetByOthers', 'True', REASON.replicasSetByOthers, overriddenText(overridden)))
  return drafts
}

type Overridden = NonNullable<ScalingPolicyStatus['overridden']>

const isWarned = (overridden: ScalingPolicyStatus['overridden'], nowMs: number): overridden is Overridden =>
  overridden !== undefined && nowMs - Date.parse(overridden.at) < WARN_MS

/** When the warning is over; undefined when there is none. Milliseconds from now. */
export const warningEndsMs = (overridden: ScalingPolicyStatus['overridden'], nowMs: number): number | undefined =>
  isWarned(overridden, nowMs) ? Date.parse(overridden.at) + WARN_MS - nowMs : undefined

/** What happened, and what to do so that it does not happen again. */
export const overriddenText = ({ by, from, to }: Overridden): string =>
  `${by} set replicas to ${to}, which this policy had set to ${from}, and the policy goes on from there; keep ${by} from setting them ` +
  '(take replicas out of the manifest, delete the other autoscaler), or delete the policy'

function metricStatus({ name, state, value, measuredAtMs, wanted, message }: Answer): NonNullable<ScalingPolicyStatus['metrics']>[number] {
  return {
    name,
    state,
    ...(value !== undefined && { value: number(value) }),
    ...(measuredAtMs !== undefined && { measuredAt: time(measuredAtMs) }),
    ...(wanted !== undefined && { wantedReplicas: wanted }),
    message,
  }
}

function summaryOf(answers: readonly Answer[]): string {
  const words = answers.map(({ name, state, value }) => `${name} ${state === 'Fresh' && value !== undefined ? number(value) : state}`)
  const text = words.join(', ')
  return text.length > MOST_SUMMARY ? `${text.slice(0, MOST_SUMMARY - 1)}…` : text
}

function forecastStatus(made: Forecast, { settings }: World): NonNullable<ScalingPolicyStatus['forecast']> {
  if (made.state === 'TooShort') {
    const missingMs = made.missing * stepMsOf(settings.predictive.seasonMs)
    return { used: false, message: `the recorded load is too short for a forecast by about ${Math.ceil(missingMs / 60_000)} minutes` }
  }
  const { value, error, naiveError, isBetter } = made
  const compared = `its error is ${number(error)} agents, that of the load as it is ${number(naiveError)}`
  return {
    used: isBetter && settings.predictive.mode === 'Scale',
    wantedReplicas: Math.max(0, Math.ceil(value - 1e-9)),
    error: number(error),
    naiveError: number(naiveError),
    message: `${number(value)} agents at the horizon; ${compared}${isBetter ? '' : ', so that it is not used'}`,
  }
}

const time = (ms: number): string => new Date(ms).toISOString()
