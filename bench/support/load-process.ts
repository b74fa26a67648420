import { Pool } from 'undici'
import { percentile } from './statistics.ts'

/** Where requests go; all answer 200 when all is well. */
export type Target = { readonly url: string; readonly headers: Readonly<Record<string, string>>; readonly body: string }

/** One run of load: so many requests in all, each connection sending the next when it has its answer. */
export type LoadJob = {
  readonly targets: readonly Target[]
  readonly connections: number
  readonly requests: number
  readonly limitMs: number
}

/** How it went. Times are milliseconds. */
export type LoadResult = {
  readonly requests: number
  readonly seconds: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Requests that got another answer than 200, and what the first of them got. */
  readonly failures: number
  readonly firstFailure?: string
}

const LOOPBACK = new Set(['127.0.0.1', 'localhost', '[::1]'])
const MOST_REQUESTS = 200_000
const MOST_CONNECTIONS = 512

/** Sends load from here. Refuses anything that is not loopback and not small. */
export async function sendLoad(job: LoadJob): Promise<LoadResult> {
  const urls = job.targets.map(({ url }) => new URL(url))
  const foreign = urls.find(({ hostname }) => !LOOPBACK.has(hostname))
  if (foreign) throw new Error(`load is for loopback only, not ${foreign.hostname}`)
  if (job.requests > MOST_REQUESTS || job.connections > MOST_CONNECTIONS) throw new Error('that is more load than is allowed')
  const signal = AbortSignal.timeout(job.limitMs)
  const pools = new Map(urls.map(({ origin }) => [origin, new Pool(origin, { connections: job.connections, pipelining: 1 })]))
  const times: number[] = []
  const failures: string[] = []
  let left = job.requests
  const connection = async (_: unknown, index: number) => {
    const at = index % job.targets.length
    const [target, url] = [job.targets[at], urls[at]]
    const pool = pools.get(url?.origin ?? '')
    if (!target || !url || !pool) return
    const request = { path: url.pathname, method: 'POST', headers: { ...target.headers }, body: target.body, signal } as const
    while (left > 0 && !signal.aborted) {
      left -= 1
      const from = performance.now()
      const outcome = await exchange(pool, request)
      times.push(performance.now() - from)
      if (outcome !== undefined) failures.push(outcome)
    }
  }
  const started = performance.now()
  await Promise.all(Array.from({ length: job.connections }, connection))
  const seconds = (performance.now() - started) / 1000
  await Promise.all([...pools.values()].map((pool) => pool.destroy()))
  const [firstFailure] = failures
  return {
    requests: times.length,
    seconds,
    p50Ms: percentile(times, 0.5),
    p99Ms: percentile(times, 0.99),
    failures: failures.length + left,
    ...(firstFailure !== undefined && { firstFailure }),
  }
}

/** Sends one request; undefined when it got a 200. */
async function exchange(pool: Pool, request: Parameters<Pool['request']>[0]): Promise<string | undefined> {
  try {
    const { statusCode, body } = await pool.request(request)
    const text = await body.text()
    return statusCode === 200 ? undefined : `${statusCode} ${text.slice(0, 200)}`
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}

// As a process of its own it takes jobs from the process that started it, and ends with it.
if (process.send && import.meta.main) {
  process.on('message', (job: LoadJob) => {
    sendLoad(job).then(
      (result) => process.send?.({ result }),
      (error: unknown) => process.send?.({ error: error instanceof Error ? error.message : String(error) }),
    )
  })
  process.on('disconnect', () => process.exit(0))
}
