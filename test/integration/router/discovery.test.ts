import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { KubeClient } from '../../../src/kube/client.ts'
import { ENDPOINT_SLICES } from '../../../src/kube/objects.ts'
import { createLog } from '../../../src/log.ts'
import { Discovery } from '../../../src/router-client/discovery.ts'
import { RouterFeed } from '../../../src/router-client/feed.ts'
import { encodeSnapshot } from '../../../src/stats/wire.ts'
import { selfSigned } from '../../support/certificate.ts'
import { eventually } from '../../support/wait.ts'
import { TestFleet } from './fleet.ts'
import { RouterProcess } from './router-process.ts'

const TOKEN = 'discovery-test-token'
const SERVING = { ready: true, serving: true, terminating: false }
const STARTING = { ready: false, serving: false, terminating: false }

describe('routers that are found by their Service', () => {
  let fleet: TestFleet
  let client: KubeClient
  let routers: RouterProcess[]
  let feed: RouterFeed
  let discovery: Discovery
  const changed: string[] = []

  before(async () => {
    fleet = await TestFleet.start()
    const { config, namespace, gateway } = fleet
    client = new KubeClient(config)
    const start = () => RouterProcess.start({ config, namespace, sandboxUrl: gateway.url, token: TOKEN })
    routers = await Promise.all([start(), start()])
    const log = createLog({ level: 'error' })
    feed = new RouterFeed({
      urls: [],
      hasOthers: true,
      access: { token: () => TOKEN },
      log,
      now: () => performance.now(),
      onChange: (agents) => changed.push(...agents.map(({ agent }) => agent)),
    })
    const service = { namespace, name: 'router' }
    discovery = new Discovery({ client, service, scheme: 'http', log, onRouters: (found) => feed.found(found) })
    feed.start()
  })
  after(async () => {
    feed.stop()
    await discovery.stop()
    await Promise.all(routers.map(async (router) => router.stop()))
    await client.close()
    await fleet.stop()
  })

  const url = (index: number) => new URL(routers[index]?.url ?? '')
  /** One slice a router, as each listens on a port of its own here. */
  const slice = async (index: number, conditions: object, service = 'router') => {
    const { port } = url(index)
    await client.apply(
      ENDPOINT_SLICES,
      {
        metadata: { name: `${service}-${index}`, namespace: fleet.namespace, labels: { 'kubernetes.io/service-name': service } },
        addressType: 'IPv4',
        ports: [{ name: 'http', port: Number(port), protocol: 'TCP' }],
        endpoints: [{ addresses: ['10.9.8.7'], conditions }],
      },
      { fieldManager: 'test', force: true },
    )
  }

  it('are not all known before the Service has been looked at', () => {
    expect([feed.connected, feed.shares(fleet.namespace, 's'), feed.urls]).to.deep.equal([false, {}, []])
  })

  it('are none where the Service has no endpoints: then nobody sends tasks', async () => {
    discovery.start()
    await eventually('the Service has been looked at', () => feed.shares(fleet.namespace, 's') === undefined)
    expect([feed.connected, feed.urls]).to.deep.equal([false, []])
  })

  it('are taken up as they appear, and those of other Services are not', async () => {
    await slice(1, SERVING, 'other')
    await slice(0, SERVING)
    await eventually('the first one is known', () => feed.urls.length === 1)
    expect(feed.urls).to.deep.equal([`http://10.9.8.7:${url(0).port}`])
  })

  describe('once they are connected', () => {
    before(() => feed.found([0, 1].map((i) => ({ url: url(i).origin, isServing: true }))))

    it('count all', async () => {
      await eventually('both are connected', () => feed.connected)
      expect(feed.urls).to.have.length(2)
    })

    it('are missed when they serve and are gone, until their endpoint is', async () => {
      await fleet.swarm('found')
      const agent = await fleet.agent('found', 'found-a')
      await fleet.drain(agent.name)
      await eventually('the agent has drained', () => feed.isDrained(fleet.namespace, agent.name))
      routers[1]?.signal('SIGKILL')
      await eventually('the loss is seen', () => !feed.connected)
      expect(feed.isDrained(fleet.namespace, agent.name), 'in doubt').to.equal(false)
      changed.length = 0
      feed.found([{ url: url(0).origin, isServing: true }])
      expect(feed.connected).to.equal(true)
      expect(feed.isDrained(fleet.namespace, agent.name)).to.equal(true)
      expect(changed, 'what was in doubt is looked at again').to.include(agent.name)
    })

    it('do not hold anything up while they start', () => {
      const [first, second] = [url(0).origin, url(1).origin]
      feed.found([
        { url: first, isServing: true },
        { url: second, isServing: false },
      ])
      expect([feed.connected, feed.urls]).to.deep.equal([true, [first]])
      feed.found([
        { url: first, isServing: true },
        { url: second, isServing: true },
      ])
      expect(feed.connected).to.equal(false)
    })
  })

  it('that only start are no routers to send tasks to', async () => {
    await slice(0, STARTING)
    await eventually('it is known that it starts', () => feed.urls.length === 0)
  })
})

describe('routers with certificates of their own', () => {
  const name = 'router.swarms.svc'
  const { cert, key } = selfSigned(name)
  let server: Server
  const authorizations: (string | undefined)[] = []
  before(async () => {
    server = createServer({ cert, key }, (request, response) => {
      authorizations.push(request.headers.authorization)
      response.writeHead(200)
      response.write(encodeSnapshot('r', [], []))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  })
  after(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })

  const connect = (tls: { ca: string; servername: string }, warnings: unknown[]) => {
    const feed = new RouterFeed({
      urls: [`https://127.0.0.1:${(server.address() as AddressInfo).port}`],
      access: { token: () => 'renewed', tls: () => tls },
      log: { info: () => undefined, warn: (_message, fields) => warnings.push(fields) },
      now: () => performance.now(),
      onChange: () => undefined,
    })
    feed.start()
    return feed
  }

  it('are known by the name of their Service, and get a token', async () => {
    const feed = connect({ ca: cert, servername: name }, [])
    try {
      await eventually('the router is connected', () => feed.connected)
      expect(authorizations).to.deep.equal(['Bearer renewed'])
    } finally {
      feed.stop()
    }
  })

  const strangers = {
    'another name': { ca: cert, servername: 'router.elsewhere.svc', why: 'ERR_TLS_CERT_ALTNAME_INVALID' },
    'an unknown issuer': { ca: selfSigned(name).cert, servername: name, why: 'SELF_SIGNED' },
  }
  for (const [title, { why, ...tls }] of Object.entries(strangers))
    it(`get nothing when they show ${title}`, async () => {
      const warnings: unknown[] = []
      const before = authorizations.length
      const feed = connect(tls, warnings)
      try {
        await eventually('the refusal is told', () => warnings.length > 0)
        expect(JSON.stringify(warnings)).to.contain(why)
        expect([feed.connected, authorizations.length]).to.deep.equal([false, before])
      } finally {
        feed.stop()
      }
    })
})
