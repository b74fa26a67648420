import { durationMs } from '../../api/duration.ts'
import { FORCE_DELETE, LABEL, revisionName, SANDBOX_FINALIZER } from '../../api/names.ts'
import type { Agent, Swarm } from '../../api/objects.ts'
import type { Template } from '../../api/template.ts'
import { controllerOf } from '../../kube/objects.ts'
import { groupTemplate, storedData } from '../shared/revision.ts'
import type { Stores } from '../shared/stores.ts'
import type { Sightings } from './sightings.ts'
import type { World } from './plan.ts'

/** One agent with what it is made from, as the caches have it. */
export type Seen = {
  agent: Agent
  /** Absent when the swarm is gone: only an end is possible then. */
  swarm?: Swarm
  template?: Template
  sandboxTimeoutMs: number
  world: World
}

/** Lifetime that the sandbox of an agent is given, in milliseconds: as its Swarm says, or as it said when it was there. */
export function sandboxTimeoutMs({ status }: Pick<Agent, 'status'>, swarm: Swarm | undefined): number {
  return durationMs(swarm?.spec.lifecycle.sandboxTimeout ?? status?.sandbox?.timeout ?? DEFAULT_SANDBOX_TIMEOUT)
}

/** The default of spec.lifecycle.sandboxTimeout. */
const DEFAULT_SANDBOX_TIMEOUT = '10m'

/** Looks at an agent. */
export function observeAgent(key: string, stores: Stores, sightings: Sightings): Seen | undefined {
  const agent = stores.agents.get(key)
  if (!agent) return undefined
  const { metadata, spec, status } = agent
  const swarm = ownerOf(agent, stores)
  const data = storedData(stores.revisions.get({ namespace: metadata.namespace, name: revisionName(spec.swarm, spec.revision) }))
  const template = data && groupTemplate(data, spec.group)
  const sandbox = status?.sandbox
  return {
    agent,
    ...(swarm && { swarm }),
    ...(template && { template }),
    sandboxTimeoutMs: sandboxTimeoutMs(agent, swarm),
    world: {
      deleting: metadata.deletionTimestamp !== undefined,
      isForced: FORCE_DELETE in (metadata.annotations ?? {}) || FORCE_DELETE in (swarm?.metadata.annotations ?? {}),
      isHeld: metadata.finalizers?.includes(SANDBOX_FINALIZER) ?? false,
      wanted: spec.state,
      isPrepared: sandbox?.prepared ?? false,
      sleepsWarm: swarm?.spec.warmPool?.state === 'Paused',
      isLost: status?.failed !== undefined,
      mayExist: sandbox === undefined && !stores.fresh.has(spec.nonce),
      ...(sandbox && { sandbox: { state: sandbox.state, commandStarted: sandbox.commandStarted } }),
      isSuspect: sightings.isSuspect(metadata.uid),
      wasReady: status?.readySince !== undefined,
      failureThreshold: template?.readiness.failureThreshold ?? 3,
      replaceAfterMs: durationMs(template?.readiness.replaceAfter ?? '30s'),
      nowMs: stores.now(),
    },
  }
}

/** The Swarm that an agent belongs to, unless that is gone or another one took its name. */
export function ownerOf(agent: Agent, stores: Pick<Stores, 'swarms'>): Swarm | undefined {
  const owner = controllerOf(agent)
  const swarm = stores.swarms.get({ namespace: agent.metadata.namespace, name: agent.metadata.labels?.[LABEL.swarm] ?? agent.spec.swarm })
  return swarm && swarm.metadata.uid === owner?.uid ? swarm : undefined
}
