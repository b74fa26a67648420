import Type, { type Static } from 'typebox'
import { MetricStatus } from './analysis.ts'
import { Conditions, ObservedGeneration } from './condition.ts'
import { Request, RolloutState } from './rollout.ts'
import { keyedBy } from './schema.ts'

const Weight = Type.Object(
  {
    revision: Type.String({ maxLength: 63, description: 'Revision.' }),
    percent: Type.Integer({ minimum: 0, maximum: 100, description: 'Share of new tasks that is asked for; the Swarm copies it.' }),
    inForce: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 100, description: 'Share that all routers follow; absent while they differ.' }),
    ),
    samples: Type.Integer({ minimum: 0, description: 'Attempts that have ended since the rollout began.' }),
    failed: Type.Integer({ minimum: 0, description: 'Those of them that failed.' }),
  },
  { description: 'Share of one revision.' },
)

/** What the operator tells of a rollout, of either kind; people write `request` and nothing else. */
export const RolloutStatus = Type.Object(
  {
    observedGeneration: ObservedGeneration,
    step: Type.Optional(Type.String({ maxLength: 128, description: 'Where it is, such as 3/8 setWeight 25.' })),
    weights: Type.Optional(
      Type.Array(Weight, { ...keyedBy('revision'), maxItems: 2, description: 'Shares of new tasks; they sum to 100.' }),
    ),
    state: Type.Optional(RolloutState),
    metrics: Type.Optional(
      Type.Array(MetricStatus, { ...keyedBy('run', 'name'), maxItems: 32, description: 'What is measured now, or was measured last.' }),
    ),
    request: Type.Optional(Request),
    conditions: Conditions,
  },
  { default: { observedGeneration: -1 }, description: 'How the rollout stands.' },
)
export type RolloutStatus = Static<typeof RolloutStatus>
