import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import { loadAll } from 'js-yaml'
import type { KubeObject, Manifest, ResourceKind } from '../../src/kube/objects.ts'
import { SWARMS } from '../../src/reconcilers/shared/kinds.ts'
import { foreignCrds } from '../support/foreign-kinds.ts'
import { render, type Rendered, type Values } from '../support/helm.ts'
import { ChartInstallation } from '../support/installed-chart.ts'
import { eventually } from '../support/wait.ts'

type Review = KubeObject & { readonly status?: { readonly allowed: boolean } }
const REVIEWS: ResourceKind<Review> = {
  group: 'authorization.k8s.io',
  version: 'v1',
  plural: 'subjectaccessreviews',
  kind: 'SubjectAccessReview',
  namespaced: false,
}
const ROOT = join(import.meta.dirname, '../..')
const ISSUER = (component: string) => ({
  [`${component}.tls.certManager.enabled`]: 'true',
  [`${component}.tls.certManager.issuerRef.name`]: 'internal',
  [`${component}.tls.certManager.issuerRef.kind`]: 'ClusterIssuer',
  [`${component}.tls.certManager.duration`]: '720h',
})
const PLACEMENT = (component: string) => ({
  [`${component}.nodeSelector.pool`]: 'agents',
  [`${component}.tolerations[0].key`]: 'agents',
  [`${component}.tolerations[0].operator`]: 'Exists',
  [`${component}.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].key`]: 'a',
  [`${component}.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].operator`]:
    'Exists',
})

const MATRIX: Readonly<Record<string, Values>> = {
  'as it is': {},
  'for a laptop': { 'evaluation.insecure': 'true', 'e2bLocal.enabled': 'true', ...PLACEMENT('e2bLocal') },
  'for some namespaces': {
    watchNamespaces: '{default,kube-public}',
    'e2b.existingSecret': 'e2b',
    'test.task.swarm': 'desk',
    'test.task.namespace': 'default',
  },
  'with certificates of cert-manager': { ...ISSUER('router'), ...ISSUER('operator'), 'router.tls.dnsNames': '{swarm.example.org}' },
  'with given certificates': { 'router.tls.existingSecret': 'a', 'operator.tls.existingSecret': 'b', 'test.task.swarm': 'desk' },
  'with monitoring': {
    'monitoring.serviceMonitor.enabled': 'true',
    'monitoring.prometheusRule.enabled': 'true',
    'monitoring.dashboards.enabled': 'true',
    'monitoring.readers[0].name': 'prometheus',
    'monitoring.readers[0].namespace': 'monitoring',
    'router.tls.existingSecret': 'a',
  },
  'with PodMonitors': { 'monitoring.podMonitor.enabled': 'true', 'monitoring.podMonitor.tokenSecret': 'reader' },
  'with routers that scale': {
    'router.autoscaling.enabled': 'true',
    'router.autoscaling.behavior.scaleDown.stabilizationWindowSeconds': '300',
    'router.service.type': 'LoadBalancer',
    'router.service.annotations.a': 'b',
  },
  'with everything about pods': {
    ...PLACEMENT('operator'),
    ...PLACEMENT('router'),
    'operator.priorityClassName': 'system-cluster-critical',
    'router.priorityClassName': 'system-cluster-critical',
    'imagePullSecrets[0].name': 'registry',
    'commonLabels.team': 'desk',
    'commonAnnotations.owner': 'desk',
    'router.podLabels.a': 'b',
    'router.podAnnotations.c': 'd',
    'operator.extraArgs[0]': '--log-level=debug',
    'router.extraEnv[0].name': 'A',
    'router.extraEnv[0].value': 'b',
    'auth.audiences': '{swarm}',
    'router.tracing.endpoint': 'http://collector.observability:4318',
    'networkPolicy.extraEgress[0].ports[0].port': '9090',
  },
  'with little': {
    'crds.install': 'false',
    'rbac.create': 'false',
    'networkPolicy.enabled': 'false',
    'operator.podDisruptionBudget.enabled': 'false',
    'router.podDisruptionBudget.enabled': 'false',
    'operator.serviceAccount.create': 'false',
    'operator.serviceAccount.name': 'mine',
    'auth.enabled': 'false',
    'auth.internalTokenSecret': 'shared',
    'image.digest': `sha256:${'0'.repeat(64)}`,
  },
}

describe('objects of the chart', function () {
  this.timeout(180_000)
  let chart: ChartInstallation
  before(async () => {
    chart = await ChartInstallation.start()
    await apply(await foreignCrds(), '--server-side')
    await chart.kubectl('wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s')
    await chart.kubectl('create', 'namespace', chart.namespace)
    await chart.kubectl('label', 'namespace', chart.namespace, 'pod-security.kubernetes.io/enforce=restricted')
  })
  after(async () => chart.stop())

  /** Gives manifests to kubectl apply; what it says. */
  async function apply(manifests: string, ...flags: string[]): Promise<string> {
    const args = ['--kubeconfig', chart.cluster.kubeconfig, 'apply', '-f', '-', ...flags]
    const child = spawn('kubectl', args, { stdio: ['pipe', 'pipe', 'pipe'] })
    const said: Buffer[] = []
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => said.push(chunk))
    child.stdin.on('error', () => undefined) // it has given up before it has read all, and says why
    child.stdin.end(manifests)
    const code = await new Promise<number | null>((resolve) => child.on('close', resolve))
    const text = Buffer.concat(said).toString()
    if (code !== 0) throw new Error(text)
    return text
  }

  const listOf = (items: readonly object[]) => JSON.stringify({ apiVersion: 'v1', kind: 'List', items })
  const dryRun = (objects: readonly object[]) => apply(listOf(objects), '--server-side', '--dry-run=server', '--validate=strict')

  /** A pod as its Deployment makes it, or as it is. */
  const podsOf = (objects: readonly Rendered[]) =>
    objects.flatMap((o) => {
      if (o.kind === 'Pod') return o
      if (o.kind !== 'Deployment') return []
      const { template } = o['spec'] as { template: object }
      return { apiVersion: 'v1', kind: 'Pod', ...template, metadata: { name: o.metadata.name, namespace: chart.namespace } }
    })

  describe('are accepted by an API server, and their pods by Pod Security `restricted`,', () => {
    // A pod is refused before its ServiceAccount is there.
    before(async () => {
      const accounts = ['operator', 'router', 'e2b-local', 'test'].map((name) => `release-swarm-operator-${name}`).concat('mine')
      const objects = accounts.map((name) => ({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace: chart.namespace } }))
      await apply(listOf(objects), '--server-side')
    })
    it('which refuses other pods', async () => {
      const spec = { containers: [{ name: 'a', image: 'a' }] }
      const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'open', namespace: chart.namespace }, spec }
      expect(await dryRun([pod]).catch(String)).to.match(/violates PodSecurity "restricted/)
    })

    for (const [name, values] of Object.entries(MATRIX))
      it(name, async () => {
        // Once is enough for the kinds.
        const objects = await render(chart.namespace, name === 'as it is' ? values : { 'crds.install': 'false', ...values })
        await dryRun([...objects, ...podsOf(objects).filter(({ kind }) => kind === 'Pod')])
      })
  })

  it('are accepted as kustomize bases, too', async () => {
    for (const base of ['default', 'namespaced', 'evaluation']) {
      const text = await chart.kubectl('kustomize', join(ROOT, 'config', base))
      const objects = loadAll(text) as Rendered[]
      // Their namespaces are not there yet.
      const homes = objects.filter(({ kind }) => kind === 'Namespace')
      await apply(listOf(homes), '--server-side')
      await dryRun(objects)
    }
  })
})

describe('installing, upgrading and uninstalling the chart', function () {
  this.timeout(180_000)
  let chart: ChartInstallation
  before(async () => {
    chart = await ChartInstallation.start()
    await chart.kubectl('create', 'namespace', chart.namespace)
    await chart.kubectl('label', 'namespace', chart.namespace, 'pod-security.kubernetes.io/enforce=restricted')
    await chart.install({ 'e2bLocal.enabled': 'true' })
  })
  after(async () => chart.stop())

  const names = async (kind: string, ...where: string[]) =>
    (await chart.kubectl('get', kind, ...where, '-o', 'name')).split('\n').filter(Boolean)
  /** Whether a user may do this in namespace `team`. */
  const mayI = async (username: string, verb: string, kind: string) => {
    const [resource = '', subresource] = kind.split('/')
    const right = { group: 'swarmops.dev', namespace: 'team', resource, verb, ...(subresource && { subresource }) }
    const spec = { user: username, groups: ['system:authenticated'], resourceAttributes: right }
    const review: Review = await chart.client.create(REVIEWS, { metadata: { name: '' }, spec })
    return review.status?.allowed ?? false
  }

  it('makes pods that a restricted namespace takes', async () => {
    const pods = await eventually('five pods are made', async () => {
      const found = await names('pods', '-n', chart.namespace)
      return found.length === 5 && found
    })
    const made = pods.map((name) => name.replace(/^pod\/swarm-operator-(.*)-[a-z0-9]+-[a-z0-9]+$/, '$1')).sort()
    expect(made).to.deep.equal(['e2b-local', 'operator', 'operator', 'router', 'router'])
  })

  it('says what comes next', async () => {
    const notes = await chart.helm(['get', 'notes'])
    expect(notes).to.contain('helm -n swarm-system test swarm-operator').and.contain('create token tasks')
    expect(notes).to.match(/WARNING: clients send their tokens[^]*WARNING: e2bLocal is enabled/)
    expect(notes).to.contain('The image is swarm-operator:0.1.0, which is in no public registry: nodes must have it already.')
    await chart.install({ 'e2bLocal.enabled': 'true', 'image.repository': 'registry.example.com/swarm-operator' })
    expect(await chart.helm(['get', 'notes']))
      .to.contain('1. Wait until')
      .and.not.contain('public registry')
  })

  describe('people', () => {
    before(async () => {
      await chart.kubectl('create', 'namespace', 'team')
      for (const role of ['view', 'edit', 'admin'])
        await chart.kubectl('-n', 'team', 'create', 'rolebinding', role, `--clusterrole=${role}`, `--user=${role}`)
      await eventually('the roles are gathered', async () => mayI('edit', 'create', 'swarms/tasks'))
    })

    const KINDS = ['swarms', 'canaryrollouts', 'bluegreenrollouts', 'scalingpolicies']
    const READ = [...KINDS, 'agents'].flatMap((kind) => ['get', 'list', 'watch'].map((verb) => `${verb} ${kind}`))
    const WRITE = KINDS.flatMap((kind) =>
      ['create', 'update', 'patch', 'delete', 'deletecollection'].map((verb) => `${verb} ${kind}`),
    ).concat(
      ['canaryrollouts', 'bluegreenrollouts'].map((kind) => `patch ${kind}/status`),
      ['get', 'update', 'patch'].map((verb) => `${verb} swarms/scale`),
      'create swarms/tasks',
    )
    const OTHERS = ['create', 'update', 'patch', 'delete', 'deletecollection']
      .map((verb) => `${verb} agents`)
      .concat(
        ['swarms', 'agents', 'scalingpolicies', 'canaryrollouts'].flatMap((kind) => [`update ${kind}/status`]),
        ['swarms', 'agents', 'scalingpolicies'].map((kind) => `patch ${kind}/status`),
        'update swarms/finalizers',
      )
    const MAY = { view: READ, edit: [...READ, ...WRITE], admin: [...READ, ...WRITE, 'patch agents', 'delete agents'] }
    for (const [role, rights] of Object.entries(MAY))
      it(`with the role ${role} may do what it says, and nothing more`, async () => {
        const all = [...READ, ...WRITE, ...OTHERS]
        const held: string[] = []
        for (const right of all) {
          const [verb = '', resource = ''] = right.split(' ')
          if (await mayI(role, verb, resource)) held.push(right)
        }
        expect(held).to.have.members(rights)
      })
  })

  it('brings CRDs up to date', async () => {
    await chart.kubectl(
      'patch',
      'crd',
      'agents.swarmops.dev',
      '--type=json',
      '-p',
      '[{"op":"replace","path":"/spec/names/shortNames","value":["old"]}]',
    )
    await chart.install({ 'e2bLocal.enabled': 'true' })
    expect(await chart.kubectl('get', 'crd', 'agents.swarmops.dev', '-o', 'jsonpath={.spec.names.shortNames}')).not.to.contain('old')
  })

  it('leaves the kinds and their objects when it is uninstalled, and nothing else, and takes them up again', async () => {
    const desk: Manifest = {
      metadata: { name: 'desk', namespace: 'default' },
      spec: { template: { sandboxTemplate: 'base', command: ['true'] } },
    }
    await chart.client.create(SWARMS, desk)
    const crds = await names('crd')
    expect(crds.length).to.be.greaterThanOrEqual(5)
    await chart.helm('uninstall', '--wait')
    expect(await names('crd')).to.deep.equal(crds)
    const kinds =
      'deployments,services,serviceaccounts,roles,rolebindings,secrets,networkpolicies,poddisruptionbudgets,clusterroles,clusterrolebindings'
    const left = await names(kinds, '-A', '-l', 'app.kubernetes.io/part-of=swarm-operator')
    expect(left).to.deep.equal([])
    expect(await chart.client.get(SWARMS, { namespace: 'default', name: 'desk' })).to.not.equal(undefined)
    await chart.install({})
    expect(await names('deployments', '-n', chart.namespace)).to.have.length(2)
  })
})
