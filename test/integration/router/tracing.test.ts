import { after, before, beforeEach, describe, it } from 'mocha'
import { expect } from 'chai'
import { OtlpReceiver, type ReceivedSpan } from '../../support/otlp-receiver.ts'
import { eventually } from '../../support/wait.ts'
import { answer, type TestAgent } from './agents.ts'
import { TestFleet } from './fleet.ts'
import { RouterProcess } from './router-process.ts'
import { makeTeam } from './team.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const CLIENT = 'b7ad6b7169203331'
const SERVER = 2
const TO_AGENT = 3

const fromClient = (traceparent: string) => ({ headers: { traceparent } })

describe('traces of tasks', () => {
  let fleet: TestFleet
  let router: RouterProcess
  let agent: TestAgent
  const collector = new OtlpReceiver()

  const start = async (...args: string[]) => {
    const { config, namespace, gateway } = fleet
    return RouterProcess.start({ config, namespace, sandboxUrl: gateway.url, args: ['--otlp-endpoint', `${collector.url}/`, ...args] })
  }
  before(async () => {
    fleet = await TestFleet.start()
    await collector.start()
    router = await start()
  })
  after(async () => {
    await router.stop()
    await collector.stop()
    await fleet.stop()
  })
  beforeEach(() => {
    collector.spans.length = 0
    collector.status = 200
  })

  /** The spans of one trace: that of the task, and its attempts in their order. */
  const spansOf = async (isIt: (task: ReceivedSpan) => boolean, attempts: number) => {
    return eventually('the spans have come', () => {
      const task = collector.spans.find((span) => span.kind === SERVER && isIt(span))
      const requests = collector.spans.filter(({ kind, traceId }) => kind === TO_AGENT && traceId === task?.traceId)
      return task && requests.length >= attempts ? { task, requests } : undefined
    })
  }
  const ofSwarm = (swarm: string) => (span: ReceivedSpan) => span.attributes['swarmops.swarm'] === swarm

  it('go from the client over the task to the agent', async () => {
    await fleet.swarm('traced')
    agent = await fleet.agent('traced', 'traced-a', { group: 'g' })
    await router.sees('traced', 'an agent', (view) => view.agents.some(({ health }) => health === 'Healthy'))
    const { body } = await router.task('traced', { input: 'private' }, fromClient(`00-${TRACE}-${CLIENT}-01`))
    const { task, requests } = await spansOf(ofSwarm('traced'), 1)
    const [request] = requests
    expect([task.traceId, task.parentId, task.name, task.error]).to.deep.equal([TRACE, CLIENT, 'task', undefined])
    expect(task.attributes).to.include({
      'swarmops.namespace': fleet.namespace,
      'swarmops.task.id': body.id,
      'swarmops.agent': agent.name,
      'swarmops.group': 'g',
      'swarmops.outcome': 'Done',
    })
    expect([request?.parentId, request?.name]).to.deep.equal([task.spanId, 'attempt'])
    expect(request?.attributes).to.include({ 'swarmops.agent': agent.name, 'swarmops.attempt': 1, 'http.response.status_code': 200 })
    expect(agent.received[0]?.headers['traceparent']).to.equal(`00-${TRACE}-${request?.spanId}-01`)
    expect(task.resource).to.include({ 'service.name': 'swarm-router' })
    expect(JSON.stringify(collector.spans), 'what is in tasks stays there').to.not.contain('private')
  })

  it('show each attempt, and how a task has failed', async () => {
    await fleet.swarm('failing', { routing: { retries: { attempts: 2, budgetPercent: 100 } } })
    const agents = await Promise.all(['a', 'b'].map((name) => fleet.agent('failing', `failing-${name}`)))
    for (const agent of agents) agent.work = (_task, response) => answer(response, 500, { error: 'no' })
    await router.sees('failing', 'two agents', (view) => view.agents.filter(({ health }) => health === 'Healthy').length === 2)
    const { body } = await router.task('failing', { input: 1 })
    const { task, requests } = await spansOf(ofSwarm('failing'), 2)
    expect([task.error, task.parentId]).to.deep.equal([body.code, ''])
    expect(requests.map(({ error, attributes }) => [error, attributes['swarmops.attempt']])).to.deep.equal([
      ['AgentError', 1],
      ['AgentError', 2],
    ])
  })

  it('have a part for each part of a task', async () => {
    await makeTeam(fleet, 'parts', { epoch: 1_000_000 })
    await router.sees(
      'parts',
      'a leader',
      (view) => view.topology?.leader !== undefined && view.agents.every(({ health }) => health === 'Healthy'),
    )
    await router.task('parts', { input: { parts: [{ input: 'a' }, { input: 'b' }] } })
    const { requests } = await spansOf(ofSwarm('parts'), 4)
    const parts = requests.map(({ attributes }) => attributes['swarmops.call'] ?? 'itself')
    expect(parts).to.have.members(['itself', 'itself', 'subtask/0', 'subtask/1'])
  })

  it('are not made of what the client does not want to trace', async () => {
    await router.task('traced', { input: 1 }, fromClient(`00-${TRACE}-${CLIENT}-00`))
    await router.task('traced', { input: 2 }, fromClient(`00-${'1'.repeat(32)}-${CLIENT}-01`))
    await spansOf(({ traceId }) => traceId === '1'.repeat(32), 1)
    expect(collector.spans.map(({ traceId }) => traceId)).to.not.include(TRACE)
  })

  it('are only of the part that is asked for, and agents are told the same', async () => {
    const silent = await start('--trace-ratio', '0')
    try {
      agent.received.length = 0
      await silent.task('traced', { input: 1 })
      await silent.task('traced', { input: 2 }, fromClient(`00-${TRACE}-${CLIENT}-01`))
      await spansOf(({ parentId }) => parentId === CLIENT, 1)
      expect(collector.spans.filter(({ kind }) => kind === SERVER)).to.have.length(1)
      expect(agent.received[0]?.headers['traceparent']).to.match(/^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/)
    } finally {
      await silent.stop()
    }
  })

  it('cost no task when the collector fails, which is told once', async () => {
    collector.status = 400
    for (let i = 0; i < 3; i++) expect((await router.task('traced', { input: i })).status).to.equal(200)
    await eventually('the failure is told', () => router.log.includes('traces cannot be sent'))
    const metrics = await router.get('/metrics')
    expect(JSON.stringify(metrics)).to.match(/swarmops_router_spans_total\{result=\\?"failed\\?"\} [1-9]/)
  })

  it('are sent before the router ends', async () => {
    const last = await start()
    await last.task('traced', { input: 1 }, fromClient(`00-${'2'.repeat(32)}-${CLIENT}-01`))
    await last.stop()
    expect(collector.spans.map(({ traceId }) => traceId)).to.include('2'.repeat(32))
  })

  it('hinder no router from ending as it should when the collector is away', async () => {
    const { config, namespace, gateway } = fleet
    const away = ['--otlp-endpoint', 'http://127.0.0.1:9']
    const last = await RouterProcess.start({ config, namespace, sandboxUrl: gateway.url, args: away })
    // A task that ends while the router does: its trace is still to be sent.
    const asked = Promise.withResolvers<() => void>()
    agent.work = (_task, response) => asked.resolve(() => answer(response, 200, { output: {} }))
    const task = last.task('traced', { input: 1 }, fromClient(`00-${'3'.repeat(32)}-${CLIENT}-01`))
    const letGo = await asked.promise
    const stopped = last.stop()
    await eventually('the router is stopping', () => last.log.includes('"router is stopping"'))
    letGo()
    expect((await task).status).to.equal(200)
    await stopped
    expect(await last.exited).to.equal(0)
    expect(last.log).to.contain('"the last traces cannot be sent"').and.not.contain('nobody foresaw')
  })
})
