import { REASON } from '../../api/reasons.ts'
import { WaitingError } from '../../errors.ts'
import { KubeApiError } from '../../kube/api-error.ts'
import type { JsonPatchOperation } from '../../kube/requests.ts'
import type { Stores } from '../shared/stores.ts'
import { SCALING_MANAGER, SWARMS } from '../shared/kinds.ts'
import type { Target } from './target.ts'

/** When to look again after somebody else was faster. The change itself wakes the policy as well. Milliseconds. */
const AGAIN_MS = 100

/** Where the replicas of a target are in its Swarm. */
const pathOf = ({ at }: Target): string => (at === undefined ? '/spec/replicas' : `/spec/groups/${at}/replicas`)

/**
 * Sets the replicas, under a field manager of their own. Only if the Swarm is the one that was seen, the group is where it was, and the
 * number is the one from which was decided: what somebody has written meanwhile is never overwritten unseen, and no group that was
 * removed comes back, as it would with an apply.
 */
export async function setReplicas(target: Target, to: number, { client, swarms }: Stores, signal: AbortSignal): Promise<void> {
  const { swarm, group, current, at } = target
  const path = pathOf(target)
  const patch: JsonPatchOperation[] = [
    { op: 'test', path: '/metadata/uid', value: swarm.metadata.uid },
    ...(at === undefined ? [] : [{ op: 'test' as const, path: `/spec/groups/${at}/name`, value: group }]),
    { op: 'test', path, value: current },
    { op: 'replace', path, value: to },
  ]
  try {
    swarms.wrote(await client.jsonPatch(SWARMS, swarm.metadata, patch, { fieldManager: SCALING_MANAGER, signal }))
  } catch (error) {
    // A failed test is a 422 like an invalid spec, but only the latter names the fields.
    if (!(error instanceof KubeApiError && error.code === 422 && error.causes.length === 0)) throw error
    const message = `the replicas of Swarm ${swarm.metadata.namespace}/${swarm.metadata.name} were changed at the same moment`
    throw new WaitingError(REASON.conflict, message, AGAIN_MS, { cause: error })
  }
}

/** Who wrote the replicas of a target last, and when, as the API server has recorded it; undefined when it has not. */
export async function lastWriter(
  { swarm, group, at }: Target,
  { client }: Stores,
  signal: AbortSignal,
): Promise<{ readonly manager: string; readonly atMs: number } | undefined> {
  const seen = await client.get(SWARMS, swarm.metadata, { signal })
  const keys = at === undefined ? ['f:replicas'] : ['f:groups', `k:${JSON.stringify({ name: group })}`, 'f:replicas']
  const entries = managedFieldsOf(seen).filter(({ fields }) => keys.reduce(inner, inner(fields, 'f:spec')) !== undefined)
  // One that applied the number first and was overwritten is not its manager any more; of several that agree the newest wrote last.
  const newest = entries.sort((a, b) => b.atMs - a.atMs)[0]
  return newest && { manager: newest.manager, atMs: newest.atMs }
}

type Managed = { readonly manager: string; readonly atMs: number; readonly fields: unknown }

/** metadata.managedFields, which caches leave out. */
function managedFieldsOf(object: unknown): readonly Managed[] {
  const list = inner(inner(object, 'metadata'), 'managedFields')
  if (!Array.isArray(list)) return []
  return list.map((entry: unknown) => ({
    manager: textOf(inner(entry, 'manager')) || 'somebody',
    atMs: Date.parse(textOf(inner(entry, 'time'))) || 0,
    fields: inner(entry, 'fieldsV1'),
  }))
}

const inner = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null ? Object.getOwnPropertyDescriptor(value, key)?.value : undefined

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')
