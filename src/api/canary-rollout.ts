import Type, { type Static } from 'typebox'
import { Analysis, BackgroundAnalysis, COMMON, judgedByOthers } from './rollout.ts'
import { SetMirror } from './rollout-traffic.ts'
import { duration, rules } from './schema.ts'

/** Steps of a canary at most. */
const MAX_STEPS = 64

const weight = Type.Integer({
  minimum: 0,
  maximum: 100,
  description: 'Percent of new tasks for the new revision, as soon as it has the agents for it.',
})

const SetReplicas = Type.Object(
  {
    count: Type.Optional(Type.Integer({ minimum: 0, maximum: 2000, description: 'Agents of each group; never more than the group has.' })),
    percent: Type.Optional(Type.Integer({ minimum: 0, maximum: 100, description: 'Percent of the agents of each group, rounded up.' })),
    followWeight: Type.Optional(
      Type.Boolean({ description: 'True: as many as the weight needs, which is the rule until a step says otherwise.' }),
    ),
  },
  {
    description: 'How many agents the new revision has, whatever its weight.',
    ...rules({
      rule: '(has(self.count) ? 1 : 0) + (has(self.percent) ? 1 : 0) + (has(self.followWeight) && self.followWeight ? 1 : 0) == 1',
      message: 'write exactly one of count, percent and followWeight: true',
    }),
  },
)

const Pause = Type.Object(
  {
    duration: Type.Optional(duration({ min: '0s', max: '720h', description: 'How long. Left out: until somebody promotes it.' })),
  },
  { description: 'Wait.' },
)

const CanaryStep = Type.Object(
  {
    setWeight: Type.Optional(weight),
    setReplicas: Type.Optional(SetReplicas),
    setMirror: Type.Optional(SetMirror),
    pause: Type.Optional(Pause),
    analysis: Type.Optional(Analysis),
  },
  {
    description: 'One step.',
    ...rules({
      rule: '[has(self.setWeight), has(self.setReplicas), has(self.setMirror), has(self.pause), has(self.analysis)].filter(x, x).size() == 1',
      message: 'a step is exactly one of setWeight, setReplicas, setMirror, pause and analysis; make a step of each',
    }),
  },
)
export type CanaryStep = Static<typeof CanaryStep>

/** How template changes of a Swarm are tried out. */
export const CanarySpec = Type.Object(
  {
    ...COMMON,
    steps: Type.Optional(
      Type.Array(CanaryStep, {
        minItems: 1,
        maxItems: MAX_STEPS,
        description:
          'What is done one after the other; then all agents become new. Left out: weights of 5, 25, 50 and 100, each followed by an analysis of errors and latency.',
      }),
    ),
    analysis: Type.Optional(BackgroundAnalysis),
    dynamicStableScale: Type.Boolean({
      default: false,
      description:
        'The stable side shrinks as the new one takes over. It needs fewer agents, and going back takes until the stable side has grown again.',
    }),
  },
  {
    description: 'How the template changes of a Swarm are tried out.',
    ...rules(
      {
        rule: '!has(self.analysis) || !has(self.steps) || self.analysis.fromStep <= self.steps.size()',
        message: 'analysis.fromStep is behind the last step, so nothing would be measured; lower it',
        fieldPath: '.analysis.fromStep',
      },
      {
        rule: '!has(self.steps) || self.steps.filter(s, has(s.analysis)).size() <= 16',
        message: 'at most 16 steps may be an analysis; use spec.analysis for what is measured all the time',
        fieldPath: '.steps',
      },
      ...judgedByOthers('steps', 'analysis'),
    ),
  },
)
export type CanarySpec = Static<typeof CanarySpec>
