import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { before, describe, it } from 'mocha'
import { expect } from 'chai'
import { loadAll } from 'js-yaml'
import { ensureHelm } from '../../dev/tools/helm.ts'
import { readOperatorConfig } from '../../operator/operator-config.ts'
import { readRouterConfig } from '../../operator/router-config.ts'
import { CHART, helm, render, type Rendered, type Values } from '../support/helm.ts'

type Schema = { readonly type?: string; readonly minimum?: number; readonly maximum?: number; readonly properties?: Record<string, Schema> }
type Policy = { readonly egress: readonly { readonly ports: readonly { readonly port: number; readonly protocol?: string }[] }[] }
type Pods = { readonly template: { readonly spec: { readonly containers: readonly { readonly args: string[] }[] } } }

/** The least and the most that the schema allows of each number below here. */
function limits({ properties = {} }: Schema, path: string): { path: string; least: number; most: number }[] {
  return Object.entries(properties).flatMap(([name, schema]) => {
    const { minimum: least, maximum: most } = schema
    if (least !== undefined && most !== undefined) return [{ path: `${path}.${name}`, least, most }]
    return limits(schema, `${path}.${name}`)
  })
}

const setJson = (values: Readonly<Record<string, unknown>>) =>
  Object.entries(values).flatMap(([path, value]) => ['--set-json', `${path}=${JSON.stringify(value)}`])

const deploymentOf = (objects: readonly Rendered[], component: string) =>
  objects.find((o) => o.kind === 'Deployment' && o.metadata.name.endsWith(`-${component}`)) ?? expect.fail(`no Deployment of ${component}`)

const argsOf = (objects: readonly Rendered[], component: string) =>
  (deploymentOf(objects, component)['spec'] as Pods).template.spec.containers[0]?.args ?? []

/** Ports other than DNS that a program may reach whoever listens there. */
async function outwards(component: string, values: Values): Promise<number[]> {
  const objects = await render('swarm-system', values)
  const isIts = ({ kind, metadata }: Rendered) => kind === 'NetworkPolicy' && metadata.name.endsWith(`-${component}`)
  const policy = objects.find(isIts) ?? expect.fail(`no NetworkPolicy of ${component}`)
  const [, anywhere] = (policy['spec'] as Policy).egress
  return anywhere?.ports.map(({ port }) => port) ?? []
}

const EGRESS: Readonly<Record<string, { values: Values; operator: number[]; router: number[] }>> = {
  'nothing else where nothing is said': { values: {}, operator: [443, 6443], router: [443, 6443] },
  'the collector': {
    values: { 'router.tracing.endpoint': 'http://collector.observability:4318' },
    operator: [443, 6443],
    router: [443, 6443, 4318],
  },
  'the collector on the port of its scheme, with a path': {
    values: { 'router.tracing.endpoint': 'http://collector.observability/otlp' },
    operator: [443, 6443],
    router: [443, 6443, 80],
  },
  'another E2B': {
    values: { 'e2b.apiUrl': 'http://e2b.internal:3000', 'e2b.sandboxUrl': 'https://[fd00::7]:3002' },
    operator: [443, 6443, 3002, 3000],
    router: [443, 6443, 3002],
  },
  'an E2B behind https': { values: { 'e2b.apiUrl': 'https://e2b.internal' }, operator: [443, 6443], router: [443, 6443] },
}

/** Everything that users name. */
const NAMED = (name: string): Values => ({
  nameOverride: name,
  'image.repository': name,
  'image.tag': name,
  'imagePullSecrets[0].name': name,
  'commonLabels.team': name,
  'commonAnnotations.owner': name,
  'watchNamespaces[0]': name,
  'e2b.existingSecret': name,
  'e2b.existingSecretKey': name,
  'e2b.domain': name,
  'operator.leaseName': name,
  'operator.priorityClassName': name,
  'operator.serviceAccount.name': name,
  'router.serviceAccount.name': name,
  'operator.tls.existingSecret': name,
  'operator.tls.caKey': name,
  'router.tls.existingSecret': name,
  'router.tls.caKey': name,
  'monitoring.readers[0].name': name,
  'monitoring.readers[0].namespace': name,
  'monitoring.prometheusRule.enabled': 'true',
  'monitoring.dashboards.enabled': 'true',
  'monitoring.podMonitor.enabled': 'true',
  'monitoring.podMonitor.tokenSecret': name,
  'monitoring.podMonitor.tokenSecretKey': name,
  'test.task.namespace': name,
  'test.task.swarm': name,
})
const OPEN = (name: string): Values => ({
  'auth.enabled': 'false',
  'auth.internalTokenSecret': name,
  'auth.internalTokenSecretKey': name,
  'router.service.annotations.a': name,
  'monitoring.serviceMonitor.enabled': 'true',
})

describe('values of the chart', function () {
  this.timeout(60_000)
  before(async function () {
    this.timeout(20 * 60_000)
    await ensureHelm()
  })

  it('are numbers that the programs take, from the least to the most', async () => {
    const schema = JSON.parse(readFileSync(join(CHART, 'values.schema.json'), 'utf8')) as Schema
    const numbers = ['operator', 'router'].flatMap((name) => limits(schema.properties?.[name] ?? {}, name))
    expect(numbers.map(({ path }) => path)).to.include.members(['router.maxInFlightMib', 'router.tracing.ratio', 'operator.createRate'])
    const all = (pick: (number: (typeof numbers)[number]) => number) => Object.fromEntries(numbers.map((n) => [n.path, pick(n)]))
    const tracing = { 'router.tracing.endpoint': 'http://collector:4318' }
    const small = { 'router.tracing.ratio': 0.00005, 'operator.createRate': 0.00005 }
    for (const values of [
      { ...all(({ least }) => least), 'operator.leaseDuration': '1s' },
      { ...all(({ most }) => most), 'operator.leaseDuration': '5m' },
      { ...small, 'operator.leaseDuration': '1m30s' },
    ]) {
      const objects = await render('swarm-system', {}, setJson({ ...tracing, ...values }))
      const router = readRouterConfig(argsOf(objects, 'router'), {})
      const ratio = Reflect.get(values, 'router.tracing.ratio')
      expect(router).to.have.deep.property('tracing', { endpoint: 'http://collector:4318', ratio })
      expect(readOperatorConfig(argsOf(objects, 'operator'), {})).to.have.property(
        'createsPerSecond',
        Reflect.get(values, 'operator.createRate'),
      )
    }
  })

  for (const [what, values] of Object.entries({ 'with tokens': NAMED, open: OPEN }))
    it(`may be names that look like numbers, ${what}`, async () => {
      const name = '90909'
      const set = Object.entries(values(name)).flatMap(([path, value]) => [value === name ? '--set-string' : '--set', `${path}=${value}`])
      const { code, stdout, stderr } = await helm(['template', name, CHART, '-n', name, '--set', 'crds.install=false', ...set])
      expect(code, stderr).to.equal(0)
      const text = JSON.stringify(loadAll(stdout))
      expect(text).to.contain(`"${name}"`)
      expect(text.match(/"[^"]*":90909\b|[[,]90909\b/g)).to.equal(null)
    })

  it('are taken for what is nearer when a label is named twice', async () => {
    const objects = await render('swarm-system', {
      'commonLabels.team': 'desk',
      'monitoring.dashboards.enabled': 'true',
      'monitoring.dashboards.labels.team': 'dashboards',
      'monitoring.serviceMonitor.enabled': 'true',
      'monitoring.serviceMonitor.labels.team': 'monitors',
      'monitoring.prometheusRule.enabled': 'true',
      'monitoring.prometheusRule.labels.team': 'rules',
    })
    const teams = (kind: string) => [...new Set(objects.filter((o) => o.kind === kind).map((o) => o.metadata.labels?.['team']))]
    const kinds = ['ConfigMap', 'ServiceMonitor', 'PrometheusRule', 'Service']
    expect(kinds.map(teams)).to.deep.equal([['dashboards'], ['monitors'], ['rules'], ['desk']])
  })

  for (const [what, { values, operator, router }] of Object.entries(EGRESS))
    it(`open the way to ${what}`, async () => {
      expect(await outwards('operator', values)).to.deep.equal(operator)
      expect(await outwards('router', values)).to.deep.equal(router)
    })
})
