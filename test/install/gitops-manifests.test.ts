import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, it } from 'mocha'
import { expect } from 'chai'
import { loadAll } from 'js-yaml'
import { installCrds } from '../../dev/cluster/install-crds.ts'
import { argoCdManifests, fluxCrds } from '../../dev/tools/argo-cd.ts'
import { KubeClient, loadKubeConfig } from '../../src/kube/client.ts'
import { useCluster } from '../support/cluster.ts'
import { CHART, helm } from '../support/helm.ts'
import { kubectl } from '../support/kubectl.ts'
import { NAMESPACES } from '../../src/kube/objects.ts'

const DEPLOY = join(import.meta.dirname, '../../deploy')

type Metadata = { readonly name: string }
type HelmRelease = { readonly kind: string; readonly metadata: Metadata; readonly spec: HelmReleaseSpec }
type HelmReleaseSpec = { readonly targetNamespace: string; readonly releaseName?: string; readonly values: object }
type Application = { readonly metadata: Metadata; readonly spec: ApplicationSpec }
type ApplicationSpec = {
  readonly source: { readonly helm: { readonly valuesObject: object } }
  readonly destination: { readonly namespace: string }
}
type Project = { readonly spec: { readonly namespaceResourceWhitelist: readonly { readonly kind: string }[] } }

const read = (file: string) => loadAll(readFileSync(join(DEPLOY, file), 'utf8'))

/** What Argo CD and Flux install, under the name that each of them gives the release. */
const RELEASES: Readonly<Record<string, () => { name: string; namespace: string; values: object }>> = {
  'argocd/operator.yaml': () => {
    const [{ metadata, spec }] = read('argocd/operator.yaml') as [Application]
    return { name: metadata.name, namespace: spec.destination.namespace, values: spec.source.helm.valuesObject }
  },
  'flux/operator.yaml': () => {
    const { metadata, spec } = (read('flux/operator.yaml') as HelmRelease[]).find(({ kind }) => kind === 'HelmRelease') ?? expect.fail()
    const { targetNamespace: namespace, releaseName: name = `${namespace}-${metadata.name}`, values } = spec
    return { name, namespace, values }
  },
}

describe('the manifests for Argo CD and Flux', function () {
  this.timeout(180_000)
  let kubeconfig: string
  before(async () => {
    kubeconfig = (await useCluster()).kubeconfig
    for (const crds of [join(argoCdManifests(), 'crds'), ...fluxCrds()]) await installCrds(kubeconfig, crds)
    const client = new KubeClient(loadKubeConfig({ file: kubeconfig }))
    for (const name of ['argocd', 'flux-system'])
      if (!(await client.get(NAMESPACES, { name }))) await client.create(NAMESPACES, { metadata: { name } })
    await client.close()
  })

  const files = globSync(['argocd/*.yaml', 'flux/*.yaml'], { cwd: DEPLOY }).sort()
  it('are these', () => {
    const argo = ['application', 'applicationset', 'operator', 'project'].map((name) => `argocd/${name}.yaml`)
    expect(files).to.deep.equal([...argo, 'flux/agents.yaml', 'flux/operator.yaml'])
  })
  for (const file of files)
    it(`${file} has no field that its kind does not know`, async () => {
      const args = [
        `--kubeconfig=${kubeconfig}`,
        'apply',
        '--server-side',
        '--force-conflicts',
        '--dry-run=server',
        '--validate=strict',
        '-f',
        join(DEPLOY, file),
      ]
      const { code, complaint } = await kubectl(args)
      expect([code, complaint]).to.deep.equal([0, ''])
    })

  for (const [file, release] of Object.entries(RELEASES))
    it(`${file} has the names of the documentation, and an image that nodes can pull`, async () => {
      const { name, namespace, values } = release()
      const set = Object.entries(values).flatMap(([key, value]) => ['--set-json', `${key}=${JSON.stringify(value)}`])
      const { code, stdout, stderr } = await helm(['template', name, CHART, '-n', namespace, ...set])
      expect(code, stderr).to.equal(0)
      const [operator] = stdout.match(/kind: Deployment\nmetadata:\n {2}name: "?swarm-operator-operator"?\n[^]*?\n---/) ?? []
      expect(operator)
        .to.contain('--lease-name=swarm-operator\n')
        .and.match(/image: "?registry\.example\.com\/swarm-operator:/)
    })

  it('let no team raise its own quota', () => {
    const [{ spec }] = read('argocd/project.yaml') as [Project]
    const kinds = spec.namespaceResourceWhitelist.map(({ kind }) => kind)
    expect(kinds).to.include('Swarm').and.not.include('ResourceQuota')
  })
})
