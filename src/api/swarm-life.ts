import Type from 'typebox'
import { choice, countOrPercent, duration, rules, text } from './schema.ts'

/** `spec.lifecycle` of a swarm. */
export const Lifecycle = Type.Object(
  {
    drainTimeout: duration({
      default: '30s',
      min: '0s',
      max: '24h',
      description: 'How long an agent may finish its tasks before its sandbox is ended.',
    }),
    onScaleDown: choice(['Delete', 'Pause'], {
      default: 'Delete',
      description:
        'What happens to sandboxes that are too many: Delete, or Pause (memory and disk are kept and cost nothing; they are resumed first on the next scale-up).',
    }),
    lastOutput: choice(['Discard', 'Event'], {
      default: 'Discard',
      description:
        'What becomes of the last lines of a command that has ended, whose sandbox is ended as well: Discard, or Event, which puts them into the Event AgentFailed and the log of the operator. Whoever may read those sees them: choose it only for agents that print no secrets.',
    }),
    sandboxTimeout: duration({
      default: '10m',
      min: '30s',
      max: '24h',
      description: 'Lifetime that sandboxes are given and that the operator renews; it bounds what a sandbox costs when no operator runs.',
    }),
    maxAge: duration({
      default: '23h',
      min: '30s',
      max: '8760h',
      description: 'Age at which an agent is replaced, before the longest session of the provider ends it (1 h or 24 h by plan).',
    }),
  },
  {
    default: {},
    description: 'How long sandboxes live and how they end.',
  },
)

const validCount = (field: string) => ({
  rule: `type(self.${field}) == int ? int(self.${field}) >= 0 : string(self.${field}).matches('^(100|[1-9]?[0-9])%$')`,
  message: `${field} must be a number of agents such as 1, or a share of them such as 25%`,
  fieldPath: `.${field}`,
})

/** `spec.update` of a swarm. */
export const Update = Type.Object(
  {
    maxSurge: countOrPercent({
      default: 1,
      description: 'Agents above the wanted number during an update: a count, or a share such as 25% (rounded up).',
    }),
    maxUnavailable: countOrPercent({
      default: 0,
      description: 'Agents below the wanted number during an update: a count, or a share such as 25% (rounded down).',
    }),
  },
  {
    default: {},
    description: 'How agents are replaced when the template changes.',
    ...rules(validCount('maxSurge'), validCount('maxUnavailable'), {
      rule: "!((self.maxSurge == 0 || self.maxSurge == '0%') && (self.maxUnavailable == 0 || self.maxUnavailable == '0%'))",
      message: 'maxSurge and maxUnavailable must not both be 0, or nothing could be replaced; set maxSurge to 1',
    }),
  },
)

/** `spec.budget` of a swarm. */
export const Budget = Type.Object(
  {
    maxAgents: Type.Optional(
      Type.Integer({ description: 'Sandboxes of this swarm that may exist at once, those of an update and of the warm pool included.' }),
    ),
    maxHourlyCost: Type.Optional(
      text({
        form: '^[0-9]{1,9}([.][0-9]{1,6})?$',
        message: 'must be dollars an hour such as "10.00", with up to six decimals',
        maxLength: 16,
        description:
          'Dollars an hour that the sandboxes of this swarm may cost at once, those of an update and of the warm pool included; paused ones cost nothing.',
      }),
    ),
  },
  {
    description: 'What the swarm may use at most.',
    ...rules(
      {
        rule: '!has(self.maxAgents) || self.maxAgents >= 0',
        message: 'maxAgents must not be below zero; write 0 to run no agent at all',
        fieldPath: '.maxAgents',
      },
      {
        rule: 'has(self.maxAgents) || has(self.maxHourlyCost)',
        message: 'a budget needs maxAgents or maxHourlyCost; write one of them, or remove budget',
      },
    ),
  },
)

const MAX_WARM = 200

/** `spec.warmPool` of a swarm. */
export const WarmPool = Type.Object(
  {
    replicas: Type.Integer({ minimum: 0, maximum: MAX_WARM, description: 'Sandboxes kept ready beside those of the agents.' }),
    state: choice(['Running', 'Paused'], {
      default: 'Running',
      description:
        'How they wait: Running (taken at once, cost as much as an agent), or Paused (cost nothing, are resumed when they are taken).',
    }),
  },
  {
    description:
      'Sandboxes kept ready for new agents: made from spec.template, with its files in them, the command not started. Scale-ups, replacements and new revisions take them first, whatever the command and variables of their group; a group or revision with another sandboxTemplate, network or set of file paths makes its own.',
  },
)
