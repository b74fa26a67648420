import { eventually } from '../test/support/wait.ts'
import type { Benchmark, Context, Figure } from './benchmark.ts'
import { Bed } from './support/bed.ts'
import { LoadGenerator } from './support/load.ts'
import type { LoadResult } from './support/load-process.ts'
import { figureOf } from './support/statistics.ts'

const SIZES = [5, 50, 500] as const
const CONNECTIONS = 16
const LIMIT_MS = 60_000
const TASK = { headers: { 'content-type': 'application/json' }, body: JSON.stringify({ input: { n: 1 } }) }

export const routerAgents: Benchmark = {
  name: 'router-agents',
  what: `The router with ${SIZES.join(', ')} agents (sandboxes without processes, which answer at once) and ${CONNECTIONS} connections, in turn: what more agents cost.`,
  run: measure,
}

async function measure(context: Context): Promise<readonly Figure[]> {
  const { quick, ends, signal, say } = context
  const bed = await Bed.start(context, { isLight: true, hasRouter: true })
  for (const size of SIZES) await bed.apply(nameOf(size), size)
  for (const size of SIZES) await bed.haveReady([nameOf(size)], size)
  say('all agents are ready')
  const load = new LoadGenerator()
  await ends.own(() => load.stop())
  const requests = quick ? 200 : 6_000
  const run = async (size: number, count: number) =>
    load.run({ targets: [{ url: urlOf(bed, size), ...TASK }], connections: CONNECTIONS, requests: count, limitMs: LIMIT_MS })
  for (const size of SIZES) {
    await eventually(`${size} agents take tasks`, async () => (await fetch(urlOf(bed, size), { method: 'POST', ...TASK })).ok)
    await run(size, Math.ceil(requests / 3))
  }
  const results = new Map<number, LoadResult[]>(SIZES.map((size) => [size, []]))
  for (let round = 0; round < (quick ? 2 : 6); round += 1) {
    for (let i = 0; i < SIZES.length; i += 1) {
      signal.throwIfAborted()
      const size = SIZES[(i + round) % SIZES.length] ?? SIZES[0]
      results.get(size)?.push(await run(size, requests))
    }
  }
  const of = (size: number) => results.get(size) ?? []
  const rate = ({ requests: count, seconds }: LoadResult) => count / seconds
  const [least, , most] = SIZES
  return [
    ...SIZES.map((size) => figureOf(`${size} agents: throughput`, '/s', of(size).map(rate))),
    ...SIZES.map((size) =>
      figureOf(
        `${size} agents: p50`,
        'ms',
        of(size).map((r) => r.p50Ms),
      ),
    ),
    ...SIZES.map((size) =>
      figureOf(
        `${size} agents: p99`,
        'ms',
        of(size).map((r) => r.p99Ms),
      ),
    ),
    figureOf(`${most} to ${least} agents, throughput`, '×', of(most).map((r, i) => rate(r) / rate(of(least)[i] ?? r)), { note: 'ratio in each round' }), // prettier-ignore
  ]
}

const nameOf = (size: number) => `of-${size}`
const urlOf = (bed: Bed, size: number) =>
  `http://127.0.0.1:${bed.router?.port ?? 0}/v1/namespaces/${bed.namespace}/swarms/${nameOf(size)}/tasks`
