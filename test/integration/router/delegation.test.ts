import { describe, it } from 'mocha'
import { expect } from 'chai'
import { eventually } from '../../support/wait.ts'
import { TERM } from '../../../src/topology/leader.ts'
import { answer, type TestAgent } from './agents.ts'
import type { Reply } from './router-process.ts'
import { coordinate, makeTeam, resultsOf, sharesOf, type Team, type TeamOptions } from './team.ts'
import { useRouter } from './suite.ts'

const numbers = (count: number) => Array.from({ length: count }, (_, input) => ({ input }))
const tasksOf = (agents: readonly TestAgent[]) => agents.flatMap((agent) => agent.received)

describe('a task that a coordinator delegates', () => {
  const suite = useRouter()

  const team = async (name: string, options: TeamOptions = {}): Promise<Team> => {
    const made = await makeTeam(suite.fleet, name, { epoch: TERM, ...options })
    const count = made.leaders.length + made.workers.length
    await suite.router.sees(
      name,
      `${count} healthy agents and a leader`,
      (view) => view.agents.filter((agent) => agent.health === 'Healthy').length === count && view.topology?.epoch === TERM,
    )
    return made
  }

  it('is split, done by workers side by side, and merged', async () => {
    const { leaders, workers } = await team('split')
    const { status, body } = await suite.router.task('split', { input: { parts: [{ input: 'a' }, { input: 'b', capability: 'count' }] } })
    expect(status).to.equal(200)
    const [first, second] = body.subtasks ?? []
    expect(body.output).to.deep.equal({
      by: 'split-l0',
      results: [{ output: { by: first?.agent, input: 'a' } }, { output: { by: second?.agent, input: 'b' } }],
    })
    expect([body.agent, body.group, body.leader, body.epoch]).to.deep.equal(['split-l0', 'lead', 'split-l0', TERM])
    expect(new Set([first?.agent, second?.agent])).to.deep.equal(new Set(['split-w0', 'split-w1']))
    expect([first?.outcome, second?.outcome, second?.capability]).to.deep.equal(['Done', 'Done', 'count'])
    expect(body.attempts?.map(({ agent, outcome }) => [agent, outcome])).to.deep.equal([
      ['split-l0', 'Done'],
      ['split-l0', 'Done'],
    ])
    const [plan, merge] = leaders[0]?.received ?? []
    expect([plan?.id, plan?.phase, plan?.epoch, plan?.results]).to.deep.equal([body.id, 'plan', TERM, undefined])
    expect([merge?.id, merge?.phase, merge?.epoch, merge?.input]).to.deep.equal([body.id, 'merge', TERM, plan?.input])
    expect(merge?.subtasks).to.deep.equal([{ input: 'a' }, { input: 'b', capability: 'count' }])
    const keys = [plan, merge, ...tasksOf(workers)].map((task) => task?.headers['idempotency-key'])
    expect(new Set(keys).size).to.equal(4)
    expect(tasksOf(workers).map((task) => [task.epoch, task.phase, task.headers['swarm-epoch']])).to.deep.equal([
      [TERM, undefined, String(TERM)],
      [TERM, undefined, String(TERM)],
    ])
    expect(leaders[1]?.received).to.deep.equal([])
  })

  it('shows who leads, stands by and works', async () => {
    await team('roles', { type: 'Star' })
    const view = await suite.router.view('roles')
    expect(view.topology).to.deep.equal({ type: 'Star', epoch: TERM, leader: 'roles-l0' })
    expect(view.agents.map(({ agent, role }) => [agent, role])).to.deep.equal([
      ['roles-l0', 'Leader'],
      ['roles-l1', 'Standby'],
      ['roles-w0', 'Worker'],
      ['roles-w1', 'Worker'],
    ])
  })

  it('is done by the leader alone when that answers with an output', async () => {
    const { leaders, workers } = await team('alone')
    if (leaders[0]) leaders[0].work = (task, response) => answer(response, 200, { output: task.input, subtasks: null })
    const { status, body } = await suite.router.task('alone', { input: 'x' })
    expect([status, body.output, body.agent, body.subtasks, body.epoch]).to.deep.equal([200, 'x', 'alone-l0', undefined, TERM])
    expect(tasksOf(workers)).to.deep.equal([])
  })

  it('goes straight to a worker when it asks for a capability of workers, and fails at once when nobody has it', async () => {
    const { leaders } = await team('direct')
    for (let i = 0; i < 4; i++) {
      const { status, body } = await suite.router.task('direct', { input: i, capability: 'count' })
      expect([status, body.group]).to.deep.equal([200, 'count'])
    }
    expect(tasksOf(leaders)).to.deep.equal([])
    const { status, body } = await suite.router.task('direct', { input: 1, capability: 'flying' })
    expect([status, body.code]).to.deep.equal([404, 'NoAgentWithCapability'])
    const planned = await suite.router.task('direct', { input: { parts: [{ input: 1, capability: 'flying' }, { input: 2 }] } })
    expect(resultsOf(planned)[0]?.error?.code).to.equal('NoAgentWithCapability')
    expect(resultsOf(planned)[1]?.output).to.include({ input: 2 })
  })

  it('is merged from what there is when some subtasks fail', async () => {
    const { workers } = await team('partial')
    for (const worker of workers) {
      worker.work = (task, response) => {
        if (task.input === 1) answer(response, 422, { why: 'no such series' })
        else if (task.input === 2) answer(response, 500, {})
        else if (task.input === 3) answer(response, 200, { subtasks: [{ input: 1 }] })
        else answer(response, 200, { output: task.input })
      }
    }
    const reply = await suite.router.task('partial', { input: { parts: numbers(4) } })
    expect(reply.status).to.equal(200)
    const [done, rejected, failed, nested] = resultsOf(reply)
    expect(done).to.deep.equal({ output: 0 })
    expect(rejected?.error)
      .to.include({ code: 'TaskRejected', status: 422 })
      .and.to.deep.include({ answer: { why: 'no such series' } })
    expect([failed?.error?.code, nested?.error?.code]).to.deep.equal(['AgentFailed', 'NestedSubtasks'])
    expect(reply.body.subtasks?.map(({ outcome }) => outcome)).to.deep.equal(['Done', 'TaskRejected', 'AgentFailed', 'NestedSubtasks'])
    const text = (await suite.router.get('/metrics')).text
    expect(text).to.match(/swarmops_router_subtasks_total\{[^}]*swarm="partial",outcome="NestedSubtasks"\} 1/)
  })

  it('may not be planned again where it is to be merged, nor by a worker', async () => {
    const { leaders, workers } = await team('nested')
    if (leaders[0]) leaders[0].work = (_task, response) => answer(response, 200, { subtasks: [{ input: 1 }] })
    const { status, body } = await suite.router.task('nested', { input: 1 })
    expect([status, body.code, body.subtasks?.map(({ outcome }) => outcome)]).to.deep.equal([502, 'NestedSubtasks', ['Done']])
    for (const worker of workers) worker.work = (_task, response) => answer(response, 200, { subtasks: [{ input: 1 }] })
    expect((await suite.router.task('nested', { input: 1, capability: 'count' })).body.code).to.equal('NestedSubtasks')
  })

  it('has a bounded number of subtasks, which must be well formed', async () => {
    const { leaders, workers } = await team('many')
    const none = await suite.router.task('many', { input: { parts: [] } })
    expect([none.status, resultsOf(none), none.body.subtasks]).to.deep.equal([200, [], []])
    const most = await suite.router.task('many', { input: { parts: numbers(256) } })
    expect(resultsOf(most).map(({ output }) => (output as { input: number }).input)).to.deep.equal(numbers(256).map(({ input }) => input))
    const before = tasksOf(workers).length
    const { status, body } = await suite.router.task('many', { input: { parts: numbers(257) } })
    expect([status, body.code]).to.deep.equal([502, 'TooManySubtasks'])
    expect(body.detail).to.contain('planned 257 subtasks, and 256 may be')
    expect(tasksOf(workers)).to.have.length(before)
    if (leaders[0]) leaders[0].work = (_task, response) => answer(response, 200, { subtasks: [{ capability: 'count' }] })
    const odd = await suite.router.task('many', { input: 1 })
    expect([odd.status, odd.body.code]).to.deep.equal([502, 'AgentFailed'])
    expect(odd.body.detail).to.contain('number 0 is not an object that has an input')
  })

  it('keeps time for the merge when subtasks take too long', async () => {
    const { workers } = await team('late')
    for (const worker of workers)
      worker.work = (task, response) => (task.input === 1 ? undefined : answer(response, 200, { output: task.input }))
    const reply = await suite.router.task('late', { input: { parts: numbers(2) }, timeout: '1s' })
    expect(reply.status).to.equal(200)
    expect([resultsOf(reply)[0]?.output, resultsOf(reply)[1]?.error?.code]).to.deep.equal([0, 'TaskTimeout'])
    expect(Number(tasksOf(workers)[0]?.headers['swarm-timeout-ms'])).to.be.within(1, 800)
    expect(reply.body.timings?.totalMs).to.be.within(700, 1_000)
  })

  it('is shared out evenly', async () => {
    await team('even', { workers: 4 })
    const sixteen = await suite.router.task('even', { input: { parts: numbers(16) } })
    expect(sharesOf([sixteen])).to.deep.equal({ 'even-w0': 4, 'even-w1': 4, 'even-w2': 4, 'even-w3': 4 })
    await team('five', { workers: 5 })
    const fifty: Reply[] = [await suite.router.task('five', { input: { parts: numbers(50) } })]
    expect(Math.max(...Object.values(sharesOf(fifty)))).to.be.at.most(12)
  })

  it('is cut everywhere when its client goes away', async () => {
    const { workers } = await team('cut')
    let closed = 0
    for (const worker of workers) worker.work = (_task, response) => void response.on('close', () => (closed += 1))
    const gone = new AbortController()
    const sent = suite.router.task('cut', { input: { parts: numbers(8) } }, { signal: gone.signal }).catch(() => 'gone')
    await suite.router.sees('cut', 'both workers at work', (view) => view.agents.reduce((sum, { inFlight }) => sum + inFlight, 0) === 8)
    gone.abort()
    expect(await sent).to.equal('gone')
    await suite.router.sees('cut', 'nobody at work', (view) => view.agents.every(({ inFlight }) => inFlight === 0))
    await eventually('the requests are closed', () => closed === 8)
  })

  it('waits for a coordinator, and says which group has none', async () => {
    const { leaders } = await team('nobody', { leaders: 1, spec: { routing: { queue: { maxPending: 10, timeout: '300ms' } } } })
    await leaders[0]?.kill()
    const first = await suite.router.task('nobody', { input: 1 })
    expect([first.status, first.body.code]).to.deep.equal([502, 'AgentFailed'])
    expect(first.body.detail).to.contain('failed on the Coordinator group lead of swarm')
    const again = await suite.router.task('nobody', { input: 1 })
    expect([again.status, again.body.code]).to.deep.equal([503, 'NoAgentReady'])
    expect(again.body.detail).to.contain('no agent of the Coordinator group lead of swarm')
    expect((await suite.router.task('nobody', { input: 1, capability: 'count' })).status).to.equal(200)
  })

  it('is not refused for a full queue when its leader knows of a higher epoch: it had its turn', async () => {
    const spec = { template: { maxConcurrentTasks: 1 }, routing: { queue: { maxPending: 1, timeout: '10s' } } }
    const { leaders } = await team('turn', { leaders: 1, spec })
    const [leader] = leaders
    const held: (() => void)[] = []
    if (leader) leader.work = (_task, response) => void held.push(() => answer(response, 409, { epoch: TERM + 5 }))
    const first = suite.router.task('turn', { input: 'first' })
    await eventually('the leader has it', () => held.length === 1)
    const second = suite.router.task('turn', { input: 'second' })
    await suite.router.sees('turn', 'one waiting', (view) => view.queue.length === 1)
    if (leader) leader.work = coordinate(leader)
    held.shift()?.()
    const replies = await Promise.all([first, second])
    expect(replies.map(({ status, body }) => [status, body.code])).to.deep.equal([[200, undefined], [200, undefined]]) // prettier-ignore
    expect(replies[0]?.body.attempts?.map(({ outcome }) => outcome)).to.deep.equal(['Rejected', 'Done'])
  })

  /** Begins a task of two subtasks for the one worker of a team, which has the first until it is let go. */
  const halfDone = async (name: string, task: object = {}) => {
    const made = await team(name, { leaders: 1, workers: 1, spec: { template: { maxConcurrentTasks: 1 } } })
    const [worker] = made.workers
    const held: (() => void)[] = []
    if (worker) worker.work = (one, response) => void held.push(() => answer(response, 200, { output: one.input }))
    const reply = suite.router.task(name, { input: { parts: numbers(2) }, timeout: '10s', ...task })
    await eventually('the worker has the first', () => held.length === 1)
    await suite.router.sees(name, 'the second waits', (view) => view.queue.length === 1)
    return { ...made, reply, release: () => held.shift()?.() }
  }

  it('of a session goes on with the revision that the session has by then', async () => {
    const { reply, release } = await halfDone('session', { sessionKey: 'k' })
    const later = { place: 1, revision: 'r2', isReady: false }
    const leader = await suite.fleet.agent('session', 'session-l9', { ...later, group: 'lead' })
    leader.work = coordinate(leader)
    const worker = await suite.fleet.agent('session', 'session-w9', { ...later, group: 'count' })
    worker.work = (task, response) => answer(response, 200, { output: task.input })
    for (const { name } of [leader, worker]) await suite.fleet.setReady(name, true)
    await suite.fleet.weigh('session', { r2: 100 })
    await suite.fleet.drain('session-w0')
    await eventually('the other revision has the second', () => worker.received.length === 1)
    release()
    expect(resultsOf(await reply)).to.deep.equal([{ output: 0 }, { output: 1 }])
  })

  const mesh = (name: string) =>
    suite.fleet.swarm(name, {
      template: { maxConcurrentTasks: 1 },
      groups: [
        { name: 'lead', replicas: 1 },
        { name: 'count', replicas: 1 },
      ],
      topology: { type: 'Mesh' },
    })

  it('goes on when the swarm becomes one that nobody leads, and ends at once when its coordinator has left with that', async () => {
    const { reply, release, workers } = await halfDone('unled')
    const left = await halfDone('left')
    for (const name of ['unled', 'left']) {
      await mesh(name)
      await suite.router.sees(name, 'a mesh', (view) => view.topology?.type === 'Mesh')
    }
    for (const worker of [...workers, ...left.workers]) worker.work = (task, response) => answer(response, 200, { output: task.input })
    release()
    const { status, body } = await reply
    expect([status, body.subtasks?.map(({ outcome }) => outcome)]).to.deep.equal([200, ['Done', 'Done']])
    await suite.fleet.removeAgent('left-l0')
    await suite.router.sees('left', 'no coordinator', (view) => view.agents.length === 1)
    left.release()
    const gone = await left.reply
    expect([gone.status, gone.body.code, gone.body.subtasks?.length]).to.deep.equal([503, 'NoAgentReady', 2])
  })

  it('is followed by tasks of agents that have heard of its epoch, also when nobody leads any more', async () => {
    const { leaders } = await team('heard', { isFenced: true, spec: { template: { maxConcurrentTasks: 1 } } })
    await leaders[0]?.kill()
    const failedOver = await suite.router.task('heard', { input: { parts: numbers(2) } })
    expect([failedOver.status, failedOver.body.leader]).to.deep.equal([200, 'heard-l1'])
    const other = await team('still', { leaders: 1, workers: 1 })
    await mesh('heard')
    await suite.router.sees('heard', 'a mesh', (view) => view.topology?.type === 'Mesh')
    const replies = await Promise.all(numbers(6).map((task) => suite.router.task('heard', task)))
    expect(replies.map(({ status }) => status)).to.deep.equal(replies.map(() => 200))
    // Who does not lead any more is not watched like a leader.
    const [, former] = leaders
    const [before, leading] = [former?.probes ?? 0, other.leaders[0]?.probes ?? 0]
    await eventually('one that leads is probed', () => (other.leaders[0]?.probes ?? 0) >= leading + 6)
    expect((former?.probes ?? 0) - before).to.be.at.most(2)
  })

  it('that must not be done twice is not begun again once its leader may have begun it', async () => {
    const { leaders } = await team('once')
    const [first] = leaders
    if (first) first.work = (_task, response) => void response.destroy()
    const planned = await suite.router.task('once', { input: { parts: numbers(2) }, idempotent: false })
    expect([planned.status, planned.body.code]).to.deep.equal([502, 'OutcomeUnknown'])
    const [, second] = leaders
    if (second) second.work = (task, response) => (task.phase === 'merge' ? void response.destroy() : coordinate(second)(task, response))
    const merged = await suite.router.task('once', { input: { parts: numbers(2) }, idempotent: false })
    expect([merged.status, merged.body.code, merged.body.subtasks?.length]).to.deep.equal([502, 'OutcomeUnknown', 2])
    expect(tasksOf(leaders).map(({ phase }) => phase)).to.deep.equal(['plan', 'plan', 'merge'])
  })
})
