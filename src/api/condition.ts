import Type, { type Static } from 'typebox'
import { choice, keyedBy } from './schema.ts'

/** A condition as Kubernetes defines it (metav1.Condition). */
export const Condition = Type.Object(
  {
    type: Type.String({
      maxLength: 316,
      description:
        'What the condition is about: Ready, Reconciling, Stalled, QuotaExceeded, BudgetExceeded, MassFailure, RevisionRejected, Paused, ScalingActive, ScalingLimited.',
    }),
    status: choice(['True', 'False', 'Unknown'], { description: 'Whether it holds.' }),
    reason: Type.String({
      minLength: 1,
      maxLength: 1024,
      pattern: '^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$',
      description: 'One word for programs: why it is so.',
    }),
    message: Type.String({ maxLength: 32768, description: 'One sentence for people: what is seen and what to do.' }),
    observedGeneration: Type.Optional(
      Type.Integer({ format: 'int64', minimum: 0, description: 'Generation of the spec that the condition describes.' }),
    ),
    lastTransitionTime: Type.String({ format: 'date-time', description: 'When the status last changed.' }),
  },
  { description: 'One aspect of the state.' },
)
export type Condition = Static<typeof Condition>

/** The conditions list of every status. */
export const Conditions = Type.Optional(
  Type.Array(Condition, {
    ...keyedBy('type'),
    maxItems: 16,
    description: 'Ready is always there; Reconciling and Stalled only while True (kstatus); others say what holds the object up.',
  }),
)

/** The generation that a status describes; -1 until an operator has looked, so that nobody takes a new object for finished. */
export const ObservedGeneration = Type.Integer({
  format: 'int64',
  description: 'Generation of the spec that this status describes; -1 until the operator has seen the object.',
})
