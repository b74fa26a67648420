import { globSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, it } from 'mocha'
import { expect } from 'chai'
import { installCrds } from '../../dev/cluster/install-crds.ts'
import { argoCdManifests, fluxCrds } from '../../dev/tools/argo-cd.ts'
import { KubeClient, loadKubeConfig } from '../../src/kube/client.ts'
import { useCluster } from '../support/cluster.ts'
import { kubectl } from '../support/kubectl.ts'
import { NAMESPACES } from '../support/system.ts'

const DEPLOY = join(import.meta.dirname, '../../deploy')

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
})
