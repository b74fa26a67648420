import { OperatorError } from '../../errors.ts'
import type { ScalingPolicy } from '../../api/objects.ts'
import { REASON } from '../../api/reasons.ts'
import type { ScalingPolicyStatus } from '../../api/scaling-policy.ts'
import type { Informer } from '../../kube/informer.ts'
import { withChange, type Change } from '../../scaling/behaviour.ts'
import { decide, type Decision, type World } from '../../scaling/decide.ts'
import { needOf } from '../../scaling/foresight.ts'
import { changesKeptMs } from '../../scaling/settings.ts'
import { FIELD_MANAGER, SCALING_MANAGER, SCALING_POLICIES } from '../shared/kinds.ts'
import { sameStatus } from '../shared/same-status.ts'
import type { Stores } from '../shared/stores.ts'
import { lastWriter, setReplicas } from './act.ts'
import type { External } from './external.ts'
import { PolicyMemory } from './memory.ts'
import type { ScalingMetrics } from './metrics.ts'
import { lookAgainMs, observe, type Subject } from './observe.ts'
import { noTargetStatus, overriddenText, statusOf, tellsTheSame, warningEndsMs, type Foreseen } from './status.ts'
import { targetOf, type NoTarget } from './target.ts'
import type { Usages } from './usages.ts'

/** Changes of a status that can wait are written so often at most. Milliseconds. */
const TELL_MS = 5_000

/** How long a new operator listens before it tells that metrics fail, in milliseconds. */
const LISTEN_MS = 3_000

/** What the scaling reconciler works with. */
export type ScalingDeps = {
  readonly stores: Stores
  readonly policies: Informer<ScalingPolicy, 'swarm'>
  readonly memories: Map<string, PolicyMemory>
  readonly usages: Usages
  readonly external: External
  readonly metrics: ScalingMetrics
}

/** One pass over a policy: look, decide, set the replicas, tell. Safe to run again at any time and after a crash at any line. */
export async function reconcilePolicy(key: string, deps: ScalingDeps, signal: AbortSignal): Promise<{ requeueAfterMs?: number }> {
  const { stores, policies } = deps
  const policy = policies.get(key)
  if (!policy || policy.metadata.deletionTimestamp) {
    deps.external.forget(key)
    deps.memories.delete(key)
    return {}
  }
  const { namespace } = policy.metadata
  const swarm = stores.swarms.get({ namespace, name: policy.spec.target.swarm })
  const others = policies.index('swarm', swarmKey(policy))
  const target = targetOf(policy, swarm, others)
  if ('reason' in target) {
    deps.external.forget(key)
    await tellNoTarget(policy, target, deps, signal)
    return {}
  }
  const memory = deps.memories.get(key) ?? new PolicyMemory(policy.status?.recorded, stores.now())
  deps.memories.set(key, memory)
  return pass({ policy, target, memory, others }, deps, signal)
}

/** The index by which policies of a swarm are found. */
export const swarmKey = ({ metadata, spec }: ScalingPolicy): string => `${metadata.namespace}/${spec.target.swarm}`

async function pass(subject: Subject, deps: ScalingDeps, signal: AbortSignal): Promise<{ requeueAfterMs: number }> {
  const { policy, memory } = subject
  const { newsMs = performance.now() } = memory
  memory.newsMs = undefined
  const seen = observe(subject, deps)
  deps.external.set(keyOf(policy), policy, memory.metrics)
  const found = await findOverride(subject, seen, deps.stores, signal)
  const world = { ...seen, changes: found.changes }
  const decision = decide(world)
  memory.recent = decision.recent
  memory.activeMs = decision.lastActiveMs
  const isListening = world.nowMs - memory.sinceMs < LISTEN_MS && decision.answers.some(({ state }) => state === 'NoData')
  const isSeen = policy.status?.observedGeneration === policy.metadata.generation
  if (isListening && isSeen && !decision.apply) return { requeueAfterMs: LISTEN_MS }

  const error = decision.apply ? await apply(subject, decision, { deps, newsMs, signal }) : undefined
  const hasChanged = decision.apply && error === undefined
  const change = { atMs: world.nowMs, from: world.current, to: decision.replicas }
  const status = statusOf(world, decision, {
    generation: policy.metadata.generation,
    stored: policy.status,
    changes: hasChanged ? withChange(world.changes, change, changesKeptMs(world.settings)) : world.changes,
    setReplicas: hasChanged ? decision.replicas : found.setReplicas,
    overridden: found.overridden,
    ...foreseen(subject, decision, world),
    error,
  })
  const tellAgainMs = await tell(subject, status, deps, signal)
  if (error) throw error
  const times = [lookAgainMs(subject, world), decision.checkAgainMs, tellAgainMs, warningEndsMs(found.overridden, world.nowMs)]
  return { requeueAfterMs: Math.min(...times.flatMap((ms) => ms ?? [])) }
}

/** Records what is asked for, and looks ahead. */
function foreseen({ policy, memory: { foresight } }: Subject, { answers }: Decision, { settings, nowMs }: World): Foreseen {
  if (settings.predictive.mode === 'Off') return {}
  const forecast = foresight.see(settings.predictive, needOf(answers), nowMs)
  return { forecast, recorded: foresight.stored(policy.status?.recorded, nowMs) }
}

type Applying = { readonly deps: ScalingDeps; readonly newsMs: number; readonly signal: AbortSignal }

/** Sets the replicas and tells of it; returns why it could not. */
async function apply(
  { policy, target }: Subject,
  decision: Decision,
  { deps, newsMs, signal }: Applying,
): Promise<OperatorError | undefined> {
  const { stores, metrics } = deps
  try {
    await setReplicas(target, decision.replicas, stores, signal)
  } catch (error) {
    if (error instanceof OperatorError) return error
    throw error
  }
  metrics.writeSeconds.observe((performance.now() - newsMs) / 1_000)
  const isUp = decision.replicas > target.current
  metrics.changed(policy, isUp ? 'up' : 'down')
  stores.events.record(policy, { type: 'Normal', reason: isUp ? REASON.scaledUp : REASON.scaledDown, message: decision.message })
  return undefined
}

type Found = {
  readonly changes: readonly Change[]
  readonly setReplicas: number | undefined
  readonly overridden: ScalingPolicyStatus['overridden']
}

/**
 * Whether the replicas are still those that the policy has set. If not, the API server knows who wrote them: somebody else, of which people
 * are warned, or this policy just before a crash, which is then one of its changes.
 */
async function findOverride({ policy, target }: Subject, world: World, stores: Stores, signal: AbortSignal): Promise<Found> {
  const { status } = policy
  const known = { changes: world.changes, setReplicas: status?.setReplicas, overridden: status?.overridden }
  const from = status?.setReplicas
  const to = target.current
  if (from === undefined || from === to) return known
  const writer = await lastWriter(target, stores, signal)
  if (writer?.manager === SCALING_MANAGER) {
    const change = { atMs: writer.atMs, from, to }
    return { ...known, changes: withChange(world.changes, change, changesKeptMs(world.settings)), setReplicas: to }
  }
  const overridden = { at: new Date(world.nowMs).toISOString(), by: writer?.manager ?? 'somebody', from, to }
  const happening = { type: 'Warning', reason: REASON.replicasSetByOthers, message: overriddenText(overridden) } as const
  stores.events.record(policy, happening)
  stores.events.record(target.swarm, { ...happening, message: `ScalingPolicy ${policy.metadata.name}: ${happening.message}` })
  return { ...known, setReplicas: to, overridden }
}

/** Writes a status at once when it tells of something new, and later when only figures have changed; returns when that is. */
async function tell({ policy, memory }: Subject, status: ScalingPolicyStatus, deps: ScalingDeps, signal: AbortSignal) {
  const { stores } = deps
  if (sameStatus(policy.status, status)) return undefined
  const nowMs = stores.now()
  const dueMs = memory.toldMs + TELL_MS - nowMs
  if (dueMs > 0 && tellsTheSame(policy.status, status)) return dueMs
  const failing = (from: ScalingPolicyStatus | undefined) => from?.conditions?.find((c) => c.type === 'MetricsFailing')
  const isNew = failing(status) && !failing(policy.status)
  if (isNew) stores.events.record(policy, { type: 'Warning', reason: REASON.metricsFailing, message: failing(status)?.message ?? '' })
  await writeStatus(policy, status, deps, signal)
  memory.toldMs = nowMs
  return undefined
}

async function tellNoTarget(policy: ScalingPolicy, why: NoTarget, deps: ScalingDeps, signal: AbortSignal): Promise<void> {
  const { stores } = deps
  const { metadata, status: stored } = policy
  const status = noTargetStatus(stored, why, { generation: metadata.generation, nowMs: stores.now() })
  if (sameStatus(stored, status)) return
  const before = stored?.conditions?.find((c) => c.type === 'Ready')?.reason
  if (before !== why.reason) stores.events.record(policy, { type: 'Warning', reason: why.reason, message: why.message })
  await writeStatus(policy, status, deps, signal)
}

async function writeStatus(policy: ScalingPolicy, status: ScalingPolicyStatus, deps: ScalingDeps, signal: AbortSignal): Promise<void> {
  const { stores, policies } = deps
  const options = { precondition: 'uid', fieldManager: FIELD_MANAGER, signal } as const
  policies.wrote(await stores.client.patchStatus(SCALING_POLICIES, policy, status, options))
}

const keyOf = ({ metadata }: ScalingPolicy): string => `${metadata.namespace}/${metadata.name}`
