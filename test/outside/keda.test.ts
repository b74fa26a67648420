import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { load as parse } from 'js-yaml'
import { Daemon } from '../../dev/cluster/daemon.ts'
import { installCrds } from '../../dev/cluster/install-crds.ts'
import { freePorts } from '../../dev/cluster/ports.ts'
import type { Manifest, ResourceKind } from '../../src/kube/objects.ts'
import { selfSigned } from '../support/certificate.ts'
import { registerExternalMetrics } from '../support/external-metrics.ts'
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
const BINDINGS: ResourceKind = {
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  plural: 'clusterrolebindings',
  kind: 'ClusterRoleBinding',
  namespaced: false,
}

/** Where KEDA is built and unpacked: `operator`, `adapter`, and `config/crd/bases`; see CONTRIBUTING.md. */
const KEDA = process.env['KEDA_DIR'] ?? ''

describe('a real KEDA', function () {
  this.timeout(300_000)
  let lab: ScalingLab
  let registration: { remove(): Promise<void> }
  const dir = mkdtempSync(join(tmpdir(), 'swarm-keda-'))
  const operator = new Daemon('operator', dir)
  const adapter = new Daemon('adapter', dir)

  before(async () => {
    lab = await ScalingLab.start({ router: true, e2b: { createLatencyMs: 100 } })
    const { system } = lab
    await installCrds(system.kubeconfig, join(KEDA, 'config/crd/bases'))
    const { cert, key } = selfSigned('localhost')
    for (const [name, text] of Object.entries({ 'ca.crt': cert, 'tls.crt': cert, 'tls.key': key })) writeFileSync(join(dir, name), text)
    const [metricsPort = 0, healthPort = 0, grpcPort = 0, adapterPort = 0, adapterMetrics = 0] = await freePorts(5)
    const env = {
      KUBECONFIG: system.kubeconfig,
      WATCH_NAMESPACE: system.namespace,
      POD_NAMESPACE: system.namespace,
      KEDA_CLUSTER_OBJECT_NAMESPACE: system.namespace,
    }
    await operator.start({
      command: join(KEDA, 'operator'),
      args: [
        `--metrics-bind-address=127.0.0.1:${metricsPort}`,
        `--health-probe-bind-address=127.0.0.1:${healthPort}`,
        `--metrics-service-bind-address=127.0.0.1:${grpcPort}`,
        `--cert-dir=${dir}`,
      ],
      env,
    })
    await adapter.start({
      command: join(KEDA, 'adapter'),
      args: [
        '--bind-address=127.0.0.1',
        `--secure-port=${adapterPort}`,
        `--port=${adapterMetrics}`,
        `--metrics-service-address=localhost:${grpcPort}`,
        `--lister-kubeconfig=${system.kubeconfig}`,
        `--authentication-kubeconfig=${system.kubeconfig}`,
        `--authorization-kubeconfig=${system.kubeconfig}`,
        `--client-ca-file=${join(dir, 'ca.crt')}`,
        `--tls-cert-file=${join(dir, 'tls.crt')}`,
        `--tls-private-key-file=${join(dir, 'tls.key')}`,
        `--cert-dir=${dir}`,
      ],
      env,
    })
    // The API server of tests has no certificate with which to say for whom it asks, so the adapter takes it for nobody.
    await system.client.create(BINDINGS, {
      metadata: { name: 'nobody-reads-metrics' },
      roleRef: { apiGroup: BINDINGS.group, kind: 'ClusterRole', name: 'cluster-admin' },
      subjects: [{ apiGroup: BINDINGS.group, kind: 'User', name: 'system:anonymous' }],
    })
    try {
      registration = await registerExternalMetrics(system.client, system.namespace, adapterPort)
    } catch (cause) {
      throw new Error(`${operator.logTail(20)}\n${adapter.logTail(20)}`, { cause })
    }
  })
  after(async () => {
    await registration.remove()
    await adapter.stop(5_000)
    await operator.stop(5_000)
    await lab.system.client.delete(BINDINGS, { name: 'nobody-reads-metrics' })
    await lab.stop()
    rmSync(dir, { recursive: true, force: true })
  })

  it('takes a swarm from none to some and back by what routers tell, and the task that wakes it is held', async () => {
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
    try {
      await lab.replicas('desk', 0)
      await eventually('none is left', async () => (await system.agents('desk')).length === 0)
      const load = system.keepAsking('desk', 8, { sleepMs: 300 })
      await lab.replicas('desk', 4)
      await system.settled('desk')
      await system.routersSee('desk', 4)
      const answers = await load.stop()
      expect(answers.filter(({ status }) => status !== 200)).to.deep.equal([])
      await lab.replicas('desk', 0)
      await eventually('none is left', async () => (await system.agents('desk')).length === 0)
      expect(answers.length).to.be.greaterThan(8)
    } catch (cause) {
      throw new Error(`${operator.logTail(20)}\n${adapter.logTail(20)}`, { cause })
    }
  })
})
