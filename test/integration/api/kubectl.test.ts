import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import { schemaOf, type Kind, type Node } from '../../../src/api/crd.ts'
import { KINDS } from '../../../src/api/kinds.ts'
import { AGENTS, BLUE_GREEN_ROLLOUTS, CANARY_ROLLOUTS, SWARMS } from '../../../src/reconcilers/shared/kinds.ts'
import { Api, MINIMAL, MINIMAL_AGENT } from './harness.ts'

/** Every object of a schema by its path, as kubectl explain names it. */
function objectsOf(node: Node, path: string): { path: string; node: Node }[] {
  const inner = node.items ?? node
  if (!inner.properties) return []
  return [{ path, node: inner }, ...Object.entries(inner.properties).flatMap(([name, child]) => objectsOf(child, `${path}.${name}`))]
}
const documented = (kind: Kind) => objectsOf(schemaOf(kind), kind.kind.toLowerCase()).filter(({ path }) => !path.endsWith('.metadata'))

/** The API server describes these itself. */
const OF_EVERY_KIND = ['apiVersion', 'kind', 'metadata']

const words = (text: string) => text.split(/\s+/).filter(Boolean)
const oneLine = (text: string) => words(text).join(' ')

const now = new Date().toISOString()

/** A canary that waits in a pause. */
const PAUSED = {
  observedGeneration: 1,
  step: '2/4 pause until promoted',
  state: {
    activity: 'Stepping',
    stableRevision: 'aaa',
    targetRevision: 'bbb',
    wantedRevision: 'bbb',
    templateRevision: 'bbb',
    attempt: 1,
    round: 0,
    startedAt: now,
    step: 1,
    stepSince: now,
    stepsHash: 1,
    weight: 25,
    aim: 25,
    scale: { by: 'Weight', value: 0 },
    isForced: false,
    isStableShrunk: false,
    kept: [],
    recentStable: [],
    history: [],
  },
  conditions: [{ type: 'Ready', status: 'False', reason: 'PauseStep', message: 'ask for Promote', lastTransitionTime: now }],
}

describe('what kubectl shows', () => {
  let api: Api
  before(async () => {
    api = await Api.start()
    const { client, namespace } = api
    for (const [name, more] of Object.entries({ one: { replicas: 2 }, plain: {}, many: { groups: [{ name: 'a' }] } }))
      await client.create(SWARMS, { metadata: { namespace, name }, spec: { ...MINIMAL, ...more } })
    await client.create(AGENTS, { metadata: { namespace, name: 'one-abc' }, spec: MINIMAL_AGENT })
    const canary = await client.create(CANARY_ROLLOUTS, { metadata: { namespace, name: 'one' }, spec: { swarm: 'one' } })
    await client.patchStatus(CANARY_ROLLOUTS, canary, PAUSED)
    await client.create(BLUE_GREEN_ROLLOUTS, { metadata: { namespace, name: 'many' }, spec: { swarm: 'many' } })
  })
  after(() => api.stop())

  describe('kubectl explain', () => {
    for (const kind of KINDS) {
      it(`reads like documentation for every field of ${kind.kind}`, async () => {
        for (const { path, node } of documented(kind)) {
          const shown = oneLine((await api.kubectl('explain', path)).out)
          for (const [name, child] of Object.entries(node.properties ?? {})) {
            if (OF_EVERY_KIND.includes(name)) continue
            expect(shown, path).to.contain(name)
            expect(shown, `${path}.${name}`).to.contain(oneLine(child.description ?? 'a description'))
          }
        }
      }).timeout(120_000)

      it(`lists every field of ${kind.kind} with --recursive`, async () => {
        const shown = words((await api.kubectl('explain', `${kind.kind.toLowerCase()}.spec`, '--recursive')).out)
        const fields = documented(kind).filter(({ path }) => path.includes('.spec'))
        for (const { node } of fields) expect(shown).to.include.members(Object.keys(node.properties ?? {}))
      })
    }
  })

  const columns = {
    swarms: 'NAME DESIRED UP-TO-DATE READY HEALTHY STATUS AGE',
    'swarms --output=wide': 'NAME DESIRED UP-TO-DATE READY HEALTHY STATUS REVISION LEADER HOURLY COST MESSAGE AGE',
    sw: 'NAME DESIRED UP-TO-DATE READY HEALTHY STATUS AGE',
    agents: 'NAME SWARM GROUP READY STATUS HEALTH REVISION SANDBOX AGE',
    'ag --output=wide': 'NAME SWARM GROUP READY STATUS HEALTH REVISION SANDBOX MESSAGE FIGURES AGE',
    canary: 'NAME SWARM ACTIVITY STEP WEIGHT STATUS AGE',
    'canaryrollouts --output=wide': 'NAME SWARM ACTIVITY STEP WEIGHT STATUS STABLE TARGET MESSAGE AGE',
    bluegreen: 'NAME SWARM ACTIVITY STEP WEIGHT STATUS AGE',
    'bluegreenrollouts --output=wide': 'NAME SWARM ACTIVITY STEP WEIGHT STATUS STABLE TARGET MESSAGE AGE',
  }
  for (const [args, header] of Object.entries(columns)) {
    it(`kubectl get ${args} has the columns ${header}`, async () => {
      const { out } = await api.kubectl('get', ...args.split(' '))
      expect(oneLine(out.split('\n')[0] ?? '')).to.equal(header)
    })
  }

  it('kubectl get canary says where it is', async () => {
    const { out } = await api.kubectl('get', 'canary', 'one', '--output=wide', '--no-headers')
    expect(oneLine(out)).to.match(/^one one Stepping 2\/4 pause until promoted 25 PauseStep aaa bbb ask for Promote \d+s$/)
  })

  it('kubectl get swarmops gives all kinds of the product', async () => {
    const { out } = await api.kubectl('get', 'swarmops', '--output=name')
    expect(words(out)).to.include.members([
      'agent.swarmops.dev/one-abc',
      'bluegreenrollout.swarmops.dev/many',
      'canaryrollout.swarmops.dev/one',
      'swarm.swarmops.dev/many',
      'swarm.swarmops.dev/one',
      'swarm.swarmops.dev/plain',
    ])
  })

  describe('kubectl apply', () => {
    const swarm = (name: string, spec: object) => ({ apiVersion: 'swarmops.dev/v1alpha1', kind: 'Swarm', metadata: { name }, spec })

    it('takes a manifest, changes it, and says when nothing has changed', async () => {
      const said: string[] = []
      for (const replicas of [1, 1, 2]) said.push((await api.apply(swarm('applied', { ...MINIMAL, replicas }))).out.trim())
      expect(said).to.deep.equal(['created', 'unchanged', 'configured'].map((word) => `swarm.swarmops.dev/applied ${word}`))
    })

    it('refuses a field that does not exist, by its name', async () => {
      const { complaint } = await api.apply(swarm('typo', { ...MINIMAL, replica: 2, template: { ...MINIMAL.template, image: 'x' } }))
      expect(complaint).to.contain('strict decoding error: unknown field "spec.replica", unknown field "spec.template.image"')
    })

    it('tells all mistakes of a manifest at once', async () => {
      const { complaint } = await api.apply(swarm('wrong', { ...MINIMAL, routing: { timeout: '1d' }, update: { maxSurge: '30' } }))
      expect(complaint).to.contain('spec.routing.timeout: Invalid value: "1d": must be a duration from 10ms to 24h')
      expect(complaint).to.contain('spec.update.maxSurge: Invalid value: maxSurge must be a number of agents such as 1')
    })
  })

  describe('kubectl scale', () => {
    const replicas = async (name: string) => (await api.client.get(SWARMS, { namespace: api.namespace, name }))?.spec.replicas
    const scaleOf = (name: string) => api.kubectl('get', 'swarm', name, '--subresource=scale', '--output=jsonpath={.spec}/{.status}')

    it('sets the replicas of a swarm, and autoscalers read them with the selector', async () => {
      expect((await api.kubectl('scale', 'swarm/one', '--replicas=5')).complaint).to.equal('')
      expect(await replicas('one')).to.equal(5)
      const one = await api.client.get(SWARMS, { namespace: api.namespace, name: 'one' })
      if (one) await api.client.patchStatus(SWARMS, one, { observedGeneration: 2, replicas: 3, selector: 'swarmops.dev/swarm=one' })
      expect((await scaleOf('one')).out).to.equal('{"replicas":5}/{"replicas":3,"selector":"swarmops.dev/swarm=one"}')
    })

    it('sets them where they were left out; there autoscalers have nothing to read before the operator has written 1', async () => {
      expect((await scaleOf('plain')).complaint).to.contain('the spec replicas field ".spec.replicas" does not exist')
      expect((await api.kubectl('scale', 'swarm/plain', '--replicas=2')).complaint).to.equal('')
      expect(await replicas('plain')).to.equal(2)
    })

    it('is refused for a swarm with groups, with what to do instead', async () => {
      const { complaint } = await api.kubectl('scale', 'swarm/many', '--replicas=3')
      expect(complaint).to.contain('replicas is for a swarm without groups; remove it and write replicas in each of spec.groups')
      expect(await replicas('many')).to.equal(undefined)
    })

    it('is refused beyond the bounds', async () => {
      expect((await api.kubectl('scale', 'swarm/one', '--replicas=2001')).complaint).to.contain('less than or equal to 2000')
    })
  })
})
