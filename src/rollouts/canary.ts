import type { Metric } from '../api/analysis.ts'
import type { CanarySpec, CanaryStep } from '../api/canary-rollout.ts'
import { durationMs } from '../api/duration.ts'
import type { RolloutState, Scale } from '../api/rollout.ts'
import { commonCourse, type Course, type Step } from './course.ts'
import { DEFAULT_METRICS } from './defaults.ts'
import { planRollout } from './machine.ts'
import { BY_WEIGHT } from './sizes.ts'
import type { Plan, World } from './world.ts'

/** Weights of a canary that has no steps of its own; each is followed by an analysis. */
const DEFAULT_WEIGHTS = [5, 25, 50, 100] as const

/**
 * One pass over a CanaryRollout. What happens in each situation:
 *
 * | situation                                  | answer                                                                              |
 * |--------------------------------------------|-------------------------------------------------------------------------------------|
 * | first revision of the swarm                | stable as soon as it can serve, without steps; until then a newer one takes its place |
 * | the template changes                       | the steps begin; agents for a weight come first, then the weight                     |
 * | it changes again on the way                | the old one goes back to stable at once, then the steps begin for the newest         |
 * | it changes back to stable on the way       | back at once; no steps, nothing is rejected                                          |
 * | guard, analysis, deadline or abort         | weight 0 in one step; aborted until the template changes or Retry; agents stay for abortScaleDownDelay |
 * | good → bad → good                          | the bad one is aborted; the template of the good one is stable already               |
 * | bad → bad                                  | each goes through the steps and is aborted; stable never changes                     |
 * | bad → good, after a good stable one        | the steps begin for the good one, from weight 0                                      |
 * | bad → good, nothing was ever stable        | the good one becomes stable as soon as it can serve                                  |
 * | back to one of the last rollbackWindow stable revisions, or one whose agents are kept | all of its agents, then weight 100 in one step |
 * | further back                               | the steps                                                                            |
 * | the swarm is scaled, paused or not         | both sides follow at once, weights stay; the step is not repeated                     |
 * | template and replicas change at once       | stable is scaled, the new revision gets its part of the new number                   |
 * | the swarm has no agents                    | waits, and the deadline does not count; what has no agents gets no tasks             |
 * | nobody of the new revision is ready        | its tasks go to stable meanwhile; the step waits, and the deadline counts             |
 * | some agents are lost                       | replaced; the weight stays while each group has one that works                       |
 * | a mass failure of the swarm                | waits, and the deadline does not count; what the new revision itself loses is none    |
 * | a pause, an analysis or a hold             | the deadline does not count                                                          |
 * | a breach while it is paused                | goes back all the same                                                               |
 * | an analysis cannot tell                    | onInconclusive: waits for a person, or goes back                                     |
 * | no data                                    | no success: the analysis goes on, and cannot tell after noDataTimeout                |
 * | dynamicStableScale                         | stable shrinks behind what all routers follow; on the way back tasks follow its ready agents until it is whole |
 * | the steps of the spec change on the way    | the first step again, from the weight that it has                                    |
 * | the spec was invalid and is repaired       | the state is what it was: it goes on from there                                      |
 * | attached in the middle of a rolling update | back to what was last complete, as it has agents for it; then the steps               |
 * | moved from another kind of rollout         | the same: the state of the other kind is not read                                    |
 * | detached                                   | the plan ends; the swarm's own rolling update goes on from the agents that there are  |
 * | all agents are restarted                   | no other revision, so no rollout                                                     |
 * | the operator ends at any point             | the state says everything: the next pass does what this one would have done          |
 *
 * What people ask for is in requests.ts.
 */
export function planCanary(spec: CanarySpec, stored: RolloutState | undefined, world: World): Plan {
  return planRollout(courseOfCanary(spec), stored, world)
}

/** What a canary comes down to. */
export function courseOfCanary(spec: CanarySpec): Course {
  const steps = spec.steps?.map(stepOf) ?? DEFAULT_WEIGHTS.flatMap((percent): Step[] => [{ do: 'setWeight', percent }, ANALYSIS])
  return {
    ...commonCourse(spec),
    steps,
    ...(spec.analysis && { backgroundFrom: spec.analysis.fromStep }),
    dynamicStableScale: spec.dynamicStableScale,
  }
}

/** The metrics of a check of the plan. */
export function metricsOfCanary(spec: CanarySpec, of: number | 'background'): readonly Metric[] {
  if (of === 'background') return spec.analysis?.metrics ?? []
  return spec.steps ? (spec.steps[of]?.analysis?.metrics ?? []) : DEFAULT_METRICS
}

const ANALYSIS = { do: 'check', name: 'analysis' } as const

function stepOf({ setWeight, setReplicas, setMirror, pause }: CanaryStep): Step {
  if (setWeight !== undefined) return { do: 'setWeight', percent: setWeight }
  if (setReplicas) return { do: 'setScale', scale: scaleOf(setReplicas) }
  if (setMirror) return { do: 'setMirror', percent: setMirror.percent }
  if (pause) return { do: 'pause', ...(pause.duration !== undefined && { durationMs: durationMs(pause.duration) }) }
  return ANALYSIS
}

function scaleOf({ count, percent }: NonNullable<CanaryStep['setReplicas']>): Scale {
  if (count !== undefined) return { by: 'Count', value: count }
  return percent === undefined ? BY_WEIGHT : { by: 'Percent', value: percent }
}
