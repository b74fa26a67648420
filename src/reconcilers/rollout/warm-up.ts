import type { WarmUp } from '../../api/blue-green-rollout.ts'
import { pause } from '../../time/pause.ts'
import type { Verdict } from '../../rollouts/world.ts'
import type { Asking, WarmUpGoing } from './followed.ts'
import type { RouterTasks } from './router-tasks.ts'

/** Time of one task; the swarm's own limit is shorter. Milliseconds. */
const TASK_MS = 3_600_000

/** How long no task may be taken or end well before it is given up. Milliseconds. */
const PATIENCE_MS = 60_000

/** Bounds of the pause before a task that nobody could take is sent again, in milliseconds. */
const AGAIN_MS = { first: 100, longest: 2_000 } as const

/** What a warm-up works with. */
export type WarmUpDeps = { readonly tasks: Pick<RouterTasks, 'send'>; readonly now: () => number; readonly patienceMs?: number }

/**
 * Has the new revision do some tasks; their outputs are dropped.
 *
 * | answer                                  | what follows                                          |
 * |-----------------------------------------|-------------------------------------------------------|
 * | done                                    | the next task; Successful after the last              |
 * | busy, nobody ready, no router           | again; Error when nothing was done for a minute       |
 * | anything else                           | Failed, and the other tasks are given up              |
 *
 * Rejects only with the reason of the signal.
 */
export async function warmUp(spec: WarmUp, asking: Asking, going: WarmUpGoing, deps: WarmUpDeps): Promise<Verdict> {
  const input = parse(spec.input)
  if (!input) return { state: 'Failed', message: 'warmUp.input is not JSON; write a text in quotes, a number or an object' }
  const over = new AbortController()
  const signal = AbortSignal.any([going.signal, over.signal])
  const { namespace } = asking.rollout
  const work = { namespace, swarm: asking.swarm, revision: asking.target, body: { input: input.value }, timeoutMs: TASK_MS }
  let next = 0
  let done = 0
  let progressMs = deps.now()
  let verdict: Verdict | undefined

  const end = (ended: Verdict) => {
    verdict ??= ended
    over.abort()
  }
  const doOne = async (number: number): Promise<void> => {
    for (let waitMs: number = AGAIN_MS.first; ; waitMs = Math.min(2 * waitMs, AGAIN_MS.longest)) {
      const outcome = await deps.tasks.send(work, signal)
      const what = `warm-up task ${number} of ${spec.tasks}`
      if (outcome.state === 'failed') return end({ state: 'Failed', message: `${what} failed: ${outcome.message}` })
      if (outcome.state === 'done') {
        done += 1
        progressMs = deps.now()
        return going.onDone(done)
      }
      if (deps.now() - progressMs >= (deps.patienceMs ?? PATIENCE_MS))
        return end({ state: 'Error', message: `${what} is taken by nobody: ${outcome.message}` })
      await pause(waitMs, signal)
      signal.throwIfAborted()
    }
  }
  const worker = async () => {
    while (next < spec.tasks && !verdict) await doOne((next += 1))
  }
  const workers = Array.from({ length: Math.min(spec.concurrency, spec.tasks) }, async () =>
    worker().catch((error: unknown) => {
      if (!verdict) throw error
    }),
  )
  try {
    await Promise.all(workers)
  } finally {
    over.abort()
  }
  return verdict ?? { state: 'Successful', message: `${done} of ${spec.tasks} warm-up tasks were done` }
}

function parse(text: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) as unknown }
  } catch {
    return undefined
  }
}
