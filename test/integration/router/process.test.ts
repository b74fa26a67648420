import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import { eventually } from '../../support/wait.ts'
import { RouterFeed } from '../../../src/router-client/feed.ts'
import { answer, type TestAgent } from './agents.ts'
import { ApiRelay, TestFleet } from './fleet.ts'
import { RouterProcess, type Reply } from './router-process.ts'

const silent = { info: () => undefined, warn: () => undefined }
const now = () => performance.now()

describe('the process of the router', () => {
  let fleet: TestFleet
  const start = (options: { token?: string; server?: string } = {}) =>
    RouterProcess.start({ config: fleet.config, namespace: fleet.namespace, sandboxUrl: fleet.gateway.url, ...options })
  before(async () => {
    fleet = await TestFleet.start()
  })
  after(() => fleet.stop())

  it('loses no task when it is asked to stop under load', async () => {
    await fleet.swarm('stopped')
    const agents = await Promise.all(['a', 'b'].map((name) => fleet.agent('stopped', `stopped-${name}`)))
    const held: (() => void)[] = []
    for (const agent of agents)
      agent.work = (task, response) => void held.push(() => answer(response, 200, { output: { input: task.input } }))
    const router = await start()
    await router.sees('stopped', 'both agents', (view) => view.agents.length === 2)
    // Eight run, eight wait.
    const tasks = Array.from({ length: 16 }, (_, i) => router.task('stopped', { input: i }))
    await router.sees('stopped', 'eight running and eight waiting', (view) => view.queue.length === 8 && held.length === 8)
    router.signal('SIGTERM')
    await eventually('the router is not ready any more', async () => (await router.get('/readyz')).status === 503)
    const late = await router.task('stopped')
    expect([late.status, late.body.code, late.headers['connection']]).to.deep.equal([503, 'ShuttingDown', 'close'])
    const release = setInterval(() => held.shift()?.(), 5)
    const replies = await Promise.all(tasks)
    clearInterval(release)
    expect(replies.map((reply) => [reply.status, reply.body.output?.input])).to.deep.equal(replies.map((_, i) => [200, i]))
    expect(await router.exited).to.equal(0)
  })

  it('takes tasks for as long as others may still send them, and sends each client away with its answer', async () => {
    await fleet.swarm('handed')
    await fleet.agent('handed', 'handed-a')
    const { config, namespace, gateway } = fleet
    const router = await RouterProcess.start({ config, namespace, sandboxUrl: gateway.url, args: ['--shutdown-delay-seconds', '5'] })
    await router.sees('handed', 'the agent', (view) => view.agents.length === 1)
    const before = await router.task('handed')
    router.signal('SIGTERM')
    await eventually('the router is not ready any more', async () => (await router.get('/readyz')).status === 503)
    const late = await router.task('handed')
    expect([before, late].map(({ status, headers }) => [status, headers['connection']])).to.deep.equal([
      [200, 'keep-alive'],
      [200, 'close'],
    ])
    expect(await router.exited).to.equal(0)
  })

  it('answers every task when its agents do not end in time', async () => {
    await fleet.swarm('stuck')
    const agent = await fleet.agent('stuck', 'stuck-a')
    agent.work = () => undefined
    const { config, namespace, gateway } = fleet
    const router = await RouterProcess.start({ config, namespace, sandboxUrl: gateway.url, args: ['--drain-seconds', '1'] })
    await router.sees('stuck', 'the agent', (view) => view.agents.length === 1)
    const tasks = [router.task('stuck'), router.task('stuck', { input: 1, idempotent: false })]
    await router.sees('stuck', 'the tasks', (view) => view.agents[0]?.inFlight === 2)
    router.signal('SIGTERM')
    const replies = await Promise.all(tasks)
    expect(replies.map(({ status, body }) => [status, body.code])).to.deep.equal([
      [503, 'ShuttingDown'],
      [502, 'OutcomeUnknown'],
    ])
    expect(replies[1]?.body.detail).to.contain('agent stuck-a may have begun the task')
    expect(await router.exited).to.equal(0)
  })

  it('keeps serving while the API server is away, and takes up what changed when it is back', async () => {
    await fleet.swarm('alone')
    await fleet.agent('alone', 'alone-a')
    const relay = new ApiRelay(fleet.config.getCurrentCluster()?.server ?? '')
    await relay.open()
    const router = await start({ server: `https://127.0.0.1:${relay.port}` })
    await router.sees('alone', 'the agent', (view) => view.agents[0]?.health === 'Healthy')
    await relay.close()
    const replies: Reply[] = []
    for (let i = 0; i < 50; i++) replies.push(await router.task('alone', { input: i }))
    expect(replies.map((reply) => reply.status)).to.deep.equal(replies.map(() => 200))
    expect((await router.get('/readyz')).status).to.equal(200)
    await fleet.agent('alone', 'alone-b')
    await relay.open()
    await router.sees('alone', 'the second agent', (view) => view.agents[1]?.health === 'Healthy')
    await router.stop()
    await relay.close()
  })

  it('says so when its port is taken', async () => {
    const { config, namespace, gateway } = fleet
    const port = new URL(gateway.url).port
    const router = RouterProcess.launch({ config, namespace, sandboxUrl: gateway.url, args: ['--port', port] })
    expect(await router.exited).to.equal(1)
    expect(router.log).to.contain('choose another port with --port')
    await router.stop()
  })

  describe('tells the operator', () => {
    const token = 'internal-test-token'
    let routers: RouterProcess[]
    let feed: RouterFeed
    let agents: TestAgent[]
    const changed: string[] = []
    before(async () => {
      await fleet.swarm('told')
      agents = await Promise.all(['a', 'b'].map((name) => fleet.agent('told', `told-${name}`)))
      routers = await Promise.all([start({ token }), start({ token })])
      feed = new RouterFeed({
        urls: routers.map((router) => router.url),
        access: { token: () => token },
        log: silent,
        now,
        onChange: (list) => changed.push(...list.map((agent) => agent.agent)),
      })
      feed.start()
      await eventually('the feed is connected', () => feed.connected)
    })
    after(async () => {
      feed.stop()
      await Promise.all(routers.map((router) => router.stop()))
    })

    it('nothing without the right token', async () => {
      const cases = { none: undefined, wrong: 'Bearer x', basic: `Basic ${token}` }
      for (const [name, authorization] of Object.entries(cases)) {
        const reply = await fetch(`${routers[0]?.url}/internal/stats`, authorization === undefined ? {} : { headers: { authorization } })
        expect(reply.status, name).to.equal(401)
        await reply.body?.cancel()
      }
    })

    it('that an agent which never had a task is drained', async () => {
      const idle = await fleet.agent('told', 'told-idle')
      await eventually('the agent is known', () => changed.includes(idle.name))
      expect(feed.isDrained(fleet.namespace, idle.name)).to.equal(false)
      await fleet.drain(idle.name)
      await eventually('the drain is over', () => feed.isDrained(fleet.namespace, idle.name))
    })

    it('how many tasks an agent has over all routers, and when the last one of a drain is done', async () => {
      const [a, b] = agents
      const held: (() => void)[] = []
      for (const agent of agents)
        agent.work = (task, response) => void held.push(() => answer(response, 200, { output: { by: agent.name, input: task.input } }))
      const tasks = routers.flatMap((router) => [1, 2, 3, 4].map((input) => router.task('told', { input })))
      const sum = () => feed.inFlight(fleet.namespace, a?.name ?? '') + feed.inFlight(fleet.namespace, b?.name ?? '')
      await eventually('eight tasks are told', () => sum() === 8 && held.length === 8)
      await fleet.drain(a?.name ?? '')
      for (const router of routers) {
        await router.sees('told', 'the drain', (view) =>
          view.agents.some((agent) => agent.agent === a?.name && agent.health === 'Draining'),
        )
      }
      expect(feed.isDrained(fleet.namespace, a?.name ?? '')).to.equal(false)
      const tasksOfA = a?.received.length
      for (const release of held) release()
      for (const agent of agents) agent.work = (task, response) => answer(response, 200, { output: { by: agent.name, input: task.input } })
      expect((await Promise.all(tasks)).every((reply) => reply.status === 200)).to.equal(true)
      await eventually('the drain is over', () => feed.isDrained(fleet.namespace, a?.name ?? ''))
      for (const router of routers) for (let i = 0; i < 5; i++) expect((await router.task('told')).body.agent).to.equal(b?.name)
      expect(a?.received.length).to.equal(tasksOfA)
    })

    it('is not believed about drains while one router is away', async () => {
      const [first, second] = routers
      await fleet.drain('told-b')
      await eventually('the drain is over', () => feed.isDrained(fleet.namespace, 'told-b'))
      await second?.stop()
      await eventually('the feed notices', () => !feed.connected)
      expect(feed.isDrained(fleet.namespace, 'told-b')).to.equal(false)
      routers = first ? [first] : []
    })
  })
})
