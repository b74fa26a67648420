import { describe, it } from 'mocha'
import { expect } from 'chai'
import { eventually } from '../../support/wait.ts'
import { answer } from './agents.ts'
import { useRouter } from './suite.ts'

describe('tasks through the router', () => {
  const suite = useRouter(['--max-in-flight', '64'])

  it('are answered by agents in turn, each with its share', async () => {
    await suite.fleet.swarm('turns', { routing: { strategy: 'RoundRobin' } })
    for (const name of ['turns-a', 'turns-b', 'turns-c']) await suite.fleet.agent('turns', name)
    await suite.healthy('turns', 3)
    const counts: Record<string, number> = {}
    for (let i = 0; i < 30; i++) {
      const { status, body } = await suite.router.task('turns', { input: { i } })
      expect([status, body.output?.input, body.output?.by]).to.deep.equal([200, { i }, body.agent])
      counts[body.agent ?? ''] = (counts[body.agent ?? ''] ?? 0) + 1
    }
    expect(counts).to.deep.equal({ 'turns-a': 10, 'turns-b': 10, 'turns-c': 10 })
  })

  it('carry what agents need to know, and tell clients where they were done', async () => {
    await suite.fleet.swarm('facts', { groups: [{ name: 'lead', capabilities: ['plan'] }] })
    const agent = await suite.fleet.agent('facts', 'facts-a', { group: 'lead' })
    await suite.healthy('facts', 1)
    const trace = '0af7651916cd43dd8448eb211c80319c'
    const headers = { traceparent: `00-${trace}-b7ad6b7169203331-01`, 'idempotency-key': 'mine' }
    const { body } = await suite.router.task('facts', { input: 'x', capability: 'plan', timeout: '5s' }, { headers })
    const [task] = agent.received
    expect([task?.id, task?.input, task?.capability, task?.attempt, task?.epoch]).to.deep.equal([body.id, 'x', 'plan', 1, 0])
    expect(task?.headers['idempotency-key']).to.equal('mine')
    expect(task?.headers['traceparent']).to.match(new RegExp(`^00-${trace}-[0-9a-f]{16}-01$`))
    expect(Number(task?.headers['swarm-timeout-ms'])).to.be.within(1, 5_000)
    expect([body.group, body.revision, body.agent]).to.deep.equal(['lead', 'r1', 'facts-a'])
    expect(body.attempts?.map(({ agent: name, outcome, status }) => [name, outcome, status])).to.deep.equal([['facts-a', 'Done', 200]])
    expect(body.timings?.queuedMs).to.equal(0)
  })

  it('follow the weights exactly, keep sessions, and can be pinned to a revision', async () => {
    await suite.fleet.swarm('weights', {}, { r1: 95, r2: 5 })
    await suite.fleet.agent('weights', 'weights-1')
    await suite.fleet.agent('weights', 'weights-2', { revision: 'r2' })
    await suite.fleet.agent('weights', 'weights-3', { revision: 'r3' })
    await suite.healthy('weights', 3)
    const counts: Record<string, number> = {}
    for (let i = 0; i < 100; i++) {
      const { body } = await suite.router.task('weights')
      counts[body.revision ?? ''] = (counts[body.revision ?? ''] ?? 0) + 1
    }
    expect(counts).to.deep.equal({ r1: 95, r2: 5 })
    const pinned = await suite.router.task('weights', { input: 1 }, { headers: { 'swarm-revision': 'r3' } })
    expect([pinned.status, pinned.body.agent]).to.deep.equal([200, 'weights-3'])
    const unknown = await suite.router.task('weights', { input: 1 }, { headers: { 'swarm-revision': 'r9' } })
    expect([unknown.status, unknown.body.code]).to.deep.equal([404, 'RevisionNotFound'])
    const keys = Array.from({ length: 40 }, (_, i) => `k${i}`)
    const revisionsOf = async () =>
      Promise.all(keys.map(async (sessionKey) => (await suite.router.task('weights', { input: 1, sessionKey })).body.revision))
    const onCanary = (await revisionsOf()).flatMap((revision, i) => (revision === 'r2' ? [i] : []))
    await suite.fleet.weigh('weights', { r1: 50, r2: 50 })
    await suite.router.sees('weights', 'the new weights', (view) => view.weights.some((weight) => weight.percent === 50))
    const later = await revisionsOf()
    expect(onCanary.filter((i) => later[i] !== 'r2')).to.deep.equal([])
    expect(new Set(later)).to.deep.equal(new Set(['r1', 'r2']))
  })

  it('go to agents with the capability, or fail at once when nobody has it', async () => {
    await suite.fleet.swarm('skills', { groups: [{ name: 'pairs', capabilities: ['pairs'] }, { name: 'other' }] })
    await suite.fleet.agent('skills', 'skills-p', { group: 'pairs' })
    await suite.fleet.agent('skills', 'skills-o', { group: 'other' })
    await suite.healthy('skills', 2)
    for (let i = 0; i < 6; i++)
      expect((await suite.router.task('skills', { input: i, capability: 'pairs' })).body.agent).to.equal('skills-p')
    const { status, headers, body } = await suite.router.task('skills', { input: 1, capability: 'flying' })
    expect([status, headers['content-type'], body.code]).to.deep.equal([404, 'application/problem+json', 'NoAgentWithCapability'])
    expect(body.detail).to.contain('use one of pairs')
    expect(body.taskId).to.be.a('string')
  })

  it('carry the access token of the sandbox', async () => {
    await suite.fleet.swarm('closed')
    await suite.fleet.tokens('closed', { 'closed-a': 'secret-token' })
    await suite.fleet.agent('closed', 'closed-a', { token: 'secret-token' })
    await suite.healthy('closed', 1)
    expect((await suite.router.task('closed')).status).to.equal(200)
    expect(suite.router.log).to.not.contain('secret-token')
    await suite.fleet.swarm('locked')
    await suite.fleet.agent('locked', 'locked-a', { token: 'late-token' })
    await suite.healthy('locked', 1)
    const early = suite.router.task('locked', { input: 1, idempotent: false })
    await suite.router.sees('locked', 'that it has no token', (view) => view.agents[0]?.health === 'Unreachable')
    await suite.fleet.tokens('locked', { 'locked-a': 'late-token' })
    expect((await early).status).to.equal(200)
  })

  it('wait while all agents are busy, in their order, and are refused beyond the bounds', async () => {
    await suite.fleet.swarm('full', {
      template: { sandboxTemplate: 'base', command: ['x'], maxConcurrentTasks: 1 },
      routing: { queue: { maxPending: 2, timeout: '3s' } },
    })
    const agent = await suite.fleet.agent('full', 'full-a')
    await suite.healthy('full', 1)
    const held: (() => void)[] = []
    agent.work = (task, response) => void held.push(() => answer(response, 200, { output: { by: 'full-a', input: task.input } }))
    const first = suite.router.task('full', { input: 'first' })
    await suite.router.sees('full', 'the first task', (view) => view.agents[0]?.inFlight === 1)
    const second = suite.router.task('full', { input: 'second' })
    await suite.router.sees('full', 'one waiting', (view) => view.queue.length === 1)
    const third = suite.router.task('full', { input: 'third' })
    await suite.router.sees('full', 'two waiting', (view) => view.queue.length === 2)
    const refused = await suite.router.task('full', { input: 'fourth' })
    expect([refused.status, refused.body.code, refused.headers['retry-after']]).to.deep.equal([429, 'QueueFull', '1'])
    // The router counts a task from when it sends it: the agent may not have it yet.
    const release = async () => (await eventually('the agent has a task', () => held.shift()))()
    await release()
    const done = await first
    expect(done.body.output?.input, JSON.stringify(done.body)).to.equal('first')
    await suite.router.sees('full', 'the second task begun', (view) => view.queue.length === 1 && view.agents[0]?.inFlight === 1)
    const late = await third
    expect([late.status, late.body.code]).to.deep.equal([429, 'QueueTimeout'])
    await release()
    const next = await second
    expect([next.status, next.body.output?.input]).to.deep.equal([200, 'second'])
    expect(next.body.timings?.queuedMs).to.be.greaterThan(0)
  })

  it('wait for the first agent of a swarm, and fail when none comes', async () => {
    await suite.fleet.swarm('empty', { routing: { queue: { timeout: '20s' } } })
    await suite.router.sees('empty', 'the swarm', () => true)
    const waiting = suite.router.task('empty')
    await suite.router.sees('empty', 'one waiting', (view) => view.queue.length === 1)
    await suite.fleet.agent('empty', 'empty-a')
    expect((await waiting).status).to.equal(200)
    await suite.fleet.swarm('none', { routing: { queue: { timeout: '100ms' } } })
    await suite.router.sees('none', 'the swarm', () => true)
    const { status, body } = await suite.router.task('none')
    expect([status, body.code]).to.deep.equal([503, 'NoAgentReady'])
    expect((await suite.router.task('unknown')).body.code).to.equal('SwarmNotFound')
  })

  it('end when their swarm is deleted while they wait', async () => {
    await suite.fleet.swarm('going')
    await suite.router.sees('going', 'the swarm', () => true)
    const waiting = suite.router.task('going')
    await suite.router.sees('going', 'one waiting', (view) => view.queue.length === 1)
    await suite.fleet.removeSwarm('going')
    expect((await waiting).body.code).to.equal('SwarmNotFound')
  })

  it('stop at their agent when the client goes away', async () => {
    await suite.fleet.swarm('cancelled')
    const agent = await suite.fleet.agent('cancelled', 'cancelled-a')
    await suite.healthy('cancelled', 1)
    const cut = new Promise<void>((resolve) => (agent.work = (_task, response) => void response.on('close', resolve)))
    const abort = new AbortController()
    const task = suite.router.task('cancelled', { input: 1 }, { signal: abort.signal }).catch((error: unknown) => error)
    await suite.router.sees('cancelled', 'the task', (view) => view.agents[0]?.inFlight === 1)
    abort.abort()
    await cut
    expect(await task).to.be.instanceOf(Error)
    const view = await suite.router.sees('cancelled', 'no task', (seen) => seen.agents[0]?.inFlight === 0)
    expect(view.agents[0]).to.include({ health: 'Healthy', failed: 0 })
  })

  it('are refused with what is wrong and what to do, when they are not well made', async () => {
    await suite.fleet.swarm('strict')
    await suite.fleet.agent('strict', 'strict-a')
    await suite.healthy('strict', 1)
    const path = suite.router.path('strict', '/tasks')
    const cases = {
      'not JSON': [await suite.router.raw('POST', path, { body: '{' }), 400, 'InvalidJson'],
      'too deep': [await suite.router.raw('POST', path, { body: '['.repeat(200_000) }), 400, 'InvalidJson'],
      'no input': [await suite.router.raw('POST', path, { body: '{}' }), 400, 'InvalidTask'],
      'too large': [await suite.router.raw('POST', path, { body: Buffer.alloc(2 * 1024 * 1024, 0x20) }), 413, 'BodyTooLarge'],
      'too long a path': [await suite.router.raw('GET', `/${'x'.repeat(3_000)}`), 414, 'UrlTooLong'],
      'too large headers': [await suite.router.raw('GET', '/healthz', { headers: { x: 'y'.repeat(20_000) } }), 431, 'HeadersTooLarge'],
      'wrong method': [await suite.router.raw('GET', path), 405, 'MethodNotAllowed'],
      'wrong path': [await suite.router.raw('GET', '/v1/tasks'), 404, 'NotFound'],
      'odd name': [await suite.router.raw('GET', '/v1/namespaces/..%2f/swarms/x'), 404, 'NotFound'],
      'statistics without a token': [await suite.router.raw('GET', '/internal/stats'), 403, 'Forbidden'],
    } as const
    for (const [name, [reply, status, code]] of Object.entries(cases)) {
      expect([reply.status, reply.body.code, reply.headers['content-type']], name).to.deep.equal([status, code, 'application/problem+json'])
    }
    expect((await suite.router.task('strict')).status).to.equal(200)
  })

  it('are bounded in their number', async () => {
    await suite.fleet.swarm('many', { template: { sandboxTemplate: 'base', command: ['x'], maxConcurrentTasks: 100 } })
    const agent = await suite.fleet.agent('many', 'many-a')
    await suite.healthy('many', 1)
    const held: (() => void)[] = []
    agent.work = (_task, response) => void held.push(() => answer(response, 200, { output: 1 }))
    const tasks = Array.from({ length: 64 }, () => suite.router.task('many'))
    await suite.router.sees('many', '64 tasks', (view) => view.agents[0]?.inFlight === 64 && held.length === 64)
    const refused = await suite.router.task('many')
    expect([refused.status, refused.body.code]).to.deep.equal([429, 'TooManyTasks'])
    for (const release of held) release()
    expect((await Promise.all(tasks)).filter((reply) => reply.status !== 200)).to.deep.equal([])
  })

  it('are seen in the list, the stream of the live view, and the metrics', async () => {
    await suite.fleet.swarm('seen')
    await suite.fleet.agent('seen', 'seen-a')
    await suite.healthy('seen', 1)
    const stream = await fetch(suite.router.url + suite.router.path('seen', '/events'))
    const reader = stream.body?.pipeThrough(new TextDecoderStream()).getReader()
    let text = ''
    const until = async (pattern: RegExp) => {
      while (!pattern.test(text)) text += (await reader?.read())?.value ?? ''
    }
    await until(/"done":0,"failed":0/)
    await suite.router.task('seen')
    await until(/"agent":"seen-a".*"done":1,"failed":0/)
    await reader?.cancel()
    const list = JSON.parse((await suite.router.get(`/v1/namespaces/${suite.fleet.namespace}/swarms`)).text) as {
      swarms: { name: string; done: number }[]
    }
    expect(list.swarms.find((swarm) => swarm.name === 'seen')?.done).to.equal(1)
    const metrics = (await suite.router.get('/metrics')).text
    const labels = `namespace="${suite.fleet.namespace}",swarm="seen",group="",revision="r1",outcome="Done"`
    expect(metrics).to.contain(`swarmops_router_tasks_total{${labels}} 1`)
  })

  it('leave no metrics of a swarm that is gone, also when they and the probes of its agents end after it', async () => {
    await suite.fleet.swarm('fleeting')
    const agent = await suite.fleet.agent('fleeting', 'fleeting-a')
    await suite.healthy('fleeting', 1)
    const held: (() => void)[] = []
    agent.work = (_task, response) => void held.push(() => answer(response, 200, { output: 1 }))
    const task = suite.router.task('fleeting')
    await eventually('the agent has it', () => held.length === 1)
    await suite.fleet.removeSwarm('fleeting')
    await eventually('the swarm is gone', async () => (await suite.router.get(suite.router.path('fleeting'))).status === 404)
    const probes = agent.probes
    await eventually('the agent is probed', () => agent.probes > probes + 1)
    held[0]?.()
    expect((await task).status).to.equal(200)
    expect((await suite.router.get('/metrics')).text).to.not.contain('swarm="fleeting"')
  })
})
