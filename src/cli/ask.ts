import { randomUUID } from 'node:crypto'
import type { Rollout } from '../api/objects.ts'
import type { Answer, Request } from '../api/rollout.ts'
import type { KubeClient } from '../kube/client.ts'
import { Informer } from '../kube/informer.ts'
import { createLog } from '../log.ts'
import { CliError, readRollout, readSwarm, rolloutKind, type Ref } from './fleet.ts'

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
  const answer = await answerTo(client, rollout, request.id)
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

/** Waits for the answer, which comes as a change of the status; undefined when none has come in time. */
async function answerTo(client: KubeClient, rollout: Rollout, id: string): Promise<Answer | undefined> {
  const { namespace, name } = rollout.metadata
  const { promise, resolve } = Promise.withResolvers<Answer | undefined>()
  const informer = new Informer<Rollout>({
    client,
    kind: rolloutKind(rollout.kind),
    namespaces: [namespace],
    fieldSelector: `metadata.name=${name}`,
    log: createLog({ level: 'error', shape: 'text' }),
  })
  informer.onChange((_type, { status }) => {
    if (status?.state?.answer?.id === id) resolve(status.state.answer)
  })
  const timer = setTimeout(() => resolve(undefined), ANSWER_MS)
  informer.start()
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    await informer.stop()
  }
}
