import { afterEach, beforeEach, describe, it } from 'mocha'
import { expect } from 'chai'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { RouterFeed } from '../../../src/router-client/feed.ts'
import { encodeFrame, encodeSnapshot, type AgentStats, type SwarmStats } from '../../../src/stats/wire.ts'
import { eventually } from '../../support/wait.ts'

const stats = (over: Partial<AgentStats> = {}): AgentStats => ({
  namespace: 'n',
  swarm: 's',
  agent: 'a',
  uid: 'u',
  inFlight: 1,
  draining: false,
  done: 0,
  failed: 0,
  ...over,
})

describe('the feed from routers that misbehave', () => {
  let server: Server
  let streams: ServerResponse[]
  let feed: RouterFeed
  let nowMs: number
  const logged: string[] = []
  const changed: string[] = []
  const swarms: string[] = []
  const words: string[] = []
  beforeEach(async () => {
    streams = []
    nowMs = 0
    logged.length = 0
    changed.length = 0
    swarms.length = 0
    words.length = 0
    server = createServer((_request, response) => {
      response.writeHead(200)
      response.flushHeaders()
      streams.push(response)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    feed = new RouterFeed({
      urls: [`http://127.0.0.1:${(server.address() as AddressInfo).port}`],
      access: { token: () => 't' },
      log: { info: (message) => logged.push(message), warn: (message) => logged.push(message) },
      now: () => nowMs,
      random: () => 0,
      onSwarmChange: (_namespace, swarm) => words.push(swarm),
      onChange: (agents) => changed.push(...agents.map((agent) => agent.agent)),
      onSwarms: (told) => swarms.push(...told.map(({ swarm }) => swarm)),
    })
    feed.start()
  })
  afterEach(async () => {
    feed.stop()
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  const stream = async (count: number) => {
    await eventually(`connection ${count}`, () => streams.length >= count)
    return streams[count - 1]
  }

  it('is not connected before a whole snapshot has come', async () => {
    const first = await stream(1)
    first?.write(encodeFrame({ v: 1, type: 'snapshot', router: 'r', more: true, agents: [stats()], swarms: [] }))
    first?.write(encodeFrame({ v: 1, type: 'heartbeat' }))
    expect([feed.connected, feed.inFlight('n', 'a')]).to.deep.equal([false, 0])
    first?.write(encodeSnapshot('r', [], []))
    await eventually('the feed is connected', () => feed.connected)
    expect(feed.inFlight('n', 'a')).to.equal(1)
  })

  const broken = {
    'a line that is not JSON': 'nonsense\n',
    'a line of another version': '{"v":9}\n',
    'a line without end': 'x'.repeat(5 * 1024 * 1024),
  }
  for (const [name, text] of Object.entries(broken)) {
    it(`connects again after ${name}, and believes nothing meanwhile`, async () => {
      const first = await stream(1)
      first?.write(encodeSnapshot('r', [stats()], []))
      await eventually('the feed is connected', () => feed.connected)
      first?.write(text)
      await eventually('the connection is given up', () => !feed.connected)
      expect([feed.inFlight('n', 'a'), changed]).to.deep.equal([0, ['a', 'a']])
      const second = await stream(2)
      second?.write(encodeSnapshot('r2', [stats({ draining: true, inFlight: 0 })], []))
      await eventually('the drain is seen', () => feed.isDrained('n', 'a'))
      expect(logged).to.deep.equal(['router connected', 'router not connected', 'router connected'])
    })
  }

  it('does not believe a router that has fallen silent', async () => {
    const first = await stream(1)
    first?.write(encodeSnapshot('r', [stats({ draining: true, inFlight: 0 })], []))
    await eventually('the drain is seen', () => feed.isDrained('n', 'a'))
    nowMs += 6_000
    expect([feed.connected, feed.isDrained('n', 'a')]).to.deep.equal([false, false])
    first?.write(encodeFrame({ v: 1, type: 'heartbeat' }))
    await eventually('the feed is connected again', () => feed.connected)
  })

  it('tells how many tasks wait for a swarm and its groups, and how long the oldest has waited by now', async () => {
    const first = await stream(1)
    expect(feed.waiting('n', 's', '')).to.equal(undefined)
    const groups = [{ group: 'lead', queued: 2, oldestMs: 100 }]
    const shared = [{ groups: ['lead', 'pairs'], queued: 1 }]
    first?.write(encodeSnapshot('r', [], [{ namespace: 'n', swarm: 's', queued: 3, oldestMs: 400, groups, shared, revisions: [] }]))
    await eventually('the swarm is told', () => swarms.length === 1)
    nowMs += 1_000
    expect(feed.waiting('n', 's', '')).to.deep.equal({ queued: 3, oldestMs: 1_400, shared: [] })
    expect(feed.waiting('n', 's', 'lead')).to.deep.equal({ queued: 2, oldestMs: 1_100, shared })
    expect(feed.waiting('n', 's', 'other')).to.deep.equal({ queued: 0, oldestMs: 0, shared: [] })
    first?.write(encodeFrame({ v: 1, type: 'delta', swarms: [{ namespace: 'n', swarm: 's', queued: 4, revisions: [] }] }))
    await eventually('the change is told', () => swarms.length === 2)
    expect(feed.waiting('n', 's', '')).to.deep.equal({ queued: 4, oldestMs: 0, shared: [] })
    first?.end()
    await eventually('the loss is told', () => swarms.length === 3)
    expect(feed.waiting('n', 's', '')).to.equal(undefined)
  })

  const word = (percent: number): SwarmStats => ({
    namespace: 'n',
    swarm: 's',
    queued: 0,
    revisions: [],
    shares: [{ revision: 'r2', percent }],
    ...(percent === 0 && { trip: { run: 'g1', message: 'too many' } }),
  })

  it('knows which shares are in force and which guards have tripped, and forgets both with the connection', async () => {
    const first = await stream(1)
    expect([feed.shares('n', 's'), feed.trips('n', 's')]).to.deep.equal([{}, []])
    first?.write(encodeSnapshot('r', [], [word(25)]))
    await eventually('the first word', () => words.length === 1)
    expect([feed.shares('n', 's'), feed.trips('n', 's')]).to.deep.equal([{ r2: { least: 25, most: 25 } }, []])
    first?.write(encodeFrame({ v: 1, type: 'delta', swarms: [word(0)] }))
    await eventually('the trip', () => words.length === 2)
    expect(feed.shares('n', 's')).to.deep.equal({ r2: { least: 0, most: 0 } })
    expect(feed.trips('n', 's')).to.deep.equal([{ run: 'g1', message: 'too many' }])
    first?.destroy()
    await eventually('the loss', () => words.length === 3)
    expect([feed.shares('n', 's'), feed.trips('n', 's')]).to.deep.equal([{}, []])
    const second = await stream(2)
    second?.write(encodeSnapshot('r', [], [word(0), { namespace: 'n', swarm: 'older', queued: 0, revisions: [] }]))
    await eventually('the same word again', () => words.length === 4)
    expect(feed.trips('n', 's')).to.have.length(1)
    expect(words).to.deep.equal(['s', 's', 's', 's'])
  })

  it('knows no shares where there is no router', () => {
    const none = new RouterFeed({
      urls: [],
      access: { token: () => '' },
      log: { info: () => 0, warn: () => 0 },
      now: () => 0,
      onChange: () => undefined,
    })
    expect([none.shares('n', 's'), none.trips('n', 's')]).to.deep.equal([undefined, []])
  })
})
