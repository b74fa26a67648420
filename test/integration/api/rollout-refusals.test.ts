import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import { schemaOf, type Kind, type Node } from '../../../src/api/crd.ts'
import { BLUE_GREEN_ROLLOUT, CANARY_ROLLOUT } from '../../../src/api/kinds.ts'
import { Api } from './harness.ts'

const UNCHECKED =
  '<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation'
const GOOD = { name: 'errors', errorRate: { maxPercent: 5 } }
const http = (more: object = {}) => ({ name: 'index', http: { url: 'https://x/y', ...more }, success: { max: '1' } })
const steps = (...list: object[]) => ({ steps: list })
const below = (field: string, seen: number, bound: number) =>
  `${field}: Invalid value: ${seen}: ${field} in body should be greater than or equal to ${bound}`
const above = (field: string, seen: number, bound: number) =>
  `${field}: Invalid value: ${seen}: ${field} in body should be less than or equal to ${bound}`
const unsupported = (field: string, seen: string, ...known: string[]) => [
  `${field}: Unsupported value: "${seen}": supported values: ${known.map((k) => `"${k}"`).join(', ')}`,
  UNCHECKED,
]
const noDuration = (field: string, seen: string, min: string, max: string) =>
  `${field}: Invalid value: "${seen}": must be a duration from ${min} to ${max}, written such as 500ms, 30s, 1m30s or 24h`
const badObject = (field: string, seen: string) =>
  `${field}: Invalid value: "${seen}": must be the name of an object: lower case letters, digits, - and . such as my-secret`

type Case = { readonly spec: object; readonly told: readonly string[] }

const BOTH: Record<string, Case> = {
  'no swarm': { spec: { swarm: undefined }, told: ['spec.swarm: Required value', UNCHECKED] },
  'a swarm that cannot be': { spec: { swarm: 'My Desk' }, told: [badObject('spec.swarm', 'My Desk')] },
  'a field that does not exist': { spec: { pause: true }, told: ['unknown field "spec.pause"'] },
  'a guard of more than all': { spec: { guard: { maxErrorPercent: 101 } }, told: [above('spec.guard.maxErrorPercent', 101, 100)] },
  'a guard without a sample': { spec: { guard: { minSamples: 0 } }, told: [below('spec.guard.minSamples', 0, 1)] },
  'a guard that looks back too far': {
    spec: { guard: { window: '11m' } },
    told: [noDuration('spec.guard.window', '11m', '1s', '10m')],
  },
  'a deadline that is none': {
    spec: { progressDeadline: '0s' },
    told: [noDuration('spec.progressDeadline', '0s', '1s', '24h')],
  },
  'a delay in days': { spec: { scaleDownDelay: '1d' }, told: [noDuration('spec.scaleDownDelay', '1d', '0s', '24h')] },
  'a delay after an abort in days': {
    spec: { abortScaleDownDelay: '1d' },
    told: [noDuration('spec.abortScaleDownDelay', '1d', '0s', '24h')],
  },
  'more to go back to than is remembered': { spec: { rollbackWindow: 11 }, told: [above('spec.rollbackWindow', 11, 10)] },
  'another answer to what cannot be told': {
    spec: { onInconclusive: 'Promote' },
    told: unsupported('spec.onInconclusive', 'Promote', 'Pause', 'Abort'),
  },
  'an analysis of nothing': {
    spec: { analysis: { metrics: [] } },
    told: ['spec.analysis.metrics: Invalid value: 0: spec.analysis.metrics in body should have at least 1 items'],
  },
  'a metric twice': {
    spec: { analysis: { metrics: [GOOD, GOOD] } },
    told: ['spec.analysis.metrics[1]: Duplicate value: {"name":"errors"}'],
  },
  'a judge that is judged': {
    spec: { analysis: { metrics: [{ name: 'court', judge: { swarm: 'desk', question: '?' }, success: { min: '1' } }] } },
    told: ['spec.analysis: Invalid value: a Swarm cannot judge its own rollout; name another one in judge.swarm'],
  },
  'testers by a header with a meaning': {
    spec: { testers: { header: 'Host', value: 'x' } },
    told: ['spec.testers.header: Invalid value: has a meaning of its own in requests; choose another name, such as X-Tester'],
  },
  'testers by what is no header': {
    spec: { testers: { header: 'x y', value: 'x' } },
    told: ['spec.testers.header: Invalid value: "x y": must be the name of a header: letters, digits and -, such as X-Tester'],
  },
  'testers with a value that cannot be sent': {
    spec: { testers: { header: 'x', value: 'a b' } },
    told: ['spec.testers.value: Invalid value: "a b": must have 1 to 256 printable ASCII characters without spaces'],
  },
}

const ONE_THING = 'a step is exactly one of setWeight, setReplicas, setMirror, pause and analysis; make a step of each'
const ONE_COUNT = 'spec.steps[0].setReplicas: Invalid value: write exactly one of count, percent and followWeight: true'
const CANARY: Record<string, Case> = {
  'no step': {
    spec: steps(),
    told: ['spec.steps: Invalid value: 0: spec.steps in body should have at least 1 items'],
  },
  'a step of nothing': { spec: steps({}), told: [`spec.steps[0]: Invalid value: ${ONE_THING}`] },
  'a step of two things': { spec: steps({ setWeight: 5, pause: {} }), told: [`spec.steps[0]: Invalid value: ${ONE_THING}`] },
  'a weight beyond all': { spec: steps({ setWeight: 101 }), told: [above('spec.steps[0].setWeight', 101, 100)] },
  'a mirror beyond all': {
    spec: steps({ setMirror: { percent: 101 } }),
    told: [above('spec.steps[0].setMirror.percent', 101, 100)],
  },
  'replicas in two ways': { spec: steps({ setReplicas: { count: 1, percent: 5 } }), told: [ONE_COUNT] },
  'replicas in no way': { spec: steps({ setReplicas: { followWeight: false } }), told: [ONE_COUNT] },
  'more replicas than a swarm may have': {
    spec: steps({ setReplicas: { count: 2001 } }),
    told: [above('spec.steps[0].setReplicas.count', 2001, 2000)],
  },
  'a pause of months': {
    spec: steps({ pause: { duration: '721h' } }),
    told: [noDuration('spec.steps[0].pause.duration', '721h', '0s', '720h')],
  },
  'more analyses than are possible': {
    spec: steps(...Array.from({ length: 17 }, () => ({ analysis: { metrics: [GOOD] } }))),
    told: ['spec.steps: Invalid value: at most 16 steps may be an analysis; use spec.analysis for what is measured all the time'],
  },
  'more steps than are possible': {
    spec: steps(...Array.from({ length: 65 }, () => ({ setWeight: 1 }))),
    told: ['spec.steps: Too many: 65: must have at most 64 items', UNCHECKED],
  },
  'an analysis behind the last step': {
    spec: { ...steps({ setWeight: 5 }), analysis: { fromStep: 2, metrics: [GOOD] } },
    told: ['spec.analysis.fromStep: Invalid value: analysis.fromStep is behind the last step, so nothing would be measured; lower it'],
  },
  'a step that the swarm itself judges': {
    spec: steps({ analysis: { metrics: [{ name: 'court', judge: { swarm: 'desk', question: '?' }, success: { min: '1' } }] } }),
    told: ['spec.steps: Invalid value: a Swarm cannot judge its own rollout; name another one in judge.swarm'],
  },
}

const GROW = ['spec.shift.weights: Invalid value: weights grow and end with 100, such as [25, 50, 75, 100]']
const BLUE_GREEN: Record<string, Case> = {
  'weights that do not end': { spec: { shift: { weights: [25, 50] } }, told: GROW },
  'weights that shrink': { spec: { shift: { weights: [50, 25, 100] } }, told: GROW },
  'a weight twice': { spec: { shift: { weights: [50, 50, 100] } }, told: GROW },
  'a weight of nothing': { spec: { shift: { weights: [0, 100] } }, told: [below('spec.shift.weights[0]', 0, 1)] },
  'shifts with days between': {
    spec: { shift: { interval: '25h' } },
    told: [noDuration('spec.shift.interval', '25h', '0s', '24h')],
  },
  'an approval by nobody': { spec: { approval: 'None' }, told: unsupported('spec.approval', 'None', 'Automatic', 'Manual') },
  'a warm-up without input': { spec: { warmUp: {} }, told: ['spec.warmUp.input: Required value', UNCHECKED] },
  'a warm-up without tasks': { spec: { warmUp: { input: '1', tasks: 0 } }, told: [below('spec.warmUp.tasks', 0, 1)] },
  'a warm-up of too many at once': {
    spec: { warmUp: { input: '1', concurrency: 101 } },
    told: [above('spec.warmUp.concurrency', 101, 100)],
  },
  ...Object.fromEntries(
    ['prePromotion', 'postPromotion'].map((field) => [
      `a ${field} that the swarm itself judges`,
      {
        spec: { [field]: { metrics: [{ name: 'court', judge: { swarm: 'desk', question: '?' }, success: { min: '1' } }] } },
        told: [`spec.${field}: Invalid value: a Swarm cannot judge its own rollout; name another one in judge.swarm`],
      },
    ]),
  ),
}

const ONE_SOURCE =
  ': Invalid value: a metric has exactly one of errorRate, latency, prometheus, http, webhook, judge; make several metrics for several'
const NO_SOURCE_RULE = ': Forbidden: errorRate, latency and webhook say themselves what is a success; remove success and failure'
const SAY = ': Required value: say what is a success: write success, for instance {max: "0.05"}, or failure'
const FAST = '.interval: Invalid value: an interval below 1s is for errorRate and latency, which cost nothing to look at; write 1s or more'
const badHeader = (path: string) =>
  `${path}: Invalid value: "a b": must be the name of a header: letters, digits and -, such as X-Scope-OrgID`
const badUrl = (path: string) => `${path}: Invalid value: "x": must be an address that begins with http:// or https://`
const NOT_A_KEY = 'must be a key of a Secret or a ConfigMap: letters, digits, -, _ and . such as agent.mjs'

/** A metric, and what is told of it behind its place. */
const METRICS: Record<string, { readonly metric: object; readonly told: string }> = {
  'of no source': { metric: { name: 'm' }, told: ONE_SOURCE },
  'of two sources': { metric: { ...GOOD, latency: { max: '1s' } }, told: ONE_SOURCE },
  'with a name that is no word': {
    metric: { ...GOOD, name: 'Error Rate' },
    told: '.name: Invalid value: "Error Rate": must be a word of lower case letters, digits and -, with a letter first, such as error-rate',
  },
  'of errors without a bound': {
    metric: { name: 'm', errorRate: {} },
    told: '.errorRate: Invalid value: write maxPercent, maxAboveStable or both, or nothing would be judged',
  },
  'of latency without a bound': {
    metric: { name: 'm', latency: {} },
    told: '.latency: Invalid value: write max, maxPercentOfStable or both, or nothing would be judged',
  },
  'of errors that says what is a success': { metric: { ...GOOD, success: { max: '1' } }, told: NO_SOURCE_RULE },
  'of a gate that says what is a failure': {
    metric: { name: 'm', webhook: { url: 'https://x' }, failure: { min: '1' } },
    told: NO_SOURCE_RULE,
  },
  'of a document that does not say what is good': { metric: { name: 'm', http: { url: 'https://x' } }, told: SAY },
  'of a judge that does not say what is good': { metric: { name: 'm', judge: { swarm: 'court', question: '?' } }, told: SAY },
  'of a document, too often': { metric: { ...http(), interval: '250ms' }, told: FAST },
  'of a gate, too often': { metric: { name: 'm', webhook: { url: 'https://x' }, interval: '999ms' }, told: FAST },
  'of errors, too often': { metric: { ...GOOD, interval: '249ms' }, told: noDuration('.interval', '249ms', '250ms', '1h') },
  'with a success of nothing': {
    metric: { ...http(), success: {} },
    told: '.success: Invalid value: write at least one of min, max and equals',
  },
  'with a failure of nothing': {
    metric: { ...http(), failure: {} },
    told: '.failure: Invalid value: write at least one of min, max and equals',
  },
  ...Object.fromEntries(
    (['success', 'failure'] as const).flatMap((field) =>
      (['min', 'max'] as const).map((bound) => [
        `with a ${field} whose ${bound} is no number`,
        {
          metric: { ...http(), [field]: { [bound]: '5%' } },
          told: `.${field}.${bound}: Invalid value: "5%": must be a number such as 0.95 or 200`,
        },
      ]),
    ),
  ),
  'of a document without an address': { metric: http({ url: 'x' }), told: badUrl('.http.url') },
  'of a gate without an address': { metric: { name: 'm', webhook: { url: 'x' } }, told: badUrl('.webhook.url') },
  'of Prometheus without an address': {
    metric: { name: 'm', prometheus: { address: 'x', query: 'up' }, success: { min: '1' } },
    told: badUrl('.prometheus.address'),
  },
  'with a header that is none': {
    metric: http({ headers: [{ name: 'a b', value: '' }] }),
    told: badHeader('.http.headers[0].name'),
  },
  'of Prometheus with a header that is none': {
    metric: { name: 'm', prometheus: { address: 'http://x', query: 'up', headers: [{ name: 'a b', value: '' }] }, success: { min: '1' } },
    told: badHeader('.prometheus.headers[0].name'),
  },
  'with a token in a Secret that cannot be': {
    metric: http({ tokenSecretRef: { name: 'My Secret', key: 'k' } }),
    told: badObject('.http.tokenSecretRef.name', 'My Secret'),
  },
  'with a token in a key that cannot be': {
    metric: http({ tokenSecretRef: { name: 's', key: 'a/b' } }),
    told: `.http.tokenSecretRef.key: Invalid value: "a/b": ${NOT_A_KEY}`,
  },
  'of a judge that cannot be': {
    metric: { name: 'm', judge: { swarm: 'My Court', question: '?' }, success: { min: '1' } },
    told: badObject('.judge.swarm', 'My Court'),
  },
}

/** Where metrics stand: how a spec says it. */
const PLACES: readonly { readonly kind: Kind; readonly path: string; readonly of: (metric: object) => object }[] = [
  { kind: CANARY_ROLLOUT, path: 'spec.analysis', of: (metric) => ({ analysis: { metrics: [metric] } }) },
  { kind: CANARY_ROLLOUT, path: 'spec.steps[0].analysis', of: (metric) => steps({ analysis: { metrics: [metric] } }) },
  { kind: BLUE_GREEN_ROLLOUT, path: 'spec.prePromotion', of: (metric) => ({ prePromotion: { metrics: [metric] } }) },
  { kind: BLUE_GREEN_ROLLOUT, path: 'spec.analysis', of: (metric) => ({ analysis: { metrics: [metric] } }) },
  { kind: BLUE_GREEN_ROLLOUT, path: 'spec.postPromotion', of: (metric) => ({ postPromotion: { metrics: [metric] } }) },
]

function messagesIn(node: Node | undefined): string[] {
  if (!node) return []
  const own = (node['x-kubernetes-validations'] ?? []).map((rule) => rule.message)
  return [...own, ...messagesIn(node.items), ...Object.values(node.properties ?? {}).flatMap(messagesIn)]
}

describe('what rollouts must not say', () => {
  let api: Api
  before(async () => {
    api = await Api.start()
  })
  after(() => api.stop())

  const tables = [
    { kind: CANARY_ROLLOUT, cases: { ...BOTH, ...CANARY } },
    { kind: BLUE_GREEN_ROLLOUT, cases: { ...BOTH, ...BLUE_GREEN } },
  ]
  for (const { kind, cases } of tables) {
    describe(`a ${kind.kind}`, () => {
      it('may say no more than its swarm', async () =>
        expect(await api.tryKind(kind, { swarm: 'desk' })).to.deep.equal({ code: 201, told: [] }))

      for (const [name, { spec, told }] of Object.entries(cases))
        it(name, async () => {
          const answer = await api.tryKind(kind, { swarm: 'desk', ...spec })
          const unknown = `${kind.kind} in version "v1alpha1" cannot be handled as a ${kind.kind}: strict decoding error: `
          expect(answer.told).to.deep.equal(told.map((line) => (line.startsWith('unknown field') ? unknown + line : line)))
        })
    })
  }

  for (const { kind, path, of } of PLACES)
    describe(`a metric in ${path} of a ${kind.kind}`, () => {
      for (const [name, { metric, told }] of Object.entries(METRICS))
        it(name, async () => {
          const { told: lines } = await api.tryKind(kind, { swarm: 'desk', ...of(metric) })
          expect(lines).to.deep.equal([`${path}.metrics[0]${told}`])
        })
    })

  it('has a case for every rule in the schemas', () => {
    const told = [
      ...tables.flatMap(({ cases }) => Object.values(cases).flatMap((c) => c.told)),
      ...Object.values(METRICS).map((c) => c.told),
    ]
    const messages = tables
      .flatMap(({ kind }) => messagesIn(schemaOf(kind).properties?.['spec']))
      .filter((message) => !message.startsWith('must be a duration'))
    expect(messages.filter((message) => !told.some((line) => line.endsWith(message)))).to.deep.equal([])
  })

  for (const { kind } of tables)
    it(`a request to a ${kind.kind} names what it is about`, async () => {
      const made = await api.apply({
        apiVersion: 'swarmops.dev/v1alpha1',
        kind: kind.kind,
        metadata: { name: 'asked' },
        spec: { swarm: 'desk' },
      })
      expect(made.complaint).to.equal('')
      const ask = async (request: object) =>
        (
          await api.kubectl(
            'patch',
            kind.plural,
            'asked',
            '--subresource=status',
            '--type=merge',
            '--patch',
            JSON.stringify({ status: { request } }),
          )
        ).complaint
      expect(await ask({ id: '1', action: 'RollbackTo' })).to.contain('RollbackTo needs revision: the hash to go back to')
      expect(await ask({ id: '1', action: 'Undo' })).to.contain(
        'status.request.action: Unsupported value: "Undo": supported values: "Pause", "Resume", "Promote", "PromoteFully", "SkipStep", "Abort", "Retry", "RollbackTo"',
      )
      expect(await ask({ id: '', action: 'Pause' })).to.contain('status.request.id')
      expect(await ask({ id: '1', action: 'Pause' })).to.equal('')
    })
})
