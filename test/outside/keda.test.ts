import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import { load as parse } from 'js-yaml'
import type { Manifest, ResourceKind } from '../../src/kube/objects.ts'
import { Keda } from '../support/keda.ts'
import { ScalingLab } from '../support/scaling-lab.ts'
import { shownManifest } from '../support/shown.ts'
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

  it('takes a swarm from none to some and back by what routers tell, with the manifest of the documentation', async () => {
    const { system } = lab
    await lab.swarm('desk', 1)
    const text = shownManifest('scaling.md', 'ScaledObject')
      .replaceAll('http://swarm-router.swarm-system:18000', system.routerUrl)
      .replaceAll('"default"', `"${system.namespace}"`)
      .replace('pollingInterval: 5', 'pollingInterval: 1')
      .replace('cooldownPeriod: 60', 'cooldownPeriod: 3')
      .replace('stabilizationWindowSeconds: 60', 'stabilizationWindowSeconds: 0')
    const manifest = parse(text) as Manifest
    await system.client.create(SCALED_OBJECTS, { ...manifest, metadata: { name: 'desk', namespace: system.namespace } })
    const isAsleep = async () => {
      await lab.replicas('desk', 0)
      await eventually('none is left', async () => (await system.agents('desk')).length === 0)
    }
    try {
      await isAsleep()
      const load = system.keepAsking('desk', 8, { sleepMs: 300 })
      await eventually('tasks are held', async () => (await system.liveView('desk')).queue.length === 8)
      await lab.replicas('desk', 4) // for eight tasks, two for each
      await system.settled('desk')
      await system.routersSee('desk', 4)
      const answers = await load.stop()
      expect(answers.length).to.be.greaterThan(8)
      expect(answers.filter(({ status }) => status !== 200)).to.deep.equal([])
      await isAsleep()
    } catch (cause) {
      throw new Error(keda.log, { cause })
    }
  })
})
