import type { Benchmark, Context, Figure } from './benchmark.ts'
import { afterwards, decidedBesideMs, firstDecidedMs } from './support/attempts.ts'
import { failedFigure, type Ended } from './support/clients.ts'
import { ReleaseLab } from './support/release-lab.ts'
import { figureOf } from './support/statistics.ts'
import { wayBack } from './support/way-back.ts'

const CLIENTS = 6
const ROUNDS = 5
const BACK_RUNS = 20

/** Agents of a revision that went back stay, so that the next try needs no new ones. */
const KEEP = { abortScaleDownDelay: '1h', scaleDownDelay: '0s' }

const GREEN_LIMIT = { maxPercent: 10, minSamples: 5 }
const GREEN_FAILS = {
  ...KEEP,
  guard: { maxErrorPercent: GREEN_LIMIT.maxPercent, minSamples: GREEN_LIMIT.minSamples, window: '10m' },
  shift: { weights: [50, 100], interval: '1h' },
}
const GREEN_DOES_WELL = { ...KEEP, shift: { weights: [25, 50, 75, 100], interval: '500ms' } }

/** At most so many points above stable. */
const CANARY_LIMIT = { maxPercent: 5, minSamples: 20 }
const CANARY_TASKS = 100
const CANARY = {
  ...KEEP,
  guard: { maxErrorPercent: 100 },
  steps: [
    { setWeight: 5 },
    {
      analysis: {
        metrics: [
          {
            name: 'errors',
            errorRate: { maxAboveStable: CANARY_LIMIT.maxPercent },
            minSamples: CANARY_LIMIT.minSamples,
            interval: '250ms',
            count: 4,
          },
        ],
      },
    },
  ],
}

export const rollouts: Benchmark = {
  name: 'rollouts',
  what: 'Blue-green and canary on real sandboxes under continuous load from six clients.',
  run: async (context) => [...(await blueGreen(context)), ...(await canary(context))],
}

async function blueGreen(context: Context): Promise<Figure[]> {
  const name = 'blue-green, 3 + 3 agents'
  const lab = await ReleaseLab.start(context, { kind: 'BlueGreenRollout', routers: 1, replicas: 3, spec: GREEN_FAILS })
  lab.clients.begin(CLIENTS)
  const back = await wayBack(context, lab, {
    name: `${name}, 30 % of green’s tasks fail`,
    percent: 50,
    pattern: '..x..x..x.',
    decided: (seen) => firstDecidedMs(seen, GREEN_LIMIT),
    runs: BACK_RUNS,
    targetMs: 100,
  })
  await lab.clients.end()
  await lab.follow(GREEN_DOES_WELL)
  lab.clients.begin(CLIENTS)
  const rounds = context.quick ? 1 : ROUNDS
  for (let round = 0; round < rounds; round += 1) {
    await lab.release(`good-${round}`)
    await lab.isPromoted()
  }
  const ended = await lab.clients.end()
  context.say(`${name}: done`)
  await lab.stop()
  return [...back, failedFigure(`${name}, from 100 to 0 % blue: tasks failed`, ended)]
}

async function canary(context: Context): Promise<Figure[]> {
  const name = 'canary, 5 + 1 agents'
  const lab = await ReleaseLab.start(context, { kind: 'CanaryRollout', routers: 1, replicas: 5, spec: CANARY })
  const shares: number[] = []
  const backMs: number[] = []
  const restMs: number[] = []
  const sums: Ended[] = []
  for (let round = 0; round < (context.quick ? 1 : ROUNDS); round += 1) {
    context.signal.throwIfAborted()
    await lab.tryOut(`canary-${round}`)
    const revision = await lab.hasShare(5)
    await lab.clients.some(CANARY_TASKS, 4)
    const first = await lab.newAttempts()
    shares.push(first.filter((attempt) => attempt.revision === revision).length)
    lab.fail(revision, '.x')
    lab.clients.begin(CLIENTS)
    const why = await lab.isBack()
    lab.allDoWell()
    await lab.clients.end()
    const seen = [...first, ...(await lab.newAttempts())]
    const decided = decidedBesideMs(seen, revision, CANARY_LIMIT)
    if (decided === undefined) throw new Error(`${name}: it went back for nothing that its agents have noted: ${why}`)
    backMs.push(
      afterwards(
        seen.filter((attempt) => attempt.revision === revision),
        decided,
      ).ms,
    )
    lab.clients.begin(CLIENTS)
    await lab.tryOut(`canary-${round}`)
    await lab.until('the canary has succeeded', ({ status }) => status?.state?.activity === 'Promoting')
    const from = performance.now()
    await lab.isPromoted()
    restMs.push(performance.now() - from)
    sums.push(await lab.clients.end())
    await lab.newAttempts()
  }
  context.say(`${name}: done`)
  const tasks = sums.reduce((sum, ended) => sum + ended.tasks, 0)
  const failed = sums.reduce((sum, ended) => sum + ended.failed, 0)
  return [
    figureOf(`${name}: tasks of ${CANARY_TASKS} at weight 5`, '', shares, { beside: { target: 5 } }),
    figureOf(`${name}, compared by the operator: deciding response to last task`, 'ms', backMs, { beside: { target: 1000 } }),
    figureOf(`${name}: the other 4 agents and all tasks, after the analysis`, 'ms', restMs, { beside: { reported: 10_000 } }),
    failedFigure(`${name}, a good one from 5 to 100 %: tasks failed`, { tasks, failed }),
  ]
}
