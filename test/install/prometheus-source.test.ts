import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import { SCALING_POLICIES } from '../../src/reconcilers/shared/kinds.ts'
import type { Load } from '../support/load.ts'
import { Prometheus } from '../support/prometheus.ts'
import { RolloutSystem, SWARM } from '../support/rollout-system.ts'
import { eventually } from '../support/wait.ts'

/** Attempts of the new revision that failed, in percent, as a real Prometheus has them of real routers. */
const FAILED = (namespace: string) => {
  const attempts = (more: string) =>
    `sum(rate(swarmops_router_attempts_total{namespace="${namespace}",swarm="${SWARM}",revision="{{revision}}"${more}}[10s]))`
  return `100 * (${attempts(',outcome!="Done"')} or vector(0)) / (${attempts('')} > 0)`
}

describe('a real Prometheus that scrapes real routers', function () {
  this.timeout(120_000)
  let here: RolloutSystem
  let prometheus: Prometheus
  let load: Load

  before(async () => {
    here = await RolloutSystem.start('CanaryRollout', { steps: [{ setWeight: 50 }] }, { router: 2 })
    prometheus = await Prometheus.start({ jobs: [{ job_name: 'swarm-router', ports: here.system.routers.map(({ port }) => port) }] })
    load = here.system.keepAsking(SWARM, 4)
    const quality = {
      name: 'quality',
      prometheus: { address: prometheus.url, query: FAILED(here.system.namespace) },
      success: { max: '20' },
      interval: '1s',
      count: 3,
      noDataTimeout: '40s',
    }
    // The guard of the routers would be faster; here it is Prometheus that is to decide.
    const guard = { maxErrorPercent: 100, minSamples: 100_000 }
    await here.apply({ guard, steps: [{ setWeight: 50 }, { analysis: { metrics: [quality] } }], abortScaleDownDelay: '1s' })
    await here.is('Idle')
  })
  after(async () => {
    await load.stop()
    await prometheus.stop()
    await here.stop()
  })

  it('lets a good revision through the analysis of a rollout', async () => {
    await here.template('good-2')
    await here.is('Idle')
    const { status } = (await here.rollout()) ?? {}
    expect(status?.state?.history[0]).to.include({ result: 'Promoted' })
    const measured = status?.metrics?.find(({ name }) => name === 'quality')?.measurements ?? []
    const values = measured.filter(({ result }) => result === 'Success').map(({ value }) => value)
    expect(values, JSON.stringify(measured))
      .to.have.length.at.least(3)
      .and.to.satisfy((all: string[]) => all.every((one) => Number(one) === 0))
    expect((await load.stop()).filter(({ status: code }) => code !== 200)).to.deep.equal([])
    load = here.system.keepAsking(SWARM, 4)
  })

  it('brings a bad one back, with the figure', async () => {
    await here.template('bad-3')
    await here.is('Aborted')
    const { status } = (await here.rollout()) ?? {}
    expect(status?.state?.failure).to.include({ reason: 'AnalysisFailed' })
    expect(status?.state?.failure?.message).to.match(/quality.*\d/)
    await here.template('good-2')
    await here.is('Idle')
  })

  it('scales a swarm by tasks in flight and waiting', async () => {
    const { system } = here
    const { namespace } = system
    await system.apply('pool', { template: { maxConcurrentTasks: 1 }, routing: { queue: { maxPending: 1_000, timeout: '30s' } } })
    await system.settled('pool')
    const of = `{namespace="${namespace}",swarm="pool"}`
    const query = `sum(swarmops_router_in_flight${of} + swarmops_router_queue_length${of})`
    const metric = { name: 'open', type: 'Prometheus', prometheus: { url: prometheus.url, query, interval: '1s' }, target: { value: 2 } }
    const spec = { target: { swarm: 'pool' }, minReplicas: 1, maxReplicas: 8, metrics: [metric] }
    const manifest = { metadata: { name: 'pool', namespace }, spec }
    await system.client.apply(SCALING_POLICIES, manifest, { fieldManager: 'test', force: true })
    const ten = system.keepAsking('pool', 10, { sleepMs: 300 })
    // Ten tasks are open at a time, and an agent is to have two of them.
    await eventually('there are 5 replicas', async () => (await system.swarm('pool'))?.spec.replicas === 5, { timeoutMs: 40_000 })
    await eventually('they are ready', async () => (await system.swarm('pool'))?.status?.readyReplicas === 5, { timeoutMs: 40_000 })
    expect((await ten.stop()).filter(({ status }) => status !== 200)).to.deep.equal([])
    const policy = await system.client.get(SCALING_POLICIES, { namespace, name: 'pool' })
    expect(policy?.status?.metrics?.[0]).to.include({ name: 'open', state: 'Fresh' })
  })
})
