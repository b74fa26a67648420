import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import type { Guard } from '../../../src/api/swarm-status.ts'
import { RouterFeed } from '../../../src/router-client/feed.ts'
import { eventually } from '../../support/wait.ts'
import { answer, type TestAgent } from './agents.ts'
import { TestFleet } from './fleet.ts'
import { STAGES, holding, makeRing, stageAgent } from './ring.ts'
import { RouterProcess, type Reply } from './router-process.ts'

const TOKEN = 'guard-test-token'
const GUARD: Guard = { run: 'g1', revision: 'r2', stable: 'r1', maxErrorPercent: 20, minSamples: 4, window: '60s' }
const EVEN = { r1: 50, r2: 50 }

/** Circuits that stay closed and a budget for every retry, so that only the guard keeps tasks away. */
const ROUTING = { circuitBreaker: { consecutiveFailures: 100 }, retries: { attempts: 3, budgetPercent: 100 } }

const fails = (agent: TestAgent) => {
  agent.work = (_task, response) => answer(response, 500, { error: 'bad revision' })
}

describe('a revision that is guarded', () => {
  let fleet: TestFleet
  let routers: RouterProcess[]
  let feed: RouterFeed
  const changes: string[] = []

  before(async () => {
    fleet = await TestFleet.start()
    const { config, namespace, gateway } = fleet
    const start = () => RouterProcess.start({ config, namespace, sandboxUrl: gateway.url, token: TOKEN })
    routers = await Promise.all([start(), start()])
    feed = new RouterFeed({
      urls: routers.map((router) => router.url),
      access: { token: () => TOKEN },
      log: { info: () => undefined, warn: () => undefined },
      now: () => performance.now(),
      onChange: () => undefined,
      onSwarmChange: (_namespace, swarm) => changes.push(swarm),
    })
    feed.start()
    await eventually('the feed is connected', () => feed.connected)
  })
  after(async () => {
    feed.stop()
    await Promise.all(routers.map((router) => router.stop()))
    await fleet.stop()
  })

  const router = (index: number): RouterProcess => {
    const found = routers[index]
    if (!found) throw new Error(`there is no router ${index}`)
    return found
  }

  /** A swarm with one agent of each revision, as all routers see it. */
  async function pair(
    name: string,
    options: { guard?: Guard; template?: object; routing?: object; weights?: Record<string, number> } = {},
  ) {
    const { guard, template = {}, routing = {}, weights = EVEN } = options
    await fleet.swarm(name, { routing: { ...ROUTING, ...routing }, template }, weights)
    await fleet.guard(name, guard)
    const good = await fleet.agent(name, `${name}-good`)
    const bad = await fleet.agent(name, `${name}-bad`, { revision: 'r2' })
    for (const each of routers) {
      await each.sees(
        name,
        'both agents and the guard',
        ({ agents, guard: seen, weights: inForce }) =>
          agents.filter(({ health }) => health === 'Healthy').length === 2 &&
          seen?.run === guard?.run &&
          inForce.length === Object.keys(weights).length,
      )
    }
    return { good, bad }
  }

  /** Sends tasks one after the other; returns the revisions that answered, and checks that all were answered well. */
  async function send(name: string, count: number, { by = 0, sessionKey }: { by?: number; sessionKey?: string } = {}): Promise<string[]> {
    const revisions: string[] = []
    for (let i = 0; i < count; i++) {
      const { status, body } = await router(by).task(name, { input: i, ...(sessionKey !== undefined && { sessionKey }) })
      expect(status, body.detail).to.equal(200)
      revisions.push(body.revision ?? '')
    }
    return revisions
  }

  const isTripped = async (name: string, by = 0) => (await router(by).view(name)).guard?.tripped

  it('gets nothing more after the response that decides it, and no client sees a failure', async () => {
    const { good, bad } = await pair('cut', { guard: GUARD })
    fails(bad)
    expect(new Set(await send('cut', 30))).to.deep.equal(new Set(['r1']))
    expect([bad.received.length, good.received.length]).to.deep.equal([4, 30])
    const { weights, guard } = await router(0).view('cut')
    expect(weights).to.deep.equal([{ revision: 'r1', percent: 100 }])
    const message = '4 of 4 attempts failed, more than 20 %'
    expect(guard).to.deep.equal({ run: 'g1', revision: 'r2', stable: 'r1', failed: 4, samples: 4, tripped: true, message })
    expect(router(0).log).to.contain('"guard tripped"')
    expect((await router(0).get('/metrics')).text).to.match(/swarmops_router_guard_trips_total\{[^}]*swarm="cut"\} 1/)
    const pinned = await router(0).task('cut', { input: 1 }, { headers: { 'swarm-revision': 'r2' } })
    expect([pinned.status, bad.received.length > 4]).to.deep.equal([502, true])
  })

  it('gets none of the tasks that wait, and none of the retries', async () => {
    const { good, bad } = await pair('wait', { guard: { ...GUARD, minSamples: 1 }, template: { maxConcurrentTasks: 2 } })
    const held: (() => void)[] = []
    bad.work = (_task, response) => void held.push(() => answer(response, 500, {}))
    good.work = (task, response) => void held.push(() => answer(response, 200, { output: { by: good.name, input: task.input } }))
    const replies: Promise<Reply>[] = Array.from({ length: 12 }, (_, input) => router(0).task('wait', { input }))
    await router(0).sees('wait', 'eight waiting tasks', ({ queue }) => queue.length === 8)
    await eventually('four tasks are with agents', () => held.length === 4)
    good.work = (task, response) => answer(response, 200, { output: { by: good.name, input: task.input } })
    for (const release of held) release()
    expect((await Promise.all(replies)).map(({ status, body }) => [status, body.revision])).to.deep.equal(
      Array.from({ length: 12 }, () => [200, 'r1']),
    )
    expect(bad.received).to.have.length(2)
  })

  it('fails a task once at most: it is repeated on the stable revision, although others of the new one are free', async () => {
    const { good, bad } = await pair('repeat', {
      guard: { ...GUARD, minSamples: 1_000 },
      weights: { r1: 5, r2: 95 },
      routing: { retries: { attempts: 3, budgetPercent: 0 } },
    })
    const others: TestAgent[] = []
    for (const n of [1, 2, 3]) others.push(await fleet.agent('repeat', `repeat-bad-${n}`, { revision: 'r2' }))
    await router(0).sees('repeat', 'all agents', ({ agents }) => agents.filter(({ health }) => health === 'Healthy').length === 5)
    for (const agent of [bad, ...others]) fails(agent)
    expect(new Set(await send('repeat', 20))).to.deep.equal(new Set(['r1']))
    expect(good.received).to.have.length(20)
    expect([bad, ...others].reduce((sum, agent) => sum + agent.received.length, 0)).to.equal(19)
  })

  it('keeps no session', async () => {
    const { bad } = await pair('session', { guard: GUARD })
    let sessionKey = ''
    for (let i = 0; sessionKey === ''; i++) if ((await send('session', 1, { sessionKey: `k${i}` }))[0] === 'r2') sessionKey = `k${i}`
    fails(bad)
    await send('session', 20)
    expect(await isTripped('session')).to.equal(true)
    const before = bad.received.length
    expect(new Set(await send('session', 5, { sessionKey }))).to.deep.equal(new Set(['r1']))
    expect(bad.received).to.have.length(before)
  })

  it('that works well keeps its share', async () => {
    const { bad } = await pair('well', { guard: GUARD })
    await send('well', 20)
    expect([bad.received.length, await isTripped('well')]).to.deep.equal([10, false])
  })

  it('is cut off by each router by itself, and the operator hears of each', async () => {
    const { bad } = await pair('two', { guard: GUARD })
    const { namespace } = fleet
    await eventually('the weights are told', () => feed.shares(namespace, 'two')?.['r2']?.least === 50)
    fails(bad)
    changes.length = 0
    await send('two', 10)
    await eventually('the trip is told', () => feed.trips(namespace, 'two').length === 1)
    expect(changes).to.deep.equal(['two'])
    expect(feed.trips(namespace, 'two')).to.deep.equal([{ run: 'g1', message: '4 of 4 attempts failed, more than 20 %' }])
    expect(feed.shares(namespace, 'two')).to.deep.equal({ r1: { least: 50, most: 100 }, r2: { least: 0, most: 50 } })
    expect(await isTripped('two', 1)).to.equal(false)
    await send('two', 10, { by: 1 })
    await eventually('the other trip is told', () => feed.trips(namespace, 'two').length === 2)
    expect(feed.shares(namespace, 'two')).to.deep.equal({ r1: { least: 100, most: 100 } })
    expect(bad.received).to.have.length(8)
  })

  it('stays cut off whatever the weights become, until another run begins or nothing is guarded any more', async () => {
    const { bad } = await pair('again', { guard: GUARD })
    fails(bad)
    await send('again', 10)
    expect(await isTripped('again')).to.equal(true)
    await fleet.swarm('again', { routing: { ...ROUTING, queue: { maxPending: 7 } } }, { r1: 10, r2: 90 })
    await router(0).sees('again', 'the other settings', ({ queue }) => queue.maxPending === 7)
    await fleet.guard('again', { ...GUARD, maxErrorPercent: 90 })
    await send('again', 5)
    expect(bad.received).to.have.length(4)

    await fleet.guard('again', { ...GUARD, run: 'g2' })
    await router(0).sees('again', 'the new run', ({ guard, weights }) => guard?.run === 'g2' && !guard.tripped && weights.length === 2)
    await send('again', 10)
    expect([bad.received.length, await isTripped('again')]).to.deep.equal([8, true])

    await fleet.guard('again', undefined)
    await router(0).sees('again', 'no guard', ({ guard, weights }) => guard === undefined && weights.length === 2)
    bad.work = (task, response) => answer(response, 200, { output: { by: bad.name, input: task.input } })
    expect((await send('again', 10)).filter((revision) => revision === 'r2')).to.have.length(9)
  })

  const sees = (name: string, count: number) =>
    router(0).sees(name, `${count} agents`, ({ agents }) => agents.filter(({ health }) => health === 'Healthy').length === count)

  it('leads no more', async () => {
    const groups = [{ name: 'lead', role: 'Coordinator' }, { name: 'work' }]
    await fleet.swarm('led', { groups, topology: { type: 'Hierarchical' }, routing: ROUTING }, EVEN)
    const bad = await fleet.agent('led', 'led-bad', { group: 'lead', revision: 'r2' })
    await fleet.agent('led', 'led-good', { group: 'lead', place: 1 })
    for (const revision of ['r1', 'r2']) await fleet.agent('led', `led-work-${revision}`, { group: 'work', revision })
    await fleet.settle('led', 'led-bad', 1_000_000_000)
    await sees('led', 4)
    fails(bad)
    await fleet.guard('led', { ...GUARD, minSamples: 2 })
    await router(0).sees('led', 'the guard', ({ guard }) => guard !== undefined)
    for (let input = 0; input < 3; input++) await router(0).task('led', { input })
    expect(bad.received).to.have.length(2)
    await router(0).sees('led', 'another leader', ({ topology }) => topology?.leader === 'led-good')
    expect(new Set(await send('led', 3))).to.deep.equal(new Set(['r1']))
  })

  it('gets no stage of a ring any more, also of tasks that are on their way', async () => {
    await makeRing({ fleet, router: router(0) }, 'ring', { agents: { score: 1 }, routing: ROUTING })
    for (const group of STAGES) await stageAgent(fleet, 'ring', { group, number: 1, revision: 'r2' })
    await fleet.weigh('ring', EVEN)
    await fleet.guard('ring', { ...GUARD, maxErrorPercent: 0, minSamples: 1 })
    await sees('ring', 6)
    await router(0).sees('ring', 'guard and weights', ({ guard, weights }) => guard !== undefined && weights.length === 2)
    const first = fleet.agentOf('ring-clean-1-r2')
    const { held, release } = holding(first)
    const onItsWay = [1, 2].map(() => router(0).task('ring', { input: {} }))
    await eventually('a task is at the first stage of the revision', () => held.length === 1)
    const pinned = { headers: { 'swarm-revision': 'r2' } }
    fails(fleet.agentOf('ring-judge-1-r2'))
    const failed = router(0).task('ring', { input: {} }, pinned)
    await eventually('both are there', () => held.length === 2)
    held.splice(1)[0]?.()
    await router(0).sees('ring', 'the trip', ({ guard }) => guard?.tripped === true)
    release()
    const revisions = (await Promise.all(onItsWay)).map(({ body }) => body.stages?.map(({ revision }) => revision).join(' '))
    expect(new Set(revisions)).to.deep.equal(new Set(['r1 r1 r1', 'r2 r1 r1']))
    expect((await failed).status).to.equal(502)
  })

  it('has exactly its share: 5 of 100 tasks, also while agents come, and with two routers one more or less', async () => {
    const { bad } = await pair('exact', { guard: GUARD, weights: { r1: 95, r2: 5 } })
    await send('exact', 50)
    await fleet.agent('exact', 'exact-more', { place: 1 })
    await router(0).sees('exact', 'three agents', ({ agents }) => agents.length === 3)
    await send('exact', 50)
    expect(bad.received).to.have.length(5)
    await pair('both', { weights: { r1: 95, r2: 5 } })
    const revisions: string[] = []
    for (let i = 0; i < 50; i++) for (const by of [0, 1]) revisions.push(...(await send('both', 1, { by })))
    expect(revisions.filter((revision) => revision === 'r2').length).to.be.within(4, 6)
  })

  it('keeps its sessions while its weight grows', async () => {
    await pair('grows', { guard: GUARD, weights: { r1: 95, r2: 5 } })
    const keys = Array.from({ length: 60 }, (_, i) => `k${i}`)
    let before = new Set<string>()
    for (const r2 of [5, 25, 50, 100]) {
      await fleet.weigh('grows', { r1: 100 - r2, r2 })
      await router(0).sees('grows', `${r2} %`, ({ weights }) =>
        weights.some(({ revision, percent }) => revision === 'r2' && percent === r2),
      )
      const now = new Set<string>()
      for (const sessionKey of keys) if ((await send('grows', 1, { sessionKey }))[0] === 'r2') now.add(sessionKey)
      expect([...before].filter((key) => !now.has(key))).to.deep.equal([])
      expect(now.size).to.be.above(before.size)
      before = now
    }
    expect(before.size).to.equal(keys.length)
  })
})
