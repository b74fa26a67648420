import { describe, it } from 'mocha'
import { expect } from 'chai'
import { eventually } from '../../support/wait.ts'
import { answer, type TestAgent } from './agents.ts'
import { holding } from './ring.ts'
import { RouterProcess, type View } from './router-process.ts'
import { useRouter } from './suite.ts'

const MIRROR = { run: '1', revision: 'r2', percent: 100 }
const DONE = { same: 0, different: 0, failed: 0, dropped: 0 }

describe('tasks that are done a second time', () => {
  const suite = useRouter()

  /** An agent of each revision that answer alike; all weight is with the old one. */
  async function pair(name: string, { mirror = MIRROR, spec = {} }: { mirror?: object; spec?: { template?: object } } = {}) {
    await suite.fleet.swarm(name, spec)
    const old = await suite.fleet.agent(name, `${name}-old`)
    const fresh = await suite.fleet.agent(name, `${name}-new`, { revision: 'r2' })
    for (const agent of [old, fresh]) agent.work = (task, response) => answer(response, 200, { output: { input: task.input } })
    await suite.healthy(name, 2)
    await suite.fleet.tell(name, { mirror })
    await suite.router.sees(name, 'the mirror', (view) => view.mirror !== undefined)
    return { old, fresh }
  }
  const counted = (name: string, want: Partial<NonNullable<View['mirror']>>) =>
    suite.router.sees(name, JSON.stringify(want), ({ mirror }) =>
      Object.entries(want).every(([field, value]) => Object.entries(mirror ?? {}).some((has) => has[0] === field && has[1] === value)),
    )
  async function send(name: string, count: number, body: object = {}, headers: Record<string, string> = {}): Promise<void> {
    for (let input = 0; input < count; input++) {
      const reply = await suite.router.task(name, { input, ...body }, { headers })
      expect([reply.status, reply.body.revision], reply.body.detail).to.deep.equal([200, headers['swarm-revision'] ?? 'r1'])
    }
  }
  const inputs = ({ received }: TestAgent) => received.map(({ input }) => input)

  it('are exactly the share that is asked for, are marked, and carry an id and a key of their own', async () => {
    const { old, fresh } = await pair('share', { mirror: { ...MIRROR, percent: 20 } })
    await send('share', 50)
    const { mirror, weights, tasks } = await counted('share', { same: 10 })
    expect(mirror).to.deep.equal({ ...MIRROR, percent: 20, ...DONE, same: 10 })
    expect([weights, tasks]).to.deep.equal([[{ revision: 'r1', percent: 100 }], { done: 50, failed: 0 }])
    expect([inputs(old).length, inputs(fresh)]).to.deep.equal([50, [4, 9, 14, 19, 24, 29, 34, 39, 44, 49]])
    const [second] = fresh.received
    const first = old.received[4]
    expect([second?.headers['swarm-mirror'], first?.headers['swarm-mirror']]).to.deep.equal(['true', undefined])
    expect([second?.id, second?.headers['idempotency-key'], second?.attempt]).to.deep.equal([
      `${first?.id}/mirror`,
      `${first?.id}/mirror`,
      1,
    ])
    const metrics = (await suite.router.get('/metrics')).text
    expect(metrics).to.match(/swarmops_router_mirrored_total\{[^}]*swarm="share",result="Same"\} 10/)
    expect(metrics).to.match(/swarmops_router_attempts_total\{[^}]*swarm="share",[^}]*revision="r2",outcome="Done"\} 10/)
  })

  it('are compared by what they mean, and count as attempts of the revision', async () => {
    const { fresh } = await pair('compared')
    const answers: TestAgent['work'][] = [
      (task, response) => answer(response, 200, { more: 1, output: { input: task.input } }),
      (_task, response) => answer(response, 200, { output: { input: 'other' } }),
      (_task, response) => answer(response, 500, {}),
      (_task, response) => answer(response, 400, {}),
      (_task, response) => answer(response, 429, {}),
    ]
    fresh.work = (task, response) => answers[fresh.received.length - 1]?.(task, response)
    await send('compared', 5)
    const { mirror, agents } = await counted('compared', { dropped: 1 })
    expect(mirror).to.deep.equal({ ...MIRROR, same: 1, different: 1, failed: 2, dropped: 1 })
    expect(fresh.received).to.have.length(5)
    expect(agents.find(({ agent }) => agent === 'compared-new')).to.deep.include({ done: 2, failed: 1 })
  })

  it('never hold up an answer, and are left out while no agent is free', async () => {
    const { fresh } = await pair('slow', { spec: { template: { maxConcurrentTasks: 1 } } })
    const { held, release } = holding(fresh)
    await send('slow', 1)
    await eventually('the agent has the task', () => held.length === 1)
    await send('slow', 4)
    const { queue, mirror } = await counted('slow', { dropped: 4 })
    expect([queue.length, mirror?.same]).to.deep.equal([0, 0])
    release()
    await counted('slow', { same: 1, dropped: 4 })
    expect(fresh.received).to.have.length(1)
  })

  it('are none of those that must not be done twice, or that ask for a revision', async () => {
    const { fresh } = await pair('once')
    await send('once', 3, { idempotent: false })
    await send('once', 3, {}, { 'swarm-revision': 'r1' })
    await suite.router.task('once', { input: 1 }, { headers: { 'swarm-revision': 'r2' } })
    await send('once', 1, { input: 'last' })
    await counted('once', { same: 1 })
    expect(inputs(fresh)).to.deep.equal([1, 'last'])
  })

  it('trip the guard, and end with it', async () => {
    const { fresh } = await pair('guarded')
    const guard = { run: 'g', revision: 'r2', stable: 'r1', maxErrorPercent: 0, minSamples: 2, window: '60s' }
    await suite.fleet.guard('guarded', guard)
    await suite.router.sees('guarded', 'the guard', (view) => view.guard?.run === 'g')
    fresh.work = (_task, response) => answer(response, 500, {})
    await send('guarded', 1)
    await counted('guarded', { failed: 1 })
    await send('guarded', 1)
    await suite.router.sees('guarded', 'the trip', (view) => view.guard?.tripped === true)
    await send('guarded', 3)
    expect([fresh.received.length, (await suite.router.view('guarded')).mirror]).to.deep.equal([2, { ...MIRROR, ...DONE, failed: 2 }])
  })

  it('hold up no router that stops: they are cut', async () => {
    const { fresh } = await pair('stop')
    const { held } = holding(fresh)
    let isCut = false
    const hold = fresh.work
    fresh.work = (task, response) => {
      response.on('close', () => (isCut = true))
      return hold(task, response)
    }
    const { config, namespace, gateway } = suite.fleet
    const other = await RouterProcess.start({ config, namespace, sandboxUrl: gateway.url })
    await other.sees(
      'stop',
      'the mirror',
      ({ mirror, agents }) => mirror !== undefined && agents.every(({ health }) => health === 'Healthy'),
    )
    expect((await other.task('stop')).status).to.equal(200)
    await eventually('the agent has the task', () => held.length === 1)
    await other.stop()
    expect(await other.exited).to.equal(0)
    await eventually('the task is cut', () => isCut)
  })

  it('begin anew with another rollout, and end when they are told no more', async () => {
    const { fresh } = await pair('anew')
    await send('anew', 2)
    await counted('anew', { same: 2 })
    await suite.fleet.tell('anew', { mirror: { ...MIRROR, percent: 50 } })
    await counted('anew', { percent: 50, same: 2 })
    await suite.fleet.tell('anew', { mirror: { ...MIRROR, run: '2' } })
    await counted('anew', { run: '2', same: 0 })
    await suite.fleet.tell('anew', { mirror: null })
    await suite.router.sees('anew', 'no mirror', ({ mirror }) => mirror === undefined)
    await send('anew', 2)
    expect(fresh.received).to.have.length(2)
  })
})
