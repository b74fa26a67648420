import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import { SCALING_POLICY } from '../../../src/api/kinds.ts'
import { Api } from './harness.ts'

const policy = (more: object = {}, ...metrics: object[]) => ({
  target: { swarm: 'desk' },
  maxReplicas: 10,
  metrics: metrics.length > 0 ? metrics : [load()],
  ...more,
})
const load = (more: object = {}) => ({ name: 'load', type: 'InFlightPerAgent', target: { value: 2 }, ...more })
const steps = (...list: object[]) => policy({}, { name: 'load', type: 'Cpu', steps: list })
const json = (more: object = {}) => ({
  name: 'index',
  type: 'Json',
  target: { value: 0.5 },
  json: { url: 'https://market/index', ...more },
})
const timetable = { timeZone: 'Europe/Berlin', start: '0 8 * * 1-5', end: '0 18 * * MON-FRI', replicas: 3 }
const cron = (more: object = {}) => ({ name: 'office', type: 'Cron', cron: { ...timetable, ...more } })

const TAKEN: Record<string, object> = {
  'the least that it must say': policy(),
  'steps of an index, up and down': policy(
    {},
    {
      ...json(),
      target: undefined,
      steps: [
        { above: 0.7, change: '+50%' },
        { above: 0.8, change: '+100%' },
        { below: 0.2, change: '-100%' },
      ],
      confidence: {},
    },
  ),
  'a timetable and zero agents outside of it': policy({ minReplicas: 0 }, cron()),
  'limits, a base, a forecast and a dry run': policy({
    minReplicas: 2,
    baseReplicas: 3,
    dryRun: true,
    predictive: { mode: 'Scale' },
    behaviour: { scaleUp: { limits: [{ count: 4 }, { percent: 100, period: '15s' }], select: 'Min' }, scaleDown: { coolDown: '30s' } },
  }),
  'metrics of all sorts': policy(
    {},
    load({ name: 'slow', type: 'Latency', percentile: 99, window: '10s', fallback: { action: 'Replicas', replicas: 2 } }),
    load({
      name: 'query',
      type: 'Prometheus',
      prometheus: { url: 'http://prometheus:9090', query: 'up', tokenSecretRef: { name: 's' } },
      target: { value: 3, per: 'Swarm' },
    }),
  ),
  'the most metrics with the most steps': policy(
    {},
    ...Array.from({ length: 16 }, (_, i) => ({
      name: `m${i}`,
      type: 'Cpu',
      steps: Array.from({ length: 16 }, (_step, n) => ({ above: n, change: '+1' })),
    })),
  ),
}

const BOTH = 'write both or neither'
const REFUSED: Record<string, { spec: object; told: string }> = {
  'fewer than the least': {
    spec: policy({ minReplicas: 11 }),
    told: 'spec.minReplicas: Invalid value: minReplicas must not exceed maxReplicas; lower minReplicas or raise maxReplicas',
  },
  'a base out of bounds': {
    spec: policy({ baseReplicas: 11 }),
    told: 'spec.baseReplicas: Invalid value: baseReplicas must lie between minReplicas and maxReplicas; write a number between the two',
  },
  'zero by what cannot ask for none': {
    spec: policy({ minReplicas: 0 }, load({ type: 'Cpu' })),
    told: 'spec.minReplicas: Invalid value: with minReplicas 0 some metric must ask for no agents when there is no load; add InFlightPerAgent, or write minReplicas: 1',
  },
  'both a target and steps': {
    spec: policy({}, load({ steps: [{ above: 1, change: '+1' }] })),
    told: 'spec.metrics[0]: Invalid value: write exactly one of target and steps: a value to aim at, or changes that values ask for',
  },
  'neither of them': {
    spec: policy({}, { name: 'load', type: 'Cpu' }),
    told: 'spec.metrics[0]: Invalid value: write exactly one of target and steps: a value to aim at, or changes that values ask for',
  },
  'a target of zero': {
    spec: policy({}, load({ target: { value: 0 } })),
    told: 'spec.metrics[0].target.value: Invalid value: 0: must be above zero, since replicas follow from the value divided by it; write the value to aim at',
  },
  'a timetable with a target': {
    spec: policy({}, { ...cron(), target: { value: 1 } }),
    told: 'spec.metrics[0]: Invalid value: a timetable has no value to read; write its replicas in cron, and remove target, steps and confidence',
  },
  'a timetable without its times': {
    spec: policy({}, { name: 'office', type: 'Cron' }),
    told: `spec.metrics[0].cron: Invalid value: cron goes with the type Cron, and that needs it; ${BOTH}`,
  },
  'a time of two fields': {
    spec: policy({}, cron({ start: '8 *' })),
    told: 'spec.metrics[0].cron.start: Invalid value: "8 *": must have five fields (minute, hour, day of the month, month, day of the week), such as 30 8 * * 1-5',
  },
  'a time that ends when it begins': {
    spec: policy({}, cron({ end: timetable.start })),
    told: 'spec.metrics[0].cron.end: Invalid value: start and end must differ, or the time between them would be empty; write when the agents may go as end',
  },
  'a time zone that is an offset': {
    spec: policy({}, cron({ timeZone: '+01:00' })),
    told: 'spec.metrics[0].cron.timeZone: Invalid value: "+01:00": must be a time zone of the IANA database, such as Europe/Berlin or UTC',
  },
  'a source without the type': {
    spec: policy({}, load({ json: { url: 'http://x' } })),
    told: `spec.metrics[0].json: Invalid value: json goes with the type Json, and that needs it; ${BOTH}`,
  },
  'a source that is no web server': {
    spec: policy({}, json({ url: 'ftp://x' })),
    told: 'spec.metrics[0].json.url: Invalid value: "ftp://x": must be a URL with http or https, such as http://prometheus.monitoring:9090',
  },
  'a place in the answer that is no JSON pointer': {
    spec: policy({}, json({ pointer: 'a/b' })),
    told: 'spec.metrics[0].json.pointer: Invalid value: "a/b": must be a JSON pointer (RFC 6901) such as /data/0/index, or empty when the whole answer is the number',
  },
  'a percentile of what has none': {
    spec: policy({}, load({ percentile: 50 })),
    told: 'spec.metrics[0].percentile: Forbidden: percentile is for the type Latency; remove it',
  },
  'a window of what has none': {
    spec: policy({}, load({ window: '1m' })),
    told: 'spec.metrics[0].window: Forbidden: window is for Latency, ErrorRate, Prometheus and Json; remove it',
  },
  'per where it is known': {
    spec: policy({}, load({ target: { value: 2, per: 'Agent' } })),
    told: 'spec.metrics[0].target.per: Forbidden: per is for Prometheus and Json, since what the others count is known; remove it',
  },
  'stepsFrom without steps': {
    spec: policy({}, load({ stepsFrom: 'Base' })),
    told: 'spec.metrics[0].stepsFrom: Forbidden: stepsFrom says what steps change; write steps, or remove it',
  },
  'a step above and below': {
    spec: steps({ above: 1, below: 0, change: '+1' }),
    told: 'spec.metrics[0].steps[0]: Invalid value: write exactly one of above and below',
  },
  'steps that overlap': {
    spec: steps({ above: 1, change: '+1' }, { below: 2, change: '-1' }),
    told: 'spec.metrics[0].steps: Invalid value: a value must not be above one step and below another at once; keep every below at or under every above',
  },
  'a change without a sign': {
    spec: steps({ above: 1, change: '50%' }),
    told: 'spec.metrics[0].steps[0].change: Invalid value: "50%": must be a change such as +2, -1, +50% or -50%; +100% doubles',
  },
  ...Object.fromEntries(
    ['-101%', '-200%', '-1000%'].map((change) => [
      `a change of ${change}`,
      {
        spec: steps({ below: 1, change }),
        told: 'spec.metrics[0].steps[0].change: Invalid value: no more than all agents can go; write -100% at most',
      },
    ]),
  ),
  'replicas of another fallback': {
    spec: policy({}, load({ fallback: { replicas: 2 } })),
    told: `spec.metrics[0].fallback.replicas: Invalid value: replicas goes with the action Replicas, and that needs it; ${BOTH}`,
  },
  'a fallback without its replicas': {
    spec: policy({}, load({ fallback: { action: 'Replicas' } })),
    told: `spec.metrics[0].fallback.replicas: Invalid value: replicas goes with the action Replicas, and that needs it; ${BOTH}`,
  },
  'a limit of two kinds': {
    spec: policy({ behaviour: { scaleUp: { limits: [{ count: 1, percent: 2 }] } } }),
    told: 'spec.behaviour.scaleUp.limits[0]: Invalid value: write exactly one of count and percent; write two limits to have both',
  },
  'a horizon beyond the season': {
    spec: policy({ predictive: { season: '10m', horizon: '20m' } }),
    told: 'spec.predictive.horizon: Invalid value: horizon must be shorter than season; lower horizon',
  },
}

describe('a ScalingPolicy, to the API server', () => {
  let api: Api
  before(async () => {
    api = await Api.start()
  })
  after(() => api.stop())

  for (const [name, spec] of Object.entries(TAKEN))
    it(`may be ${name}`, async () => expect(await api.tryKind(SCALING_POLICY, spec)).to.deep.equal({ code: 201, told: [] }))
  for (const [name, { spec, told }] of Object.entries(REFUSED))
    it(`may not be ${name}`, async () => expect(await api.tryKind(SCALING_POLICY, spec)).to.deep.equal({ code: 422, told: [told] }))
})
