import { settingsOf, type Settings } from '../src/scaling/settings.ts'
import { HPA_EVERY_MS, hpaScaler, policyScaler } from '../test/support/scalers.ts'
import { reversals, simulate, type Fleet, type Run, type Scaler } from '../test/support/scaling-simulation.ts'
import { SEASON_MS, TRACES, type Trace } from '../test/support/scaling-traces.ts'
import type { Benchmark, Context, Figure } from './benchmark.ts'

const [LEAST, MOST, PER_AGENT] = [2, 40, 2]

/** How long a task takes its agent, in milliseconds. */
const TASK_MS = 1_000

/** Times that an agent needs to be ready: a sandbox, and one that loads a model first. Milliseconds. */
const STARTS_MS = [2_000, 20_000] as const

/** Time from the deciding sample to the replicas that is promised, in milliseconds. What is measured is far less. */
const DECISION_MS = 250

const MAX_AGE_MS = 60_000

/** The window before fewer agents are kept, by default: the HorizontalPodAutoscaler's and ours. Milliseconds. */
const [HPA_WINDOW_MS, OUR_WINDOW_MS] = [300_000, 60_000]

export const provisioning: Benchmark = {
  name: 'provisioning',
  what: 'Agents missing and idle, and tasks waiting, over loads of known shapes in virtual time: a ScalingPolicy with its defaults beside the HorizontalPodAutoscaler with its own, which looks every 15 s. Agents run 2 tasks of 1 s at once.',
  run: measure,
}

/** How well a scaler did on a trace; of one that looks at times of its own, the mean over twelve beginnings. */
type Score = { readonly under: number; readonly over: number; readonly waited: number; readonly reversals: number }

const MEASURES = [
  ['under', 'agent-s', 'missing'],
  ['over', 'agent-s', 'idle'],
  ['waited', 'task-s', 'tasks waiting'],
  ['reversals', '', 'changes of direction'],
] as const satisfies readonly (readonly [keyof Score, string, string])[]

function measure({ quick, say, signal }: Context): Promise<readonly Figure[]> {
  const figures: Figure[] = []
  for (const startMs of quick ? STARTS_MS.slice(0, 1) : STARTS_MS) {
    for (const [name, trace] of Object.entries<Trace>(TRACES)) {
      signal.throwIfAborted()
      const [ours, others] = scoresOf(name, trace, startMs, quick ? 2 : 12)
      for (const [key, unit, what] of MEASURES) {
        const beside = Object.fromEntries(Object.entries(others).map(([of, score]) => [of, score[key]]))
        figures.push({ name: `${name}, ready in ${startMs / 1_000} s: ${what}`, unit, value: ours[key], beside })
      }
      say(`${name}, ready in ${startMs / 1_000} s: done`)
    }
  }
  return Promise.resolve(figures)
}

/** What a ScalingPolicy comes to, and what others do. */
function scoresOf(name: string, trace: Trace, startMs: number, beginnings: number): [Score, Record<string, Score>] {
  const fleet: Fleet = { least: LEAST, most: MOST, perAgent: PER_AGENT, startMs, taskMs: TASK_MS }
  const told = trace.told ?? ((ms) => ms)
  const late: Trace = { ...trace, told: (ms) => addTo(told(ms), DECISION_MS) }
  const ours = (more: Partial<Settings> = {}) => scoreOf(simulate(late, policyScaler({ ...policy(), ...more }), fleet))
  const hpa = (windowMs: number) => {
    const phasesMs = Array.from({ length: beginnings }, (_, i) => (i * HPA_EVERY_MS) / beginnings)
    const scaler = (phaseMs: number): Scaler =>
      hpaScaler({ target: PER_AGENT, least: LEAST, most: MOST, phaseMs, windowMs, maxAgeMs: MAX_AGE_MS })
    return meanOf(phasesMs.map((phaseMs) => scoreOf(simulate(trace, scaler(phaseMs), fleet))))
  }
  const horizonMs = Math.max(30_000, startMs + 10_000)
  return [
    ours(),
    {
      ...(name === 'season' && { 'with predictive': ours({ predictive: { mode: 'Scale', seasonMs: SEASON_MS, horizonMs } }) }),
      'with a window of 5m': ours({ scaleDown: { ...policy().scaleDown, windowMs: HPA_WINDOW_MS } }),
      HPA: hpa(HPA_WINDOW_MS),
      'HPA with a window of 1m': hpa(OUR_WINDOW_MS),
    },
  ]
}

/** A policy of which only what must be written is written. */
function policy(): Settings {
  const direction = { stabilisationWindow: '0s', coolDown: '0s', limits: [], select: 'Max' as const }
  const target = { value: PER_AGENT, tolerancePercent: 10 }
  return settingsOf({
    target: { swarm: 'desk' },
    minReplicas: LEAST,
    maxReplicas: MOST,
    metrics: [{ name: 'load', type: 'InFlightPerAgent', target, maxAge: '1m', fallback: { action: 'Keep' } }],
    behaviour: { scaleUp: direction, scaleDown: { ...direction, stabilisationWindow: '1m' }, idleBeforeZero: '5m' },
    predictive: { mode: 'Off', season: '24h', horizon: '5m' },
    dryRun: false,
  })
}

const addTo = (ms: number | undefined, more: number) => (ms === undefined ? undefined : ms + more)

const scoreOf = (run: Run): Score => ({ under: run.under, over: run.over, waited: run.waited, reversals: reversals(run) })

function meanOf(scores: readonly Score[]): Score {
  const mean = (key: keyof Score) => scores.reduce((sum, score) => sum + score[key], 0) / scores.length
  return { under: mean('under'), over: mean('over'), waited: mean('waited'), reversals: mean('reversals') }
}
