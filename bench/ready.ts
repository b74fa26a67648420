import { SWARMS } from '../src/reconcilers/shared/kinds.ts'
import { eventually } from '../test/support/wait.ts'
import type { Benchmark, Context, Figure } from './benchmark.ts'
import { Bed } from './support/bed.ts'
import { figureOf } from './support/statistics.ts'

/** What a create takes the provider, in milliseconds, and as its option. */
const CREATE_MS = 1_000
const CREATE_LATENCY = '1s'

const [LEAST, MORE, MOST] = [1, 2, 5]
const POOL = MOST - LEAST

/** How a new agent comes by its sandbox. */
const WAYS = {
  'a new sandbox': undefined,
  'the warm pool': { replicas: POOL },
  'a warm pool that sleeps': { replicas: POOL, state: 'Paused' },
} as const

/** What is promised: milliseconds beside the create, where there is one. */
const PROMISED_MS = 500

export const ready: Benchmark = {
  name: 'ready',
  what: `From the write of more replicas to agents that take tasks, each a process with one file; a create takes the provider ${CREATE_LATENCY}.`,
  run: measure,
}

async function measure(context: Context): Promise<readonly Figure[]> {
  const bed = await Bed.start(context, { isLight: false, createLatency: CREATE_LATENCY })
  const rounds = context.quick ? 2 : 10
  const figures: Figure[] = []
  for (const [i, [name, warmPool]] of Object.entries(WAYS).entries()) {
    const swarm = `desk-${i}`
    const target = PROMISED_MS + (warmPool ? 0 : CREATE_MS)
    await bed.apply(swarm, LEAST, {}, warmPool && { warmPool })
    await bed.haveReady([swarm], LEAST)
    for (const agents of [MORE, MOST]) {
      const times: number[] = []
      for (let round = 1; round <= rounds; round += 1) {
        await poolIsFull(bed, swarm, warmPool?.replicas ?? 0)
        context.signal.throwIfAborted()
        times.push(await scale(bed, swarm, agents))
        await scale(bed, swarm, LEAST)
      }
      const more = agents - LEAST
      figures.push(
        figureOf(`${more} more agent${more === 1 ? '' : 's'} from ${name}: ready after`, 'ms', times, {
          beside: { target, ...(!warmPool && { 'the create alone': CREATE_MS }) },
        }),
      )
      context.say(`${more} from ${name}: ${figures.at(-1)?.value.toFixed(0)} ms`)
    }
    await bed.client.delete(SWARMS, { namespace: bed.namespace, name: swarm })
    await bed.haveAgents(0)
  }
  return figures
}

/** Writes replicas; the time in milliseconds until a watch has shown that all are ready. */
async function scale(bed: Bed, name: string, replicas: number): Promise<number> {
  const from = performance.now()
  const scaled = bed.client.mergePatch(SWARMS, { namespace: bed.namespace, name }, { spec: { replicas } }, { subresource: 'scale' })
  await Promise.all([scaled, bed.haveReady([name], replicas)])
  return performance.now() - from
}

async function poolIsFull(bed: Bed, name: string, replicas: number): Promise<void> {
  const look = () => (bed.swarms.get({ namespace: bed.namespace, name })?.status?.warmPool?.readyReplicas ?? 0) === replicas
  await eventually(`${replicas} of the pool are ready`, look)
}
