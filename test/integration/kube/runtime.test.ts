import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import { connect } from 'node:net'
import { EventRecorder } from '../../../src/kube/events.ts'
import { HealthServer } from '../../../src/kube/health-server.ts'
import { KubeClient } from '../../../src/kube/client.ts'
import { LeaderElection } from '../../../src/kube/lease.ts'
import { CONFIG_MAPS, EVENTS, LEASES, SECRETS } from '../../../src/kube/objects.ts'
import { References } from '../../../src/kube/references.ts'
import { createRegistry, runtimeMetrics } from '../../../src/metrics/registry.ts'
import { eventually } from '../../support/wait.ts'
import { FaultProxy } from './fault-proxy.ts'
import { endTest, log, startTest } from './harness.ts'

const SOON = { timeoutMs: 15_000 }

describe('runtime against a real API server', () => {
  let test: Awaited<ReturnType<typeof startTest>>
  before(async () => {
    test = await startTest()
  })
  after(() => endTest(test))

  describe('lease', () => {
    /** A candidate that leads until told to stop, and fails as a request does that is interrupted. */
    function candidate(client: KubeClient, name: string, identity: string) {
      const stop = new AbortController()
      const election = new LeaderElection({ client, namespace: test.namespace, name, identity, log, durationMs: 3_000 })
      const state = { isLeading: false, led: 0 }
      const ended = election.run(stop.signal, async (signal) => {
        state.isLeading = true
        state.led += 1
        await new Promise((resolve) => signal.addEventListener('abort', resolve))
        state.isLeading = false
        throw new Error('stopped before an answer')
      })
      return {
        election,
        state,
        stop: async () => {
          stop.abort()
          await ended
        },
      }
    }

    it('is held by one of two, and goes to the other at once when given back', async () => {
      const one = candidate(test.client, 'given-back', 'one')
      await eventually('one leads', () => expect(one.state.isLeading).to.equal(true), SOON)
      const two = candidate(test.client, 'given-back', 'two')
      await eventually('two knows the leader', () => expect(two.election.holder).to.equal('one'), SOON)
      expect([one.election.isLeader, two.election.isLeader]).to.deep.equal([true, false])
      await one.stop()
      expect((await test.client.get(LEASES, { namespace: test.namespace, name: 'given-back' }))?.spec?.holderIdentity).to.be.oneOf([
        '',
        'two',
      ])
      await eventually('two leads', () => expect(two.state.isLeading).to.equal(true), SOON)
      await two.stop()
    })

    it('is taken over from one who lost touch, who stops leading before that and may come back later', async () => {
      const proxy = new FaultProxy(test.config)
      const proxied = new KubeClient(await proxy.start())
      const one = candidate(proxied, 'lost', 'one')
      await eventually('one leads', () => expect(one.state.isLeading).to.equal(true), SOON)
      let overlapped = false
      const two = candidate(test.client, 'lost', 'two')
      proxy.refuse = () => 503
      await eventually(
        'two leads',
        () => {
          overlapped ||= one.state.isLeading && two.state.isLeading
          return two.state.isLeading
        },
        SOON,
      )
      expect({ overlapped, oneLeads: one.state.isLeading }).to.deep.equal({ overlapped: false, oneLeads: false })
      proxy.refuse = () => undefined
      await eventually('one knows the leader', () => expect(one.election.holder).to.equal('two'), SOON)
      await two.stop()
      await eventually('one leads again', () => expect([one.state.isLeading, one.state.led]).to.deep.equal([true, 2]), SOON)
      await one.stop()
      expect((await test.client.get(LEASES, { namespace: test.namespace, name: 'lost' }))?.spec?.leaseTransitions).to.equal(2)
      await proxied.close()
      await proxy.stop()
    })
  })

  it('counts the same happening in one Event, also after a restart of the process', async () => {
    const { client, namespace } = test
    const object = await client.create(CONFIG_MAPS, { metadata: { namespace, name: 'eventful' } })
    const read = async () => {
      const { items } = await client.list(EVENTS, { namespace, fieldSelector: 'involvedObject.name=eventful' })
      return items.map(({ reason, message, type, count }) => `${type} ${reason} ${count}: ${message}`).sort()
    }
    const made = { type: 'Normal', reason: 'AgentCreated', message: 'made an agent' } as const
    const first = new EventRecorder({ client, component: 'test', log })
    first.record(object, made)
    await eventually('the first is written', async () => expect(await read()).to.deep.equal(['Normal AgentCreated 1: made an agent']), SOON)
    for (let i = 0; i < 4; i += 1) first.record(object, made)
    first.record(object, { type: 'Warning', reason: 'QuotaExceeded', message: 'too many agents' })
    await first.stop()
    const second = new EventRecorder({ client, component: 'test', log })
    second.record(object, made)
    await second.stop()
    expect(await read()).to.deep.equal(['Normal AgentCreated 6: made an agent', 'Warning QuotaExceeded 1: too many agents'])
  })

  it('never fails the work because of an Event that cannot be written', async () => {
    const { client, namespace } = test
    const metrics = runtimeMetrics(createRegistry({ processMetrics: false }))
    const recorder = new EventRecorder({ client, component: 'test', log, metrics })
    const metadata = { namespace: `${namespace}-gone`, name: 'a', uid: 'u', resourceVersion: '1' }
    recorder.record({ apiVersion: 'v1', kind: 'ConfigMap', metadata }, { type: 'Normal', reason: 'Lost', message: 'nobody reads this' })
    await recorder.stop()
    expect((await metrics.eventsDropped.get()).values.map(({ labels, value }) => [labels.why, value])).to.deep.equal([['failed', 1]])
  })

  it('follows what objects refer to: unknown, missing, found, changed, forbidden, let go', async () => {
    const { client, namespace, config } = test
    const proxy = new FaultProxy(config)
    const proxied = new KubeClient(await proxy.start())
    const told: string[] = []
    const references = new References({ client: proxied, log, onChange: (owners) => told.push(...owners) })
    const secret = { kind: 'Secret', namespace, name: 'wanted' } as const
    const map = { kind: 'ConfigMap', namespace, name: 'wanted' } as const
    const value = () => {
      const seen = references.get('Secret', namespace, 'wanted')
      return seen.state === 'found' ? seen.object.data?.['key'] : seen.state
    }
    expect(value()).to.equal('unknown')
    references.set('ns/one', [secret, map])
    references.set('ns/two', [secret])
    expect([value(), references.size]).to.deep.equal(['unknown', 2])
    await eventually('it is known to be missing', () => expect(value()).to.equal('missing'), SOON)
    expect(new Set(told)).to.deep.equal(new Set(['ns/one', 'ns/two']))
    await client.create(SECRETS, { metadata: { namespace, name: 'wanted' }, data: { key: 'YQ==' } })
    await eventually('it is found', () => expect(value()).to.equal('YQ=='), SOON)
    told.length = 0
    references.set('ns/two', [])
    await client.mergePatch(SECRETS, { namespace, name: 'wanted' }, { data: { key: 'Yg==' } })
    await eventually('the change is seen', () => expect(value()).to.equal('Yg=='), SOON)
    expect(told).to.deep.equal(['ns/one'])
    proxy.refuse = () => 403
    proxy.cut()
    await eventually('it is forbidden', () => expect(value()).to.equal('forbidden'), SOON)
    proxy.refuse = () => undefined
    await eventually('it is found again', () => expect(value()).to.equal('Yg=='), { timeoutMs: 40_000 })
    references.set('ns/one', [])
    expect([references.size, value()]).to.deep.equal([0, 'unknown'])
    await eventually('no watch is left', () => expect(proxy.watches).to.equal(0), SOON)
    await references.stop()
    await proxied.close()
    await proxy.stop()
  })
})

describe('health server', () => {
  it('answers metrics and checks, refuses bodies and oversized headers, and closes', async () => {
    const registry = createRegistry({ processMetrics: false })
    const { reconciles } = runtimeMetrics(registry)
    reconciles.inc({ controller: 'swarm', outcome: 'ok' })
    let isReady = false
    const server = new HealthServer({
      port: 0,
      host: '127.0.0.1',
      registry,
      log,
      live: { loop: () => true },
      ready: { cache: () => isReady || 'the cache is not filled yet' },
    })
    const port = await server.start()
    const get = async (path: string, init?: RequestInit) => {
      const response = await fetch(`http://127.0.0.1:${port}${path}`, init)
      return [response.status, await response.text()] as const
    }
    expect(await get('/healthz')).to.deep.equal([200, 'ok\n'])
    expect(await get('/readyz')).to.deep.equal([503, '[-] cache: the cache is not filled yet\nfailed\n'])
    isReady = true
    expect(await get('/readyz?verbose')).to.deep.equal([200, '[+] cache: ok\nok\n'])
    const [code, metrics] = await get('/metrics')
    expect(code).to.equal(200)
    expect(metrics).to.contain('swarmops_reconciles_total{controller="swarm",outcome="ok"} 1')
    expect((await get('/nothing'))[0]).to.equal(404)
    expect((await get('/metrics', { method: 'POST', body: 'x' }))[0]).to.equal(405)
    expect((await get('/metrics', { headers: { big: 'x'.repeat(20_000) } }))[0]).to.equal(431)
    const idle = connect(port, '127.0.0.1')
    await server.stop()
    idle.destroy()
  })

  it('answers probes however many connections others hold', async () => {
    const server = new HealthServer({ port: 0, host: '127.0.0.1', registry: createRegistry({ processMetrics: false }), log })
    const port = await server.start()
    const held = Array.from({ length: 600 }, () => connect(port, '127.0.0.1').on('error', () => undefined))
    await eventually('they are connected', () => held.every(({ connecting }) => !connecting))
    const probe = await fetch(`http://127.0.0.1:${port}/healthz`)
    expect([probe.status, probe.headers.get('connection')]).to.deep.equal([200, 'close'])
    await eventually('the oldest have given way', () => held.filter(({ closed }) => closed).length >= 600 - 256)
    for (const socket of held) socket.destroy()
    await server.stop()
  })
})
