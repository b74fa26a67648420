import Type, { type Static } from 'typebox'
import { Conditions, ObservedGeneration } from './condition.ts'
import { Metric } from './scaling-metric.ts'
import { choice, duration, isDuration, keyedBy, objectName, rules, text } from './schema.ts'
import { MAX_AGENTS } from './swarm-group.ts'

const Target = Type.Object(
  {
    swarm: objectName('Name of the Swarm, in the same namespace.'),
    group: Type.Optional(
      text({
        form: '^[a-z]([-a-z0-9]*[a-z0-9])?$',
        message: 'must be the name of a group of the Swarm, such as lead',
        maxLength: 30,
        description: 'Name of the group. Needed when the Swarm has groups.',
      }),
    ),
  },
  { description: 'Whose replicas are set.' },
)

const Limit = Type.Object(
  {
    count: Type.Optional(Type.Integer({ minimum: 0, maximum: MAX_AGENTS, description: 'Agents.' })),
    percent: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 10_000,
        description: 'Percent of the agents that there were when the period began; at least one agent.',
      }),
    ),
    period: duration({ default: '1m', min: '1s', max: '1h', description: 'Time in which replicas change by no more than that.' }),
  },
  {
    description: 'How far replicas may change within a time.',
    ...rules({
      rule: 'has(self.count) != has(self.percent)',
      message: 'write exactly one of count and percent; write two limits to have both',
    }),
  },
)

const direction = (which: 'up' | 'down', window: string, coolDown: string) =>
  Type.Object(
    {
      stabilisationWindow: duration({
        default: window,
        min: '0s',
        max: '1h',
        description: `Replicas go ${which} no further than was asked for at every moment of this time.`,
      }),
      coolDown: duration({
        default: coolDown,
        min: '0s',
        max: '1h',
        description:
          which === 'up'
            ? 'Time after replicas went up in which they do not go up again.'
            : 'Time after any change of replicas in which they do not go down.',
      }),
      limits: Type.Array(Limit, {
        maxItems: 4,
        default: [],
        description: 'How fast replicas may change. No limit when empty; a count of 0 never changes them.',
      }),
      select: choice(['Max', 'Min'], {
        default: 'Max',
        description: 'Which of several limits counts: the one that allows most, or least.',
      }),
    },
    { default: {}, description: `How replicas go ${which}.` },
  )

const Behaviour = Type.Object(
  {
    scaleUp: direction('up', '0s', '0s'),
    scaleDown: direction('down', '1m', '0s'),
    idleBeforeZero: duration({
      default: '5m',
      min: '0s',
      max: '24h',
      description: 'With minReplicas 0: how long no task may have run or waited before the last agent goes.',
    }),
  },
  { default: {}, description: 'How fast replicas follow what metrics ask for.' },
)

const Predictive = Type.Object(
  {
    mode: choice(['Off', 'Observe', 'Scale'], {
      default: 'Off',
      description:
        'Observe: the forecast and its error are shown in status. Scale: agents are also started ahead of the load, while the forecast beats the naive one, which takes the load to stay as it is.',
    }),
    season: duration({ default: '24h', min: '10m', max: '168h', description: 'Time after which the load repeats itself.' }),
    horizon: duration({
      default: '5m',
      min: '10s',
      max: '2h',
      description: 'How far ahead is looked: the time that an agent needs to be ready, and some more.',
    }),
  },
  {
    default: {},
    description: 'Agents ahead of the load, by the trend and the season of what was recorded. It never takes agents away.',
    ...rules({
      rule: `!${isDuration('self.season')} || !${isDuration('self.horizon')} || duration(self.horizon) < duration(self.season)`,
      message: 'horizon must be shorter than season; lower horizon',
      fieldPath: '.horizon',
    }),
  },
)

/** What a user asks for. */
export const ScalingPolicySpec = Type.Object(
  {
    target: Target,
    minReplicas: Type.Integer({
      minimum: 0,
      maximum: MAX_AGENTS,
      default: 1,
      description: 'Agents that there are at least. With 0 the last one goes when nothing is to be done, and one comes with the next task.',
    }),
    maxReplicas: Type.Integer({ minimum: 1, maximum: MAX_AGENTS, description: 'Agents that there are at most.' }),
    baseReplicas: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: MAX_AGENTS,
        description: 'Agents that steps from Base change. minReplicas, at least 1, when left out.',
      }),
    ),
    metrics: Type.Array(Metric, {
      ...keyedBy('name'),
      minItems: 1,
      maxItems: 16,
      description: 'By what replicas are chosen. The largest answer wins.',
    }),
    behaviour: Behaviour,
    predictive: Predictive,
    dryRun: Type.Boolean({ default: false, description: 'Whether decisions are only shown in status, and nothing is changed.' }),
  },
  {
    description:
      'How many agents a Swarm or one of its groups has. Nothing changes while the policy has the annotation swarmops.dev/paused.',
    ...rules(
      {
        rule: 'self.minReplicas <= self.maxReplicas',
        message: 'minReplicas must not exceed maxReplicas; lower minReplicas or raise maxReplicas',
        fieldPath: '.minReplicas',
      },
      {
        rule: '!has(self.baseReplicas) || (self.baseReplicas >= self.minReplicas && self.baseReplicas <= self.maxReplicas)',
        message: 'baseReplicas must lie between minReplicas and maxReplicas; write a number between the two',
        fieldPath: '.baseReplicas',
      },
      {
        rule: "self.minReplicas > 0 || self.metrics.exists(m, !(m.type in ['OldestWaiting', 'ErrorRate', 'Latency', 'Cpu', 'Memory']) || has(m.steps))",
        message:
          'with minReplicas 0 some metric must ask for no agents when there is no load; add InFlightPerAgent, or write minReplicas: 1',
        fieldPath: '.minReplicas',
      },
    ),
  },
)
export type ScalingPolicySpec = Static<typeof ScalingPolicySpec>

/** What a metric came to. */
const METRIC_STATES = ['Fresh', 'Stale', 'NoData'] as const

/** What may hold back or raise what the metrics ask for. */
export const LIMITED_BY = [
  'Stabilised',
  'CoolDown',
  'StepLimit',
  'Rollout',
  'MassFailure',
  'NotIdle',
  'Woken',
  'MinReplicas',
  'MaxReplicas',
] as const

const MetricStatus = Type.Object(
  {
    name: Type.String({ description: 'Name of the metric.' }),
    state: choice([...METRIC_STATES], {
      description: 'Fresh; Stale when the newest value is older than maxAge; NoData when there never was one.',
    }),
    value: Type.Optional(Type.String({ description: 'The newest value, as a decimal number.' })),
    measuredAt: Type.Optional(Type.String({ format: 'date-time', description: 'When it was measured.' })),
    wantedReplicas: Type.Optional(Type.Integer({ minimum: 0, description: 'Agents that it asks for; absent when it has no say.' })),
    message: Type.String({ description: 'How that came about, for people.' }),
  },
  { description: 'One metric as it was read.' },
)

const LimitStatus = Type.Object(
  {
    by: choice([...LIMITED_BY], { description: 'One word for programs: what changed the number.' }),
    from: Type.Integer({ minimum: 0, description: 'Replicas before it.' }),
    to: Type.Integer({ minimum: 0, description: 'Replicas after it.' }),
  },
  { description: 'One thing that changed what the metrics ask for.' },
)

const ChangeStatus = Type.Object(
  {
    at: Type.String({ format: 'date-time', description: 'When it was decided.' }),
    from: Type.Integer({ minimum: 0, description: 'Replicas before.' }),
    to: Type.Integer({ minimum: 0, description: 'Replicas after.' }),
  },
  { description: 'One change of replicas.' },
)

const ForecastStatus = Type.Object(
  {
    used: Type.Boolean({ description: 'Whether it beats the naive forecast, so that agents may be started by it.' }),
    wantedReplicas: Type.Optional(Type.Integer({ minimum: 0, description: 'Agents that it asks for at the horizon.' })),
    error: Type.Optional(Type.String({ description: 'How far it was off in the recent past, mean of the absolute error, in agents.' })),
    naiveError: Type.Optional(Type.String({ description: 'How far off the load of the moment would have been.' })),
    message: Type.String({ description: 'The same for people, or why there is none.' }),
  },
  { description: 'What the recorded load lets expect.' },
)

const RecordedStatus = Type.Object(
  {
    at: Type.String({ format: 'date-time', description: 'When it was written.' }),
    from: Type.String({ format: 'date-time', description: 'When the first step began.' }),
    stepSeconds: Type.Integer({ minimum: 1, description: 'How long a step is.' }),
    load: Type.String({
      maxLength: 8_192,
      description: 'Agents that were asked for at most in each step, the oldest first: `4 5x3 -` is 4, three times 5, and once unknown.',
    }),
  },
  { description: 'The load as it was, from which is forecast, so that it survives a restart.' },
)

const OverriddenStatus = Type.Object(
  {
    at: Type.String({ format: 'date-time', description: 'When it was seen.' }),
    by: Type.String({ description: 'Field manager that wrote them.' }),
    from: Type.Integer({ minimum: 0, description: 'Replicas that this policy had set.' }),
    to: Type.Integer({ minimum: 0, description: 'Replicas that were set instead.' }),
  },
  { description: 'The last time that somebody else set the replicas.' },
)

/** Changes that are kept in status, so that limits and cool-downs survive a restart. */
export const MAX_CHANGES = 64

/** What the operator sees and decided; written by it alone. */
export const ScalingPolicyStatus = Type.Object(
  {
    observedGeneration: ObservedGeneration,
    currentReplicas: Type.Optional(Type.Integer({ minimum: 0, description: 'Replicas of the target before the last decision.' })),
    wantedReplicas: Type.Optional(Type.Integer({ minimum: 0, description: 'Replicas that were decided on.' })),
    setReplicas: Type.Optional(Type.Integer({ minimum: 0, description: 'Replicas that this policy set last, or found in their place.' })),
    overridden: Type.Optional(OverriddenStatus),
    askedReplicas: Type.Optional(Type.Integer({ minimum: 0, description: 'Replicas that the metrics ask for, before limits.' })),
    summary: Type.Optional(Type.String({ description: 'The values of the metrics in a few words, for kubectl get.' })),
    decidingMetric: Type.Optional(Type.String({ description: 'The metric that asks for most.' })),
    metrics: Type.Optional(Type.Array(MetricStatus, { ...keyedBy('name'), maxItems: 16, description: 'Each metric as it was read.' })),
    limitedBy: Type.Optional(Type.Array(LimitStatus, { maxItems: LIMITED_BY.length, description: 'What changed the number, in order.' })),
    forecast: Type.Optional(ForecastStatus),
    recorded: Type.Optional(RecordedStatus),
    changes: Type.Optional(
      Type.Array(ChangeStatus, {
        maxItems: MAX_CHANGES,
        description: 'Changes within the longest time that limits look back, the oldest first.',
      }),
    ),
    lastActiveAt: Type.Optional(Type.String({ format: 'date-time', description: 'When a task last ran or waited (minReplicas 0 only).' })),
    conditions: Conditions,
  },
  { default: { observedGeneration: -1 }, description: 'The decision and how it came about.' },
)
export type ScalingPolicyStatus = Static<typeof ScalingPolicyStatus>
