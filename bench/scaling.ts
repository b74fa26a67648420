import { setTimeout as pause } from 'node:timers/promises'
import { SCALING_POLICIES } from '../src/reconcilers/shared/kinds.ts'
import { eventually } from '../test/support/wait.ts'
import type { Benchmark, Context, Figure } from './benchmark.ts'
import { Bed } from './support/bed.ts'
import { LoadGenerator } from './support/load.ts'
import type { Target } from './support/load-process.ts'
import { parseMetrics, sumOf } from './support/metrics-text.ts'
import { figureOf } from './support/statistics.ts'

const LEAST = 2
const MOST = 10
const CONNECTIONS = 32
const LIMIT_MS = 60_000

/** Time without load before a burst, so that a burst is told at once and nothing of the last one is left. Milliseconds. */
const CALM_MS = 500

const CREATE_LATENCY = '150ms'

/** One burst of tasks, in milliseconds from its beginning. */
type Burst = { readonly decidedMs: number; readonly readyMs: number; readonly writeMs: number }

export const scaling: Benchmark = {
  name: 'scaling',
  what: `A ScalingPolicy takes a Swarm from ${LEAST} to ${MOST} agents when ${CONNECTIONS} clients come at once, and from none to one for a task; a create takes the provider 150 ms.`,
  run: measure,
}

async function measure(context: Context): Promise<readonly Figure[]> {
  const { quick, ends, say } = context
  const bed = await Bed.start(context, { isLight: true, hasRouter: true, createLatency: CREATE_LATENCY })
  const load = new LoadGenerator()
  await ends.own(() => load.stop())
  const rounds = quick ? 2 : 8
  await bed.apply('desk', LEAST, { maxConcurrentTasks: 1 })
  await bed.haveReady(['desk'], LEAST)
  await apply(bed, 'desk', { minReplicas: LEAST, maxReplicas: MOST })
  const bursts: Burst[] = []
  for (let round = 1; round <= rounds; round++) {
    bursts.push(await burst(bed, load, context))
    say(`burst ${round} of ${rounds}: decided after ${bursts.at(-1)?.decidedMs.toFixed(0)} ms`)
  }
  const woken: number[] = []
  await bed.apply('nap', 1)
  await bed.haveReady(['nap'], 1)
  await apply(bed, 'nap', { minReplicas: 0, maxReplicas: 1 })
  for (let round = 1; round <= rounds; round++) {
    await bed.haveReady(['nap'], 0)
    await pause(CALM_MS)
    const from = performance.now()
    await sendOne(taskOf(bed, 'nap'))
    woken.push(performance.now() - from)
    say(`task ${round} of ${rounds} for no agents: done after ${woken.at(-1)?.toFixed(0)} ms`)
  }
  return figuresOf(bursts, woken)
}

function figuresOf(bursts: readonly Burst[], woken: readonly number[]): Figure[] {
  const of = (name: string, key: keyof Burst, more: Pick<Figure, 'beside' | 'note'> = {}) =>
    figureOf(
      name,
      'ms',
      bursts.map((each) => each[key]),
      more,
    )
  return [
    of('from the sample that decided to the written replicas', 'writeMs', { beside: { target: 250 } }),
    of(`from the first task to replicas above ${LEAST}`, 'decidedMs', {
      beside: { target: 250, 'HorizontalPodAutoscaler, mean of its loop': 7_500 },
      note: 'as a client sees it that watches the Swarm',
    }),
    of(`from the first task to ${MOST} ready agents`, 'readyMs', { note: `cold; creates take ${CREATE_LATENCY}` }),
    figureOf('a task for a swarm of no agents: answered after', 'ms', woken, { note: `cold; creates take ${CREATE_LATENCY}` }),
  ]
}

/** All clients come at once; they stay until all agents are ready. */
async function burst(bed: Bed, load: LoadGenerator, { signal }: Context): Promise<Burst> {
  await bed.haveReady(['desk'], LEAST)
  await pause(CALM_MS)
  signal.throwIfAborted()
  const before = await writesOf(bed)
  const from = performance.now()
  const decided = replicasAbove(bed, LEAST).then(() => performance.now() - from)
  const ready = bed.haveReady(['desk'], MOST).then(() => performance.now() - from)
  let isReady = false
  const asking = keepAsking(load, taskOf(bed, 'desk'), () => isReady)
  const [decidedMs, readyMs] = await Promise.all([decided, ready])
  isReady = true
  await asking
  const after = await writesOf(bed)
  return { decidedMs, readyMs, writeMs: ((after.seconds - before.seconds) * 1_000) / Math.max(1, after.count - before.count) }
}

async function keepAsking(load: LoadGenerator, target: Target, isOver: () => boolean): Promise<void> {
  while (!isOver()) {
    const { failures, firstFailure } = await load.run({ targets: [target], connections: CONNECTIONS, requests: 2_000, limitMs: LIMIT_MS })
    if (failures > 0) throw new Error(`${failures} tasks failed: ${firstFailure}`)
  }
}

/** Resolves when a watch has shown more replicas. */
async function replicasAbove(bed: Bed, replicas: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const stop = bed.swarms.onChange((_type, { metadata, spec }) => {
    if (metadata.name === 'desk' && (spec.replicas ?? 0) > replicas) resolve()
  })
  await promise.finally(stop)
}

async function apply(bed: Bed, swarm: string, bounds: object): Promise<void> {
  const metrics = [{ name: 'load', type: 'InFlightPerAgent', target: { value: 1 } }]
  const behaviour = { idleBeforeZero: '0s', scaleDown: { stabilisationWindow: '1s' } }
  const manifest = { metadata: { name: swarm, namespace: bed.namespace }, spec: { target: { swarm }, metrics, behaviour, ...bounds } }
  await bed.client.apply(SCALING_POLICIES, manifest, { fieldManager: 'bench', force: true })
}

/** Writes of replicas so far, and the time that all of them took. */
async function writesOf({ operator }: Bed): Promise<{ count: number; seconds: number }> {
  const samples = parseMetrics(await (await fetch(`http://127.0.0.1:${operator.port}/metrics`)).text())
  const name = 'swarmops_operator_scaling_write_seconds'
  return { count: sumOf(samples, `${name}_count`), seconds: sumOf(samples, `${name}_sum`) }
}

function taskOf({ router, namespace }: Bed, swarm: string): Target {
  const url = `http://127.0.0.1:${router?.port ?? 0}/v1/namespaces/${namespace}/swarms/${swarm}/tasks`
  return { url, headers: { 'content-type': 'application/json' }, body: JSON.stringify({ input: {} }) }
}

async function sendOne({ url, headers, body }: Target): Promise<void> {
  await eventually('a task is done', async () => {
    const answer = await fetch(url, { method: 'POST', headers, body })
    if (answer.ok) return true
    throw new Error(await answer.text())
  })
}
