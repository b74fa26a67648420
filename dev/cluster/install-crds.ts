import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { load } from 'js-yaml'
import { KubeClient, loadKubeConfig } from '../../src/kube/client.ts'
import type { KubeObject, Manifest, ResourceKind } from '../../src/kube/objects.ts'

interface Definition extends KubeObject {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string; readonly message?: string }[] }
}

const DEFINITIONS: ResourceKind<Definition> = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  plural: 'customresourcedefinitions',
  kind: 'CustomResourceDefinition',
  namespaced: false,
}
const ESTABLISHED_MS = 20_000
const POLL_MS = 50

/** Applies the CRDs in a directory by server-side apply and waits until the API server serves them. Returns their names. */
export async function installCrds(kubeconfig: string, directory: string): Promise<string[]> {
  const manifests = globSync(join(directory, '*.yaml'))
    .toSorted()
    .map((file) => load(readFileSync(file, 'utf8')) as Manifest & { readonly kind?: string })
    .filter(({ kind }) => kind === DEFINITIONS.kind) // others keep a kustomization beside them
  const client = new KubeClient(loadKubeConfig({ file: kubeconfig }))
  try {
    await Promise.all(
      manifests.map((manifest) => client.apply(DEFINITIONS, manifest, { fieldManager: 'swarm-operator-setup', force: true })),
    )
    await Promise.all(manifests.map((manifest) => established(client, manifest.metadata.name)))
  } finally {
    await client.close()
  }
  return manifests.map((manifest) => manifest.metadata.name)
}

async function established(client: KubeClient, name: string): Promise<void> {
  const deadline = Date.now() + ESTABLISHED_MS
  for (;;) {
    const conditions = (await client.get(DEFINITIONS, { name }))?.status?.conditions ?? []
    if (conditions.some((c) => c.type === 'Established' && c.status === 'True')) return
    if (Date.now() > deadline) {
      const said = conditions.map((c) => `${c.type}=${c.status} ${c.message ?? ''}`).join('; ')
      throw new Error(`the CRD ${name} was not established within ${ESTABLISHED_MS / 1000} s: ${said || 'no conditions'}`)
    }
    await sleep(POLL_MS)
  }
}
