import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import { RESOURCE_QUOTAS } from '../../src/kube/objects.ts'
import { SCALING_POLICIES } from '../../src/reconcilers/shared/kinds.ts'
import { askedBy, unused } from '../support/audit.ts'
import { ChartInstallation } from '../support/installed-chart.ts'
import { System } from '../support/system.ts'
import { TestSource } from '../support/test-source.ts'
import { eventually } from '../support/wait.ts'

const REVISIONS_KEPT = 10
const MINUTE_MS = 60_000

/** Rights that no request shows: the API server asks for this one by itself where it is strict about owners, as here. */
const UNSEEN = { operator: ['update swarms/finalizers'], router: [] }

/** Everything that operator and routers do in the life of swarms, so that each of their rights is used. */
async function liveThroughAll(system: System, source: TestSource): Promise<void> {
  const { client, namespace } = system
  const quota = { metadata: { name: 'caps', namespace }, spec: { hard: { 'swarmops.dev/agents': '20' } } }
  await client.apply(RESOURCE_QUOTAS, quota, { fieldManager: 'test', force: true })
  await system.secret('metrics', { token: 'opens-the-source' })
  await system.apply('desk', {}) // the operator writes a number of replicas
  await system.settled('desk')
  expect((await system.task('desk', {})).status).to.equal(200)
  await system.scale('desk', 3)
  await system.settled('desk')

  const metric = { name: 'gate', interval: '1s', count: 1, webhook: { url: source.url, tokenSecretRef: { name: 'metrics', key: 'token' } } }
  const steps = [{ setWeight: 50 }, { analysis: { metrics: [metric] } }]
  await system.applyRollout('CanaryRollout', 'release', { swarm: 'desk', steps, scaleDownDelay: '1s' })
  await system.apply('desk', { template: { env: [{ name: 'MODE', value: 'canary' }] } })
  await promoted(system, 'CanaryRollout', 'release')
  expect(source.received[0]?.headers.authorization).to.equal('Bearer opens-the-source')
  await system.removeRollout('CanaryRollout', 'release')

  await system.applyRollout('BlueGreenRollout', 'release', {
    swarm: 'desk',
    warmUp: { input: '{}', tasks: 2 }, // routers ask whether the operator may send them
    shift: { weights: [100], interval: '1s' },
    scaleDownDelay: '1s',
  })
  await system.apply('desk', { template: { env: [{ name: 'MODE', value: 'green' }] } })
  await promoted(system, 'BlueGreenRollout', 'release')
  await system.removeRollout('BlueGreenRollout', 'release')

  await scaledByPolicy(system)
  await manyRevisions(system)
  await afterARestart(system)
  await eventually('the quota shows what is used', async () => {
    const { status } = (await client.get(RESOURCE_QUOTAS, { namespace, name: 'caps' })) ?? {}
    return status?.used?.['swarmops.dev/agents'] !== undefined
  })
  for (const swarm of ['desk', 'sized']) await system.remove(swarm)
  await system.isEmpty()
}

async function promoted(system: System, kind: 'CanaryRollout' | 'BlueGreenRollout', name: string): Promise<void> {
  const look = async () => {
    const { status } = (await system.rollout(kind, name)) ?? {}
    if (status?.state?.history[0]?.result === 'Promoted' && status.state.activity === 'Idle') return true
    throw new Error(JSON.stringify(status))
  }
  await eventually(`${kind} has promoted`, look, { timeoutMs: MINUTE_MS })
  await system.settled('desk')
}

async function scaledByPolicy(system: System): Promise<void> {
  await system.apply('sized', {})
  await system.settled('sized')
  const spec = {
    target: { swarm: 'sized' },
    minReplicas: 2,
    maxReplicas: 4,
    metrics: [{ name: 'load', type: 'InFlightPerAgent', target: { value: 2 } }],
  }
  const metadata = { name: 'sized', namespace: system.namespace }
  await system.client.apply(SCALING_POLICIES, { metadata, spec }, { fieldManager: 'test', force: true })
  await eventually('the policy has set replicas', async () => (await system.swarm('sized'))?.spec.replicas === 2)
  await system.scale('sized', 3)
  await system.told('sized', 'ReplicasSetByOthers', /3/)
  await system.client.delete(SCALING_POLICIES, metadata)
  await system.settled('sized')
}

/** More revisions than are kept, and then an old one again. */
async function manyRevisions(system: System): Promise<void> {
  for (let i = 0; i < REVISIONS_KEPT + 2; i += 1) {
    await system.apply('sized', { template: { env: [{ name: 'MODE', value: String(i) }] } })
    await system.settled('sized')
  }
  await system.apply('sized', { template: { env: [{ name: 'MODE', value: String(REVISIONS_KEPT) }] } })
  await system.settled('sized')
}

/** What a new leader finds: a sandbox without an agent, and Events that its predecessor has begun. */
async function afterARestart(system: System): Promise<void> {
  await system.operator?.stop()
  const [lost] = await system.agents('sized')
  if (lost) await system.loseAgent(lost)
  await system.startOperator()
  await eventually('the sandbox without an agent is ended', () => system.operator?.log.includes('orphan sandbox killed') ?? false, {
    timeoutMs: MINUTE_MS,
  })
  await system.settled('sized')
}

/** A Prometheus with the role of a reader asks everybody for metrics. */
async function scrape(chart: ChartInstallation, { operator, routers }: System): Promise<void> {
  const token = await chart.token(chart.namespace, 'default')
  for (const program of [operator, ...routers]) {
    const headers = { authorization: `Bearer ${token}` }
    const response = await fetch(`http://127.0.0.1:${program?.port}/metrics`, { headers })
    expect([response.status, await response.text()].join(' ')).to.match(/^200 (?!.*code="403")/s)
  }
}

describe('roles of the chart', function () {
  this.timeout(8 * MINUTE_MS)
  const source = new TestSource()
  const installations = {
    'for all namespaces': { values: () => ({}) },
    'for the namespaces that are watched': { values: (namespace: string) => ({ watchNamespaces: `{${namespace}}` }) },
  }
  type Running = { chart: ChartInstallation; system: System }
  const running = new Map<string, Running>()
  before(async () => {
    await source.start()
    // Most of it is waiting.
    await Promise.all(
      Object.entries(installations).map(async ([where, { values }]) => {
        const chart = await ChartInstallation.start()
        const options = { kubeconfig: chart.cluster.kubeconfig, e2b: { light: true }, router: 2 }
        const system = await System.start({ ...options, install: chart.asInstalled(values) })
        running.set(where, { chart, system })
        await liveThroughAll(system, source)
        await scrape(chart, system)
      }),
    )
  })
  after(async () => {
    await Promise.all(
      [...running.values()].map(async ({ chart, system }) => {
        await system.stop()
        await chart.stop()
      }),
    )
    await source.stop()
  })

  for (const where of Object.keys(installations)) {
    for (const component of ['operator', 'router'] as const) {
      it(`${where} refuse the ${component} nothing that it asks for`, () => {
        const { chart } = running.get(where) ?? {}
        const asked = chart ? askedBy(chart.dir, chart.user(component)) : []
        expect(asked.length).to.be.greaterThan(0)
        expect(asked.filter(({ isAllowed }) => !isAllowed).map(({ line }) => line)).to.deep.equal([])
      })

      it(`${where} give the ${component} no right that it does not use`, async () => {
        const { chart } = running.get(where) ?? {}
        const rules = (await chart?.rules(component)) ?? []
        expect(rules.length).to.be.greaterThan(0)
        const left = unused(rules, chart ? askedBy(chart.dir, chart.user(component)) : [])
        expect([...new Set(left)]).to.have.members(UNSEEN[component])
      })
    }
  }
})
