import { randomUUID } from 'node:crypto'
import type { Rollout } from '../api/objects.ts'
import type { Answer, Request } from '../api/rollout.ts'
import type { KubeClient } from '../kube/client.ts'
import { CliError, readRollout, readSwarm, rolloutKind, type Ref } from './fleet.ts'
import { waitFor } from './watch.ts'

/** Longest wait for the answer of the operator, in milliseconds. */
const ANSWER_MS = 15_000

/** What is asked of the rollout of a swarm. */
export type Asked = Pick<Request, 'action' | 'revision'> & { readonly by: string }

/**
 * Writes a request into the status of the rollout that a swarm follows, and waits for its answer. Throws a CliError when the swarm follows
 * none, when the request is refused, and when no operator answers.
 */
export async function askRollout(client: KubeClient, ref: Ref, { by, ...asked }: Asked): Promise<string> {
  const rollout = await rolloutOf(client, ref)
  const kind = rolloutKind(rollout.kind)
  const request: Request = { id: randomUUID(), by, ...asked }
  await client.mergePatch(kind, rollout.metadata, { status: { request } }, { subresource: 'status' })
  const answer = await waitFor<Rollout, Answer>(client, { kind, ref: rollout.metadata, timeoutMs: ANSWER_MS }, (now) => {
    const given = now?.status?.state?.answer
    return given?.id === request.id ? given : undefined
  })
  if (!answer)
    throw new CliError(`no operator has answered for ${ANSWER_MS / 1_000} s; the request stays, look at the pods of swarm-operator`)
  if (!answer.accepted) throw new CliError(`${rollout.kind} ${rollout.metadata.name}: ${answer.message}`)
  return `${rollout.kind} ${rollout.metadata.name}: ${answer.message}`
}

/** The revision to go back to when none is given: the one that was stable before. */
export async function revisionBefore(client: KubeClient, ref: Ref): Promise<string> {
  const rollout = await rolloutOf(client, ref)
  const [before] = rollout.status?.state?.recentStable ?? []
  if (before !== undefined) return before
  throw new CliError(`swarm ${ref.name} had no other stable revision that is remembered; name one with --to`)
}

async function rolloutOf(client: KubeClient, ref: Ref): Promise<Rollout> {
  const rollout = await readRollout(client, await readSwarm(client, ref))
  if (rollout) return rollout
  throw new CliError(`swarm ${ref.name} follows no rollout; apply a CanaryRollout or a BlueGreenRollout with spec.swarm: ${ref.name}`)
}
