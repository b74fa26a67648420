import { isDeepStrictEqual } from 'node:util'
import type { Metric, MetricStatus } from '../../api/analysis.ts'
import type { WarmUp } from '../../api/blue-green-rollout.ts'
import { AnalysisRun } from '../../rollouts/analysis-run.ts'
import type { Measured } from '../../rollouts/measure.ts'
import { isSameMetric, MAX_METRICS, metricList } from '../../rollouts/metric-list.ts'
import type { MetricRun } from '../../rollouts/metric-run.ts'
import { NO_ATTEMPTS, type AttemptCounts, type CheckSubject, type Looked, type Subject } from '../../rollouts/subject.ts'
import type { Check, Verdict } from '../../rollouts/world.ts'
import type { TaskCounts } from '../../stats/window.ts'

/** Figures that have changed and decide nothing are stored this often, in milliseconds: each time is a write to the API server. */
export const FIGURES_MS = 1_000

/** Who is asked for, and what is known so far. */
export type Asking = Pick<Subject, 'rollout' | 'swarm' | 'target' | 'stable'> & {
  readonly run: string
  readonly counts: Readonly<Record<string, AttemptCounts>>
}

/** What ends a warm-up, and who hears how many of its tasks were done by now. */
export type WarmUpGoing = { readonly signal: AbortSignal; readonly onDone: (done: number) => void }

/** What one rollout is measured with. `measure` and `warmUp` reject only once their signal has aborted. */
export type FollowedDeps = {
  /** Unix milliseconds. */
  readonly now: () => number
  /** Calls back once after `ms`; the returned function cancels it. */
  readonly after: (ms: number, run: () => void) => () => void
  readonly wake: () => void
  /** Whether all routers are connected. */
  readonly isHeard: () => boolean
  readonly measure: (metric: Metric, asking: Asking, signal: AbortSignal) => Promise<Measured>
  readonly warmUp: (spec: WarmUp, asking: Asking, going: WarmUpGoing) => Promise<Verdict>
  readonly onMeasured: (metric: Metric, measured: Measured) => void
}

type WarmUpRun = { readonly spec: WarmUp; readonly stopping: AbortController; verdict: Verdict }

/** What is measured of one rollout. */
export class Followed {
  readonly #deps: FollowedDeps
  #subject: Subject
  readonly #runs = new Map<string, AnalysisRun>()
  readonly #warmUps = new Map<string, WarmUpRun>()
  readonly #asked = new Map<MetricRun, AbortController>()
  #ended: readonly MetricStatus[]
  readonly #counts = new Map<string, { samples: number; failed: number }>()
  /** States that the last look has told, by run. */
  readonly #told = new Map<string, Verdict['state']>()
  #isWoken = false
  #timer: { readonly atMs: number; readonly cancel: () => void } | undefined
  #shown: readonly MetricStatus[]
  #shownMs = -Infinity
  #hasNews = false
  #isUrgent = false

  constructor(subject: Subject, deps: FollowedDeps) {
    this.#deps = deps
    this.#subject = subject
    this.#ended = subject.stored
    this.#shown = subject.stored
    for (const [revision, counts] of Object.entries(subject.counted ?? {})) this.#counts.set(revision, { ...counts })
    this.follow(subject)
  }

  /** UID of the rollout. */
  get uid(): string {
    return this.#subject.uid
  }

  /** Takes what is due, and tells how all stands. */
  look(): Looked {
    this.#isWoken = false
    this.#measure()
    const nowMs = this.#deps.now()
    const checks = this.#checks(nowMs)
    if (this.#isNew(checks)) this.#isUrgent = true
    for (const { run, verdict } of checks) this.#told.set(run, verdict.state)
    if (this.#isUrgent || (this.#hasNews && nowMs - this.#shownMs >= FIGURES_MS)) {
      this.#shown = metricList(this.#present(), this.#ended)
      this.#shownMs = nowMs
      this.#hasNews = this.#isUrgent = false
    }
    this.#plan(nowMs)
    return { checks, metrics: this.#shown }
  }

  /** Measures this from now on; what is not in it any more stops. */
  follow(subject: Subject): void {
    const last = this.#subject
    this.#subject = subject
    if (last.attempt !== subject.attempt) this.#counts.clear()
    const runs = new Set(subject.checks.map(({ run }) => run))
    for (const run of [...this.#runs.keys(), ...this.#warmUps.keys()]) if (!runs.has(run)) this.#end(run)
    for (const check of subject.checks) this.#begin(check)
    for (const [one, asked] of this.#asked) if (![...this.#runs.values()].some((run) => run.has(one))) this.#giveUp(one, asked)
    this.#advance()
  }

  /** Attempts have ended, by revision. */
  tasksEnded(ended: ReadonlyMap<string, TaskCounts>): void {
    const { target, stable } = this.#subject
    const nowMs = this.#deps.now()
    for (const [revision, counts] of ended) {
      const side = revision === target ? 'target' : revision === stable ? 'stable' : undefined
      if (!side) continue
      const sum = this.#counts.get(revision) ?? { ...NO_ATTEMPTS }
      sum.samples += counts.done + counts.failed
      sum.failed += counts.failed
      this.#counts.set(revision, sum)
      for (const run of this.#runs.values()) run.tasksEnded(side, counts, nowMs)
    }
    if (this.#runs.size > 0) this.#advance()
  }

  /** Attempts of both sides since the rollout began. */
  get counts(): Readonly<Record<string, AttemptCounts>> {
    const { target, stable } = this.#subject
    return Object.fromEntries([stable, target].map((revision) => [revision, { ...(this.#counts.get(revision) ?? NO_ATTEMPTS) }]))
  }

  /** Measures nothing any more. */
  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    for (const [one, asked] of this.#asked) this.#giveUp(one, asked)
    for (const { stopping } of this.#warmUps.values()) stopping.abort()
    this.#warmUps.clear()
    this.#runs.clear()
  }

  #begin(check: CheckSubject): void {
    const { run } = check
    if ('warmUp' in check) {
      const known = this.#warmUps.get(run)
      if (known && isDeepStrictEqual(known.spec, check.warmUp)) return
      known?.stopping.abort()
      return this.#warm(run, check.warmUp)
    }
    const nowMs = this.#deps.now()
    const known = this.#runs.get(run)
    if (known) return known.change(check.metrics, nowMs)
    const onMeasured = (metric: Metric, measured: Measured) => {
      this.#hasNews = true
      this.#deps.onMeasured(metric, measured)
    }
    this.#runs.set(run, new AnalysisRun({ run, metrics: check.metrics, stored: this.#ended, nowMs, onMeasured }))
    this.#isUrgent = true
  }

  #end(run: string): void {
    const ended = this.#runs.get(run)?.known ?? []
    this.#ended = [...ended, ...this.#ended.filter((one) => !ended.some((other) => isSameMetric(one, other)))].slice(0, MAX_METRICS)
    this.#runs.delete(run)
    this.#told.delete(run)
    this.#warmUps.get(run)?.stopping.abort()
    this.#warmUps.delete(run)
    this.#isUrgent = true
  }

  #warm(run: string, spec: WarmUp): void {
    const stopping = new AbortController()
    const { signal } = stopping
    const say = (done: number) => `${done} of ${spec.tasks} warm-up tasks were done`
    const warmUp: WarmUpRun = { spec, stopping, verdict: { state: 'Running', message: say(0) } }
    this.#warmUps.set(run, warmUp)
    const onDone = (done: number) => (warmUp.verdict = { state: 'Running', message: say(done) })
    void this.#deps.warmUp(spec, this.#asking(run), { signal, onDone }).then(
      (verdict) => {
        if (signal.aborted) return
        warmUp.verdict = verdict
        this.#advance()
      },
      () => undefined, // its signal has aborted
    )
  }

  #asking(run: string): Asking {
    const { rollout, swarm, target, stable } = this.#subject
    return { rollout, swarm, target, stable, run, counts: this.counts }
  }

  /** Measures what is due, wakes the pass if that changes anything for it, and sees when something is due next. */
  #advance(): void {
    this.#measure()
    const nowMs = this.#deps.now()
    if (!this.#isWoken && this.#hasToTell(nowMs)) {
      this.#isWoken = true
      this.#deps.wake()
    }
    this.#plan(nowMs)
  }

  #measure(): void {
    const nowMs = this.#deps.now()
    const isHeard = this.#deps.isHeard()
    for (const run of this.#runs.values()) for (const one of run.measure(nowMs, isHeard)) this.#ask(run, one)
  }

  #ask(run: AnalysisRun, one: MetricRun): void {
    const asked = new AbortController()
    this.#asked.set(one, asked)
    one.isBusy = true
    void this.#deps.measure(one.metric, this.#asking(run.run), asked.signal).then(
      (measured) => {
        if (asked.signal.aborted) return
        this.#asked.delete(one)
        run.take(one, measured, this.#deps.now())
        this.#advance()
      },
      () => undefined, // its signal has aborted
    )
  }

  #giveUp(one: MetricRun, asked: AbortController): void {
    this.#asked.delete(one)
    asked.abort()
  }

  #hasToTell(nowMs: number): boolean {
    if (this.#hasNews && nowMs - this.#shownMs >= FIGURES_MS) return true
    return this.#isNew(this.#checks(nowMs))
  }

  /** Whether one of them stands otherwise than was told. */
  #isNew(checks: readonly Check[]): boolean {
    return checks.some(({ run, verdict }) => verdict.state !== (this.#told.get(run) ?? 'Running'))
  }

  #checks(nowMs: number): Check[] {
    const runs = [...this.#runs.values()].map((run) => ({ run: run.run, verdict: run.verdict(nowMs) }))
    return [...runs, ...[...this.#warmUps].map(([run, { verdict }]) => ({ run, verdict }))]
  }

  #present(): MetricStatus[] {
    return [...this.#runs.values()].flatMap((run) => [...run.known])
  }

  /** Sets the timer to the next time at which something is due. */
  #plan(nowMs: number): void {
    const tellMs = this.#hasNews && !this.#isWoken ? this.#shownMs + FIGURES_MS : Infinity
    const atMs = Math.min(tellMs, ...[...this.#runs.values()].map((run) => run.nextMs(nowMs)))
    if (this.#timer?.atMs === atMs) return
    this.#timer?.cancel()
    this.#timer = undefined
    if (atMs === Infinity) return
    const cancel = this.#deps.after(Math.max(1, atMs - nowMs), () => {
      this.#timer = undefined
      this.#advance()
    })
    this.#timer = { atMs, cancel }
  }
}
