import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Finding } from '../../../src/cli/doctor/judge.ts'
import { loadKubeConfig } from '../../../src/kube/client.ts'
import type { ResourceKind } from '../../../src/kube/objects.ts'
import { Accounts } from '../../support/accounts.ts'
import { Plugin } from '../../support/plugin.ts'
import { System } from '../../support/system.ts'

const DEPLOYMENTS: ResourceKind = { group: 'apps', version: 'v1', plural: 'deployments', kind: 'Deployment', namespaced: true }

describe('kubectl swarm doctor', function () {
  this.timeout(120_000)
  let system: System
  let plugin: Plugin
  before(async () => {
    system = await System.start({ router: true })
    plugin = new Plugin(system)
    await system.apply('desk', { replicas: 2 })
    await system.settled('desk')
  })
  after(async () => {
    plugin.remove()
    await system.stop()
  })

  /** Its findings, by check, and its exit code. */
  async function examined(env: Readonly<Record<string, string>> = {}) {
    const lease = ['--lease-namespace', system.namespace]
    const { code, out, err } = await plugin.run(['doctor', ...lease, '--output', 'json'], { env })
    expect(err).to.equal('')
    const findings = JSON.parse(out) as Finding[]
    const of = (check: string) => findings.filter((finding) => finding.check === check)
    return { code, findings, of }
  }

  it('finds nothing to do where all is well', async () => {
    const { code, findings } = await examined()
    expect(findings.filter(({ level }) => level !== 'ok')).to.deep.equal([])
    expect(findings.map(({ check }) => check)).to.deep.equal([
      'cluster',
      'kinds',
      'rights',
      'operator',
      'router',
      'swarms',
      'agents',
      'key',
      'sandboxes',
    ])
    expect(code).to.equal(0)
    expect(findings.at(-1)?.message).to.equal('2 of this installation, each with its Agent')
    const text = await plugin.says(['doctor', '--lease-namespace', system.namespace])
    expect(text).to.match(/^ +CHECK +FINDING\nok +cluster +the API server answers, v[\d.]+\n/)
    expect(text).to.match(/\n0 wrong, 0 to be looked at, 9 well\n$/)
  })

  it('says what is wrong with keys and routers, and what to do', async () => {
    const { code, of } = await examined({
      E2B_API_KEY: 'e2b_0000000000000000000000000000000000000000',
      SWARM_ROUTER_URL: 'http://127.0.0.1:2',
    })
    expect(code).to.equal(1)
    expect(of('key').map(({ level }) => level)).to.deep.equal(['fail'])
    expect(of('sandboxes')[0]?.message).to.equal('not compared with the agents: not every key could be used')
    expect(of('router').map(({ level, message }) => [level, message.split(':').slice(0, 2).join(':')])).to.deep.equal([
      ['fail', 'the router at http://127.0.0.1'],
    ])
    const without = await examined({ E2B_API_KEY: '', SWARM_ROUTER_URL: '' })
    expect([...without.of('key'), ...without.of('router')].map(({ level }) => level)).to.deep.equal(['warn', 'warn'])
  })

  it('knows which namespaces there are', async () => {
    const ran = await plugin.run(['doctor', '-n', 'nosuch', '-o', 'json', '--lease-namespace', system.namespace])
    const swarms = (JSON.parse(ran.out) as Finding[]).filter(({ check }) => check === 'swarms')
    expect(swarms.map(({ level, message }) => `${level}: ${message}`)).to.deep.equal([
      'warn: there is no namespace nosuch',
      'ok: 0 swarms; none is stalled or held back',
    ])
  })

  it('tells a person with few rights what it could not look at', async () => {
    const accounts = new Accounts(system.client, system.namespace)
    await accounts.create('looker', [{ apiGroups: ['swarmops.dev'], resources: ['swarms', 'agents'], verbs: ['get', 'list', 'watch'] }])
    const config = await accounts.configOf('looker', loadKubeConfig({ file: system.kubeconfig }))
    const file = join(plugin.directory, 'looker.kubeconfig')
    writeFileSync(file, config.exportConfig())
    const { code, of } = await examined({ KUBECONFIG: file })
    expect(code).to.equal(0)
    for (const check of ['kinds', 'operator']) expect(of(check)[0]?.message).to.match(/^not looked at: you may not /)
    const [rights] = of('rights')
    expect([rights?.level, rights?.message]).to.deep.equal([
      'warn',
      'you may not create swarms/tasks (submit), patch canaryrollouts/status (promote, abort and the like), ' +
        'patch bluegreenrollouts/status (promote, abort and the like), patch agents (drain)',
    ])
    expect(of('agents')[0]?.level).to.equal('ok')
  })

  it('knows the operator that runs in the cluster: its version, and what its account may not', async () => {
    const labels = {
      'app.kubernetes.io/part-of': 'swarm-operator',
      'app.kubernetes.io/component': 'operator',
      'app.kubernetes.io/version': '9.9.9',
    }
    const containers = [{ name: 'operator', image: 'swarm-operator:9.9.9', args: [`--lease-namespace=${system.namespace}`] }]
    const metadata = { namespace: system.namespace, name: 'operator', labels }
    const selector = { matchLabels: { app: 'operator' } }
    const template = { metadata: { labels: selector.matchLabels }, spec: { serviceAccountName: 'operator', containers } }
    await system.client.create(DEPLOYMENTS, { metadata, spec: { replicas: 0, selector, template } })
    const { code, of } = await examined()
    expect(code).to.equal(1)
    expect(of('operator').map(({ level, message }) => [level, message.slice(0, 60)])).to.have.deep.members([
      ['warn', of('operator')[0]?.message.slice(0, 60)],
      ['fail', `ServiceAccount ${system.namespace}/operator may not list swarms (swarms`.slice(0, 60)],
    ])
    expect(of('operator')[0]?.message).to.match(/ leads, version 9\.9\.9, and this plugin is /)
    expect(await plugin.says(['version'])).to.match(/^plugin: \d+\.\d+\.\d+\noperator: 9\.9\.9\nAPI server: v/)
    await system.client.delete(DEPLOYMENTS, metadata)
  })

  it('sees that nobody leads any more', async () => {
    await system.operator?.kill()
    expect(await plugin.says(['version'])).to.match(/\noperator: no Deployment of it found; kubectl swarm doctor says whether one leads\n/)
    const { code, of } = await examined()
    expect(code).to.equal(1)
    expect(of('operator')[0]?.message).to.match(/^\S+ has not renewed Lease \S+\/swarm-operator for 2 s$/)
  })
})
