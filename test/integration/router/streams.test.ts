import { createServer, type Server, type ServerResponse } from 'node:http'
import { connect, type TcpNetConnectOpts } from 'node:net'
import { describe, it } from 'mocha'
import { expect } from 'chai'
import type { Call } from '../../../src/router/call.ts'
import { Front, type Routes } from '../../../src/router/front.ts'
import { LiveViews } from '../../../src/router/live-view.ts'
import { StatsHub } from '../../../src/router/stats-hub.ts'
import { endStream } from '../../../src/router/streams.ts'
import { SwarmEntry } from '../../../src/router/swarm-entry.ts'
import { World } from '../../../src/router/world.ts'
import { eventually } from '../../support/wait.ts'
import { useRouter } from './suite.ts'

const get = (path: string) => `GET ${path} HTTP/1.1\r\nHost: r\r\n\r\n`

/** A connection that asks for this, and what came back on it. */
function ask(port: number, text: string, options: Partial<TcpNetConnectOpts> = {}) {
  const asked = { socket: connect({ port, host: '127.0.0.1', ...options }), received: '' }
  asked.socket.on('error', () => undefined) // it is cut off
  asked.socket.on('data', (chunk: Buffer) => (asked.received += chunk.toString('latin1')))
  asked.socket.write(text)
  return asked
}

describe('streams of a router', () => {
  const suite = useRouter()

  it('end with their swarm, also one that waits behind another on its connection', async () => {
    const { fleet, router } = suite
    for (const swarm of ['first', 'second']) {
      await fleet.swarm(swarm)
      await fleet.agent(swarm, `${swarm}-a`)
      await suite.healthy(swarm, 1)
    }
    const both = ['first', 'second'].map((swarm) => get(router.path(swarm, '/events'))).join('')
    const { socket } = ask(Number(new URL(router.url).port), both)
    await eventually('the streams are open', async () => {
      const other = await fetch(router.url + router.path('first', '/events'))
      await other.body?.cancel()
      return other.status === 200 && socket.bytesRead > 0
    })
    await fleet.removeSwarm('second')
    await eventually('the swarm is gone', async () => (await router.get(router.path('second'))).status === 404)
    await fleet.removeAgent('second-a')
    await eventually('the connection is closed', () => socket.destroyed)
    expect((await router.task('first')).status).to.equal(200)
  })
})

describe('a reader of a stream', () => {
  const now = () => performance.now()
  const nothing = () => undefined

  const unused = { task: nothing, swarms: nothing, swarm: nothing, stats: nothing, metrics: nothing, health: nothing }

  /** A front that serves streams of swarm `s` by this, and never answers about `held`. */
  async function frontOf(serve: (response: ServerResponse) => void) {
    const broken: unknown[] = []
    let served = 0
    let server: Server | undefined
    const routes: Routes = {
      ...unused,
      events: ({ swarm }, response) => {
        if (swarm === 'held') return
        serve(response)
        served += 1
      },
      broken: (error) => broken.push(error),
    }
    const front = new Front(routes, (options, listener) => (server = createServer(options, listener)))
    const port = await front.listen('127.0.0.1', 0)
    const connections = () => new Promise<number>((resolve) => server?.getConnections((_error, count) => resolve(count)))
    return {
      port,
      broken,
      isServed: async () => eventually('it is served', () => served === 1),
      isCutOff: async () => eventually('it is cut off', async () => (await connections()) === 0, { timeoutMs: 8_000 }),
      stop: async () => front.close(),
    }
  }
  const stream = get('/v1/namespaces/n/swarms/s/events')
  /** None of it is sent before what was asked for first. */
  const behind = get('/v1/namespaces/n/swarms/held/events') + stream

  it('that has ended gets nothing more, and is cut off when it does not take the end', async () => {
    const views = new LiveViews(now)
    const entry = new SwarmEntry<Call>('n', 's')
    const { port, isServed, isCutOff, broken, stop } = await frontOf((response) => {
      views.serve(entry, response)
      endStream(response)
    })
    ask(port, behind)
    await isServed()
    entry.version += 1
    await isCutOff()
    expect(broken).to.deep.equal([])
    views.stop()
    await stop()
  })

  it('is forgotten when the swarm goes, whatever changes afterwards', async () => {
    const views = new LiveViews(now)
    const entry = new SwarmEntry<Call>('n', 's')
    const { port, isServed, isCutOff, broken, stop } = await frontOf((response) => views.serve(entry, response))
    ask(port, behind)
    await isServed()
    views.swarmGone(entry)
    entry.version += 1
    await isCutOff()
    expect(broken).to.deep.equal([])
    await stop()
  })

  it('of the statistics gets nothing after their end either', async () => {
    const hub = new StatsHub(new World<Call>({ sandboxUrl: 'http://g', now }), 'router', now)
    const { port, isServed, isCutOff, broken, stop } = await frontOf((response) => {
      hub.serve(response)
      endStream(response)
    })
    ask(port, behind)
    await isServed()
    hub.tell(new SwarmEntry<Call>('n', 's'))
    await isCutOff()
    expect(broken).to.deep.equal([])
    hub.stop()
    await stop()
  })

  it('ends no router when an answer fails', async () => {
    const { port, broken, stop } = await frontOf((response) => response.end().write('more'))
    ask(port, stream)
    await eventually('it is told', () => broken.length === 1)
    expect(broken[0]).to.have.property('code', 'ERR_STREAM_WRITE_AFTER_END')
    await stop()
  })

  it('that is refused as malformed is cut off, although it leaves its own side open', async () => {
    const { port, isCutOff, stop } = await frontOf(nothing)
    const asked = ask(port, 'nonsense\r\n\r\n', { allowHalfOpen: true })
    await eventually('it is refused', () => asked.received.startsWith('HTTP/1.1 400 '))
    await isCutOff()
    asked.socket.destroy()
    await stop()
  })
})
