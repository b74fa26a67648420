import Type, { type Static } from 'typebox'
import { choice, dataKey, duration, objectName, rules, text } from './schema.ts'
import { MAX_AGENTS } from './swarm-group.ts'

/** What is measured. The first eight need no source of their own: routers and the provider tell. */
const METRIC_TYPES = [
  'InFlightPerAgent',
  'QueueLength',
  'OldestWaiting',
  'ErrorRate',
  'Latency',
  'Cpu',
  'Memory',
  'Prometheus',
  'Json',
  'Cron',
] as const
export type MetricType = (typeof METRIC_TYPES)[number]

const httpUrl = (description: string) =>
  text({
    form: '^https?://[^[:space:]/]+[^[:space:]]*$',
    message: 'must be a URL with http or https, such as http://prometheus.monitoring:9090',
    maxLength: 2048,
    description,
  })

const interval = duration({ default: '15s', min: '1s', max: '1h', description: 'Time between two looks.' })

const TokenRef = Type.Optional(
  Type.Object(
    {
      name: objectName('Name of the Secret, in the namespace of the policy.'),
      key: dataKey({ default: 'token', description: 'Key in the Secret that holds the token.' }),
    },
    { description: 'The Secret whose token is sent as Authorization: Bearer; none is sent when left out.' },
  ),
)

const Prometheus = Type.Object(
  {
    url: httpUrl('Where Prometheus answers, without /api/v1/query.'),
    query: Type.String({
      minLength: 1,
      maxLength: 4096,
      description: 'PromQL that gives one number: a scalar, or a vector of one series.',
    }),
    interval,
    tokenSecretRef: TokenRef,
  },
  { description: 'Prometheus: the query that is asked.' },
)

const Json = Type.Object(
  {
    url: httpUrl('What is read with GET.'),
    pointer: text({
      form: '^(/[^/[:cntrl:]]*)*$',
      message: 'must be a JSON pointer (RFC 6901) such as /data/0/index, or empty when the whole answer is the number',
      maxLength: 512,
      description: 'Where in the answer the number is.',
      default: '',
    }),
    interval,
    tokenSecretRef: TokenRef,
  },
  { description: 'Json: a number that some service publishes, such as a market index.' },
)

/** Five fields of numbers, names, lists, ranges and steps; whether each number is in range is found out when it is read. */
const CRON_FORM = '^[0-9A-Za-z*,/-]+( [0-9A-Za-z*,/-]+){4}$'

const schedule = (description: string) =>
  text({
    form: CRON_FORM,
    message: 'must have five fields (minute, hour, day of the month, month, day of the week), such as 30 8 * * 1-5',
    maxLength: 128,
    description,
  })

const Cron = Type.Object(
  {
    timeZone: text({
      form: '^[A-Za-z][-A-Za-z0-9_+]*(/[-A-Za-z0-9_+]+){0,2}$',
      message: 'must be a time zone of the IANA database, such as Europe/Berlin or UTC',
      maxLength: 64,
      description: 'Time zone that start and end are meant in, summer time included.',
    }),
    start: schedule('When the time begins in which the agents are wanted.'),
    end: schedule('When it ends.'),
    replicas: Type.Integer({
      minimum: 1,
      maximum: MAX_AGENTS,
      description: 'Agents that are wanted in that time. Outside of it the metric asks for none.',
    }),
  },
  {
    description: 'Cron: times in which a number of agents is wanted.',
    ...rules({
      rule: 'self.start != self.end',
      message: 'start and end must differ, or the time between them would be empty; write when the agents may go as end',
      fieldPath: '.end',
    }),
  },
)

const Target = Type.Object(
  {
    value: Type.Number({
      description:
        'The value that is aimed at: tasks per agent (InFlightPerAgent, QueueLength), seconds (OldestWaiting, Latency), percent (ErrorRate, Cpu, Memory), or what the source gives.',
      ...rules({
        rule: 'self > 0.0',
        message: 'must be above zero, since replicas follow from the value divided by it; write the value to aim at',
      }),
    }),
    tolerancePercent: Type.Integer({
      minimum: 0,
      maximum: 100,
      default: 10,
      description: 'How far the value may be off, in percent of the target, before anything changes.',
    }),
    per: Type.Optional(
      choice(['Agent', 'Swarm'], {
        description:
          'Prometheus and Json: Agent when the source counts work of all agents together, of which each can do value; Swarm when it gives one figure for the whole, to which replicas are proportional. Agent when left out.',
      }),
    ),
  },
  { description: 'The replicas at which the value would be what is aimed at, as the HorizontalPodAutoscaler works them out.' },
)

const Step = Type.Object(
  {
    above: Type.Optional(Type.Number({ description: 'The step holds while the value is above this.' })),
    below: Type.Optional(Type.Number({ description: 'The step holds while the value is below this.' })),
    change: text({
      form: '^[+-][1-9][0-9]{0,3}%?$',
      message: 'must be a change such as +2, -1, +50% or -50%; +100% doubles',
      maxLength: 6,
      description: 'What to change: agents, or percent of them. It is always at least one agent.',
    }),
  },
  {
    description: 'A change that a value asks for. Of several that hold, the one with the outermost bound counts.',
    ...rules(
      { rule: 'has(self.above) != has(self.below)', message: 'write exactly one of above and below' },
      {
        rule: "!self.change.startsWith('-') || !self.change.endsWith('%') || !self.change.matches('^-[0-9]{4}|^-(10[1-9]|1[1-9][0-9]|[2-9][0-9]{2})%$')",
        message: 'no more than all agents can go; write -100% at most',
        fieldPath: '.change',
      },
    ),
  },
)

const Confidence = Type.Object(
  {
    window: duration({ default: '30s', min: '1s', max: '1h', description: 'How far back is looked.' }),
    percent: Type.Integer({
      minimum: 1,
      maximum: 100,
      default: 80,
      description: 'Share of the window for which the value must have asked for a change. Time without data asks for none.',
    }),
  },
  { description: 'How sure a change must be, so that one spike changes nothing. Left out, the newest value decides.' },
)

const Fallback = Type.Object(
  {
    action: choice(['Keep', 'Ignore', 'Replicas'], {
      default: 'Keep',
      description:
        'Keep: no agent goes for as long as the metric fails, and the other metrics may add some. Ignore: as if the metric were not there. Replicas: at least that many agents.',
    }),
    replicas: Type.Optional(Type.Integer({ minimum: 0, maximum: MAX_AGENTS, description: 'Replicas: how many.' })),
  },
  {
    default: {},
    description: 'What the metric asks for once its newest value is older than maxAge.',
    ...rules({
      rule: "has(self.replicas) == (self.action == 'Replicas')",
      message: 'replicas goes with the action Replicas, and that needs it; write both or neither',
      fieldPath: '.replicas',
    }),
  },
)

const OWN_FIELD = (field: string, type: string) => ({
  rule: `has(self.${field}) == (self.type == '${type}')`,
  message: `${field} goes with the type ${type}, and that needs it; write both or neither`,
  fieldPath: `.${field}`,
})

/** One figure by which replicas are chosen, and how it is read. */
export const Metric = Type.Object(
  {
    name: text({
      form: '^[a-z]([-a-z0-9]*[a-z0-9])?$',
      message: 'must be a word of lower case letters, digits and -, with a letter first, such as queue',
      maxLength: 30,
      description: 'Name of the metric in status, Events and metrics.',
    }),
    type: choice([...METRIC_TYPES], {
      description:
        'InFlightPerAgent: tasks that run or wait, per agent. QueueLength: tasks that wait. OldestWaiting: seconds that the oldest of them has waited. ErrorRate: percent of the tasks that agents failed. Latency: seconds that agents took. Cpu, Memory: percent that sandboxes use. Prometheus, Json: a number from outside. Cron: a timetable.',
    }),
    percentile: Type.Optional(Type.Integer({ minimum: 1, maximum: 99, description: 'Latency: which percentile. 95 when left out.' })),
    window: Type.Optional(
      duration({
        min: '0s',
        max: '1h',
        description:
          'Latency, ErrorRate: how far back tasks count. Prometheus, Json: how far back the source looks, such as 5m for rate(…[5m]), so that a value of the time before a change is not taken for one of the time after it. 1m for the first two and 0s for the others when left out.',
      }),
    ),
    prometheus: Type.Optional(Prometheus),
    json: Type.Optional(Json),
    cron: Type.Optional(Cron),
    target: Type.Optional(Target),
    steps: Type.Optional(
      Type.Array(Step, {
        minItems: 1,
        maxItems: 16,
        description: 'Changes that the value asks for, instead of a target.',
        ...rules({
          rule: 'self.all(a, !has(a.above) || self.all(b, !has(b.below) || b.below <= a.above))',
          message: 'a value must not be above one step and below another at once; keep every below at or under every above',
        }),
      }),
    ),
    stepsFrom: Type.Optional(
      choice(['Current', 'Base'], {
        description:
          'What steps change: Current replicas, again and again while a step holds (for what more agents make better), or baseReplicas (for what agents have no influence on). When left out, Base for Prometheus and Json and Current for the others.',
      }),
    ),
    maxAge: duration({ default: '1m', min: '1s', max: '24h', description: 'Age from which the newest value says nothing any more.' }),
    fallback: Fallback,
    confidence: Type.Optional(Confidence),
  },
  {
    description: 'One figure by which replicas are chosen. Of several metrics the one that asks for most agents counts.',
    ...rules(
      OWN_FIELD('prometheus', 'Prometheus'),
      OWN_FIELD('json', 'Json'),
      OWN_FIELD('cron', 'Cron'),
      {
        rule: "has(self.target) != has(self.steps) || (self.type == 'Cron' && !has(self.target))",
        message: 'write exactly one of target and steps: a value to aim at, or changes that values ask for',
      },
      {
        rule: "self.type != 'Cron' || !(has(self.target) || has(self.steps) || has(self.confidence))",
        message: 'a timetable has no value to read; write its replicas in cron, and remove target, steps and confidence',
      },
      {
        rule: "!has(self.percentile) || self.type == 'Latency'",
        message: 'percentile is for the type Latency; remove it',
        fieldPath: '.percentile',
        reason: 'FieldValueForbidden',
      },
      {
        rule: "!has(self.window) || self.type in ['Latency', 'ErrorRate', 'Prometheus', 'Json']",
        message: 'window is for Latency, ErrorRate, Prometheus and Json; remove it',
        fieldPath: '.window',
        reason: 'FieldValueForbidden',
      },
      {
        rule: '!has(self.stepsFrom) || has(self.steps)',
        message: 'stepsFrom says what steps change; write steps, or remove it',
        fieldPath: '.stepsFrom',
        reason: 'FieldValueForbidden',
      },
      {
        rule: "!has(self.target) || !has(self.target.per) || self.type in ['Prometheus', 'Json']",
        message: 'per is for Prometheus and Json, since what the others count is known; remove it',
        fieldPath: '.target.per',
        reason: 'FieldValueForbidden',
      },
    ),
  },
)
export type Metric = Static<typeof Metric>
