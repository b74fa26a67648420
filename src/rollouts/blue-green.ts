import type { BlueGreenSpec } from '../api/blue-green-rollout.ts'
import { durationMs } from '../api/duration.ts'
import type { RolloutState } from '../api/rollout.ts'
import { commonCourse, type Course, type Step } from './course.ts'
import { planRollout } from './machine.ts'
import { WHOLE } from './sizes.ts'
import type { CheckContent } from './subject.ts'
import type { Plan, World } from './world.ts'

/**
 * One pass over a BlueGreenRollout. Blue is the stable revision, green the new one. It is the same machine as that of a canary
 * (canary.ts has the table of situations, which holds here too), with these steps:
 *
 * | step                         | when                      | goes on when                                             |
 * |------------------------------|---------------------------|----------------------------------------------------------|
 * | green comes up whole         | always                    | all of its agents are ready                              |
 * | warm-up                      | spec.warmUp               | all of its tasks were done; one that fails ends it       |
 * | analysis before              | spec.prePromotion         | it has succeeded: green has no tasks but those of previews and of the warm-up |
 * | approval                     | spec.approval: Manual     | somebody promotes it                                     |
 * | weight, then interval        | for each of shift.weights | all routers follow, and the interval has passed          |
 * | analysis after               | spec.postPromotion        | it has succeeded: green has all tasks                    |
 *
 * Until the last step is done blue is whole and stable: whatever happens, going back is one weight. Then green is stable, and blue stays
 * for scaleDownDelay; a template that is set back meanwhile finds all of its agents. Twice the agents run for that time: `budget.maxAgents` of
 * the Swarm bounds it, and a green that does not get its agents is given up at the progress deadline.
 */
export function planBlueGreen(spec: BlueGreenSpec, stored: RolloutState | undefined, world: World): Plan {
  return planRollout(courseOfBlueGreen(spec), stored, world)
}

/** Names of the checks of a blue-green rollout, by which its metrics are found. */
const CHECK = { warmUp: 'warm-up', before: 'analysis before', after: 'analysis after' } as const

/** What a blue-green rollout comes down to. */
export function courseOfBlueGreen(spec: BlueGreenSpec): Course {
  const before: Step[] = [{ do: 'setScale', scale: WHOLE }]
  if (spec.warmUp) before.push({ do: 'check', name: CHECK.warmUp })
  if (spec.prePromotion) before.push({ do: 'check', name: CHECK.before })
  if (spec.approval === 'Manual') before.push({ do: 'pause' })
  const steps = [...before, ...shiftOf(spec.shift)]
  if (spec.postPromotion) steps.push({ do: 'check', name: CHECK.after })
  return {
    ...commonCourse(spec),
    steps,
    ...(spec.analysis && { backgroundFrom: before.length + 1 }),
    dynamicStableScale: false,
  }
}

/** What a check of the plan is made of: tasks that warm green up, or metrics. */
export function checkOfBlueGreen(spec: BlueGreenSpec, of: number | 'background'): CheckContent {
  if (of === 'background') return { metrics: spec.analysis?.metrics ?? [] }
  const step = courseOfBlueGreen(spec).steps[of]
  if (step?.do !== 'check') return { metrics: [] }
  if (step.name === CHECK.warmUp) return spec.warmUp ? { warmUp: spec.warmUp } : { metrics: [] }
  return { metrics: (step.name === CHECK.before ? spec.prePromotion : spec.postPromotion)?.metrics ?? [] }
}

/** The weights of green with the time between them; after the last one nothing is waited for. */
function shiftOf({ weights, interval }: BlueGreenSpec['shift']): Step[] {
  const pause: Step = { do: 'pause', durationMs: durationMs(interval) }
  return weights.flatMap((percent, i): Step[] => [{ do: 'setWeight', percent }, ...(i < weights.length - 1 ? [pause] : [])])
}
