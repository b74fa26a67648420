import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import { execFile } from 'node:child_process'
import { chmodSync, globSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import type { Dashboard } from '../../dev/dashboards/model.ts'
import { readyAgents } from '../support/system-objects.ts'
import { documentedMetrics, groupedBy, RULES, usedMetrics } from '../support/monitoring-pages.ts'
import { Monitored, PATIENT } from '../support/monitored.ts'
import { readPage } from '../support/pages.ts'
import { SWARM } from '../support/rollout-system.ts'
import { eventually } from '../support/wait.ts'

const ROOT = join(import.meta.dirname, '../..')
const PLUGIN = join(ROOT, 'operator/kubectl-swarm.ts')
const BOARDS = globSync('charts/swarm-operator/files/dashboards/*.json', { cwd: ROOT })
  .sort()
  .map((file) => JSON.parse(readFileSync(join(ROOT, file), 'utf8')) as Dashboard)
const QUERIES = BOARDS.flatMap(({ panels }) =>
  panels.flatMap(({ title, targets = [] }) => targets.map(({ expr, legendFormat }) => ({ title, expr, legendFormat }))),
)

/** Panels that rightly have no data while all is well. */
const EMPTY: Readonly<Record<string, string>> = {
  Retries: 'no attempt fails, so none is made again',
  'Circuits opened': 'no agent fails',
  Measurements: 'this rollout has no analysis, and its guard does not trip',
  'Changes of leaders': 'nobody fails over',
  'Passes that failed or wait': 'none does',
  'Calls that did not do': 'all do',
  'Answers that are not 2xx': 'all are, but for conflicts now and then',
}

/** What Prometheus adds to every series. */
const LABELS_OF_TARGETS = ['job', 'instance']

/** What Grafana would put in the place of variables. */
const filledIn = (expr: string, namespace: string) =>
  expr
    .replaceAll('$__rate_interval', '30s')
    .replaceAll('$namespace', namespace)
    .replaceAll(/\$(swarm|job)/g, '.*')

describe('dashboards and alerts on a running system', function () {
  this.timeout(120_000)
  let monitored: Monitored
  before(async () => {
    monitored = await Monitored.start()
    await monitored.works()
  })
  after(async () => monitored.stop())

  it('finds every rule in order', async () => {
    const rules = await eventually('all rules are evaluated', async () => {
      const seen = await monitored.prometheus.rules()
      return seen.every(({ health }) => health !== 'unknown') && seen
    })
    expect(rules.map(({ name }) => name)).to.have.members(RULES.map(({ name }) => name))
    expect(rules.filter(({ health }) => health !== 'ok')).to.deep.equal([])
  })

  it('exports what docs/monitoring.md says, and nothing else', async () => {
    const documented = documentedMetrics()
    await eventually('all targets have been scraped, and say the same', async () => {
      const exported = await monitored.prometheus.metrics()
      const wrong = [...documented.keys()].filter((name) => !exported.has(name)).map((name) => `${name} is not exported`)
      for (const [name, { type, labels }] of exported) {
        const said = documented.get(name)
        if (said?.type !== type) wrong.push(said ? `${name} is a ${type}` : `${name} is not documented`)
        // A metric of which nothing has happened yet has no series.
        else if (labels.length > 0 && labels.join() !== said.labels.join()) wrong.push(`${name} has the labels ${labels.join()}`)
      }
      if (wrong.length > 0) throw new Error(wrong.join('; '))
      return true
    })
  })

  it('has every metric and every label that rules and dashboards ask for', () => {
    const documented = documentedMetrics()
    const wrong: string[] = []
    for (const expr of [...RULES, ...QUERIES].map((each) => each.expr)) {
      const used = usedMetrics(expr)
      const known = new Set([...used.flatMap(({ name }) => documented.get(name)?.labels ?? []), ...LABELS_OF_TARGETS, 'le'])
      for (const { name, labels } of used) {
        const metric = documented.get(name)
        if (!metric) wrong.push(`${name} in ${expr}`)
        else for (const label of labels) if (![...metric.labels, ...LABELS_OF_TARGETS].includes(label)) wrong.push(`${label} in ${expr}`)
      }
      if (used.length > 0) for (const label of groupedBy(expr)) if (!known.has(label)) wrong.push(`${label} in ${expr}`)
    }
    expect(wrong).to.deep.equal([])
  })

  it('has no alert while all is well', async () => {
    await eventually('nothing fires', async () => {
      const alerts = await monitored.prometheus.alerts()
      // The forecast of a policy that is a minute old knows nothing yet; it has two days.
      const left = alerts.filter(({ labels }) => labels['alertname'] !== 'SwarmForecastUnused')
      if (left.length === 0) return true
      throw new Error(JSON.stringify(left))
    })
  })

  it('fills every panel of the dashboards', async () => {
    const wrong: string[] = []
    const filled = new Set<string>()
    for (const { title, expr } of QUERIES) {
      const query = filledIn(expr, monitored.system.namespace)
      const has = async () => (await monitored.prometheus.query(query)).length > 0
      if (title in EMPTY) await has()
      else if (
        await eventually('there is data', has, { timeoutMs: 10_000, pollMs: 500 }).catch(
          (error: unknown) => wrong.push(`${title}: ${String(error)}`) && false,
        )
      )
        filled.add(title)
    }
    expect(wrong).to.deep.equal([])
    expect(filled.size).to.be.at.least(50)
    expect(QUERIES.map(({ title }) => title)).to.include.members(Object.keys(EMPTY))
  })

  it('understands the commands of the runbooks', async () => {
    const bin = mkdtempSync(join(tmpdir(), 'swarm-bin-'))
    symlinkSync(PLUGIN, join(bin, 'kubectl-swarm'))
    chmodSync(PLUGIN, 0o755)
    const { namespace, kubeconfig, e2b } = monitored.system
    const variables = { NAMESPACE: namespace, SWARM, PROMETHEUS: monitored.prometheus.url, KUBECONFIG: kubeconfig }
    const account = { E2B_API_KEY: e2b.apiKey, E2B_API_URL: e2b.url, E2B_SANDBOX_URL: e2b.url }
    const env = { ...process.env, ...variables, ...account, PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}` }
    const pieces = globSync('docs/runbooks/Swarm*.md', { cwd: ROOT }).flatMap((page) => readPage(page).pieces)
    const commands = [...new Set(pieces.filter(({ language }) => language === 'sh').flatMap(({ text }) => text.split('\n')))]
    const failed: string[] = []
    const run = async (command: string) =>
      promisify(execFile)('bash', ['-uo', 'pipefail', '-c', command], { env, timeout: 30_000 }).catch((error: unknown) =>
        failed.push(String(error)),
      )
    for (let i = 0; i < commands.length; i += 4) await Promise.all(commands.slice(i, i + 4).map(run))
    rmSync(bin, { recursive: true })
    expect(failed).to.deep.equal([])
    expect(commands.length).to.be.at.least(40)
  })

  it('tells of a canary that fails, of many agents lost at once, and of a router that has gone', async () => {
    const { here, prometheus, system } = monitored
    await here.template('bad-3', { template: PATIENT })
    const of = { namespace: system.namespace, swarm: SWARM, rollout: here.name, severity: 'warning' }
    const { labels } = await prometheus.has('SwarmRolloutAborted', 'firing', of)
    expect(labels['kind']).to.equal('CanaryRollout')

    const lost = readyAgents(await system.agents('pool'))
    await Promise.all(lost.map(async ({ status }) => system.e2b.admin.fault(status?.sandbox?.id ?? '', { type: 'kill' })))
    await prometheus.has('SwarmMassFailure', 'firing', { namespace: system.namespace, swarm: 'pool', severity: 'critical' })

    const instance = `127.0.0.1:${system.router?.port}`
    await system.router?.kill()
    await prometheus.has('SwarmRouterDown', 'pending', { instance })
    await prometheus.has('SwarmRouterDown', 'firing', { instance, job: 'swarm-router' })
    await prometheus.has('SwarmRouterStatsLost', 'firing')
  })
})
