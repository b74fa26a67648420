import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { before, describe, it } from 'mocha'
import { expect } from 'chai'
import { load } from 'js-yaml'
import { ensureHelm } from '../../dev/tools/helm.ts'
import { CHART, helm, render, setValues, type Rendered, type Values } from '../support/helm.ts'

type Peer = { podSelector: { matchLabels: Record<string, string> } }
type Rule = { ports: { port?: number }[]; to?: Peer[] }
type Policy = { policyTypes: string[]; ingress: Rule[]; egress?: Rule[] }
const componentOf = ({ metadata }: Rendered) => metadata.labels?.['app.kubernetes.io/component'] ?? ''
type Json = { [key: string]: unknown }
const file = (name: string) => readFileSync(join(CHART, name), 'utf8')

const REFUSED: Readonly<Record<string, { values: Values; says: RegExp }>> = {
  'a value that does not exist': { values: { 'router.replica': '3' }, says: /'\/router': additional properties 'replica' not allowed/ },
  'fewer than no routers': { values: { 'router.replicas': '-1' }, says: /'\/router\/replicas': minimum: got -1, want 0/ },
  'a type of Service that does not exist': {
    values: { 'router.service.type': 'Public' },
    says: /'\/router\/service\/type': value must be one of 'ClusterIP', 'NodePort', 'LoadBalancer'/,
  },
  'what is not the name of a namespace': { values: { watchNamespaces: '{A_b}' }, says: /'\/watchNamespaces\/0': 'A_b' does not match/ },
  'a digest that is none': { values: { 'image.digest': 'abc' }, says: /'\/image\/digest'/ },
  'a label that finds pods': {
    values: { 'commonLabels.app\\.kubernetes\\.io/name': 'x' },
    says: /invalid propertyName 'app.kubernetes.io\/name'/,
  },
  'a ServiceAccount that is neither made nor named': {
    values: { 'operator.serviceAccount.create': 'false' },
    says: /'\/operator\/serviceAccount\/name'/,
  },
  'a certificate that nobody issues': {
    values: { 'router.tls.certManager.enabled': 'true' },
    says: /router\.tls\.certManager\.issuerRef: name who issues the certificate, such as {kind: ClusterIssuer/,
  },
  'two certificates': {
    values: { 'router.tls.certManager.enabled': 'true', 'router.tls.certManager.issuerRef.name': 'x', 'router.tls.existingSecret': 'y' },
    says: /router\.tls: set existingSecret or certManager\.enabled, not both/,
  },
  'TLS where all is open': {
    values: { 'evaluation.insecure': 'true', 'router.tls.existingSecret': 'x' },
    says: /evaluation\.insecure serves without TLS: take out evaluation\.insecure, or router\.tls/,
  },
  'no tokens without saying what else': {
    values: { 'auth.enabled': 'false' },
    says: /internalTokenSecret; or, on a laptop, set evaluation\.insecure=true/,
  },
  'two places for sandboxes': {
    values: { 'e2bLocal.enabled': 'true', 'e2b.existingSecret': 'x' },
    says: /e2bLocal\.enabled takes the place of E2B's cloud/,
  },
  'a lease that the operator does not take': {
    values: { 'operator.leaseDuration': '500ms' },
    says: /operator\.leaseDuration: must be from 1s to 5m, not 500ms/,
  },
  'more memory than the router takes': {
    values: { 'router.maxInFlightMib': '65537' },
    says: /'\/router\/maxInFlightMib': maximum: got 65,537, want 65,536/,
  },
  'a port that does not exist': {
    values: { 'router.tracing.endpoint': 'http://collector:99999' },
    says: /router\.tracing\.endpoint: the port of http:\/\/collector:99999 must be from 1 to 65535/,
  },
  'an address with a password': { values: { 'e2b.sandboxUrl': 'http://me:secret@e2b' }, says: /'\/e2b\/sandboxUrl'/ },
  'a host that is none': { values: { 'operator.sourceHosts': '{[fd00::7]}' }, says: /'\/operator\/sourceHosts\/0'/ },
  'fewest routers above most': {
    values: { 'router.autoscaling.enabled': 'true', 'router.autoscaling.minReplicas': '20' },
    says: /minReplicas \(20\) must not be above maxReplicas \(10\)/,
  },
  'scraping twice': {
    values: { 'monitoring.serviceMonitor.enabled': 'true', 'monitoring.podMonitor.enabled': 'true' },
    says: /enable serviceMonitor or podMonitor, not both/,
  },
  'scraping pods without a token': { values: { 'monitoring.podMonitor.enabled': 'true' }, says: /podMonitor\.tokenSecret: name a Secret/ },
  'a test task where nobody looks': {
    values: { watchNamespaces: '{a}', 'test.task.swarm': 'desk', 'test.task.namespace': 'b' },
    says: /test\.task\.namespace: b is not in watchNamespaces/,
  },
}

describe('chart', function () {
  this.timeout(60_000)
  before(async function () {
    this.timeout(20 * 60_000)
    await ensureHelm()
  })

  for (const [name, values] of Object.entries({
    'as it is': {},
    'for a laptop': { 'evaluation.insecure': 'true', 'e2bLocal.enabled': 'true' },
  }))
    it(`passes helm lint --strict ${name}`, async () => {
      const { code, stdout, stderr } = await helm(['lint', '--strict', CHART, ...setValues(values)])
      expect(code, stdout + stderr).to.equal(0)
    })

  it('has the version of the program', () => {
    const { version } = JSON.parse(readFileSync(join(CHART, '../../package.json'), 'utf8')) as { version: string }
    const chart = load(file('Chart.yaml')) as { version: string; appVersion: string }
    expect([chart.version, chart.appVersion]).to.deep.equal([version, version])
  })

  it('has a schema with exactly the values that there are', () => {
    const schema = JSON.parse(file('values.schema.json')) as Json
    const definitions = schema['definitions'] as Record<string, Json>
    const missing: string[] = []
    const compare = (node: Json, values: unknown, path: string) => {
      const target = typeof node['$ref'] === 'string' ? (definitions[node['$ref'].split('/').at(-1) ?? ''] ?? {}) : node
      const known = target['properties'] as Record<string, Json> | undefined
      if (!known || typeof values !== 'object' || values === null) return
      const names = new Set([...Object.keys(known), ...Object.keys(values)])
      for (const name of names) {
        const there: unknown = Reflect.get(values, name)
        const isOptional = ['global', 'claims'].includes(name) || path.endsWith('issuerRef')
        if (!(name in known) || (there === undefined && !isOptional)) missing.push(`${path}.${name}`)
        else compare(known[name] ?? {}, there, `${path}.${name}`)
      }
    }
    compare(schema, load(file('values.yaml')), '')
    expect(missing).to.deep.equal([])
  })

  for (const [name, { values, says }] of Object.entries(REFUSED))
    it(`refuses ${name}, and says what to do`, async () => {
      const { code, stderr } = await helm(['template', 'release', CHART, ...setValues(values)])
      expect(code).not.to.equal(0)
      expect(stderr).to.match(says)
    })

  it('knows every flag of the programs', async () => {
    const values = {
      'router.tls.existingSecret': 'a',
      'operator.tls.existingSecret': 'b',
      'operator.sourceHosts': '{prometheus.monitoring.svc}',
      watchNamespaces: '{team}',
      'auth.audiences': '{swarm}',
      'router.selector': 'team=desk',
      'router.maxInFlightPerNamespace': '1',
      'router.tasksPerSecondPerNamespace': '1',
      'router.tracing.endpoint': 'http://collector:4318',
    }
    const objects = await render('swarm-system', values)
    for (const [component, others] of Object.entries({ operator: ['kubeconfig', 'context', 'router-urls'], router: [] as string[] })) {
      const help = execFileSync(process.execPath, [join(CHART, `../../operator/${component}.ts`), '--help'], { encoding: 'utf8' })
      const known = [...help.matchAll(/^ {2}--([a-z-]+)/gm)].map(([, flag]) => flag).filter((flag) => flag !== 'help')
      const deployment = objects.find((o) => o.kind === 'Deployment' && o.metadata.name.endsWith(`-${component}`))
      const given = [...JSON.stringify(deployment).matchAll(/"--([a-z-]+)/g)].map(([, flag]) => flag)
      expect([...given, ...others]).to.have.members(known)
    }
  })

  it('renders the same again and again', async () => {
    const values = { 'e2bLocal.enabled': 'true', 'evaluation.insecure': 'true' }
    expect(await render('swarm-system', values)).to.deep.equal(await render('swarm-system', values))
  })

  it('is open nowhere unless told so', async () => {
    const args = async (values: Values) =>
      (await render('swarm-system', values)).flatMap((o) =>
        o.kind === 'Deployment' ? (JSON.stringify(o).match(/--(?:metrics-)?auth=\w+/g) ?? []) : [],
      )
    expect(await args({})).to.deep.equal(['--metrics-auth=kubernetes', '--auth=kubernetes'])
    expect(await args({ 'evaluation.insecure': 'true' })).to.deep.equal(['--metrics-auth=none', '--auth=none'])
  })

  it('hands on the alerts as they are, but for what a swarm may cost and where runbooks are', async () => {
    const rendered = await render('swarm-system', {
      'monitoring.prometheusRule.enabled': 'true',
      'monitoring.prometheusRule.costHourlyDollars': '7',
      'monitoring.prometheusRule.runbooksUrl': 'https://wiki.example.com/swarms/',
    })
    const rule = rendered.find((o) => o.kind === 'PrometheusRule')
    const alerts = file('files/alerts.yaml')
    expect(alerts).to.contain('expr: vector(50)').and.contain('runbook_url: https://swarmops.dev/docs/runbooks/SwarmRouterDown.md')
    const changed = alerts
      .replace('expr: vector(50)', 'expr: vector(7)')
      .replaceAll('https://swarmops.dev/docs/runbooks/', 'https://wiki.example.com/swarms/')
    expect(rule?.['spec']).to.deep.equal(load(changed))
  })

  it('hands on every dashboard as it is', async () => {
    const boards = (await render('swarm-system', { 'monitoring.dashboards.enabled': 'true' })).filter(
      (o) => o.metadata.labels?.['grafana_dashboard'] === '1',
    )
    const files = readdirSync(join(CHART, 'files/dashboards'))
    expect(files.length).to.be.greaterThan(0)
    const data: unknown = Object.assign({}, ...boards.map((o) => o['data']))
    expect(data).to.deep.equal(Object.fromEntries(files.map((name) => [name, file(`files/dashboards/${name}`)])))
  })

  it('lets metrics keep their own labels, and sends them a token', async () => {
    const monitors = await render('swarm-system', { 'monitoring.serviceMonitor.enabled': 'true', 'router.tls.existingSecret': 'tls' })
    const endpoints = monitors.flatMap((o) => (o.kind === 'ServiceMonitor' ? (o['spec'] as { endpoints: object[] }).endpoints : []))
    const common = {
      port: 'http',
      path: '/metrics',
      interval: '30s',
      honorLabels: true,
      bearerTokenFile: '/var/run/secrets/kubernetes.io/serviceaccount/token',
    }
    const tlsConfig = { serverName: 'release-swarm-operator-router.swarm-system.svc', ca: { secret: { name: 'tls', key: 'ca.crt' } } }
    expect(endpoints).to.deep.equal([common, { ...common, scheme: 'https', tlsConfig }])
  })

  it('lets in what comes to the ports of its pods, and out to those of its own', async () => {
    const objects = await render('swarm-system', { 'e2bLocal.enabled': 'true' })
    const ports = new Map(
      objects.flatMap((o) =>
        o.kind === 'Deployment' ? [[componentOf(o), Number(/"containerPort":(\d+)/.exec(JSON.stringify(o))?.[1])] as const] : [],
      ),
    )
    expect(Object.fromEntries(ports)).to.deep.equal({ operator: 18080, router: 18000, 'e2b-local': 13000 })
    const policies = objects.filter((o) => o.kind === 'NetworkPolicy')
    expect(policies.map(componentOf)).to.have.members([...ports.keys()])
    for (const policy of policies) {
      const { policyTypes, ingress, egress = [] } = policy['spec'] as Policy
      expect(policyTypes, 'what nobody lets in stays out').to.include('Ingress')
      expect(ingress.map((rule) => rule.ports)).to.deep.equal([[{ port: ports.get(componentOf(policy)) }]])
      for (const { to = [], ports: reached } of egress)
        for (const { podSelector } of to)
          expect(reached).to.deep.equal([{ port: ports.get(podSelector.matchLabels['app.kubernetes.io/component'] ?? '') }])
    }
  })

  it('is the same as a package, which is small enough for a release', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'swarm-package-'))
    try {
      expect((await helm(['package', CHART, '-d', dir])).code).to.equal(0)
      const [name = ''] = readdirSync(dir)
      const [ours, packed] = await Promise.all([CHART, join(dir, name)].map(async (chart) => helm(['template', 'release', chart])))
      expect(packed?.stdout).to.equal(ours?.stdout)
      expect(packed?.stdout).to.contain('kind: CustomResourceDefinition')
      // Helm keeps both, compressed and in base64, in a Secret of at most 1 MiB.
      expect(((gzipSync(packed?.stdout ?? '').length + readFileSync(join(dir, name)).length) * 16) / 9).to.be.lessThan(700_000)
    } finally {
      rmSync(dir, { recursive: true, force: true })
    }
  })

  it('gives a router the time that its tasks get, and some more', async () => {
    const objects = await render('swarm-system', { 'router.drainSeconds': '120', 'router.shutdownDelaySeconds': '15' })
    const router = JSON.stringify(objects.find((o) => o.kind === 'Deployment' && o.metadata.name.endsWith('-router')))
    expect(router)
      .to.contain('"terminationGracePeriodSeconds":145')
      .and.contain('--drain-seconds=120')
      .and.contain('--shutdown-delay-seconds=15')
  })
})
