import type { AgentStatus } from '../../api/agent.ts'
import type { Agent } from '../../api/objects.ts'
import { LAST_OUTPUT, SANDBOX_FINALIZER } from '../../api/names.ts'
import { REASON } from '../../api/reasons.ts'
import { DEFAULT_HEALTH_PATH, DEFAULT_PORT } from '../../api/template.ts'
import { OperatorError, StalledError, WaitingError } from '../../errors.ts'
import { AGENTS, FIELD_MANAGER } from '../shared/kinds.ts'
import { referencesOf } from '../shared/revision.ts'
import { sameStatus } from '../shared/same-status.ts'
import type { Stores } from '../shared/stores.ts'
import type { AgentDeps } from './deps.ts'
import { observeAgent, type Seen } from './observe.ts'
import { Pass } from './pass.ts'
import { planAgent } from './plan.ts'
import { statusOf } from './status.ts'

/** More steps than any way through the plan takes. */
const MOST_STEPS = 12

/** How long a stalled agent rests before its provider is asked again: what stalls it may be put right over there. Milliseconds. */
const STALLED_RETRY_MS = 30_000

/** One pass over an agent: look, take the steps that are due, tell. Safe to run again at any time and after a crash at any line. */
export async function reconcileAgent(key: string, deps: AgentDeps, signal: AbortSignal): Promise<{ requeueAfterMs?: number }> {
  const { stores } = deps
  const seen = observeAgent(key, stores, deps.sightings)
  if (!seen) {
    stores.references.set(`agent:${key}`, [])
    return {}
  }
  if (!follow(seen, key, stores)) return {} // what it refers to is being read; that wakes it
  const pass = new Pass(seen, deps, signal)
  let error: OperatorError | undefined
  let checkAgainMs: number | undefined
  try {
    for (let n = 0; ; n += 1) {
      const step = planAgent(pass.world)
      if (step.do === 'rest') {
        checkAgainMs = step.checkAgainMs
        break
      }
      if (n === MOST_STEPS) throw new Error(`agent ${key} does not come to rest: ${step.do}`)
      await pass.take(step)
    }
  } catch (caught) {
    if (!(caught instanceof OperatorError) || signal.aborted) throw caught
    error = caught
  }
  const isUnreachable = error !== undefined && isOutOfReach(seen, error, stores.now())
  if (pass.isReleased || isUnreachable) {
    if (isUnreachable || seen.world.isForced) tellLeft(seen, pass, stores)
    await release(seen, stores, signal)
    forget(seen.agent, key, deps)
    return {}
  }
  await tell({ seen, pass, error }, deps, signal)
  const requeueAfterMs = error ? retryOf(error) : checkAgainMs
  if (error && requeueAfterMs === undefined) throw error
  return requeueAfterMs === undefined ? {} : { requeueAfterMs }
}

/** When to come back after an error that nothing in the cluster will end. */
function retryOf(error: OperatorError): number | undefined {
  if (error instanceof StalledError) return STALLED_RETRY_MS
  return error instanceof WaitingError ? error.retryAfterMs : undefined
}

const NO_KEY: ReadonlySet<string> = new Set([
  REASON.secretMissing,
  REASON.keyMissing,
  REASON.credentialsMissing,
  REASON.credentialsRejected,
])

/**
 * Whether the key to an agent's sandbox is gone for so long that the sandbox has ended by itself: nobody has given it
 * more time since the agent was deleted.
 */
function isOutOfReach({ agent, world, sandboxTimeoutMs }: Seen, error: OperatorError, nowMs: number): boolean {
  const deletedMs = Date.parse(agent.metadata.deletionTimestamp ?? '')
  return world.deleting && NO_KEY.has(error.reason) && nowMs > deletedMs + sandboxTimeoutMs
}

/** Follows the Secrets and ConfigMaps that the next steps need; their changes wake this agent. Tells whether all have been read. */
function follow({ agent, template }: Seen, key: string, stores: Stores): boolean {
  const { namespace } = agent.metadata
  const credentials = agent.spec.credentialsSecretRef
  const isStarted = agent.status?.sandbox?.commandStarted ?? false
  const contents = template && !isStarted && !agent.metadata.deletionTimestamp ? referencesOf(template) : []
  const wanted = [
    ...contents.map(({ kind, name }) => ({ kind, namespace, name })),
    ...(credentials ? [{ kind: 'Secret' as const, namespace, name: credentials.name }] : []),
  ]
  stores.references.set(`agent:${key}`, wanted)
  return wanted.every(({ kind, name }) => stores.references.get(kind, namespace, name).state !== 'unknown')
}

type Told = { seen: Seen; pass: Pass; error: OperatorError | undefined }

async function tell({ seen, pass, error }: Told, { stores, vitals }: AgentDeps, signal: AbortSignal): Promise<void> {
  const { agent, template } = seen
  const status = statusOf({
    spec: agent.spec,
    port: template?.port ?? DEFAULT_PORT,
    path: template?.readiness.path ?? DEFAULT_HEALTH_PATH,
    deleting: seen.world.deleting,
    stored: agent.status ?? { observedGeneration: -1 },
    ...(pass.sandbox && { sandbox: pass.sandbox }),
    ...(pass.lost && { lost: pass.lost }),
    ...(pass.world.health && { health: pass.world.health }),
    verdict: vitals.verdict(agent),
    failureThreshold: pass.world.failureThreshold,
    ...(error && { error }),
    generation: agent.metadata.generation,
    now: new Date(stores.now()).toISOString(),
  })
  tellEvents(agent, { pass, error, status }, stores)
  if (sameStatus(agent.status, status)) return
  stores.agents.wrote(await stores.client.patchStatus(AGENTS, agent, status, { precondition: 'uid', fieldManager: FIELD_MANAGER, signal }))
}

function tellEvents(agent: Agent, { pass, error, status }: Omit<Told, 'seen'> & { status: AgentStatus }, stores: Stores): void {
  if (pass.lost && !agent.status?.failed)
    stores.events.record(agent, { type: 'Warning', reason: REASON.agentFailed, message: withOutput(pass.lost.message, pass.lastOutput) })
  const before = agent.status?.conditions?.find((c) => c.type === 'Ready')?.reason
  const isOrdinary = error?.reason === REASON.rateLimited // its turn comes; hundreds of agents need not say so
  if (error && !isOrdinary && error.reason !== before)
    stores.events.record(agent, { type: 'Warning', reason: error.reason, message: error.message })
  const { health } = status
  if (health?.state === 'Critical' && agent.status?.health?.state !== 'Critical')
    stores.events.record(agent, { type: 'Warning', reason: health.reason, message: `critical: ${health.message}` })
}

const withOutput = (message: string, output: string) => (output === '' ? message : `${message}${LAST_OUTPUT}${output}`)

/** Says what an agent leaves behind that is let go without the end of its sandbox being seen. */
function tellLeft(seen: Seen, { sandbox, world }: Pass, stores: Stores): void {
  if (sandbox ? sandbox.state === 'Gone' : !world.mayExist) return
  const what = sandbox ? `sandbox ${sandbox.id} is left behind` : 'a sandbox may be left behind'
  const why = world.isForced
    ? 'as asked; the sweep ends it when the provider is back'
    : 'its API key is gone; by now its own timeout has ended it'
  const message = `agent ${seen.agent.metadata.name}: ${what}, ${why}`
  stores.events.record(seen.swarm ?? seen.agent, { type: 'Warning', reason: REASON.sandboxLeft, message })
}

/** Lets an agent go: its sandbox is gone, or nobody waits for that. */
async function release(seen: Seen, stores: Stores, signal: AbortSignal): Promise<void> {
  const { metadata } = seen.agent
  const at = metadata.finalizers?.indexOf(SANDBOX_FINALIZER) ?? -1
  if (at === -1) return
  try {
    const path = `/metadata/finalizers/${at}`
    const operations = [
      { op: 'test', path, value: SANDBOX_FINALIZER },
      { op: 'remove', path },
    ] as const
    const gone = await stores.client.jsonPatch(AGENTS, metadata, operations, { fieldManager: FIELD_MANAGER, signal })
    if ((gone.metadata.finalizers ?? []).length === 0) stores.agents.deleted(gone)
    else stores.agents.wrote(gone)
  } catch (error) {
    if (!(error instanceof OperatorError && error.reason === 'NotFound')) throw error
  }
}

function forget({ metadata, spec }: Agent, key: string, { prober, sightings, prepared, stores }: AgentDeps): void {
  prober.forget(metadata.uid)
  sightings.forget(metadata.uid)
  prepared.forget(metadata.uid)
  stores.fresh.delete(spec.nonce)
  stores.references.set(`agent:${key}`, [])
}
