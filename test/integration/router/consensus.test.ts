import { describe, it } from 'mocha'
import { expect } from 'chai'
import { eventually } from '../../support/wait.ts'
import { answer, type TestAgent } from './agents.ts'
import { RouterProcess, type ReplyBody } from './router-process.ts'
import { useRouter } from './suite.ts'

const outcomes = (body: ReplyBody) => Object.fromEntries((body.votes ?? []).map(({ agent, outcome }) => [agent.slice(-1), outcome]))
const choices = (body: ReplyBody) =>
  Object.fromEntries((body.votes ?? []).map(({ agent, choice, counted }) => [agent.slice(-1), counted ? choice : '-']))

describe('a consensus', () => {
  const suite = useRouter()

  /** A swarm whose agents a, b, c … do what is written here: a text is their choice. */
  const swarm = async (name: string, voters: readonly (string | TestAgent['work'])[], spec: object = {}): Promise<TestAgent[]> => {
    await suite.fleet.swarm(name, { routing: { strategy: 'Consensus', queue: { timeout: '5s' } }, ...spec })
    const agents = await Promise.all(
      voters.map(async (does, i) => {
        const agent = await suite.fleet.agent(name, `${name}-${String.fromCharCode(97 + i)}`)
        agent.work = typeof does === 'string' ? (_task, response) => answer(response, 200, { output: { choice: does } }) : does
        return agent
      }),
    )
    await suite.router.sees(name, 'all voters', (view) => view.agents.filter(({ health }) => health === 'Healthy').length === voters.length)
    return agents
  }
  const weighing =
    (choice: string, weight: number): TestAgent['work'] =>
    (_task, response) =>
      answer(response, 200, { output: { choice, weight } })

  it('is what enough voters say; each is asked once, under an id of its own', async () => {
    const all = { routing: { strategy: 'Consensus', consensus: { voters: 3, thresholdPercent: 100 } } }
    const agents = await swarm('agree', ['buy', 'buy', 'buy'], all)
    const { status, body } = await suite.router.task('agree', { input: { series: 'x' } }, { headers: { 'idempotency-key': 'mine' } })
    expect([status, body.output]).to.deep.equal([200, 'buy'])
    expect(body.consensus).to.deep.equal({ voters: 3, thresholdPercent: 100, weight: 3, castWeight: 3 })
    expect(body.votes?.map(({ agent }) => agent).toSorted()).to.deep.equal(['agree-a', 'agree-b', 'agree-c'])
    expect(body.votes?.map(({ agent }) => agent)).to.include(body.agent)
    const asked = agents.flatMap((agent) => agent.received)
    expect(asked.map(({ input, attempt }) => [input, attempt])).to.deep.equal(asked.map(() => [{ series: 'x' }, 1]))
    expect(asked.map(({ id }) => id).toSorted()).to.deep.equal(['a', 'b', 'c'].map((name) => `${body.id}/vote/agree-${name}`))
    expect(new Set(asked.map(({ headers }) => headers['idempotency-key'])).size).to.equal(3)
  })

  it('is found before the last vote when that cannot change it, and the last voter is let go', async () => {
    let cut = false
    await swarm('early', ['buy', 'buy', (_task, response) => void response.on('close', () => (cut = true))])
    const { status, body } = await suite.router.task('early')
    expect([status, body.output, outcomes(body)]).to.deep.equal([200, 'buy', { a: 'Done', b: 'Done', c: 'Cancelled' }])
    expect(body.consensus).to.deep.include({ weight: 2, castWeight: 2 })
    await eventually('the request of the slow voter is cut', () => cut)
    const view = await suite.router.sees('early', 'no task', (seen) => seen.agents.every(({ inFlight }) => inFlight === 0))
    expect(view.agents.map(({ health, failed }) => [health, failed])).to.deep.equal([['Healthy', 0], ['Healthy', 0], ['Healthy', 0]]) // prettier-ignore
  })

  it('goes by weight', async () => {
    await swarm('weighed', ['buy', weighing('sell', 0.2), weighing('sell', 0.3)])
    const { status, body } = await suite.router.task('weighed')
    expect([status, body.output, body.consensus?.weight, body.consensus?.castWeight]).to.deep.equal([200, 'buy', 1, 1.5])
    expect(choices(body)).to.deep.equal({ a: 'buy', b: 'sell', c: 'sell' })
  })

  it('takes choices that mean the same for one, whatever the order of their members', async () => {
    const writing =
      (text: string): TestAgent['work'] =>
      (_task, response) =>
        void response.writeHead(200).end(`{"output": {"choice": ${text}}}`)
    await swarm('meaning', [writing('{"side": "buy", "n": 1.0}'), writing('{"n": 1, "side": "buy"}'), 'sell'])
    const { status, body } = await suite.router.task('meaning')
    expect([status, body.output]).to.deep.equal([200, { side: 'buy', n: 1 }])
  })

  it('is not found in a tie, or below the threshold, and the problem lists every vote', async () => {
    await swarm('tied', ['buy', 'sell', 'hold'])
    const tied = await suite.router.task('tied')
    expect([tied.status, tied.body.code, tied.body.reason]).to.deep.equal([409, 'NoConsensus', 'Tie'])
    expect(choices(tied.body)).to.deep.equal({ a: 'buy', b: 'sell', c: 'hold' })
    expect(tied.headers['retry-after']).to.equal(undefined)
    const strict = { routing: { strategy: 'Consensus', consensus: { voters: 4, thresholdPercent: 80 } } }
    await swarm('below', ['buy', 'buy', 'buy', 'sell'], strict)
    const below = await suite.router.task('below')
    expect([below.status, below.body.code, below.body.reason]).to.deep.equal([409, 'NoConsensus', 'BelowThreshold'])
    expect(below.body.votes).to.have.length(4)
  })

  it('bears a voter that fails, says no, or does not vote at all, without asking another one', async () => {
    const buy = weighing('buy', 0.9)
    const failing: Record<string, TestAgent['work']> = {
      error: (_task, response) => answer(response, 500, {}),
      reset: (_task, response) => void response.destroy(),
      refusing: (_task, response) => answer(response, 422, {}),
      invalid: (_task, response) => answer(response, 200, { output: 'buy' }),
      heavy: weighing('sell', 100),
    }
    const seen: Record<string, unknown> = {}
    for (const [name, work] of Object.entries(failing)) {
      // Three votes of 0.9 are less than 75 % of what they would be with a fourth: nothing is decided before the one that fails has ended.
      const four = { routing: { strategy: 'Consensus', consensus: { voters: 4, thresholdPercent: 75 } } }
      const agents = await swarm(`bear-${name}`, [work, buy, buy, buy], four)
      const { body } = await suite.router.task(`bear-${name}`)
      const votes = body.votes ?? []
      seen[name] = votes.find(({ agent }) => agent === agents[0]?.name)?.outcome
      expect([body.output, votes.filter(({ counted }) => counted).length]).to.deep.equal(['buy', 3])
    }
    expect(seen).to.deep.equal({
      error: 'AgentError',
      reset: 'Reset',
      refusing: 'Rejected',
      invalid: 'InvalidVote',
      heavy: 'InvalidVote',
    })
  })

  it('is out of reach as soon as too many voters have failed', async () => {
    const fails: TestAgent['work'] = (_task, response) => answer(response, 500, {})
    await swarm('failing', [fails, fails, () => undefined])
    const { status, body, headers } = await suite.router.task('failing')
    expect([status, body.code, body.reason, headers['retry-after']]).to.deep.equal([409, 'NoConsensus', 'NoQuorum', '1'])
    expect(outcomes(body)).to.deep.equal({ a: 'AgentError', b: 'AgentError', c: 'Cancelled' })
  })

  it('waits no longer than the time of the task for slow voters, and then decides by the votes it has', async () => {
    const never = () => undefined
    await swarm('slow', ['buy', never, never])
    const { status, body } = await suite.router.task('slow', { input: 1, timeout: '300ms' })
    expect([status, body.reason]).to.deep.equal([409, 'NoQuorum'])
    expect(body.votes?.map(({ outcome }) => outcome)).to.include('Timeout')
    const all = { routing: { strategy: 'Consensus', consensus: { voters: 4, thresholdPercent: 50 } } }
    await swarm('slower', ['buy', 'buy', 'sell', never], all)
    const late = await suite.router.task('slower', { input: 1, timeout: '300ms' })
    expect([late.status, late.body.output, outcomes(late.body)['d']]).to.deep.equal([200, 'buy', 'Timeout'])
  })

  it('asks a voter again that puts the task off', async () => {
    let asked = 0
    const later: TestAgent['work'] = (_task, response) => {
      if (asked++ === 0) answer(response, 429, {}, { 'retry-after': '0' })
      else answer(response, 200, { output: { choice: 'buy' } })
    }
    await swarm('later', ['buy', 'sell', later])
    const { status, body } = await suite.router.task('later')
    expect([status, body.output, asked]).to.deep.equal([200, 'buy', 2])
    expect(body.votes).to.have.length(3)
  })

  it('is held among those that are up while they can decide, and waits for others when they cannot', async () => {
    const [first, second] = await swarm('few', ['buy', 'buy', 'buy'])
    await first?.kill()
    await suite.router.sees('few', 'one of them out', (view) => {
      void suite.router.task('few')
      return view.agents[0]?.health === 'Unreachable'
    })
    const two = await suite.router.task('few')
    expect([two.status, two.body.output, two.body.votes?.map(({ agent }) => agent).toSorted()]).to.deep.equal([
      200,
      'buy',
      ['few-b', 'few-c'],
    ])
    await suite.fleet.setReady(second?.name ?? '', false)
    await suite.router.sees('few', 'one left', (view) => view.agents[1]?.health === 'NotReady')
    const waiting = suite.router.task('few')
    await suite.router.sees('few', 'one waiting', (view) => view.queue.length === 1)
    await suite.fleet.setReady(second?.name ?? '', true)
    expect((await waiting).status).to.equal(200)
    await suite.fleet.swarm('lonely', { routing: { strategy: 'Consensus', queue: { timeout: '100ms' } } })
    await suite.fleet.agent('lonely', 'lonely-a')
    await suite.router.sees('lonely', 'the one agent', (view) => view.agents.length === 1)
    const none = await suite.router.task('lonely')
    expect([none.status, none.body.code, none.body.reason, none.body.votes]).to.deep.equal([409, 'NoConsensus', 'NoQuorum', []])
  })

  it('waits in a bounded queue until all of its voters are free at once', async () => {
    const held: (() => void)[] = []
    const holding: TestAgent['work'] = (_task, response) => void held.push(() => answer(response, 200, { output: { choice: 'buy' } }))
    await swarm('queued', [holding, holding, holding], {
      template: { sandboxTemplate: 'base', command: ['x'], maxConcurrentTasks: 1 },
      routing: { strategy: 'Consensus', consensus: { voters: 3, thresholdPercent: 100 }, queue: { maxPending: 1, timeout: '10s' } },
    })
    const first = suite.router.task('queued')
    await eventually('three votes are asked for', () => held.length === 3)
    const second = suite.router.task('queued')
    await suite.router.sees('queued', 'one waiting', (view) => view.queue.length === 1)
    const third = await suite.router.task('queued')
    expect([third.status, third.body.code]).to.deep.equal([429, 'QueueFull'])
    for (const release of held.splice(0, 2)) release()
    await suite.router.sees('queued', 'two voters free', (view) => view.agents.filter(({ inFlight }) => inFlight === 0).length === 2)
    expect((await suite.router.view('queued')).queue.length).to.equal(1)
    held.shift()?.()
    expect((await first).body.output).to.equal('buy')
    await eventually('the second vote is asked for', () => held.length === 3)
    for (const release of held.splice(0)) release()
    const { status, body } = await second
    expect(status).to.equal(200)
    expect(body.timings?.queuedMs).to.be.greaterThan(0)
  })

  it('is given up when the client goes away: no voter works on', async () => {
    let open = 0
    const holding: TestAgent['work'] = (_task, response) => {
      open += 1
      response.on('close', () => (open -= 1))
    }
    await swarm('left', [holding, holding, holding])
    const abort = new AbortController()
    const task = suite.router.task('left', { input: 1 }, { signal: abort.signal }).catch((error: unknown) => error)
    await eventually('three votes are asked for', () => open === 3)
    abort.abort()
    expect(await task).to.be.instanceOf(Error)
    await eventually('all are cut', () => open === 0)
    await suite.router.sees('left', 'no task', (view) => view.agents.every(({ inFlight }) => inFlight === 0))
  })

  it('is given up when the router stops, and says what may have begun', async () => {
    let open = 0
    const holding: TestAgent['work'] = () => void (open += 1)
    await swarm('stopped', [holding, holding, holding])
    const { config, namespace, gateway } = suite.fleet
    const other = await RouterProcess.start({ config, namespace, sandboxUrl: gateway.url, args: ['--drain-seconds', '1'] })
    await other.sees('stopped', 'all voters', (view) => view.agents.length === 3)
    const tasks = [other.task('stopped'), other.task('stopped', { input: 1, idempotent: false })]
    await eventually('six votes are asked for', () => open === 6)
    await other.stop()
    const [plain, once] = await Promise.all(tasks)
    expect([plain?.status, plain?.body.code, once?.status, once?.body.code]).to.deep.equal([503, 'ShuttingDown', 502, 'OutcomeUnknown'])
    for (const reply of [plain, once]) expect(reply?.body.votes?.map(({ outcome }) => outcome)).to.deep.equal(['Cancelled', 'Cancelled', 'Cancelled']) // prettier-ignore
  })
})
