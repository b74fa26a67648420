import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { load } from 'js-yaml'
import { ensureControlPlaneBinaries, kubectlOf } from '../../../dev/cluster/binaries.ts'
import type { KubeObject, Manifest, ResourceKind } from '../../../src/kube/objects.ts'
import { ExternalMetrics } from '../../support/external-metrics.ts'
import { ScalingLab } from '../../support/scaling-lab.ts'
import { shownManifest } from '../../support/shown.ts'
import { eventually } from '../../support/wait.ts'

type Autoscaler = KubeObject & {
  readonly status?: {
    readonly currentReplicas?: number
    readonly desiredReplicas?: number
    readonly conditions?: readonly { type: string; status: string; reason?: string; message?: string }[]
  }
}
const AUTOSCALERS: ResourceKind<Autoscaler> = {
  group: 'autoscaling',
  version: 'v2',
  plural: 'horizontalpodautoscalers',
  kind: 'HorizontalPodAutoscaler',
  namespaced: true,
}
const LOAD = { name: 'load', type: 'InFlightPerAgent', target: { value: 1 } }

describe('autoscalers that go by /scale', function () {
  this.timeout(240_000)
  let lab: ScalingLab
  let metrics: ExternalMetrics
  before(async () => {
    lab = await ScalingLab.start({ router: true, e2b: { createLatencyMs: 100 } })
    metrics = await ExternalMetrics.start(lab.system.client, lab.system.namespace)
  })
  after(async () => {
    try {
      await metrics.stop()
    } finally {
      await lab.stop()
    }
  })

  /** The autoscaler that docs/scaling.md shows, for this swarm, with a metric of its own, and quick to let agents go. */
  const autoscaler = async (name: string) => {
    const namespace = lab.system.namespace
    const text = shownManifest('scaling.md', 'kind: HorizontalPodAutoscaler')
      .replaceAll('desk', name)
      .replace('swarm_tasks', `${name}-tasks`)
    const manifest = load(text.replace('stabilizationWindowSeconds: 60', 'stabilizationWindowSeconds: 0')) as Manifest
    await lab.system.client.create(AUTOSCALERS, { ...manifest, metadata: { name, namespace } })
  }
  const remove = async (name: string) => lab.system.client.delete(AUTOSCALERS, { name, namespace: lab.system.namespace })

  /** Waits until an autoscaler has what it wants, and is content. */
  const content = async (name: string, replicas: number) =>
    eventually(
      `the autoscaler of ${name} sees ${replicas} replicas`,
      async () => {
        const { status } = (await lab.system.client.get(AUTOSCALERS, { name, namespace: lab.system.namespace })) ?? {}
        const isTrue = (type: string) => status?.conditions?.some((c) => c.type === type && c.status === 'True')
        const isThere = status?.currentReplicas === replicas && status.desiredReplicas === replicas
        if (isThere && isTrue('AbleToScale') && isTrue('ScalingActive')) return true
        throw new Error(JSON.stringify(status))
      },
      { timeoutMs: 60_000 },
    )

  /** A real kubectl that gets /scale, and puts it back with another number, which is what the scale handler of KEDA does. */
  const scale = async (name: string, from: number, to: number): Promise<string> => {
    const kubectl = kubectlOf(await ensureControlPlaneBinaries(undefined, false)) ?? 'kubectl'
    const target = [`--kubeconfig=${lab.system.kubeconfig}`, `--namespace=${lab.system.namespace}`, 'scale', `swarm/${name}`]
    return (await promisify(execFile)(kubectl, [...target, `--current-replicas=${from}`, `--replicas=${to}`])).stdout
  }
  const statusOf = async (name: string): Promise<unknown> => {
    const found = await lab.system.client.raw(`/apis/swarmops.dev/v1alpha1/namespaces/${lab.system.namespace}/swarms/${name}/scale`)
    return typeof found === 'object' && found !== null && 'status' in found ? found.status : undefined
  }

  it('a HorizontalPodAutoscaler adds agents and lets them go as its metric says, without a lost task', async () => {
    const { system } = lab
    await lab.swarm('desk', 2)
    metrics.values.set('desk-tasks', 4)
    await autoscaler('desk')
    const load = system.keepAsking('desk', 8, { sleepMs: 100 })
    await content('desk', 2)
    metrics.values.set('desk-tasks', 12)
    await lab.replicas('desk', 6)
    await system.settled('desk')
    await system.tasks.routersSee('desk', 6)
    await content('desk', 6)
    metrics.values.set('desk-tasks', 6)
    await lab.replicas('desk', 3)
    await system.settled('desk')
    await system.isExact('desk')
    await content('desk', 3)
    const answers = await load.stop()
    expect(answers.length).to.be.greaterThan(0)
    expect(answers.filter(({ status }) => status !== 200)).to.deep.equal([])
    await remove('desk')
  })

  it('a HorizontalPodAutoscaler beside a policy is what the policy warns of, by its name', async () => {
    await lab.swarm('both', 1)
    const behaviour = { scaleDown: { stabilisationWindow: '10m' } }
    await lab.policy('both', { minReplicas: 2, maxReplicas: 6, metrics: [LOAD], behaviour })
    await lab.replicas('both', 2)
    metrics.values.set('both-tasks', 8)
    await autoscaler('both')
    const warned = await lab.tells('both', 'ReplicasSetByOthers', 'True')
    expect(warned.message).to.match(
      /^kube-controller-manager set replicas to 4, which this policy had set to 2, .* delete the other autoscaler/,
    )
    await remove('both')
  })

  it('KEDA, or anybody who reads /scale and writes it back, takes a swarm to zero and back, without a lost task', async () => {
    const { system } = lab
    await lab.swarm('keda', 2)
    const { busy, answer } = await system.tasks.taskInHand('keda', { sleepMs: 500 })
    expect(busy).to.have.length(1)
    expect(await scale('keda', 2, 0)).to.contain('scaled')
    expect((await answer).status).to.equal(200)
    await eventually('no agent is left', async () => (await system.agents('keda')).length === 0)
    await system.isExact('keda')
    const selector = 'swarmops.dev/swarm=keda'
    await eventually('/scale tells', async () => JSON.stringify(await statusOf('keda')) === JSON.stringify({ replicas: 0, selector }))
    const held = system.task('keda', {})
    await eventually('the task is held', async () => (await system.tasks.liveView('keda')).queue.length === 1)
    expect(await scale('keda', 0, 1)).to.contain('scaled')
    expect((await held).status).to.equal(200)
    await eventually('/scale tells', async () => JSON.stringify(await statusOf('keda')) === JSON.stringify({ replicas: 1, selector }))
  })
})
