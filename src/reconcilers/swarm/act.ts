import { randomUUID } from 'node:crypto'
import { LABEL, revisionName, SANDBOX_FINALIZER } from '../../api/names.ts'
import type { Agent } from '../../api/objects.ts'
import { REASON } from '../../api/reasons.ts'
import { OperatorError } from '../../errors.ts'
import { KubeApiError } from '../../kube/api-error.ts'
import { CONTROLLER_REVISIONS, controllerReference } from '../../kube/objects.ts'
import { AGENTS, FIELD_MANAGER } from '../shared/kinds.ts'
import { sorted, storedData, type RevisionData } from '../shared/revision.ts'
import type { Stores } from '../shared/stores.ts'
import { isCreate, type Deed, type NamedCreate } from './deeds.ts'
import { swarmLabels, type Seen } from './observe.ts'
import { tellDeeds } from './tell-deeds.ts'
import type { Made } from './world.ts'

/** Writes at once to the API server in one pass. */
const PARALLEL_WRITES = 16

/** Failures after which a pass gives up: the rest would rather fail, too. */
const MOST_FAILURES = 16

/** Revisions kept beside those in use, for going back. */
const REVISIONS_KEPT = 10

/** What came of a plan. */
export type Done = {
  /** The first failure. */
  error?: OperatorError
  /** Agents that the API server refused because of a quota, and which one that was, in its words. */
  refused: readonly NamedCreate[]
  quota?: string
  /** Agents that were not made as far as is known. */
  undone: readonly NamedCreate[]
  /** The names of those of which it is not known. */
  doubtful: readonly string[]
}

/** Does what the plan says. Goes on after a failure, so that one bad object holds nothing else up. */
export async function act(seen: Seen, deeds: readonly Deed[], stores: Stores, signal: AbortSignal): Promise<Done> {
  const failures: unknown[] = []
  const refused: NamedCreate[] = []
  const did = new Set<Deed>()
  const doubtful = new Set<string>()
  let quota: string | undefined
  const failed = (error: unknown, deed: Deed) => {
    if (error instanceof KubeApiError && error.code >= 400 && error.code < 500) doubtful.delete(deed.name)
    if (!isCreate(deed) || !(error instanceof KubeApiError) || error.quota === undefined) return void failures.push(error)
    quota ??= error.quota
    refused.push(deed)
  }
  const doOne = async (deed: Deed) => {
    if (isCreate(deed)) doubtful.add(deed.name)
    try {
      await actOn(seen, deed, stores, signal)
      doubtful.delete(deed.name)
      did.add(deed)
    } catch (error) {
      failed(error, deed)
    }
  }
  const pending = deeds.values()
  const work = async () => {
    for (const deed of pending) {
      if (signal.aborted || failures.length > MOST_FAILURES) return
      if (isCreate(deed) && quota !== undefined) refused.push(deed)
      else await doOne(deed)
    }
  }
  await Promise.all(Array.from({ length: Math.min(PARALLEL_WRITES, deeds.length) }, work))
  tellDeeds(
    seen.swarm,
    deeds.filter((deed) => did.has(deed)),
    stores.events,
  )
  const undone = deeds.filter(isCreate).filter((deed) => !did.has(deed))
  const [bug] = failures.filter((error) => !(error instanceof OperatorError))
  if (bug) throw bug
  const error = failures.find((each) => each instanceof OperatorError)
  return { ...(error && { error }), refused, ...(quota !== undefined && { quota }), undone, doubtful: [...doubtful] }
}

async function actOn(seen: Seen, action: Deed, stores: Stores, signal: AbortSignal): Promise<void> {
  if (action.do === 'createAgent') return createAgent(seen, { ...action, state: 'Running' }, stores, signal)
  if (action.do === 'warmAgent') return createAgent(seen, { ...action, group: '', place: 0, state: 'Warm' }, stores, signal)
  const agent = seen.agents.get(action.name)
  if (!agent) return
  switch (action.do) {
    case 'drainAgent':
      return setState(agent, 'Draining', stores, signal)
    case 'pauseAgent':
      return setState(agent, 'Paused', stores, signal)
    case 'takeAgent':
      return takeAgent(seen, { agent, made: action }, stores, signal)
    case 'keepAgent':
    case 'resumeAgent':
      return setState(agent, 'Running', stores, signal)
    case 'deleteAgent': {
      const left = await stores.client.delete(AGENTS, agent.metadata, { uid: agent.metadata.uid, signal }).catch(ignoreReplaced)
      stores.agents.deleted(agent, left)
    }
  }
}

type New = Made & Pick<Agent['spec'], 'state'> & { readonly name: string }

async function createAgent(seen: Seen, action: New, stores: Stores, signal: AbortSignal): Promise<void> {
  const { metadata } = seen.swarm
  const data = dataOf(seen, action.revision)
  const nonce = randomUUID()
  const manifest = {
    metadata: {
      name: action.name,
      namespace: metadata.namespace,
      labels: { ...swarmLabels(metadata.name), ...labelsOf(action) },
      ownerReferences: [controllerReference(seen.swarm)],
      finalizers: [SANDBOX_FINALIZER],
    },
    spec: {
      swarm: metadata.name,
      ...intentOf(seen, action),
      nonce,
      state: action.state,
      ...(data?.credentialsSecretRef && { credentialsSecretRef: data.credentialsSecretRef }),
    },
  }
  stores.fresh.add(nonce) // before the watch can tell of the agent
  try {
    stores.agents.wrote(await stores.client.create(AGENTS, manifest, { fieldManager: FIELD_MANAGER, signal }))
  } catch (error) {
    stores.fresh.delete(nonce) // should it have been made all the same, its sandbox is looked for first
    throw error
  }
}

const labelsOf = ({ group, revision }: Made) => ({ ...(group && { [LABEL.group]: group }), [LABEL.revision]: revision })

const intentOf = (seen: Seen, { group, revision, place, attempt }: Made) => ({
  group,
  role: dataOf(seen, revision)?.groups[group]?.role ?? 'Worker',
  revision,
  place,
  attempt,
})

/** Makes an agent of a sandbox of the warm pool. It leaves the pool by this one write, so that nobody else can take it. */
async function takeAgent(seen: Seen, { agent, made }: { agent: Agent; made: Made }, stores: Stores, signal: AbortSignal): Promise<void> {
  const { uid, name, namespace } = agent.metadata
  const stateSince = new Date(stores.now()).toISOString()
  const patch = { metadata: { uid, labels: labelsOf(made) }, spec: { ...intentOf(seen, made), state: 'Running', stateSince } }
  stores.agents.wrote(await stores.client.mergePatch(AGENTS, { namespace, name }, patch, { fieldManager: FIELD_MANAGER, signal }))
}

async function setState(agent: Agent, state: Agent['spec']['state'], stores: Stores, signal: AbortSignal): Promise<void> {
  const { uid, name, namespace } = agent.metadata
  const stateSince = new Date(stores.now()).toISOString()
  const patch = { metadata: { uid }, spec: { state, stateSince } }
  stores.agents.wrote(await stores.client.mergePatch(AGENTS, { namespace, name }, patch, { fieldManager: FIELD_MANAGER, signal }))
}

/** Stores the revision of the template as it is now, if it is a new one, and forgets old ones that nobody runs or refers to. */
export async function keepRevisions(seen: Seen, referred: readonly string[], stores: Stores, signal: AbortSignal): Promise<void> {
  const { metadata, status } = seen.swarm
  const newest = Math.max(0, ...seen.revisions.map((r) => r.revision))
  const stored = seen.revisions.find((r) => r.metadata.name === revisionName(metadata.name, seen.update.hash))
  if (!stored) {
    const manifest = {
      metadata: {
        name: revisionName(metadata.name, seen.update.hash),
        namespace: metadata.namespace,
        labels: { ...swarmLabels(metadata.name), [LABEL.revision]: seen.update.hash },
        ownerReferences: [controllerReference(seen.swarm)],
      },
      revision: newest + 1,
      data: sorted(seen.update.data),
    }
    stores.revisions.wrote(await stores.client.create(CONTROLLER_REVISIONS, manifest, { fieldManager: FIELD_MANAGER, signal }))
    if (newest > 0)
      stores.events.record(seen.swarm, {
        type: 'Normal',
        reason: REASON.revisionCreated,
        message: `the template changed: revision ${seen.update.hash}`,
      })
  } else if (stored.revision < newest) {
    const patch = { metadata: { uid: stored.metadata.uid }, revision: newest + 1 }
    stores.revisions.wrote(
      await stores.client.mergePatch(CONTROLLER_REVISIONS, stored.metadata, patch, { fieldManager: FIELD_MANAGER, signal }),
    )
  }
  const inUse = [...seen.agents.values()].map((a) => a.spec.revision).concat(seen.update.hash, status?.currentRevision ?? '', referred)
  const used = new Set(inUse)
  const idle = seen.revisions.filter((r) => !used.has(r.metadata.labels?.[LABEL.revision] ?? '')).sort((a, b) => b.revision - a.revision)
  for (const old of idle.slice(REVISIONS_KEPT)) {
    stores.revisions.deleted(old, await stores.client.delete(CONTROLLER_REVISIONS, old.metadata, { uid: old.metadata.uid, signal }))
  }
}

function dataOf(seen: Seen, hash: string): RevisionData | undefined {
  if (hash === seen.update.hash) return seen.update.data
  return storedData(seen.revisions.find((r) => r.metadata.labels?.[LABEL.revision] === hash))
}

/** An agent that is gone, or has been replaced under its name, is as good as deleted. */
function ignoreReplaced(error: unknown): undefined {
  if (error instanceof OperatorError && (error.reason === 'NotFound' || error.reason === 'Conflict')) return undefined
  throw error
}
