import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { LoadJob, LoadResult } from './load-process.ts'

type Answer = { readonly result: LoadResult } | { readonly error: string }

/** A process that sends load, so that neither what is measured nor the measuring shares its event loop. */
export class LoadGenerator {
  readonly #child: ChildProcess

  constructor() {
    this.#child = fork(join(import.meta.dirname, 'load-process.ts'), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  }

  /** Runs one job; throws unless every request was answered 200 in time. */
  async run(job: LoadJob): Promise<LoadResult> {
    const ended = new AbortController()
    const gone = once(this.#child, 'exit', { signal: ended.signal }).then(() => ({ error: 'the process that sends load has ended' }))
    gone.catch(() => undefined)
    const answered = once(this.#child, 'message', { signal: ended.signal }).then(([answer]) => answer as Answer) // from our own program
    answered.catch(() => undefined)
    this.#child.send(job)
    const answer = await Promise.race([answered, gone])
    ended.abort()
    if ('error' in answer) throw new Error(answer.error)
    const { failures, requests, firstFailure } = answer.result
    if (failures > 0)
      throw new Error(`${failures} of ${job.requests} requests failed (${requests} sent); first: ${firstFailure ?? 'out of time'}`)
    return answer.result
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const gone = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await gone
  }
}
