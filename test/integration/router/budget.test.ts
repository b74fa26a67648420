import { describe, it } from 'mocha'
import { expect } from 'chai'
import { eventually } from '../../support/wait.ts'
import { answer, type TestAgent } from './agents.ts'
import { useRouter } from './suite.ts'

/** Retries of ten seconds that are allowed whatever the budget is. */
const LEAST_RETRIES = 100

describe('what a router does not let happen', () => {
  const suite = useRouter()
  const metric = async (name: string, swarm: string) => {
    const { text } = await suite.router.get('/metrics')
    const line = text.split('\n').find((one) => one.startsWith(`swarmops_router_${name}{`) && one.includes(`swarm="${swarm}"`))
    return Number(line?.split(' ').at(-1) ?? 0)
  }
  const failing: TestAgent['work'] = (_task, response) => answer(response, 500, {})
  const many = async (swarm: string, count: number) => {
    const replies = []
    for (let i = 0; i < count; i += 20) replies.push(...(await Promise.all(Array.from({ length: 20 }, () => suite.router.task(swarm)))))
    return replies
  }

  it('retries beyond the budget: the failure is told instead, and tasks of lost agents go on', async () => {
    const template = { sandboxTemplate: 'base', command: ['x'], maxConcurrentTasks: 100 }
    const routing = { strategy: 'RoundRobin', circuitBreaker: { consecutiveFailures: 1000 }, retries: { budgetPercent: 0 } }
    await suite.fleet.swarm('spent', { template, routing })
    const [sick] = await Promise.all(['a', 'b'].map((name) => suite.fleet.agent('spent', `spent-${name}`)))
    await suite.healthy('spent', 2)
    if (sick) sick.work = failing
    const replies = await many('spent', 400)
    const given = replies.filter(({ status }) => status !== 200)
    expect(new Set(given.map(({ status, body }) => `${status} ${body.code} ${body.attempts?.length}`))).to.deep.equal(
      new Set(['502 AgentFailed 1']),
    )
    expect(given[0]?.body.detail).to.match(/it was not tried again, the retry budget is spent \(spec.routing.retries.budgetPercent is 0\)/)
    expect(await metric('retries_over_budget_total', 'spent')).to.equal(given.length)
    const retries = await metric('retries_total', 'spent')
    expect(retries).to.be.within(LEAST_RETRIES, LEAST_RETRIES * 3)
    expect(sick?.received.length).to.equal(retries + given.length)

    await sick?.kill()
    const later = await many('spent', 40)
    expect(later.filter(({ status }) => status !== 200)).to.deep.equal([])
  })

  it('a retry too few where the budget is large enough', async () => {
    const template = { sandboxTemplate: 'base', command: ['x'], maxConcurrentTasks: 100 }
    const routing = { strategy: 'RoundRobin', circuitBreaker: { consecutiveFailures: 1000 }, retries: { budgetPercent: 100 } }
    await suite.fleet.swarm('enough', { template, routing })
    const [sick] = await Promise.all(['a', 'b'].map((name) => suite.fleet.agent('enough', `enough-${name}`)))
    await suite.healthy('enough', 2)
    if (sick) sick.work = failing
    expect((await many('enough', 400)).filter(({ status }) => status !== 200)).to.deep.equal([])
    expect(await metric('retries_over_budget_total', 'enough')).to.equal(0)
  })

  it('tasks waiting in vain: one whose turn would come too late is refused at once', async () => {
    const template = { sandboxTemplate: 'base', command: ['x'], maxConcurrentTasks: 1 }
    await suite.fleet.swarm('late', { template, routing: { queue: { timeout: '20s' } } })
    const agent = await suite.fleet.agent('late', 'late-a')
    await suite.healthy('late', 1)
    // The agent works 50 ms on a task until it is told to stay with one.
    const held: (() => void)[] = []
    let isHolding = false
    agent.work = (task, response) => {
      const end = () => answer(response, 200, { output: task.input })
      if (isHolding) held.push(end)
      else setTimeout(end, 50)
    }
    for (let i = 0; i < 5; i++) expect((await suite.router.task('late')).status).to.equal(200)
    isHolding = true
    const first = suite.router.task('late')
    await eventually('the agent is busy', () => held.length === 1)
    const waiting = [suite.router.task('late', { input: 'second', timeout: '15s' }), suite.router.task('late', { input: 'third' })]
    await suite.router.sees('late', 'two waiting', (view) => view.queue.length === 2)
    const { status, headers, body } = await suite.router.task('late', { input: 1, timeout: '40ms' })
    expect([status, body.code, headers['retry-after'], body.attempts]).to.deep.equal([429, 'WouldTimeOut', '1', undefined])
    expect(body.detail).to.match(/would come in about \d+ ms, behind 2 tasks, and it may wait 40 ms/)
    isHolding = false
    held.shift()?.()
    expect((await Promise.all([first, ...waiting])).map((reply) => reply.status)).to.deep.equal([200, 200, 200])
    // What a task has waited is not left to the agent.
    const second = agent.received.find(({ input }) => input === 'second')
    const queuedMs = (await waiting[0])?.body.timings?.queuedMs ?? 0
    expect(queuedMs).to.be.greaterThan(0)
    expect(Number(second?.headers['swarm-timeout-ms'])).to.be.within(1, Math.ceil(15_000 - queuedMs) + 1)
  })

  it('an answer that cannot be written again: what nests too deeply is invalid, and the router goes on', async () => {
    await suite.fleet.swarm('deep', { routing: { retries: { attempts: 1 } } })
    const agent = await suite.fleet.agent('deep', 'deep-a')
    await suite.healthy('deep', 1)
    const well = agent.work
    agent.work = (_task, response) => void response.writeHead(200).end(`{"output": ${'['.repeat(1e5)}${']'.repeat(1e5)}}`)
    const { status, body } = await suite.router.task('deep')
    expect([status, body.code, body.attempts?.[0]?.outcome]).to.deep.equal([502, 'AgentFailed', 'InvalidAnswer'])
    expect(body.detail).to.contain('its answer nests deeper than 100 levels')
    agent.work = (_task, response) => void response.writeHead(400).end('['.repeat(2_000) + ']'.repeat(2_000))
    expect((await suite.router.task('deep')).body.code).to.equal('TaskRejected')
    agent.work = well
    expect((await suite.router.task('deep')).status).to.equal(200)
  })
})
