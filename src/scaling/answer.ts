import type { Change } from './behaviour.ts'
import { confidentAnswer, read, type Reading, type Series } from './reading.ts'
import { MAX_EFFECT_MS, type MetricSettings } from './settings.ts'
import { agentsForSteps, stepFor } from './steps.ts'
import { agentsForRatio, agentsForTotal, type Fleet } from './target.ts'

/** What is known of one metric. */
export type MetricSeen = {
  readonly settings: MetricSettings
  /**
   * Its samples; none for a timetable. For what routers tell, each pass adds one, whether it changed or not, and where no task has ended or
   * waits, an error rate, a latency or a wait is 0: that there is no load is known.
   */
  readonly series: Series
  /** Whether a timetable is on, and when that changes next; absent when it cannot be read. */
  readonly timetable?: { readonly isActive: boolean; readonly changesAtMs?: number }
  /** Ready agents of which it knows nothing. */
  readonly unmeasured?: number
  /** Why the last look failed, if it did. */
  readonly problem?: string
}

/** What else an answer depends on. */
export type Context = {
  readonly fleet: Fleet
  /** What was decided before, the oldest first. */
  readonly changes: readonly Change[]
  /** When the last of the agents that are asked for became ready; absent while one is not. */
  readonly settledMs?: number | undefined
  readonly nowMs: number
}

/** What a metric asks for, and how that came about. */
export type Answer = {
  readonly name: string
  readonly state: 'Fresh' | 'Stale' | 'NoData'
  readonly value?: number
  readonly measuredAtMs?: number
  /** Absent when it has no say. */
  readonly wanted?: number
  readonly message: string
  /** When it changes although nothing new is measured. */
  readonly changesAtMs?: number
}

/** The part of a confidence window after which it is looked at again while not all of it agrees. */
const CONFIDENCE_PARTS = 10

/** What one metric asks for now. */
export function answerOf(metric: MetricSeen, context: Context): Answer {
  const { settings, series, problem } = metric
  if (settings.readAs.as === 'Timetable') return timetableAnswer(metric, settings.readAs.replicas, context)
  const reading = read(series, settings.maxAgeMs, context.nowMs)
  if (reading.state === 'Fresh') return freshAnswer(metric, reading, context)
  const why = reading.state === 'Stale' ? `the newest value is ${seconds(reading.ageMs)} old` : 'no value has come yet'
  return fallenBack(settings, { ...described(reading), why: problem === undefined ? why : `${why}: ${problem}` }, context.fleet.current)
}

type Fresh = Exclude<Reading, { state: 'NoData' }>

function freshAnswer({ settings, series, unmeasured = 0 }: MetricSeen, reading: Fresh, context: Context): Answer {
  const { name, readAs, confidence, spanMs, maxAgeMs } = settings
  const { changes, nowMs } = context
  const lastChangeMs = effectOf(context)
  const sinceMs = Math.min(reading.atMs, nowMs - (confidence?.windowMs ?? 0)) - spanMs
  const fleet = { ...context.fleet, unmeasured, ...replicasSince(sinceMs, changes, { current: context.fleet.current, lastChangeMs }) }
  const wantedFor = (value: number) => wantedBy(readAs, value, fleet)
  const about = { name, ...described(reading) }
  const staleMs = reading.atMs + maxAgeMs
  // What steps change is the fleet as it is: a value from before it changed would change it once more.
  const isFromCurrent = readAs.as === 'Steps' && readAs.base === undefined
  const seen = isFromCurrent ? series.filter((sample) => sample.atMs - spanMs > lastChangeMs) : series
  if (seen.length === 0) {
    const message = `${number(reading.value)} is of the time before replicas last changed; waiting for a newer value`
    return { ...about, wanted: fleet.current, message, changesAtMs: staleMs }
  }
  const now = wantedFor(reading.value)
  const how = explain(readAs, reading.value) + (now === undefined && readAs.as === 'Ratio' ? ', and no agent is measured' : '')
  if (!confidence) return { ...about, ...(now !== undefined && { wanted: now }), message: how, changesAtMs: staleMs }
  const { windowMs, percent } = confidence
  const sure = confidentAnswer(seen, { windowMs, percent, maxAgeMs, current: fleet.current, wantedFor, nowMs })
  if (now === undefined && sure === fleet.current) return { ...about, message: how, changesAtMs: staleMs }
  const isSure = sure === now
  const doubt = `not yet for ${percent} % of ${seconds(windowMs)}`
  return {
    ...about,
    wanted: sure,
    message: isSure ? how : `${how}, ${doubt}`,
    changesAtMs: isSure ? staleMs : Math.min(staleMs, nowMs + Math.max(1, windowMs / CONFIDENCE_PARTS)),
  }
}

/** When the last change had its effect: once all agents were ready, now while one is not. */
function effectOf({ changes, settledMs, nowMs }: Context): number {
  const last = changes.at(-1)
  return last ? Math.max(last.atMs, Math.min(settledMs ?? nowMs, last.atMs + MAX_EFFECT_MS)) : -Infinity
}

type Now = { readonly current: number; readonly lastChangeMs: number }

/** The fewest and the most replicas that there were since a moment. */
function replicasSince(sinceMs: number, changes: readonly Change[], { current, lastChangeMs }: Now): { least: number; most: number } {
  const within = changes.filter(({ atMs }, i) => (i === changes.length - 1 ? lastChangeMs : atMs) > sinceMs)
  const seen = [current, ...within.map(({ from }) => from)]
  return { least: Math.min(...seen), most: Math.max(...seen) }
}

function wantedBy(readAs: MetricSettings['readAs'], value: number, fleet: Fleet): number | undefined {
  switch (readAs.as) {
    case 'Total':
      return agentsForTotal(value, readAs, fleet.current)
    case 'Ratio':
      return agentsForRatio(value, readAs, fleet)
    case 'Steps':
      return agentsForSteps(value, readAs.steps, { base: readAs.base, fleet })
    case 'Timetable':
      return readAs.replicas
  }
}

function explain(readAs: MetricSettings['readAs'], value: number): string {
  switch (readAs.as) {
    case 'Total':
      return `${number(value)} in all, ${number(readAs.target)} an agent`
    case 'Ratio':
      return `${number(value)}, aimed at ${number(readAs.target)}`
    case 'Timetable':
      return `${readAs.replicas} agents by the timetable`
    case 'Steps': {
      const step = stepFor(value, readAs.steps)
      const by = step && `${step.by > 0 ? '+' : ''}${step.by}${step.unit === 'percent' ? ' %' : ''}`
      return step ? `${number(value)} is ${step.side} ${number(step.bound)}: ${by}` : `${number(value)} is within all steps`
    }
  }
}

function timetableAnswer(
  { settings: { name, fallback }, timetable, problem }: MetricSeen,
  replicas: number,
  { fleet, nowMs }: Context,
): Answer {
  if (!timetable) return fallenBack({ name, fallback }, { state: 'NoData', why: problem ?? 'the timetable cannot be read' }, fleet.current)
  const { isActive, changesAtMs } = timetable
  return {
    name,
    state: 'Fresh',
    value: isActive ? 1 : 0,
    measuredAtMs: nowMs,
    wanted: isActive ? replicas : 0,
    message: `the time is ${isActive ? 'on' : 'off'}${changesAtMs === undefined ? '' : ` until ${new Date(changesAtMs).toISOString()}`}`,
    ...(changesAtMs !== undefined && { changesAtMs }),
  }
}

type Failed = Pick<Answer, 'state' | 'value' | 'measuredAtMs'> & { readonly why: string }

function fallenBack({ name, fallback }: Pick<MetricSettings, 'name' | 'fallback'>, { why, ...about }: Failed, current: number): Answer {
  switch (fallback.action) {
    case 'Keep':
      return { name, ...about, wanted: current, message: `${why}; no agent goes for as long as that is so` }
    case 'Ignore':
      return { name, ...about, message: `${why}; ignored for as long as that is so` }
    case 'Replicas':
      return {
        name,
        ...about,
        wanted: fallback.replicas,
        message: `${why}; at least ${fallback.replicas} agents for as long as that is so`,
      }
  }
}

const described = (reading: Reading): Pick<Answer, 'state' | 'value' | 'measuredAtMs'> =>
  reading.state === 'NoData' ? { state: reading.state } : { state: reading.state, value: reading.value, measuredAtMs: reading.atMs }

/** A value as people read it: up to four digits that matter, no exponent where it can be helped. */
export const number = (value: number): string => (Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(4))))

const seconds = (ms: number): string => `${number(ms / 1_000)} s`
