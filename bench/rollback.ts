import type { Benchmark, Context, Figure } from './benchmark.ts'
import { decidedMs, firstDecidedMs } from './support/attempts.ts'
import { failedFigure } from './support/clients.ts'
import { ReleaseLab } from './support/release-lab.ts'
import { wayBack } from './support/way-back.ts'

const RUNS = 50
const CLIENTS = 6
const LIMIT = { maxPercent: 10, minSamples: 10 }

/** Agents stay, so that the next run needs no new ones. */
const COMMON = { steps: [{ setReplicas: { count: 2 } }, { setWeight: 50 }, { pause: {} }], abortScaleDownDelay: '1h' }

/** The routers judge. */
const GUARD = { ...COMMON, guard: { maxErrorPercent: LIMIT.maxPercent, minSamples: LIMIT.minSamples, window: '10m' } }

/** The operator judges alone, by what routers tell it. */
const OPERATOR = {
  ...COMMON,
  guard: { maxErrorPercent: 100 },
  analysis: {
    fromStep: 1,
    metrics: [{ name: 'errors', errorRate: { maxPercent: LIMIT.maxPercent }, minSamples: LIMIT.minSamples, interval: '250ms' }],
  },
}

/** Measured earlier on this machine: Argo Rollouts with a metric at intervals of a second, from its failure to weight 0. Milliseconds. */
const ARGO_MS = { median: 490, longest: 782 }

/** As documented: the shortest interval of Flagger's analysis, which needs one at least. Milliseconds. */
const FLAGGER_MS = 10_000

const OTHERS: readonly Figure[] = [
  {
    name: 'Argo Rollouts, 1 s intervals: failing metric to weight 0',
    unit: 'ms',
    value: ARGO_MS.median,
    most: ARGO_MS.longest,
    least: 137,
    note: 'measured earlier on this machine',
  },
  { name: 'Flagger: shortest interval of its analysis', unit: 'ms', value: FLAGGER_MS, note: 'as documented; 60 s by default' },
]

export const rollback: Benchmark = {
  name: 'rollback',
  what: 'A revision with half of the tasks begins to fail each second one: from the response that decides to the last task that is sent to it, as its agents see both.',
  run: measure,
}

async function measure(context: Context): Promise<readonly Figure[]> {
  const figures: Figure[] = []
  for (const routers of [1, 3]) {
    const place = routers === 1 ? '1 router' : `${routers} routers`
    const lab = await ReleaseLab.start(context, { kind: 'CanaryRollout', routers, replicas: 2, spec: GUARD })
    const common = { percent: 50, pattern: '.x', runs: RUNS }
    lab.clients.begin(CLIENTS)
    figures.push(
      ...(await wayBack(context, lab, {
        ...common,
        name: `guard, ${place}`,
        decided: (seen) => firstDecidedMs(seen, LIMIT),
        targetMs: 100,
      })),
    )
    await lab.follow(OPERATOR)
    figures.push(
      ...(await wayBack(context, lab, {
        ...common,
        name: `operator alone, ${place}`,
        decided: (seen) => decidedMs(seen, LIMIT),
        targetMs: 400,
      })),
    )
    figures.push(failedFigure(`${place}: tasks failed for clients`, await lab.clients.end()))
    await lab.stop()
  }
  return [...figures, ...OTHERS]
}
