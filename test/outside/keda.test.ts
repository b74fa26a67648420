import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import { load as parse } from 'js-yaml'
import type { Manifest, ResourceKind } from '../../src/kube/objects.ts'
import { Keda } from '../support/keda.ts'
import { ScalingLab } from '../support/scaling-lab.ts'
import { shownManifest } from '../support/shown.ts'
import { TestSource } from '../support/test-source.ts'
import { eventually } from '../support/wait.ts'

const SCALED_OBJECTS: ResourceKind = {
  group: 'keda.sh',
  version: 'v1alpha1',
  plural: 'scaledobjects',
  kind: 'ScaledObject',
  namespaced: true,
}

// Run by hand, with a control plane of its own, which keeps what KEDA leaves in it.
describe('a real KEDA', function () {
  this.timeout(300_000)
  let lab: ScalingLab
  let keda: Keda
  before(async () => {
    lab = await ScalingLab.start({ router: true, e2b: { createLatencyMs: 100 } })
    keda = await Keda.start(process.env['KEDA_DIR'] ?? '', lab.system)
  })
  after(async () => {
    try {
      await keda.stop()
    } finally {
      await lab.stop()
    }
  })

  /** Creates a ScaledObject that the documentation shows, for this swarm, and quick. */
  const scaledObject = async (name: string, text: string) => {
    const { namespace, client, routerUrl } = lab.system
    const own = text
      .replaceAll('http://swarm-router.swarm-system:18000', routerUrl)
      .replaceAll('"default"', `"${namespace}"`)
      .replaceAll('desk', name)
      .replace('pollingInterval: 5', 'pollingInterval: 1')
      .replace('cooldownPeriod: 60', 'cooldownPeriod: 3')
      .replace('stabilizationWindowSeconds: 60', 'stabilizationWindowSeconds: 0')
    const manifest = parse(own) as Manifest
    await client.create(SCALED_OBJECTS, { ...manifest, metadata: { name, namespace } })
  }
  const isAsleep = async (swarm: string) => {
    await lab.replicas(swarm, 0)
    await eventually('none is left', async () => (await lab.system.agents(swarm)).length === 0)
  }
  const telling = async (check: () => Promise<void>) => {
    try {
      await check()
    } catch (cause) {
      throw new Error(keda.log, { cause })
    }
  }
  const shown = shownManifest('scaling.md', 'kind: ScaledObject')

  it('takes a swarm from none to some and back by what the router tells', async () =>
    telling(async () => {
      const { system } = lab
      await lab.swarm('desk', 1)
      await scaledObject('desk', shown)
      await isAsleep('desk')
      const load = system.keepAsking('desk', 8, { sleepMs: 300 })
      await eventually('tasks are held', async () => (await system.tasks.liveView('desk')).queue.length === 8)
      await lab.replicas('desk', 4) // for eight tasks, two for each
      await system.settled('desk')
      await system.tasks.routersSee('desk', 4)
      const answers = await load.stop()
      expect(answers.length).to.be.greaterThan(8)
      expect(answers.filter(({ status }) => status !== 200)).to.deep.equal([])
      await isAsleep('desk')
    }))

  it('does the same by what Prometheus tells', async () =>
    telling(async () => {
      const prometheus = new TestSource()
      let tasks = 0
      prometheus.answer = (response) => {
        const result = [{ metric: {}, value: [Date.now() / 1_000, String(tasks)] }]
        response.end(JSON.stringify({ status: 'success', data: { resultType: 'vector', result } }))
      }
      await prometheus.start()
      try {
        const triggers = shownManifest('scaling.md', 'type: prometheus')
          .replace('http://prometheus.monitoring:9090', prometheus.url)
          .replaceAll('"default"', `"${lab.system.namespace}"`)
        const { advanced: _modifiers, ...spec } = (parse(shown) as { spec: { advanced: object } }).spec
        await lab.swarm('summed', 1)
        await scaledObject('summed', JSON.stringify({ spec: { ...spec, ...(parse(triggers) as object) } }))
        await isAsleep('summed')
        tasks = 6
        await lab.replicas('summed', 3)
        await lab.system.settled('summed')
        const query = new URL(prometheus.received.at(-1)?.url ?? '', prometheus.url).searchParams.get('query')
        expect(query).to.contain(`swarmops_router_in_flight{namespace="${lab.system.namespace}",swarm="summed"}`)
      } finally {
        await prometheus.stop()
      }
    }))
})
