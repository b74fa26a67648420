import { describe, it } from 'mocha'
import { expect } from 'chai'
import { eventually } from '../../support/wait.ts'
import { answer } from './agents.ts'
import type { Reply } from './router-process.ts'
import { useRouter } from './suite.ts'

describe('agents that fail under the router', () => {
  const suite = useRouter()

  /** Sends tasks from several clients until told to stop; returns all answers. */
  const load = (swarm: string, clients: number) => {
    const replies: Reply[] = []
    let isOver = false
    const running = Promise.all(
      Array.from({ length: clients }, async (_, client) => {
        for (let i = 0; !isOver; i++) replies.push(await suite.router.task(swarm, { input: `${client}-${i}` }))
      }),
    )
    return {
      replies,
      stop: async () => {
        isOver = true
        await running
        return replies
      },
    }
  }

  it('lose no task when all but one are killed under load', async () => {
    await suite.fleet.swarm('killed')
    const agents = await Promise.all(['a', 'b', 'c', 'd'].map((name) => suite.fleet.agent('killed', `killed-${name}`)))
    await suite.healthy('killed', 4)
    const { replies, stop } = load('killed', 8)
    for (const agent of agents.slice(1)) {
      const before = replies.length
      await agent.kill()
      await suite.router.sees('killed', `${agent.name} out`, (view) =>
        view.agents.some((a) => a.agent === agent.name && a.health === 'Unreachable'),
      )
      await suite.router.sees('killed', 'more tasks done', () => replies.length > before + 20)
    }
    const all = await stop()
    expect(all.filter((reply) => reply.status !== 200).map((reply) => reply.body)).to.deep.equal([])
    expect(all.at(-1)?.body.agent).to.equal('killed-a')
  })

  it('are found when they hang, and their tasks go elsewhere', async () => {
    await suite.fleet.swarm('hung', { template: { readiness: { interval: '250ms', timeout: '250ms' } } })
    for (const name of ['a', 'b', 'c']) await suite.fleet.agent('hung', `hung-${name}`)
    await suite.healthy('hung', 3)
    const { replies, stop } = load('hung', 6)
    await suite.router.sees('hung', 'tasks done', () => replies.length > 30)
    suite.fleet.gateway.freeze('sbx-hung-a')
    await suite.router.sees(
      'hung',
      'the frozen agent out',
      (view) => view.agents[0]?.health === 'Unreachable' && view.agents[0].inFlight === 0,
    )
    const all = await stop()
    expect(all.filter((reply) => reply.status !== 200).map((reply) => reply.body)).to.deep.equal([])
    const hung = all.flatMap((reply) => reply.body.attempts ?? []).filter((attempt) => attempt.outcome === 'Hung')
    expect(hung).to.not.have.length(0)
    expect(Math.max(...hung.map((attempt) => attempt.durationMs))).to.be.lessThan(3_000)
    suite.fleet.gateway.thaw('sbx-hung-a')
    await suite.healthy('hung', 3)
  })

  it('are tried with another agent after an error of their own, and left out when they go on', async () => {
    await suite.fleet.swarm('sick', { routing: { strategy: 'RoundRobin', circuitBreaker: { consecutiveFailures: 3, openFor: '300ms' } } })
    const [sick] = await Promise.all(['a', 'b', 'c'].map((name) => suite.fleet.agent('sick', `sick-${name}`)))
    await suite.healthy('sick', 3)
    if (sick) sick.work = (_task, response) => answer(response, 500, { error: 'x' })
    let retried: Reply | undefined
    for (let i = 0; i < 12; i++) {
      const reply = await suite.router.task('sick', { input: i })
      expect(reply.status).to.equal(200)
      if ((reply.body.attempts?.length ?? 0) > 1) retried = reply
    }
    expect(retried?.body.attempts?.map(({ agent, outcome, status }) => [agent, outcome, status])[0]).to.deep.equal([
      'sick-a',
      'AgentError',
      500,
    ])
    expect((await suite.router.view('sick')).agents[0]).to.include({ health: 'CircuitOpen' })
    const keys = sick?.received.map((task) => task.headers['idempotency-key'] === task.id)
    expect(new Set(keys)).to.deep.equal(new Set([true]))
    const ejected = /^swarmops_router_agents_ejected\{[^}]*swarm="sick"\} 0$/m
    await eventually('its time is up, also where no task comes', async () => ejected.test((await suite.router.get('/metrics')).text))
    if (sick) sick.work = (task, response) => answer(response, 200, { output: task.input })
    await suite.router.sees('sick', 'the circuit closed by a real task', (view) => {
      void suite.router.task('sick')
      return view.agents[0]?.health === 'Healthy'
    })
  })

  it('may put a task off without blame', async () => {
    await suite.fleet.swarm('later')
    const [busy] = await Promise.all(['a', 'b'].map((name) => suite.fleet.agent('later', `later-${name}`)))
    await suite.healthy('later', 2)
    if (busy) busy.work = (_task, response) => answer(response, 503, {}, { 'retry-after': '1' })
    for (let i = 0; i < 6; i++) expect((await suite.router.task('later', { input: i })).body.agent).to.equal('later-b')
    expect((await suite.router.view('later')).agents[0]).to.include({ health: 'Healthy', failed: 0 })
  })

  it('may put a task off until there is time for it', async () => {
    await suite.fleet.swarm('alone')
    const agent = await suite.fleet.agent('alone', 'alone-a')
    await suite.healthy('alone', 1)
    agent.work = (task, response) => {
      if (task.attempt === 1) answer(response, 429, {}, { 'retry-after': '1' })
      else answer(response, 200, { output: 1 })
    }
    const { status, body } = await suite.router.task('alone', { input: 1, idempotent: false })
    expect([status, body.attempts?.map((attempt) => attempt.outcome)]).to.deep.equal([200, ['NotNow', 'Done']])
    expect(body.timings?.queuedMs).to.be.greaterThan(500)
  })

  it('may reject a task, which is then not sent again', async () => {
    await suite.fleet.swarm('rejected')
    const agents = await Promise.all(['a', 'b'].map((name) => suite.fleet.agent('rejected', `rejected-${name}`)))
    await suite.healthy('rejected', 2)
    for (const agent of agents) agent.work = (_task, response) => answer(response, 422, { why: 'no such series' })
    const { status, body } = await suite.router.task('rejected')
    expect([status, body.code, body.agentStatus, body.answer]).to.deep.equal([422, 'TaskRejected', 422, { why: 'no such series' }])
    expect(agents.reduce((sum, agent) => sum + agent.received.length, 0)).to.equal(1)
  })

  it('leave the outcome of a task unknown that must not be sent twice', async () => {
    await suite.fleet.swarm('once')
    const agents = await Promise.all(['a', 'b'].map((name) => suite.fleet.agent('once', `once-${name}`)))
    await suite.healthy('once', 2)
    for (const agent of agents) agent.work = (_task, response) => void response.destroy()
    const { status, body } = await suite.router.task('once', { input: 1, idempotent: false })
    expect([status, body.code, body.attempts?.length]).to.deep.equal([502, 'OutcomeUnknown', 1])
    expect(agents.reduce((sum, agent) => sum + agent.received.length, 0)).to.equal(1)
  })

  it('may be sent such a task when the one before cannot have begun it', async () => {
    await suite.fleet.swarm('unbegun', { routing: { strategy: 'RoundRobin' } })
    await Promise.all(['a', 'b'].map((name) => suite.fleet.agent('unbegun', `unbegun-${name}`)))
    await suite.healthy('unbegun', 2)
    suite.fleet.gateway.lose('sbx-unbegun-a')
    const outcomes = new Set<string | undefined>()
    for (let i = 0; i < 4; i++) {
      const { status, body } = await suite.router.task('unbegun', { input: i, idempotent: false })
      expect([status, body.agent]).to.deep.equal([200, 'unbegun-b'])
      outcomes.add(body.attempts?.[0]?.outcome)
    }
    expect(outcomes).to.include('SandboxUnreachable')
  })

  it('do not use up the attempts of a task when they are gone', async () => {
    await suite.fleet.swarm('lost', { routing: { strategy: 'RoundRobin', retries: { attempts: 1 } } })
    const names = ['a', 'b', 'c', 'd']
    await Promise.all(names.map((name) => suite.fleet.agent('lost', `lost-${name}`)))
    await suite.healthy('lost', 4)
    for (const name of names.slice(0, 3)) suite.fleet.gateway.lose(`sbx-lost-${name}`)
    const { status, body } = await suite.router.task('lost', { input: 1, idempotent: false })
    expect([status, body.agent]).to.deep.equal([200, 'lost-d'])
  })

  it('do not hold a task beyond its time', async () => {
    await suite.fleet.swarm('slow')
    const agent = await suite.fleet.agent('slow', 'slow-a')
    await suite.healthy('slow', 1)
    agent.work = () => undefined
    const { status, body } = await suite.router.task('slow', { input: 1, timeout: '200ms' })
    expect([status, body.code, body.attempts?.[0]?.outcome]).to.deep.equal([504, 'TaskTimeout', 'Timeout'])
    const once = await suite.router.task('slow', { input: 1, timeout: '200ms', idempotent: false })
    expect([once.status, once.body.code]).to.deep.equal([502, 'OutcomeUnknown'])
  })

  it('that nobody ever had say so: none was ready, or all were busy', async () => {
    await suite.fleet.swarm('absent')
    await suite.router.sees('absent', 'the swarm', () => true)
    const absent = await suite.router.task('absent', { input: 1, timeout: '150ms' })
    expect([absent.status, absent.body.code]).to.deep.equal([504, 'TaskTimeout'])
    const { namespace } = suite.fleet
    expect(absent.body.detail).to.equal(
      `the task waited 150 ms for an agent of swarm ${namespace}/absent and got none (0 ready); kubectl swarm status -n ${namespace} absent says why`,
    )

    await suite.fleet.swarm('engaged', { template: { maxConcurrentTasks: 1 } })
    const agents = await Promise.all(['a', 'b'].map((name) => suite.fleet.agent('engaged', `engaged-${name}`)))
    await suite.healthy('engaged', 2)
    const held: (() => void)[] = []
    for (const agent of agents) agent.work = (_task, response) => void held.push(() => answer(response, 200, { output: 1 }))
    const working = agents.map(() => suite.router.task('engaged'))
    await suite.router.sees('engaged', 'both at work', (view) => view.agents.every(({ inFlight }) => inFlight === 1))
    const { body } = await suite.router.task('engaged', { input: 1, timeout: '150ms' })
    expect([body.code, body.attempts]).to.deep.equal(['TaskTimeout', []])
    expect(body.detail).to.match(
      /^the task waited 150 ms for an agent of swarm \S+ and got none \(2 ready, all busy\); send fewer tasks at once,/,
    )
    await eventually('both have come to their agents', () => held.length === 2)
    for (const release of held) release()
    expect((await Promise.all(working)).map(({ status }) => status)).to.deep.equal([200, 200])
  })

  it('are given up when none is left, and say what happened', async () => {
    await suite.fleet.swarm('broken', { routing: { retries: { attempts: 2 } } })
    const agents = await Promise.all(['a', 'b', 'c'].map((name) => suite.fleet.agent('broken', `broken-${name}`)))
    await suite.healthy('broken', 3)
    for (const agent of agents) agent.work = (_task, response) => answer(response, 200, { result: 'no output' })
    const { status, body } = await suite.router.task('broken')
    expect([status, body.code]).to.deep.equal([502, 'AgentFailed'])
    expect(body.attempts?.map((attempt) => attempt.outcome)).to.deep.equal(['InvalidAnswer', 'InvalidAnswer'])
    expect(new Set(body.attempts?.map((attempt) => attempt.agent)).size).to.equal(2)
  })

  it('may not answer without bound', async () => {
    await suite.fleet.swarm('huge')
    const agent = await suite.fleet.agent('huge', 'huge-a')
    await suite.healthy('huge', 1)
    agent.work = (_task, response) => void response.writeHead(200).end(Buffer.alloc(9 * 1024 * 1024, 0x20))
    const { status, body } = await suite.router.task('huge')
    expect([status, body.code]).to.deep.equal([502, 'AnswerTooLarge'])
  })
})
