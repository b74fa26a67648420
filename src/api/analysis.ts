import Type, { type Static } from 'typebox'
import { choice, dataKey, duration, isDuration, keyedBy, objectName, rules, text } from './schema.ts'

/** A decimal number as text: CRDs have no exact numbers with a fraction. */
const decimal = (description: string) =>
  text({ form: '^-?[0-9]{1,15}([.][0-9]{1,9})?$', message: 'must be a number such as 0.95 or 200', maxLength: 26, description })

const Condition = Type.Object(
  {
    min: Type.Optional(decimal('The value must not be below this.')),
    max: Type.Optional(decimal('The value must not be above this.')),
    equals: Type.Optional(Type.String({ maxLength: 256, description: 'The value, as text, must be this.' })),
  },
  {
    description: 'What must hold of a value: all that is written here.',
    ...rules({ rule: 'has(self.min) || has(self.max) || has(self.equals)', message: 'write at least one of min, max and equals' }),
  },
)
export type Condition = Static<typeof Condition>

const percent = (maximum: number, description: string) => Type.Integer({ minimum: 0, maximum, description })

const ErrorRate = Type.Object(
  {
    maxPercent: Type.Optional(percent(100, 'Percent of the attempts of the new revision that may fail.')),
    maxAboveStable: Type.Optional(percent(100, 'Points by which that percentage may lie above the one of the stable revision.')),
  },
  {
    description: 'Attempts that fail, as routers see them; retries that mend them do not hide them.',
    ...rules({
      rule: 'has(self.maxPercent) || has(self.maxAboveStable)',
      message: 'write maxPercent, maxAboveStable or both, or nothing would be judged',
    }),
  },
)

const Latency = Type.Object(
  {
    percentile: Type.Integer({ minimum: 1, maximum: 99, default: 95, description: 'Percentile that is looked at.' }),
    max: Type.Optional(duration({ min: '1ms', max: '1h', description: 'Longest time that is fine.' })),
    maxPercentOfStable: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 10_000,
        description: 'Longest time that is fine, in percent of the same percentile of the stable revision: 150 is half as long again.',
      }),
    ),
  },
  {
    description: 'Time that agents take for attempts that are answered, as routers see it.',
    ...rules({
      rule: 'has(self.max) || has(self.maxPercentOfStable)',
      message: 'write max, maxPercentOfStable or both, or nothing would be judged',
    }),
  },
)

const url = (description: string) =>
  text({ form: '^https?://[^ ]+$', message: 'must be an address that begins with http:// or https://', maxLength: 2048, description })

const SecretKeyRef = Type.Object(
  {
    name: objectName('Name of the Secret, in the namespace of the rollout.'),
    key: dataKey({ description: 'Key in the Secret.' }),
  },
  { description: 'Secret that is sent as the bearer token. It is read for each request and never shown.' },
)

const Headers = Type.Array(
  Type.Object(
    {
      name: text({
        form: '^[A-Za-z0-9-]+$',
        message: 'must be the name of a header: letters, digits and -, such as X-Scope-OrgID',
        maxLength: 64,
        description: 'Name of the header.',
      }),
      value: Type.String({ maxLength: 1024, description: 'Its value; secrets belong into tokenSecretRef.' }),
    },
    { description: 'One header.' },
  ),
  { ...keyedBy('name'), maxItems: 16, default: [], description: 'Headers of the request.' },
)

const timeout = duration({ default: '5s', min: '50ms', max: '5m', description: 'How long an answer may take; later is an error.' })
const REVISIONS = '{{revision}} and {{stable}} stand for the hashes of the two revisions'
const path = (of: string) =>
  Type.Optional(
    Type.String({
      maxLength: 256,
      description: `Keys and indices, divided by dots, that lead to the value in ${of}; all of it when left out.`,
    }),
  )

const Prometheus = Type.Object(
  {
    address: url('Address of the server, such as http://prometheus.monitoring:9090.'),
    query: Type.String({ minLength: 1, maxLength: 8192, description: `Query that gives one number; ${REVISIONS}.` }),
    tokenSecretRef: Type.Optional(SecretKeyRef),
    headers: Headers,
    timeout,
  },
  { description: 'A query to Prometheus. No result, or NaN, is no data.' },
)

const Http = Type.Object(
  {
    url: url(`Address that answers with JSON; ${REVISIONS}.`),
    path: path('the answer'),
    tokenSecretRef: Type.Optional(SecretKeyRef),
    headers: Headers,
    timeout,
  },
  { description: 'A value in a JSON document that is fetched with GET. A value that is missing or null is no data.' },
)

const Webhook = Type.Object(
  {
    url: url('Address that is called with POST and a JSON body that says which rollout asks.'),
    tokenSecretRef: Type.Optional(SecretKeyRef),
    timeout,
  },
  { description: 'A gate: 2xx is a success, 202 "not yet" (no data), other 4xx a failure, anything else an error.' },
)

const Judge = Type.Object(
  {
    swarm: objectName('Swarm in the same namespace whose agents judge.'),
    capability: Type.Optional(Type.String({ minLength: 1, maxLength: 63, description: 'Capability that the task asks for.' })),
    question: Type.String({
      minLength: 1,
      maxLength: 8192,
      description: `What they are asked, with the figures of the rollout; ${REVISIONS}.`,
    }),
    path: path('the output'),
    timeout: duration({ default: '1m', min: '50ms', max: '1h', description: 'How long the task may take; longer is an error.' }),
  },
  { description: "A task for another Swarm, whose output is the value. It cannot be the rollout's own Swarm." },
)

/** What a metric may be measured by: it has the field of exactly one. */
export const SOURCES = ['errorRate', 'latency', 'prometheus', 'http', 'webhook', 'judge'] as const
const countOf = (...fields: string[]) => fields.map((field) => `(has(self.${field}) ? 1 : 0)`).join(' + ')

const limit = (value: number, description: string) => Type.Integer({ minimum: 0, maximum: 1000, default: value, description })

/** One thing that is measured again and again, and what follows from it. */
export const Metric = Type.Object(
  {
    name: text({
      form: '^[a-z]([-a-z0-9]*[a-z0-9])?$',
      message: 'must be a word of lower case letters, digits and -, with a letter first, such as error-rate',
      maxLength: 40,
      description: 'Name of the metric.',
    }),
    errorRate: Type.Optional(ErrorRate),
    latency: Type.Optional(Latency),
    prometheus: Type.Optional(Prometheus),
    http: Type.Optional(Http),
    webhook: Type.Optional(Webhook),
    judge: Type.Optional(Judge),
    success: Type.Optional(Condition),
    failure: Type.Optional(Condition),
    window: duration({
      default: '5m',
      min: '1s',
      max: '1h',
      description: 'How far back attempts count, for errorRate and latency; never further than to the beginning of the analysis.',
    }),
    minSamples: Type.Integer({
      minimum: 1,
      maximum: 1_000_000,
      default: 20,
      description: 'Attempts within the window below which errorRate and latency are not judged.',
    }),
    initialDelay: duration({ default: '0s', min: '0s', max: '24h', description: 'Time before the first measurement.' }),
    interval: duration({ default: '1s', min: '250ms', max: '1h', description: 'Time from one measurement to the next.' }),
    count: Type.Integer({
      minimum: 1,
      maximum: 10_000,
      default: 5,
      description: 'Successful measurements that make a success; measurements without data count for nothing.',
    }),
    failureLimit: limit(0, 'Failed measurements that are put up with; one more is a failure.'),
    consecutiveErrorLimit: limit(4, 'Measurements in a row that may go wrong (no answer, not a value); one more is an error.'),
    inconclusiveLimit: limit(3, 'Measurements that may be neither success nor failure; with one more the metric is inconclusive.'),
    noDataTimeout: duration({
      default: '10m',
      min: '1s',
      max: '24h',
      description: 'How long there may be no data (too few samples, an empty result); then the metric is inconclusive, never a success.',
    }),
    dryRun: Type.Boolean({ default: false, description: 'Measured and shown, and nothing follows from it.' }),
  },
  {
    description: 'One thing that is measured.',
    ...rules(
      {
        rule: `${countOf(...SOURCES)} == 1`,
        message: `a metric has exactly one of ${SOURCES.join(', ')}; make several metrics for several`,
      },
      {
        rule: '!(has(self.errorRate) || has(self.latency) || has(self.webhook)) || !(has(self.success) || has(self.failure))',
        message: 'errorRate, latency and webhook say themselves what is a success; remove success and failure',
        reason: 'FieldValueForbidden',
      },
      {
        rule: '!(has(self.prometheus) || has(self.http) || has(self.judge)) || has(self.success) || has(self.failure)',
        message: 'say what is a success: write success, for instance {max: "0.05"}, or failure',
        reason: 'FieldValueRequired',
      },
      {
        rule: `!(has(self.prometheus) || has(self.http) || has(self.judge) || has(self.webhook)) || !${isDuration('self.interval')} || duration(self.interval) >= duration('1s')`,
        message: 'an interval below 1s is for errorRate and latency, which cost nothing to look at; write 1s or more',
        fieldPath: '.interval',
      },
    ),
  },
)
export type Metric = Static<typeof Metric>

/** What a metric is measured by. */
export const sourceOf = (metric: Metric): (typeof SOURCES)[number] => SOURCES.find((source) => metric[source] !== undefined) ?? 'errorRate'

/** Metrics that are judged together. */
export const Metrics = Type.Array(Metric, {
  ...keyedBy('name'),
  minItems: 1,
  maxItems: 16,
  description: 'What is measured; all of it must succeed.',
})

/** What happens when an analysis cannot say whether the revision is good. */
export const OnInconclusive = choice(['Pause', 'Abort'], {
  default: 'Pause',
  description: 'What happens when an analysis cannot tell: Pause until a person decides, or Abort.',
})

/** How one measurement came out. */
export const MEASURED = ['Success', 'Failure', 'Inconclusive', 'NoData', 'Error'] as const

/** Last measurements that are kept of a metric. */
export const MAX_MEASUREMENTS = 5

const Measurement = Type.Object(
  {
    at: Type.String({ format: 'date-time', description: 'When it was taken.' }),
    result: choice([...MEASURED], { description: 'How it came out.' }),
    value: Type.Optional(Type.String({ maxLength: 256, description: 'The value.' })),
    samples: Type.Optional(Type.Integer({ minimum: 0, description: 'Attempts of the new revision that it rests on.' })),
    message: Type.Optional(Type.String({ maxLength: 512, description: 'The figures, or what went wrong.' })),
  },
  { description: 'One measurement.' },
)
export type Measurement = Static<typeof Measurement>

const counted = (what: string) => Type.Integer({ minimum: 0, description: `Measurements that ${what}.` })

/** What has been measured of one metric in one run of an analysis. */
export const MetricStatus = Type.Object(
  {
    run: Type.String({ maxLength: 128, description: 'The run of the analysis: attempt and step.' }),
    name: Type.String({ maxLength: 40, description: 'Name of the metric.' }),
    startedAt: Type.String({ format: 'date-time', description: 'When the run began.' }),
    successful: counted('succeeded'),
    failed: counted('failed'),
    inconclusive: counted('were neither success nor failure'),
    consecutiveErrors: counted('went wrong since the last one that did not'),
    noDataSince: Type.Optional(Type.String({ format: 'date-time', description: 'Since when there is no data.' })),
    measurements: Type.Array(Measurement, { maxItems: MAX_MEASUREMENTS, description: 'The last measurements, the newest last.' }),
  },
  { description: 'What has been measured of one metric.' },
)
export type MetricStatus = Static<typeof MetricStatus>
