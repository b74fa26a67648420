import type { LIMITED_BY } from '../api/scaling-policy.ts'
import { answerOf, type Answer, type MetricSeen } from './answer.ts'
import { coolDown, limitStep, recommend, stabilise, type Change, type Held, type Recommendations } from './behaviour.ts'
import type { Settings } from './settings.ts'

/** What changed the number that the metrics ask for. */
export type LimitedBy = (typeof LIMITED_BY)[number]

/** All that a decision may know. Times are Unix milliseconds. */
export type World = {
  readonly settings: Settings
  readonly metrics: readonly MetricSeen[]
  /** Replicas that the target asks for now, and how many of them take tasks. */
  readonly current: number
  readonly ready: number
  /** When the last of them became ready; absent while one is not. */
  readonly settledMs?: number
  /** Tasks that run or wait, as all routers see it. */
  readonly tasks: { readonly inFlight: number; readonly queued: number }
  /** When a task was last seen to run or to wait. */
  readonly lastActiveMs?: number
  /** What was decided before, the oldest first. */
  readonly changes: readonly Change[]
  readonly recent: Recommendations
  /** Agents that the forecast asks for; absent without one that is to be used. */
  readonly forecast?: number
  readonly isPaused: boolean
  readonly isRollingOut: boolean
  readonly isBrakeOn: boolean
  readonly nowMs: number
}

/** One thing that changed the number. */
export type Limit = { readonly by: LimitedBy; readonly from: number; readonly to: number }

/** How many agents there should be, and why. */
export type Decision = {
  readonly replicas: number
  /** Whether to set them: there is something to change, and the policy is neither paused nor only tried out. */
  readonly apply: boolean
  /** The largest answer, before anything limits it. */
  readonly asked: number
  /** Whose answer that is: a metric, or `forecast`; absent when none has a say. */
  readonly deciding?: string
  readonly answers: readonly Answer[]
  readonly limitedBy: readonly Limit[]
  readonly message: string
  /** To be kept for the next decision. */
  readonly recent: Recommendations
  readonly lastActiveMs: number
  /** When to look again if nothing changes before. */
  readonly checkAgainMs?: number
}

/**
 * The largest answer of all metrics, held to what the policy allows, in this order: bounds, stabilisation, cool-down, step limits, no fewer
 * agents while a rollout runs or the brake is on, none gone until idle, one woken for a task that waits, and the bounds again, which
 * nothing overrules. Without an answer nothing changes.
 */
export function decide(world: World): Decision {
  const { settings, current, nowMs } = world
  const context = { fleet: { current, ready: Math.min(current, world.ready) }, changes: world.changes, settledMs: world.settledMs, nowMs }
  const answers = world.metrics.map((metric) => answerOf(metric, context))
  const { asked, deciding } = largest(answers, world)
  const bounded = within(asked, settings)
  const keepMs = Math.max(settings.scaleUp.windowMs, settings.scaleDown.windowMs)
  const recent = recommend(world.recent, bounded, { nowMs, keepMs })
  const isActive = world.tasks.inFlight + world.tasks.queued > 0
  const lastActiveMs = isActive ? nowMs : (world.lastActiveMs ?? nowMs)

  const path = new Path(asked)
  path.bound(settings)
  for (const [by, hold] of holds({ ...world, recent, lastActiveMs })) path.hold(by, hold)
  path.bound(settings)

  const { replicas, limitedBy } = path
  const times = [...path.times, ...answers.flatMap(({ changesAtMs }) => changesAtMs ?? [])].filter((ms) => ms > nowMs)
  return {
    replicas: world.isPaused ? current : replicas,
    apply: replicas !== current && !world.isPaused && !settings.dryRun,
    asked,
    ...(deciding !== undefined && { deciding }),
    answers,
    limitedBy,
    message: sentence({ world, asked, deciding, replicas, limitedBy }),
    recent,
    lastActiveMs,
    ...(times.length > 0 && { checkAgainMs: Math.ceil(Math.min(...times) - nowMs) }),
  }
}

function largest(answers: readonly Answer[], { current, forecast }: World): { asked: number; deciding?: string } {
  const all = answers.flatMap(({ name, wanted }) => (wanted === undefined ? [] : [{ deciding: name, asked: wanted }]))
  // The forecast starts agents ahead of the load; it has no say in letting them go, or where nothing is measured.
  if (forecast !== undefined && all.length > 0) all.push({ deciding: 'forecast', asked: forecast })
  const [first, ...others] = all
  if (!first) return { asked: current }
  return others.reduce((most, answer) => (answer.asked > most.asked ? answer : most), first)
}

const within = (replicas: number, { minReplicas, maxReplicas }: Settings) => Math.min(maxReplicas, Math.max(minReplicas, replicas))

/** The way from what is asked for to what is decided. */
class Path {
  replicas: number
  readonly limitedBy: Limit[] = []
  readonly times: number[] = []

  constructor(asked: number) {
    this.replicas = asked
  }

  hold(by: LimitedBy, hold: (replicas: number) => Held): void {
    const { to, untilMs } = hold(this.replicas)
    if (to === this.replicas) return
    this.limitedBy.push({ by, from: this.replicas, to })
    if (untilMs !== undefined) this.times.push(untilMs)
    this.replicas = to
  }

  bound(settings: Settings): void {
    const by = this.replicas > settings.maxReplicas ? 'MaxReplicas' : 'MinReplicas'
    this.hold(by, (replicas) => ({ to: within(replicas, settings) }))
  }
}

/** What may hold a number back, in order. */
function holds(world: World & { readonly lastActiveMs: number }): [LimitedBy, (replicas: number) => Held][] {
  const { settings, current, changes, recent, tasks, nowMs } = world
  const direction = (replicas: number) => (replicas > current ? settings.scaleUp : settings.scaleDown)
  const stays = (isStopped: boolean) => (replicas: number) => ({ to: isStopped ? Math.max(replicas, current) : replicas })
  const idleAtMs = world.lastActiveMs + settings.idleBeforeZeroMs
  const isIdle = tasks.inFlight + tasks.queued === 0 && nowMs >= idleAtMs
  return [
    ['Stabilised', (replicas) => stabilise(replicas, current, { recent, windowMs: direction(replicas).windowMs, nowMs })],
    ['CoolDown', (replicas) => coolDown(replicas, current, { changes, coolDownMs: direction(replicas).coolDownMs, nowMs })],
    ['StepLimit', (replicas) => limitStep(replicas, current, { ...direction(replicas), changes, nowMs })],
    ['Rollout', stays(world.isRollingOut)],
    ['MassFailure', stays(world.isBrakeOn)],
    ['NotIdle', (replicas) => (replicas === 0 && current > 0 && !isIdle ? { to: 1, untilMs: idleAtMs } : { to: replicas })],
    ['Woken', (replicas) => ({ to: replicas === 0 && tasks.queued > 0 ? 1 : replicas })],
  ]
}

const WHY: Readonly<Record<LimitedBy, string>> = {
  Stabilised: 'not asked for throughout the stabilisation window',
  CoolDown: 'too soon after the last change',
  StepLimit: 'as far as the step limits allow',
  Rollout: 'no agent goes while a rollout runs',
  MassFailure: 'no agent goes while many are lost',
  NotIdle: 'the last one goes when no task has come for idleBeforeZero',
  Woken: 'a task waits',
  MinReplicas: 'no fewer than minReplicas',
  MaxReplicas: 'no more than maxReplicas',
}

type Told = { world: World; asked: number; deciding: string | undefined; replicas: number; limitedBy: readonly Limit[] }

function sentence({ world, asked, deciding, replicas, limitedBy }: Told): string {
  const ask = deciding === undefined ? 'no metric has a say' : `${deciding} asks for ${asked}`
  const limits = limitedBy.map(({ by, to }) => `${to}: ${WHY[by]}`)
  const result = replicas === world.current ? `stays at ${replicas}` : `from ${world.current} to ${replicas}`
  const note = world.isPaused ? ['paused: nothing is changed'] : world.settings.dryRun ? ['dryRun: nothing is changed'] : []
  return [ask, ...limits, result, ...note].join('; ')
}
