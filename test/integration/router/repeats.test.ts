import { describe, it } from 'mocha'
import { expect } from 'chai'
import { eventually } from '../../support/wait.ts'
import { answer, type TestAgent } from './agents.ts'
import type { Reply } from './router-process.ts'
import { useRouter } from './suite.ts'

describe('repeats with the same idempotency key', () => {
  const suite = useRouter()

  /** A swarm with one agent that ends its tasks only when it is told to. */
  const holding = async (name: string) => {
    const held: (() => void)[] = []
    await suite.fleet.swarm(name, { routing: { retries: { attempts: 1 } } })
    const agent = await suite.fleet.agent(name, `${name}-a`)
    agent.work = (task, response) => void held.push(() => answer(response, 200, { output: { input: task.input } }))
    await suite.router.sees(name, 'the agent', (view) => view.agents[0]?.health === 'Healthy')
    return { agent, held, begun: (count: number) => eventually(`${count} tasks have begun`, () => agent.received.length === count) }
  }
  const swarm = async (name: string, work: TestAgent['work']) => {
    const { agent } = await holding(name)
    agent.work = work
    return agent
  }
  const send = (name: string, key: string, body: object = { input: 1 }, signal?: AbortSignal): Promise<Reply> =>
    suite.router.task(name, body, { headers: { 'idempotency-key': key }, ...(signal && { signal }) })
  const replayed = ({ headers }: Reply) => headers['idempotent-replayed']
  const repeats = async (name: string, result: string) => {
    const { text } = await suite.router.get('/metrics')
    const line = text.split('\n').find((one) => one.startsWith('swarmops_router_repeats_total{') && one.includes(`swarm="${name}"`) && one.includes(`result="${result}"`)) // prettier-ignore
    return Number(line?.split(' ').at(-1) ?? 0)
  }

  it('join the task while it runs, and all get its one answer', async () => {
    const { agent, held, begun } = await holding('joined')
    const first = send('joined', 'k')
    await begun(1)
    const others = [send('joined', 'k'), send('joined', 'k')]
    await eventually('two have joined', async () => (await repeats('joined', 'joined')) === 2)
    held.shift()?.()
    const replies = await Promise.all([first, ...others])
    expect(replies.map(({ status }) => status)).to.deep.equal([200, 200, 200])
    expect(replies.map(replayed)).to.deep.equal([undefined, 'true', 'true'])
    for (const { body } of replies) expect(body).to.deep.equal(replies[0]?.body)
    expect(agent.received.length).to.equal(1)
    expect((await suite.router.view('joined')).tasks).to.deep.equal({ done: 1, failed: 0 })
  })

  it('get the stored answer afterwards; other keys, and tasks without one, are tasks of their own', async () => {
    const agent = await swarm('stored', (task, response) => answer(response, 200, { output: { input: task.input } }))
    const first = await send('stored', 'k')
    const again = await send('stored', 'k')
    expect([again.status, again.body, replayed(again)]).to.deep.equal([200, first.body, 'true'])
    expect(again.headers['content-type']).to.equal('application/json')
    const other = await send('stored', 'other')
    expect([other.body.id === first.body.id, replayed(other)]).to.deep.equal([false, undefined])
    await suite.router.task('stored')
    await suite.router.task('stored')
    expect(agent.received.length).to.equal(4)
    expect(await repeats('stored', 'replayed')).to.equal(1)
  })

  it('are of one swarm: the same key for another swarm is another task', async () => {
    const agents = await Promise.all(
      ['one', 'two'].map((name) => swarm(name, (_task, response) => answer(response, 200, { output: name }))),
    )
    expect((await send('one', 'k')).body.output).to.equal('one')
    expect((await send('two', 'k')).body.output).to.equal('two')
    expect(agents.map((agent) => agent.received.length)).to.deep.equal([1, 1])
  })

  it('are refused when they ask for something else', async () => {
    const { agent, held, begun } = await holding('other')
    const first = send('other', 'k', { input: 1 })
    await begun(1)
    const during = await send('other', 'k', { input: 2 })
    expect([during.status, during.body.code]).to.deep.equal([422, 'IdempotencyKeyReused'])
    held.shift()?.()
    expect((await first).status).to.equal(200)
    const after_ = await send('other', 'k', { input: 2 })
    expect([after_.status, after_.body.code]).to.deep.equal([422, 'IdempotencyKeyReused'])
    const pinned = await suite.router.task('other', { input: 1 }, { headers: { 'idempotency-key': 'k', 'swarm-revision': 'r1' } })
    expect(pinned.body.code).to.equal('IdempotencyKeyReused')
    expect(agent.received.length).to.equal(1)
  })

  it('are done anew after a failure that is worth another try, and not after one that is final', async () => {
    let status = 500
    const agent = await swarm('failed', (_task, response) => answer(response, status, { output: 1 }))
    expect((await send('failed', 'k')).body.code).to.equal('AgentFailed')
    status = 200
    expect((await send('failed', 'k')).status).to.equal(200)
    expect(agent.received.length).to.equal(2)

    status = 422
    const rejected = await send('failed', 'rejected')
    status = 200
    const again = await send('failed', 'rejected')
    expect([again.status, again.body.code, again.body, replayed(again)]).to.deep.equal([422, 'TaskRejected', rejected.body, 'true'])
    expect(again.headers['content-type']).to.equal('application/problem+json')
    expect(agent.received.length).to.equal(3)

    agent.work = (_task, response) => void response.destroy()
    const unknown = await send('failed', 'unknown', { input: 1, idempotent: false })
    await suite.router.sees('failed', 'the agent again', (view) => view.agents[0]?.health === 'Healthy')
    const still = await send('failed', 'unknown', { input: 1, idempotent: false })
    expect([unknown.body.code, still.body.code, replayed(still)]).to.deep.equal(['OutcomeUnknown', 'OutcomeUnknown', 'true'])
    expect(agent.received.length).to.equal(4)
  })

  it('of what must not be done twice are never done anew once agents may have begun it, whatever came of it', async () => {
    const once = { input: 1, idempotent: false }
    await suite.fleet.swarm('voted', { routing: { strategy: 'Consensus', queue: { timeout: '100ms' } } })
    expect((await send('voted', 'early', once)).body.reason).to.equal('NoQuorum')
    const voters = await Promise.all(['a', 'b', 'c'].map((letter) => suite.fleet.agent('voted', `voted-${letter}`)))
    for (const voter of voters) voter.work = (_task, response) => answer(response, 200, { output: { choice: voter.name } })
    await suite.router.sees('voted', 'all voters', (view) => view.agents.filter(({ health }) => health === 'Healthy').length === 3)
    const tied = await send('voted', 'tied', once)
    const again = await send('voted', 'tied', once)
    expect([tied.body.reason, again.body, replayed(again)]).to.deep.equal(['Tie', tied.body, 'true'])
    expect(voters.map(({ received }) => received.length)).to.deep.equal([1, 1, 1])
    const first = await send('voted', 'early', once)
    expect([first.body.reason, replayed(first)]).to.deep.equal(['Tie', undefined])
  })

  it('keep the task alive when its first client goes away, and the last one takes it along', async () => {
    const { agent, held, begun } = await holding('left')
    const gone = new AbortController()
    const first = send('left', 'k', { input: 1 }, gone.signal).catch((error: unknown) => error)
    await begun(1)
    const second = send('left', 'k')
    await eventually('one has joined', async () => (await repeats('left', 'joined')) === 1)
    gone.abort()
    expect(await first).to.be.instanceOf(Error)
    await eventually('the router has seen it go', async () =>
      /^swarmops_router_open_tasks 1$/m.test((await suite.router.get('/metrics')).text),
    )
    expect((await suite.router.view('left')).agents[0]?.inFlight).to.equal(1)
    held.shift()?.()
    expect((await second).status).to.equal(200)

    const late = new AbortController()
    const alone = send('left', 'other', { input: 1 }, late.signal).catch((error: unknown) => error)
    await begun(2)
    late.abort()
    expect(await alone).to.be.instanceOf(Error)
    await suite.router.sees('left', 'no task', (view) => view.agents[0]?.inFlight === 0)
    held.length = 0
    const anew = send('left', 'other')
    await begun(3)
    held.shift()?.()
    expect([(await anew).status, agent.received.length]).to.deep.equal([200, 3])
  })

  it('learn that an agent may have begun what must not be done twice, when the client went away', async () => {
    const { agent, begun } = await holding('once')
    const gone = new AbortController()
    const task = { input: 1, idempotent: false }
    const first = send('once', 'k', task, gone.signal).catch((error: unknown) => error)
    await begun(1)
    gone.abort()
    expect(await first).to.be.instanceOf(Error)
    await suite.router.sees('once', 'no task', (view) => view.agents[0]?.inFlight === 0)
    const again = await send('once', 'k', task)
    expect([again.status, again.body.code, replayed(again), agent.received.length]).to.deep.equal([502, 'OutcomeUnknown', 'true', 1])
    expect((await suite.router.view('once')).tasks).to.deep.equal({ done: 0, failed: 1 })
  })

  it('are forgotten with their swarm', async () => {
    const agent = await swarm('again', (_task, response) => answer(response, 200, { output: 1 }))
    await send('again', 'k')
    await suite.fleet.removeSwarm('again')
    await eventually('the swarm is gone', async () => (await suite.router.get(suite.router.path('again'))).status === 404)
    await suite.fleet.swarm('again')
    await suite.router.sees('again', 'the swarm again', (view) => view.agents[0]?.health === 'Healthy')
    expect((await send('again', 'k')).status).to.equal(200)
    expect(agent.received.length).to.equal(2)
  })
})
