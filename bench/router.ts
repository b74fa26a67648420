import { randomUUID } from 'node:crypto'
import { eventually } from '../test/support/wait.ts'
import type { Benchmark, Context, Figure } from './benchmark.ts'
import { Bed } from './support/bed.ts'
import { usageOf } from './support/cost.ts'
import { LoadGenerator } from './support/load.ts'
import type { LoadResult, Target } from './support/load-process.ts'
import { addressesOf } from './support/sandboxes.ts'
import { figureOf } from './support/statistics.ts'

const AGENT_COUNT = 2
const LIMIT_MS = 60_000
const INPUT = { n: 1, text: 'x'.repeat(200) }
const HEADERS = { 'content-type': 'application/json' }

/** Ways of a task to an agent, from the longest: by the router; by the provider's proxy, as routers go; to the agent's own port. */
const WAYS = ['router', 'proxy', 'agent'] as const
type Way = (typeof WAYS)[number]

/** One round: the same load on every way, in turn. */
type Round = Readonly<Record<Way, LoadResult>> & { readonly routerCpuSeconds: number }

export const router: Benchmark = {
  name: 'router',
  what: `Tasks to ${AGENT_COUNT} real agents by the router, beside the same by the provider's proxy (the way that routers take) and to the agents' own ports; all share this machine's cores.`,
  run: measure,
}

async function measure(context: Context): Promise<readonly Figure[]> {
  const { quick, ends, signal, say } = context
  const bed = await Bed.start(context, { isLight: false, hasRouter: true })
  await bed.apply('desk', AGENT_COUNT, { maxConcurrentTasks: 128 })
  await bed.haveReady(['desk'], AGENT_COUNT)
  const ways = await targetsOf(bed)
  const load = new LoadGenerator()
  await ends.own(() => load.stop())
  const figures: Figure[] = []
  for (const connections of [1, 16, 128]) {
    const requests = (quick ? 100 : connections === 1 ? 1_500 : 6_000) + connections
    const run = async (way: Way, count: number) => {
      signal.throwIfAborted()
      return load.run({ targets: ways[way], connections, requests: count, limitMs: LIMIT_MS })
    }
    for (const way of WAYS) await run(way, Math.ceil(requests / 3))
    const rounds: Round[] = []
    for (let n = 0; n < (quick ? 2 : 6); n++) rounds.push(await roundOf(bed, n, (way) => run(way, requests)))
    figures.push(...figuresOf(connections, rounds))
    say(`${connections} connections: done`)
  }
  return figures
}

/** Each round begins with another way, so that none is always first. */
async function roundOf(bed: Bed, number: number, run: (way: Way) => Promise<LoadResult>): Promise<Round> {
  const results: Partial<Record<Way, LoadResult>> = {}
  let routerCpuSeconds = 0
  for (let i = 0; i < WAYS.length; i++) {
    const way = WAYS[(i + number) % WAYS.length] ?? 'router'
    const before = await routerCpu(bed)
    results[way] = await run(way)
    if (way === 'router') routerCpuSeconds = (await routerCpu(bed)) - before
  }
  const { router: byRouter, proxy, agent } = results
  if (!byRouter || !proxy || !agent) throw new Error('a way was left out')
  return { router: byRouter, proxy, agent, routerCpuSeconds }
}

async function routerCpu(bed: Bed): Promise<number> {
  return bed.router ? (await usageOf(bed.router)).cpuSeconds : 0
}

async function targetsOf(bed: Bed): Promise<Record<Way, Target[]>> {
  const { namespace, e2bUrl } = bed
  const task = `http://127.0.0.1:${bed.router?.port ?? 0}/v1/namespaces/${namespace}/swarms/desk/tasks`
  const toRouter = { url: task, headers: HEADERS, body: JSON.stringify({ input: INPUT }) }
  await eventually('the router gives tasks to agents', async () => (await send(toRouter)).ok)
  // What a router sends, header by header.
  const body = JSON.stringify({ id: randomUUID(), input: INPUT, attempt: 1, epoch: 0 })
  const traceparent = `00-${randomUUID().replaceAll('-', '')}-00f067aa0ba902b7-01`
  const headers = { ...HEADERS, traceparent, 'idempotency-key': randomUUID(), 'swarm-timeout-ms': '30000', 'swarm-epoch': '0' }
  const addresses = await addressesOf(bed, 'desk')
  const proxy = addresses.map((address) => ({ url: `${e2bUrl}/tasks`, headers: { ...headers, ...address.headers }, body }))
  const agent = await Promise.all(
    proxy.map(async (target) => {
      const { output } = (await (await send(target)).json()) as { output: { port: number } }
      return { url: `http://127.0.0.1:${output.port}/tasks`, headers, body }
    }),
  )
  return { router: [toRouter], proxy, agent }
}

const send = ({ url, headers, body }: Target) => fetch(url, { method: 'POST', headers, body })

function figuresOf(connections: number, rounds: readonly Round[]): Figure[] {
  const label = `${connections} connection${connections === 1 ? '' : 's'}`
  const of = (name: string, unit: string, value: (round: Round) => number, note?: string) =>
    figureOf(`${label}: ${name}`, unit, rounds.map(value), note === undefined ? {} : { note })
  const rate = ({ requests, seconds }: LoadResult) => requests / seconds
  return [
    ...WAYS.map((way) => of(`${way}, throughput`, '/s', (round) => rate(round[way]))),
    ...WAYS.map((way) => of(`${way}, p50`, 'ms', (round) => round[way].p50Ms)),
    ...WAYS.map((way) => of(`${way}, p99`, 'ms', (round) => round[way].p99Ms)),
    of('router adds to the proxy, p50', 'ms', (round) => round.router.p50Ms - round.proxy.p50Ms, 'in each round'),
    of('router adds to the proxy, p99', 'ms', (round) => round.router.p99Ms - round.proxy.p99Ms, 'in each round'),
    of('router to proxy, throughput', '×', (round) => rate(round.router) / rate(round.proxy), 'ratio in each round'),
    of('router to agent, throughput', '×', (round) => rate(round.router) / rate(round.agent), 'ratio in each round'),
    of('router CPU per task', 'µs', (round) => (round.routerCpuSeconds * 1e6) / round.router.requests),
  ]
}
