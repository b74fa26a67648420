import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Daemon } from '../../dev/cluster/daemon.ts'
import { installCrds } from '../../dev/cluster/install-crds.ts'
import { freePorts } from '../../dev/cluster/ports.ts'
import type { ResourceKind } from '../../src/kube/objects.ts'
import { selfSigned } from './certificate.ts'
import { registerExternalMetrics } from './external-metrics.ts'
import type { System } from './system.ts'

const BINDINGS: ResourceKind = {
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  plural: 'clusterrolebindings',
  kind: 'ClusterRoleBinding',
  namespaced: false,
}
const GRACE_MS = 5_000

/** KEDA's operator and metrics adapter as processes, for one namespace; built from its sources, see CONTRIBUTING.md. */
export class Keda {
  readonly #dir = mkdtempSync(join(tmpdir(), 'swarm-keda-'))
  readonly #operator = new Daemon('operator', this.#dir)
  readonly #adapter = new Daemon('adapter', this.#dir)
  readonly #end = () => {
    for (const daemon of [this.#operator, this.#adapter]) daemon.killNow()
  }

  /** Starts it from a directory of sources in which `operator` and `adapter` are built. */
  static async start(sources: string, system: System): Promise<Keda> {
    if (!existsSync(join(sources, 'adapter'))) throw new Error('KEDA_DIR must be where KEDA is built; see CONTRIBUTING.md, "A real KEDA"')
    const keda = new Keda()
    process.once('exit', keda.#end)
    try {
      await keda.#start(sources, system)
    } catch (cause) {
      const log = keda.log
      await keda.stop()
      throw new Error(`KEDA did not start: ${log}`, { cause })
    }
    return keda
  }

  /** What it wrote last. */
  get log(): string {
    return [this.#operator, this.#adapter].map((daemon) => `--- ${daemon.name}\n${daemon.logTail(20)}`).join('\n')
  }

  async stop(): Promise<void> {
    await Promise.all([this.#operator.stop(GRACE_MS), this.#adapter.stop(GRACE_MS)])
    process.off('exit', this.#end)
    rmSync(this.#dir, { recursive: true, force: true })
  }

  async #start(sources: string, { client, kubeconfig, namespace }: System): Promise<void> {
    await installCrds(kubeconfig, join(sources, 'config/crd/bases'))
    const { cert, key } = selfSigned('localhost')
    for (const [name, text] of Object.entries({ 'ca.crt': cert, 'tls.crt': cert, 'tls.key': key }))
      writeFileSync(join(this.#dir, name), text, { mode: 0o600 })
    const [metrics = 0, health = 0, grpc = 0, secure = 0, adapterMetrics = 0] = await freePorts(5)
    const names = { WATCH_NAMESPACE: namespace, POD_NAMESPACE: namespace, KEDA_CLUSTER_OBJECT_NAMESPACE: namespace }
    const env = { KUBECONFIG: kubeconfig, ...names }
    const at = '127.0.0.1'
    const operatorArgs = [`--metrics-bind-address=${at}:${metrics}`, `--health-probe-bind-address=${at}:${health}`]
    operatorArgs.push(`--metrics-service-bind-address=${at}:${grpc}`, `--cert-dir=${this.#dir}`)
    const adapterArgs = [`--bind-address=${at}`, `--secure-port=${secure}`, `--port=${adapterMetrics}`]
    adapterArgs.push(`--metrics-service-address=localhost:${grpc}`, `--cert-dir=${this.#dir}`)
    for (const flag of ['lister', 'authentication', 'authorization']) adapterArgs.push(`--${flag}-kubeconfig=${kubeconfig}`)
    for (const [flag, file] of Object.entries({
      'client-ca-file': 'ca.crt',
      'tls-cert-file': 'tls.crt',
      'tls-private-key-file': 'tls.key',
    }))
      adapterArgs.push(`--${flag}=${join(this.#dir, file)}`)
    await this.#operator.start({ command: join(sources, 'operator'), args: operatorArgs, env })
    await this.#adapter.start({ command: join(sources, 'adapter'), args: adapterArgs, env })
    // The API server of tests has no certificate with which to say for whom it asks, so the adapter takes it for nobody.
    await client.create(BINDINGS, {
      metadata: { name: 'nobody-reads-metrics' },
      roleRef: { apiGroup: BINDINGS.group, kind: 'ClusterRole', name: 'cluster-admin' },
      subjects: [{ apiGroup: BINDINGS.group, kind: 'User', name: 'system:anonymous' }],
    })
    await registerExternalMetrics(client, namespace, secure)
  }
}
