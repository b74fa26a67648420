import type { Logger } from 'winston'
import type { Metric } from '../../api/analysis.ts'
import type { WarmUp } from '../../api/blue-green-rollout.ts'
import type { Measured } from '../../rollouts/measure.ts'
import type { AttemptCounts, Looked, Subject } from '../../rollouts/subject.ts'
import type { Verdict } from '../../rollouts/world.ts'
import type { TaskCounts } from '../../stats/window.ts'
import { Followed, type Asking, type FollowedDeps, type WarmUpGoing } from './followed.ts'
import { Turns } from './turns.ts'

/** Sources that are asked at once, over all rollouts. */
const ASKED_AT_ONCE = 16

const MISTAKE = 'the operator made a mistake; see its log, and report it'

/** What the analyst works with. A key is `namespace/name` of a swarm. */
export type AnalystDeps = Pick<FollowedDeps, 'now' | 'after' | 'isHeard' | 'measure' | 'warmUp' | 'onMeasured'> & {
  /** A pass over the swarm is worth while: a verdict has changed, or there is something to store. Not called again before the next look. */
  readonly wake: (key: string) => void
  readonly log: Logger
}

/**
 * Measures all rollouts that are under way. In memory, and told by events: a timer is set only for what is due. Verdicts come from what routers
 * tell the moment they tell it, and from sources outside as they answer.
 */
export class Analyst {
  readonly #deps: AnalystDeps
  readonly #turns = new Turns(ASKED_AT_ONCE)
  readonly #followed = new Map<string, Followed>()

  constructor(deps: AnalystDeps) {
    this.#deps = deps
  }

  /**
   * Takes what is due, and tells how all stands that is followed of this rollout. `stored`: its `status.metrics`, which stays as it is while
   * nothing is followed.
   */
  look(key: string, { uid, stored }: Pick<Subject, 'uid' | 'stored'>): Looked {
    return this.#of(key, uid)?.look() ?? { checks: [], metrics: stored }
  }

  /** Measures this from now on. What is not in it any more stops. To be called at the end of each pass while a rollout is attached. */
  follow(key: string, subject: Subject): void {
    const known = this.#of(key, subject.uid)
    if (known) return known.follow(subject)
    const { now, after, isHeard, onMeasured } = this.#deps
    const followed = new Followed(subject, {
      now,
      after,
      isHeard,
      onMeasured,
      wake: () => this.#deps.wake(key),
      measure: async (metric, asking, signal) => this.#measure(metric, signal, () => this.#deps.measure(metric, asking, signal)),
      warmUp: async (spec, asking, going) => this.#warmUp(spec, asking, going),
    })
    this.#followed.set(key, followed)
  }

  /** Whether something is measured of the swarm, or at least counted. */
  follows(key: string): boolean {
    return this.#followed.has(key)
  }

  /** Nothing of the swarm is measured any more. */
  forget(key: string): void {
    this.#followed.get(key)?.stop()
    this.#followed.delete(key)
  }

  /** Attempts have just ended on agents of a swarm, by revision. What was told together is judged together: both sides may do worse for one cause. */
  tasksEnded(key: string, ended: ReadonlyMap<string, TaskCounts>): void {
    this.#followed.get(key)?.tasksEnded(ended)
  }

  /** Attempts since the rollout began, by revision; empty while none is followed. */
  counts(key: string): Readonly<Record<string, AttemptCounts>> {
    return this.#followed.get(key)?.counts ?? {}
  }

  /** Ends all measuring. */
  stop(): void {
    for (const followed of this.#followed.values()) followed.stop()
    this.#followed.clear()
  }

  /** What is followed of this rollout; another one of the swarm is forgotten. */
  #of(key: string, uid: string): Followed | undefined {
    const known = this.#followed.get(key)
    if (known && known.uid !== uid) this.forget(key)
    return this.#followed.get(key)
  }

  async #measure(metric: Metric, signal: AbortSignal, ask: () => Promise<Measured>): Promise<Measured> {
    try {
      return await this.#turns.take(signal, ask)
    } catch (error) {
      if (signal.aborted) throw error
      this.#deps.log.error('a metric could not be measured', { metric: metric.name, error })
      return { result: 'Error', message: MISTAKE }
    }
  }

  async #warmUp(spec: WarmUp, asking: Asking, going: WarmUpGoing): Promise<Verdict> {
    try {
      return await this.#deps.warmUp(spec, asking, going)
    } catch (error) {
      if (going.signal.aborted) throw error
      this.#deps.log.error('a warm-up has broken off', { swarm: asking.swarm, error })
      return { state: 'Error', message: MISTAKE }
    }
  }
}
