import Type, { type Static } from 'typebox'
import { Analysis, COMMON, judgedByOthers } from './rollout.ts'
import { choice, duration, rules } from './schema.ts'

const Shift = Type.Object(
  {
    weights: Type.Array(Type.Integer({ minimum: 1, maximum: 100 }), {
      minItems: 1,
      maxItems: 20,
      default: [25, 50, 75, 100],
      description: 'Percent of new tasks for green, one after the other; [100] is at once.',
    }),
    interval: duration({ default: '1m15s', min: '0s', max: '24h', description: 'Time from one to the next.' }),
  },
  {
    default: {},
    description: 'How tasks move to green.',
    ...rules({
      rule: 'self.weights[self.weights.size() - 1] == 100 && self.weights.all(w, self.weights.filter(v, v == w).size() == 1) && self.weights.isSorted()',
      message: 'weights grow and end with 100, such as [25, 50, 75, 100]',
      fieldPath: '.weights',
    }),
  },
)

/** Tasks that the new agents do before they have any of their own. */
export const WarmUp = Type.Object(
  {
    input: Type.String({ minLength: 1, maxLength: 8192, description: 'Input of the tasks, as JSON.' }),
    tasks: Type.Integer({
      minimum: 1,
      maximum: 10_000,
      default: 10,
      description: 'Tasks that green does; one that fails ends the rollout.',
    }),
    concurrency: Type.Integer({ minimum: 1, maximum: 100, default: 4, description: 'How many of them at once.' }),
  },
  { description: 'Tasks that green does before it has any of its own. Their outputs are dropped.' },
)

export type WarmUp = Static<typeof WarmUp>

/** How template changes of a Swarm replace all of it at once. */
export const BlueGreenSpec = Type.Object(
  {
    ...COMMON,
    warmUp: Type.Optional(WarmUp),
    prePromotion: Type.Optional(Analysis),
    approval: choice(['Automatic', 'Manual'], {
      default: 'Automatic',
      description: 'Manual: before it gets tasks, green waits until somebody promotes it; it can be called with Swarm-Revision.',
    }),
    shift: Shift,
    analysis: Type.Optional(Analysis),
    postPromotion: Type.Optional(Analysis),
  },
  {
    description: 'How the template changes of a Swarm replace all of it.',
    ...rules(...judgedByOthers('prePromotion', 'analysis', 'postPromotion')),
  },
)
export type BlueGreenSpec = Static<typeof BlueGreenSpec>
