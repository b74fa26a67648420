import { join } from 'node:path'
import { before, describe, it } from 'mocha'
import { expect } from 'chai'
import { loadAll } from 'js-yaml'
import { KubeClient, loadKubeConfig } from '../../src/kube/client.ts'
import { useCluster } from '../support/cluster.ts'
import { CHART, helm } from '../support/helm.ts'
import { kubectl, kubectlOk, kustomize } from '../support/kubectl.ts'
import { NAMESPACES } from '../../src/kube/objects.ts'

const CONFIG = join(import.meta.dirname, '../../config')
const NAMESPACE = 'swarm-system'

const chart = async () => {
  const { code, stdout, stderr } = await helm([
    'template',
    'swarm-operator',
    CHART,
    '-n',
    NAMESPACE,
    '--no-hooks',
    '--set',
    'e2b.existingSecret=e2b',
  ])
  if (code !== 0) throw new Error(stderr)
  return stdout
}

/** What a platform's repository has for the operator itself: each is rendered anew by GitOps tools, again and again. */
const SOURCES: Readonly<Record<string, () => Promise<string>>> = {
  'the chart': chart,
  'config/default': async () => kustomize(join(CONFIG, 'default')),
}

describe('the operator itself by GitOps', function () {
  this.timeout(300_000)
  let at: readonly string[]
  before(async () => {
    const { kubeconfig } = await useCluster()
    at = [`--kubeconfig=${kubeconfig}`, `--namespace=${NAMESPACE}`]
    const client = new KubeClient(loadKubeConfig({ file: kubeconfig }))
    if (!(await client.get(NAMESPACES, { name: NAMESPACE }))) await client.create(NAMESPACES, { metadata: { name: NAMESPACE } })
    await client.close()
  })

  for (const [name, source] of Object.entries(SOURCES))
    it(`${name}, rendered and applied again, changes nothing`, async () => {
      const text = await source()
      expect(await source(), 'nothing in it is made up anew').to.equal(text)
      const flags = ['--server-side', '--force-conflicts', '--field-manager=gitops', '-f', '-']
      await kubectlOk([...at, 'apply', ...flags], text)
      expect(await kubectl([...at, 'diff', ...flags], text)).to.deep.equal({ code: 0, out: '', complaint: '' })
      // The kinds stay: other suites use them.
      const rest = (loadAll(text) as ({ kind: string } | null)[]).filter(
        (object) => object !== null && object.kind !== 'CustomResourceDefinition',
      )
      await kubectlOk(
        [...at, 'delete', '--ignore-not-found', '--wait=false', '-f', '-'],
        JSON.stringify({ apiVersion: 'v1', kind: 'List', items: rest }),
      )
    })
})
