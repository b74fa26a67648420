import { randomUUID } from 'node:crypto'
import { Pool } from 'undici'
import type { Benchmark, Context, Figure } from './benchmark.ts'
import { Bed } from './support/bed.ts'
import { addressesOf } from './support/sandboxes.ts'
import { figureOf, percentile } from './support/statistics.ts'
import { Team } from './support/team.ts'

/** Figures of a published analysis whose tests were simulated, and what a hop of ours may cost; milliseconds. */
const REPORTED = { cycleMs: 312, hopMs: 104, ringMs: 1950 } as const
const TARGET_MS = 5

/** Stages of each ring, and what was reported for one of that size. */
const RINGS = [
  { stages: 3, beside: { reported: REPORTED.cycleMs } },
  { stages: 4, beside: { reported: REPORTED.ringMs } },
] as const

/** Tasks on their way at once. */
const CLIENTS = [1, 8] as const

const INPUT = { isPassedOn: true, text: 'x'.repeat(200) }
const HEADERS = { 'content-type': 'application/json' }

/** One task, all stages; resolves with its output. */
type Send = () => Promise<unknown>

/** Two ways of the same work, measured in turn: by the router, and stage by stage by the client itself. */
type Ways = { readonly router: Send; readonly direct: Send }

export const ring: Benchmark = {
  name: 'ring',
  what: 'A task through a ring by the router, beside the same stages called one after the other through the provider’s proxy (the way that routers take): what a hop by the router costs. Agents answer at once.',
  run: measure,
}

async function measure(context: Context): Promise<readonly Figure[]> {
  const { quick, ends, signal, say } = context
  const bed = await Bed.start(context, { isLight: false, hasRouter: true })
  const figures: Figure[] = []
  for (const { stages, beside } of RINGS) {
    const swarm = `ring-${stages}`
    const names = Array.from({ length: stages }, (_, i) => `stage-${i}`)
    await Team.start(bed, swarm, { groups: names.map((name) => ({ name })), topology: { type: 'Ring' }, maxConcurrentTasks: 64 })
    const pools = [`http://127.0.0.1:${bed.router?.port ?? 0}`, bed.e2bUrl].map((origin) => new Pool(origin, { connections: 8 }))
    for (const pool of pools) await ends.own(() => pool.destroy())
    const ways = await waysOf({ bed, swarm, names }, pools)
    for (const clients of CLIENTS) {
      const tasks = quick ? 20 : 300
      const rounds: Record<keyof Ways, number[]>[] = []
      for (let n = 0; n < (quick ? 2 : 8); n += 1) {
        signal.throwIfAborted()
        // Each round begins with the other way, so that none is always first.
        const order = n % 2 === 0 ? (['router', 'direct'] as const) : (['direct', 'router'] as const)
        const times: Record<keyof Ways, number[]> = { router: [], direct: [] }
        for (const way of order) times[way] = await timesOf(ways[way], tasks, clients)
        if (n > 0) rounds.push(times) // the first round warms up
      }
      figures.push(...figuresOf({ stages, clients, beside }, rounds))
      say(`${stages} stages, ${clients} at once: done`)
    }
    await Team.end(bed, swarm)
  }
  return figures
}

async function waysOf({ bed, swarm, names }: { bed: Bed; swarm: string; names: readonly string[] }, pools: readonly Pool[]): Promise<Ways> {
  const [router, proxy] = pools
  if (!router || !proxy) throw new Error('there are two ways')
  const addresses = await addressesOf(bed, swarm)
  const path = `/v1/namespaces/${bed.namespace}/swarms/${swarm}/tasks`
  const task = JSON.stringify({ input: INPUT })
  const direct = async () => {
    const id = randomUUID()
    const common = {
      ...HEADERS,
      traceparent: `00-${id.replaceAll('-', '')}-00f067aa0ba902b7-01`,
      'swarm-timeout-ms': '30000',
      'swarm-epoch': '0',
    }
    let input: unknown = INPUT
    for (const stage of names) {
      const headers = { ...common, 'idempotency-key': `${id}/${stage}`, ...addresses.find(({ group }) => group === stage)?.headers }
      input = await post(proxy, { path: '/tasks', headers, body: JSON.stringify({ id, input, stage, attempt: 1, epoch: 0 }) })
    }
    return input
  }
  return { router: async () => post(router, { path, headers: HEADERS, body: task }), direct }
}

type Request = { readonly path: string; readonly headers: Readonly<Record<string, string>>; readonly body: string }

async function post(pool: Pool, { path, headers, body }: Request): Promise<unknown> {
  const answer = await pool.request({ path, method: 'POST', headers: { ...headers }, body })
  const text = await answer.body.text()
  if (answer.statusCode !== 200) throw new Error(`${path} answered ${answer.statusCode}: ${text.slice(0, 200)}`)
  return (JSON.parse(text) as { output: unknown }).output // from our own programs
}

/** Milliseconds of each of so many tasks, with so many of them on their way at once. */
async function timesOf(send: Send, tasks: number, clients: number): Promise<number[]> {
  const times: number[] = []
  let left = tasks
  const client = async () => {
    while (left > 0) {
      left -= 1
      const from = performance.now()
      const output = await send()
      times.push(performance.now() - from)
      if (JSON.stringify(output) !== JSON.stringify(INPUT)) throw new Error('the stages have not passed on what they were given')
    }
  }
  await Promise.all(Array.from({ length: clients }, client))
  return times
}

type Subject = { readonly stages: number; readonly clients: number; readonly beside: Readonly<Record<string, number>> }

function figuresOf({ stages, clients, beside }: Subject, rounds: readonly Record<keyof Ways, number[]>[]): Figure[] {
  const label = `${stages} stages, ${clients} task${clients === 1 ? '' : 's'} at once`
  const of = (name: string, value: (round: Record<keyof Ways, number[]>) => number, more: Pick<Figure, 'beside' | 'note'> = {}) =>
    figureOf(`${label}: ${name}`, 'ms', rounds.map(value), more)
  const added = (share: number) => (round: Record<keyof Ways, number[]>) =>
    (percentile(round.router, share) - percentile(round.direct, share)) / stages
  const note = 'in each round; a share of the way to the router itself is in it'
  return [
    of('by the router, p50', (round) => percentile(round.router, 0.5), { beside }),
    of('by the router, p99', (round) => percentile(round.router, 0.99), { beside }),
    of('directly, p50', (round) => percentile(round.direct, 0.5)),
    of('directly, p99', (round) => percentile(round.direct, 0.99)),
    of('a hop by the router, p50', (round) => percentile(round.router, 0.5) / stages, { beside: { reported: REPORTED.hopMs } }),
    of('the router adds to a hop, p50', added(0.5), { beside: { target: TARGET_MS }, note }),
    of('the router adds to a hop, p99', added(0.99), { beside: { target: TARGET_MS }, note }),
  ]
}
