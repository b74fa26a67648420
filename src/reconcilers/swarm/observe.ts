import { isTrue } from '../../api/conditions.ts'
import { DRAIN, LABEL } from '../../api/names.ts'
import { durationMs } from '../../api/duration.ts'
import type { Agent, Swarm } from '../../api/objects.ts'
import { groupsOf } from '../../api/swarm-group.ts'
import { templateOf } from '../../api/template.ts'
import { OperatorError } from '../../errors.ts'
import { REASON } from '../../api/reasons.ts'
import { brakeOf, recentFailures } from '../../health/brake.ts'
import type { ControllerRevision } from '../../kube/objects.ts'
import { hashText, unitOf } from '../../stats/hash.ts'
import type { AgentSeen } from '../shared/agent-seen.ts'
import type { Stores } from '../shared/stores.ts'
import { KeyReader } from '../shared/contents.ts'
import { groupTemplate, referencesOf, revisionHash, revisionOf, sorted, storedData, type RevisionData } from '../shared/revision.ts'
import type { Costs } from './costs.ts'
import { shapeKey } from './pool.ts'
import { kindOf, type Observed, type PoolSeen, type WarmSeen } from './world.ts'
import type { Trouble } from './status.ts'

/** A swarm with everything that belongs to it, as the caches have it. */
export type Seen = {
  readonly swarm: Swarm
  readonly agents: ReadonlyMap<string, Agent>
  readonly revisions: readonly ControllerRevision[]
  /** Revision of the template as it is now, or, while that is not known, as it was last. */
  readonly update: { readonly hash: string; readonly data: RevisionData }
  /** Why the revision is not known: what the template refers to cannot be read. */
  readonly unread?: OperatorError
  readonly world: Observed
  readonly troubles: readonly Trouble[]
}

/** Looks at a swarm. Undefined when it is gone or going: what it owns follows by garbage collection. */
export function observeSwarm(key: string, stores: Stores): Seen | undefined {
  const swarm = stores.swarms.get(key)
  if (!swarm || swarm.metadata.deletionTimestamp) {
    stores.references.set(`swarm:${key}`, [])
    return undefined
  }
  const { spec, metadata } = swarm
  const owned = stores.agents.index('swarm', metadata.uid)
  const revisions = stores.revisions.index('swarm', metadata.uid)
  const { update, unread } = updateOf(swarm, revisions, stores)
  const nowMs = stores.now()
  const restartsMs = spec.restartAt === undefined ? 0 : Date.parse(spec.restartAt)
  const groups = groupsOf(spec).map(({ name, replicas }) => ({ name, replicas }))
  const around = { swarm, stores, nowMs }
  const agents = owned.filter((a) => a.spec.state !== 'Warm').map((agent) => agentSeen(agent, around))
  const troubles = owned.flatMap(troubleOf)
  const isShort = troubles.some((t) => t.reason === REASON.quotaExceeded)
  const pool = poolSeen(owned, { ...around, isShort, revisions, update })
  return {
    swarm,
    agents: new Map(owned.map((a) => [a.metadata.name, a])),
    revisions,
    update,
    ...(unread && { unread }),
    world: {
      groups,
      updateRevision: update.hash,
      maxSurge: spec.update.maxSurge,
      maxUnavailable: spec.update.maxUnavailable,
      drainTimeoutMs: durationMs(spec.lifecycle.drainTimeout),
      onScaleDown: spec.lifecycle.onScaleDown,
      ...(spec.topology && { topology: { spec: spec.topology, groups: groupsOf(spec) } }),
      ...(swarm.status?.topology?.leader !== undefined && { leader: swarm.status.topology.leader }),
      isOrdered: spec.topology?.type === 'Ring' && spec.groups === undefined,
      ...(restartsMs > nowMs && { restartsMs }),
      ...lossesOf({ swarm, groups, agents, nowMs }),
      agents,
      ...(pool && { pool }),
      nowMs,
    },
    troubles,
  }
}

/**
 * The revision of the template. While what it refers to cannot be read it stays the one that is stored, so that what is under way goes on,
 * above all a rollout that must go back; without one there is nothing to work on, and the error is thrown.
 */
function updateOf(swarm: Swarm, revisions: readonly ControllerRevision[], stores: Stores): Pick<Seen, 'update' | 'unread'> {
  try {
    const data = revisionOf(swarm.spec, contentsHash(swarm, stores))
    return { update: { hash: revisionHash(data), data } }
  } catch (error) {
    const hash = swarm.status?.updateRevision
    const data = storedData(revisions.find(({ metadata }) => metadata.labels?.[LABEL.revision] === hash))
    if (!(error instanceof OperatorError) || hash === undefined || !data) throw error
    return { update: { hash, data }, unread: error }
  }
}

/** The hash of what the templates refer to, when its change is a new revision; throws WaitingError while something is missing. */
function contentsHash(swarm: Swarm, stores: Stores): string | undefined {
  const { namespace } = swarm.metadata
  const key = `swarm:${namespace}/${swarm.metadata.name}`
  if (swarm.spec.template.configUpdates === 'Ignore') {
    stores.references.set(key, [])
    return undefined
  }
  const templates = groupsOf(swarm.spec).map((g) => templateOf(swarm.spec.template, g.template))
  stores.references.set(
    key,
    templates.flatMap(referencesOf).map(({ kind, name }) => ({ kind, namespace, name })),
  )
  return new KeyReader(stores.references, namespace).hashOf(templates)
}

/** What was lost within a minute, and whether that is so much that nothing more may be risked. */
function lossesOf(seen: Pick<Observed, 'groups' | 'agents' | 'nowMs'> & { swarm: Swarm }): Pick<Observed, 'failures' | 'brake'> {
  const { swarm, groups, agents, nowMs } = seen
  // One that never got ready was not lost, nor one that sleeps: it did nothing, and its group goes on without it.
  const worked = agents.filter((a) => a.wasReady && a.state !== 'Paused')
  const wanted = groups.reduce((n, g) => n + g.replicas, 0)
  const existing = worked.filter((a) => !a.deleting).length
  const size = Math.max(wanted, existing)
  const failures = recentFailures(swarm.status?.recentFailures ?? [], { agents: worked, size, nowMs })
  const brake = size > 0 ? brakeOf(failures, size) : undefined
  return { failures, ...(brake && { brake }) }
}

type Known = Around & { isShort: boolean; revisions: readonly ControllerRevision[]; update: Seen['update'] }

/** The warm pool; undefined where none is wanted and nothing is left of one. */
function poolSeen(owned: readonly Agent[], known: Known): PoolSeen | undefined {
  const { spec } = known.swarm
  const members = owned.filter((a) => a.spec.state === 'Warm')
  if (!spec.warmPool && members.length === 0) return undefined
  const shapes = new Map<string, string>()
  const add = (revision: string, data: RevisionData) => {
    for (const group of ['', ...groupsOf(spec).map(({ name }) => name)]) shapes.set(shapeKey(revision, group), shapeOf(data, group))
  }
  for (const revision of known.revisions) {
    const data = storedData(revision)
    if (data) add(revision.metadata.labels?.[LABEL.revision] ?? '', data)
  }
  add(known.update.hash, known.update.data)
  const isPaused = spec.warmPool?.state === 'Paused'
  const warm = members.map((agent) => warmSeen(agent, { ...known, shapes, isPaused }))
  return { replicas: spec.warmPool?.replicas ?? 0, warm, shapes, isShort: known.isShort }
}

/** What cannot be changed any more once a sandbox is made and has its files: where it comes from, and whose it is. */
function shapeOf(data: RevisionData, group: string): string {
  const { sandboxTemplate, network, files } = groupTemplate(data, group)
  return JSON.stringify(sorted([sandboxTemplate, network, files.map(({ path }) => path).sort(), data.credentialsSecretRef]))
}

function warmSeen(agent: Agent, around: Around & { shapes: PoolSeen['shapes']; isPaused: boolean }): WarmSeen {
  const { name, deleting, expiring, restarting, failed, attempt } = agentSeen(agent, around)
  const sandbox = agent.status?.sandbox
  const wanted = around.isPaused ? 'Paused' : 'Running'
  return {
    name,
    shape: around.shapes.get(shapeKey(agent.spec.revision, '')),
    state: sandbox?.prepared && sandbox.state === wanted ? wanted : 'Making',
    deleting,
    isEnding: expiring || restarting !== undefined,
    ...(failed && { failed }),
    attempt,
  }
}

type Around = { swarm: Swarm; stores: Stores; nowMs: number }

function agentSeen(agent: Agent, { swarm, stores, nowMs }: Around): AgentSeen {
  const { metadata, spec, status } = agent
  const startedMs = status?.sandbox ? Date.parse(status.sandbox.startedAt) : undefined
  const expiresMs = startedMs === undefined ? undefined : startedMs + durationMs(swarm.spec.lifecycle.maxAge) * spread(metadata.name)
  const ready = isTrue(agent, 'Ready')
  const failed = status?.failed
  return {
    name: metadata.name,
    group: spec.group,
    place: spec.place,
    revision: spec.revision,
    state: spec.state === 'Warm' ? 'Paused' : spec.state,
    stateSinceMs: Date.parse(spec.stateSince ?? metadata.creationTimestamp),
    deleting: metadata.deletionTimestamp !== undefined,
    ready: ready && !failed,
    wasReady: status?.readySince !== undefined,
    ...(failed && { failed: { reason: failed.reason, atMs: Date.parse(failed.at), readyForMs: failed.readyForMs ?? 0 } }),
    ...(status?.health && { health: status.health.state }),
    isStarted: status?.sandbox?.commandStarted ?? false,
    attempt: spec.attempt,
    inFlight: stores.routers.inFlight(metadata.namespace, metadata.name),
    drained: spec.state === 'Draining' && stores.routers.isDrained(metadata.namespace, metadata.name),
    expiring: status?.sandbox?.endsAt !== undefined || (expiresMs !== undefined && expiresMs <= nowMs),
    ...(expiresMs !== undefined && { expiresMs }),
    ...(isRestarting(agent, swarm, nowMs) && { restarting: 'Restarted' }),
    ...(DRAIN in (metadata.annotations ?? {}) && { restarting: 'Asked' }),
  }
}

/** Whether it was made before a restart that is due. Times of creation are whole seconds: one of the same second is not restarted again. */
function isRestarting({ metadata }: Agent, { spec: { restartAt } }: Swarm, nowMs: number): boolean {
  if (restartAt === undefined) return false
  const dueMs = Date.parse(restartAt)
  return dueMs <= nowMs && Date.parse(metadata.creationTimestamp) < Math.floor(dueMs / 1_000) * 1_000
}

/** Between 0.9 and 1, fixed by the name: agents made together do not all reach their age together. */
const spread = (name: string) => 1 - unitOf(hashText(name)) / 10

function troubleOf({ metadata, spec, status }: Agent): Trouble[] {
  const ready = status?.conditions?.find((c) => c.type === 'Ready')
  if (metadata.deletionTimestamp || spec.state !== 'Running' || !ready || ready.status === 'True') return []
  // A lost agent is replaced without anybody's help.
  const stalled = !status?.failed && (status?.conditions?.some((c) => c.type === 'Stalled') ?? false)
  return [{ agent: metadata.name, reason: ready.reason, message: ready.message, stalled }]
}

/** What sandboxes of a swarm were made of before, so that what one more costs is known. */
export function sizedIn({ swarm, world: { groups }, revisions, update }: Seen, costs: Costs): readonly string[] {
  return costs.sized(swarm, kindsOf({ groups, revisions, update })).map(kindOf)
}

/** All that agents of a swarm may be made from. */
function kindsOf({ groups, revisions, update }: Pick<Seen, 'revisions' | 'update'> & Pick<Observed, 'groups'>) {
  const hashes = new Set([update.hash, ...revisions.flatMap(({ metadata }) => metadata.labels?.[LABEL.revision] ?? [])])
  const names = new Set(['', ...groups.map(({ name }) => name)]) // that of the warm pool as well
  return [...hashes].flatMap((revision) => [...names].map((group) => ({ revision, group })))
}

/** The labels of everything that belongs to a swarm. */
export const swarmLabels = (swarm: string) => ({ [LABEL.swarm]: swarm })
