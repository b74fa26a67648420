import { randomBytes } from 'node:crypto'
import { KubeConfig } from '@kubernetes/client-node'
import { KubeClient } from '../../../src/kube/client.ts'
import { NAMESPACES, type KubeObject, type ResourceKind } from '../../../src/kube/objects.ts'
import { createLog } from '../../../src/log.ts'
import { useCluster } from '../../support/cluster.ts'
import { eventually } from '../../support/wait.ts'

/** A custom resource of the tests: anything goes in its spec and status. */
export interface Widget extends KubeObject {
  readonly spec?: { readonly size?: number; readonly colour?: string }
  readonly status?: Readonly<Record<string, unknown>>
}

export const WIDGETS: ResourceKind<Widget> = {
  group: 'test.swarmops.dev',
  version: 'v1',
  plural: 'widgets',
  kind: 'Widget',
  namespaced: true,
}
const CRDS: ResourceKind = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
}

export const log = createLog({ level: 'error', shape: 'text' })

/** The control plane of this test run, a client for it, and a namespace of one's own. */
export async function startTest() {
  const { kubeconfig, cluster } = await useCluster()
  const config = new KubeConfig()
  config.loadFromFile(kubeconfig)
  const client = new KubeClient(config)
  const namespace = `kube-${randomBytes(4).toString('hex')}`
  await client.create(NAMESPACES, { metadata: { name: namespace } })
  await installWidgets(client)
  return { config, client, cluster, namespace }
}

/** Removes the namespace and closes the client. */
export async function endTest({ client, namespace }: { client: KubeClient; namespace: string }): Promise<void> {
  await client.delete(NAMESPACES, { name: namespace })
  await client.close()
}

async function installWidgets(client: KubeClient): Promise<void> {
  const anything = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }
  const schema = { openAPIV3Schema: { type: 'object', properties: { spec: anything, status: anything } } }
  const manifest = {
    metadata: { name: `${WIDGETS.plural}.${WIDGETS.group}` },
    spec: {
      group: WIDGETS.group,
      scope: 'Namespaced',
      names: { kind: WIDGETS.kind, plural: WIDGETS.plural },
      versions: [{ name: WIDGETS.version, served: true, storage: true, subresources: { status: {} }, schema }],
    },
  }
  await client.apply(CRDS, manifest, { fieldManager: 'test', force: true })
  await eventually('the CRD is served', async () => client.list(WIDGETS), { timeoutMs: 20_000 })
}
