import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { delimiter, join } from 'node:path'
import { text } from 'node:stream/consumers'
import { PODS } from '../../../src/cli/port-forward.ts'
import { NAMESPACES } from '../../../src/kube/objects.ts'
import { Accounts } from '../../support/accounts.ts'
import { Plugin } from '../../support/plugin.ts'
import { System } from '../../support/system.ts'
import { eventually } from '../../support/wait.ts'

/**
 * In place of kubectl, for there is no kubelet that it could reach: it cannot open a way to a pod whose name begins with `closed`, and says that it
 * has one to `ROUTER_PORT` for others.
 */
const KUBECTL = `#!/bin/sh
case "$*" in *pod/closed-*) echo 'error: pods "closed" is forbidden' >&2; exit 1;; esac
echo $$ >>"$PIDS"
echo "Forwarding from 127.0.0.1:$ROUTER_PORT -> 18000"
exec sleep 600
`

/** Pods that look like routers, by their namespace. */
const PODS_OF = { other: ['router'], routers: ['closed-1', 'open-1', 'open-2'], closed: ['closed-1', 'closed-2'] }

describe('kubectl swarm: routers in the cluster', function () {
  this.timeout(120_000)
  let system: System
  let plugin: Plugin
  let pids: string
  before(async () => {
    system = await System.start({ router: true })
    plugin = new Plugin(system)
    pids = join(plugin.directory, 'pids')
    mkdirSync(join(plugin.directory, 'bin'))
    writeFileSync(join(plugin.directory, 'bin', 'kubectl'), KUBECTL, { mode: 0o755 })
    for (const [namespace, names] of Object.entries(PODS_OF)) for (const name of names) await pod(`${system.namespace}-${namespace}`, name)
    await system.apply('desk', { replicas: 1 })
    await system.settled('desk')
  })
  after(async () => {
    plugin.remove()
    for (const namespace of Object.keys(PODS_OF)) await system.client.delete(NAMESPACES, { name: `${system.namespace}-${namespace}` })
    await system.stop()
  })

  /** A pod that looks like a router that is ready; no node ever runs it. */
  async function pod(namespace: string, name: string): Promise<void> {
    const there = await system.client.get(NAMESPACES, { name: namespace })
    if (!there) await system.client.create(NAMESPACES, { metadata: { name: namespace } })
    const metadata = { namespace, name, labels: { 'app.kubernetes.io/component': 'router' } }
    const containers = [{ name: 'router', image: 'swarm-operator', command: ['router'], args: [] }]
    await system.client.create(PODS, { metadata, spec: { containers, automountServiceAccountToken: false } })
    const status = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] }
    await system.client.mergePatch(PODS, { namespace, name }, { status }, { subresource: 'status' })
  }
  const env = (routerPort: string | number) => {
    const base = plugin.env({ SWARM_ROUTER_URL: '', PIDS: pids, ROUTER_PORT: String(routerPort) })
    return { ...base, PATH: [join(plugin.directory, 'bin'), base['PATH']].join(delimiter) }
  }
  /** Starts the plugin with that kubectl. */
  const start = (words: readonly string[], routerPort: string | number) =>
    spawn(join(plugin.directory, 'kubectl-swarm'), [...words, '-n', system.namespace], { env: env(routerPort) })
  async function run(words: readonly string[], routerPort = new URL(system.routerUrl).port) {
    const child = start(words, routerPort)
    child.stdin.end()
    const code = once(child, 'close')
    const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)])
    return { code: (await code)[0] as unknown, out, err }
  }
  const started = () => readFileSync(pids, 'utf8').trim().split('\n').map(Number)
  const isRunning = (pid: number) => {
    try {
      return process.kill(pid, 0)
    } catch {
      return false
    }
  }
  const noneIsLeft = async () => eventually('no way is left open', () => started().every((pid) => !isRunning(pid)))

  it('are looked for in one namespace, since anybody may write a pod that looks like one elsewhere', async () => {
    const other = `${system.namespace}-other`
    const found = await plugin.run(['submit', 'desk', '1'], { env: { SWARM_ROUTER_URL: '' } })
    expect(found).to.deep.equal({
      code: 1,
      out: '',
      err:
        'no router is known, and none runs in namespace swarm-system; name theirs with --router-namespace or SWARM_ROUTER_NAMESPACE, ' +
        'or give an address with --router or SWARM_ROUTER_URL\n',
    })
    for (const [words, more] of [
      [['--router-namespace', other], {}],
      [[], { SWARM_ROUTER_NAMESPACE: other }],
    ] as const) {
      const named = await plugin.run(['submit', 'desk', '1', ...words], { env: { SWARM_ROUTER_URL: '', ...more } })
      expect(named.err).to.match(new RegExp(`^there is no way to router ${other}/router: `))
    }
  })

  it('need not all be reached: those that are do, and the others are told', async () => {
    const namespace = `${system.namespace}-routers`
    const top = await run(['top', 'desk', '-o', 'json', '--router-namespace', namespace])
    expect([top.code, top.err]).to.deep.equal([0, `there is no way to router ${namespace}/closed-1: error: pods "closed" is forbidden\n`])
    expect(JSON.parse(top.out)).to.have.nested.property('[0].tasksPerSecond', 0)
    await noneIsLeft()
    const doctor = await run(['doctor', '-o', 'json', '--router-namespace', namespace, '--lease-namespace', system.namespace])
    const routers = (JSON.parse(doctor.out) as { check: string; level: string }[]).filter(({ check }) => check === 'router')
    expect([doctor.err, routers.map(({ level }) => level)]).to.deep.equal(['', ['warn', 'ok', 'ok']])
    expect(started()).to.have.length(4)
    await noneIsLeft()
  })

  it('are left alone when none is reached, however many there are', async () => {
    const namespace = `${system.namespace}-closed`
    const top = await run(['top', 'desk', '--router-namespace', namespace])
    expect([top.code, top.err]).to.deep.equal([0, `there is no way to router ${namespace}/closed-1: error: pods "closed" is forbidden\n`])
  })

  it('are let go of when a person ends the plugin, whatever it waits for', async () => {
    const silent = createServer(() => undefined)
    await once(silent.listen(0, '127.0.0.1'), 'listening')
    const address = silent.address()
    const port = typeof address === 'object' && address !== null ? address.port : expect.fail('it has a port')
    try {
      for (const signal of ['SIGTERM', 'SIGHUP'] as const) {
        const child = start(['submit', 'desk', '1', '--router-namespace', `${system.namespace}-routers`], port)
        const closed = once(child, 'close')
        await once(silent, 'request')
        child.kill(signal)
        expect(await closed).to.deep.equal([130, null])
        await noneIsLeft()
      }
    } finally {
      silent.close()
      silent.closeAllConnections()
    }
  })

  it('are given a token for their audience', async () => {
    await new Accounts(system.client, system.namespace).create('sender', [])
    const asked: string[] = []
    const listener = createServer((request, response) => {
      asked.push(request.headers.authorization ?? '')
      response.end('{}')
    })
    await once(listener.listen(0, '127.0.0.1'), 'listening')
    const address = listener.address()
    const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
    try {
      await plugin.says(['submit', 'desk', '1', '--router', url, '--as-service-account', 'sender', '--token-audience', 'routers'])
      const [, claims = ''] = asked[0]?.split('.') ?? []
      expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).to.have.deep.property('aud', ['routers'])
      const alone = await plugin.run(['submit', 'desk', '1', '--router', url, '--token-audience', 'routers'])
      expect(alone.err).to.equal('--token-audience is of a new token only; write --as-service-account NAME as well\n')
    } finally {
      listener.close()
    }
  })
})
