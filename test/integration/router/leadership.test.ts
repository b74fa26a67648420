import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import { eventually } from '../../support/wait.ts'
import { TERM } from '../../../src/topology/leader.ts'
import { answer, Gateway, type TestAgent } from './agents.ts'
import { TestFleet } from './fleet.ts'
import { RouterProcess, type Reply } from './router-process.ts'
import { coordinate, makeTeam, resultsOf, type Team, type TeamOptions } from './team.ts'

const PARTS = { parts: [{ input: 'a' }, { input: 'b', capability: 'count' }, { input: 'c' }] }
const lost = (replies: readonly Reply[]) => replies.filter(({ status }) => status !== 200).map(({ body }) => body)

describe('the leader of a swarm', () => {
  let fleet: TestFleet
  let router: RouterProcess
  let second: RouterProcess
  /** The second router's way to the sandboxes. */
  const otherGateway = new Gateway()
  before(async () => {
    fleet = await TestFleet.start()
    await otherGateway.start()
    const { config, namespace } = fleet
    router = await RouterProcess.start({ config, namespace, sandboxUrl: fleet.gateway.url })
    second = await RouterProcess.start({ config, namespace, sandboxUrl: otherGateway.url })
  })
  after(async () => {
    await Promise.all([router.stop(), second.stop()])
    await otherGateway.stop()
    await fleet.stop()
  })

  const leads = (name: string, by: RouterProcess, leader: string) =>
    by.sees(name, `that ${leader} leads`, (view) => view.topology?.leader === leader)

  const team = async (name: string, options: TeamOptions = {}): Promise<Team> => {
    const made = await makeTeam(fleet, name, { epoch: TERM, ...options })
    const agents = [...made.leaders, ...made.workers]
    for (const agent of agents) otherGateway.add(`sbx-${agent.name}`, agent)
    for (const by of [router, second]) {
      await by.sees(
        name,
        'everybody healthy, and the settled leader',
        (view) => view.agents.filter((agent) => agent.health === 'Healthy').length === agents.length && view.topology?.epoch === TERM,
      )
    }
    return made
  }

  /** Sends tasks from several clients until told to stop; returns all answers. */
  const load = (name: string, clients: number, by: readonly RouterProcess[] = [router]) => {
    const replies: Reply[] = []
    let isOver = false
    const running = Promise.all(
      Array.from({ length: clients }, async (_, client) => {
        for (let i = 0; !isOver; i++) replies.push(await (by[client % by.length] ?? router).task(name, { input: PARTS }))
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

  for (const phase of ['plan', 'merge'] as const) {
    it(`is followed by the next one when it is killed during a ${phase}; the task goes on where it was`, async () => {
      const name = `die-${phase}`
      const { leaders, workers } = await team(name)
      const [first] = leaders
      if (first) first.work = (task, response) => (task.phase === phase ? void first.kill() : coordinate(first)(task, response))
      const reply = await router.task(name, { input: PARTS })
      expect(lost([reply])).to.deep.equal([])
      expect(resultsOf(reply).map(({ output }) => (output as { input: string }).input)).to.deep.equal(['a', 'b', 'c'])
      expect(reply.body.leader).to.equal(`${name}-l1`)
      expect(reply.body.epoch).to.be.within(TERM + 1, 2 * TERM - 1)
      expect(reply.body.attempts?.map(({ agent, outcome }) => [agent, outcome === 'Done'])).to.deep.equal(
        phase === 'plan'
          ? [
              [`${name}-l0`, false],
              [`${name}-l1`, true],
              [`${name}-l1`, true],
            ]
          : [
              [`${name}-l0`, true],
              [`${name}-l0`, false],
              [`${name}-l1`, true],
            ],
      )
      expect(workers.flatMap(({ received }) => received)).to.have.length(3)
      const view = await router.view(name)
      expect([view.topology?.leader, view.topology?.epoch]).to.deep.equal([`${name}-l1`, reply.body.epoch])
      expect(view.agents.map(({ role }) => role)).to.deep.equal(['Standby', 'Leader', 'Worker', 'Worker'])
    })
  }

  it('is followed when it is killed while the subtasks run; the results are merged by the next one', async () => {
    const { leaders, workers } = await team('die-between')
    const [first] = leaders
    for (const worker of workers) {
      worker.work = (task, response) => {
        void (task.input === 'a' ? first?.kill() : Promise.resolve())?.then(() => answer(response, 200, { output: task.input }))
      }
    }
    const reply = await router.task('die-between', { input: PARTS })
    expect(lost([reply])).to.deep.equal([])
    expect(reply.body.output).to.deep.equal({ by: 'die-between-l1', results: [{ output: 'a' }, { output: 'b' }, { output: 'c' }] })
  })

  it('loses no task under load when it is killed, and the change is logged and counted', async () => {
    // Nobody is silent here: what is lost is found out by its connections, and a pause of this process is to change no leader.
    const spec = { template: { readiness: { interval: '30s', timeout: '30s' } } }
    const { leaders } = await team('load', { leaders: 3, workers: 3, spec })
    const { replies, stop } = load('load', 6)
    await eventually('tasks are done', () => replies.length > 20)
    const tasksOf = (agent: string) => replies.filter(({ body }) => body.leader === agent).length
    await leaders[0]?.kill()
    await eventually('the next one leads', () => tasksOf('load-l1') > 20)
    await leaders[1]?.kill()
    await eventually('the last one leads', () => tasksOf('load-l2') > 20)
    const all = await stop()
    expect(lost(all)).to.deep.equal([])
    const line = router.log.split('\n').find((text) => text.includes('another agent leads') && text.includes('"oldLeader":"load-l0"'))
    const { oldLeader, leader, oldEpoch, epoch, cause, oldLeaderSilentMs } = JSON.parse(line ?? '{}') as Record<string, unknown>
    expect([oldLeader, leader, oldEpoch, cause]).to.deep.equal(['load-l0', 'load-l1', TERM, 'Failover'])
    expect(epoch).to.be.greaterThan(TERM)
    expect(oldLeaderSilentMs).to.be.a('number')
    const text = (await router.get('/metrics')).text
    const changes = router.log.split('\n').filter((text) => text.includes('"swarm":"load"'))
    expect(text, changes.join('\n')).to.match(/swarmops_router_leader_changes_total\{[^}]*swarm="load",cause="Failover"\} 2/)
  })

  it('is not led by one that was killed, although an answer that it gave before comes after the loss', async () => {
    const { leaders } = await team('late', { leaders: 3, workers: 1 })
    const [first, next] = leaders
    if (!first || !next) throw new Error('there are no leaders')
    const held: (() => void)[] = []
    first.work = (task, response) => {
      if (task.input === 'die') response.destroy()
      else if (task.phase === 'plan') held.push(() => answer(response, 200, { output: 'late' }))
    }
    const slow = router.task('late', { input: 'slow' })
    await eventually('the slow one is with its leader', () => held.length === 1)
    first.isHealthy = false
    expect(lost([await router.task('late', { input: 'die' })])).to.deep.equal([])
    await leads('late', router, 'late-l1')
    held.forEach((end) => end())
    expect((await slow).body.output).to.equal('late')
    expect((await router.view('late')).agents[0]?.health).to.equal('Unreachable')
    await next.kill()
    const reply = await router.task('late', { input: PARTS })
    expect([reply.status, reply.body.leader]).to.deep.equal([200, 'late-l2'])
    expect((await router.get('/metrics')).text).to.match(/swarmops_router_leader_changes_total\{[^}]*swarm="late",cause="Failover"\} 2/)
  })

  it('is watched also while there is nothing to do: one that hangs is followed before a task finds out', async () => {
    await team('idle')
    const fromMs = performance.now()
    fleet.gateway.freeze('sbx-idle-l0')
    await leads('idle', router, 'idle-l1')
    expect(performance.now() - fromMs).to.be.lessThan(5_000)
    const reply = await router.task('idle', { input: PARTS })
    expect([reply.status, reply.body.leader, reply.body.attempts?.length]).to.deep.equal([200, 'idle-l1', 2])
  })

  it('is followed when it hangs with tasks, which the next one takes', async () => {
    await team('hang')
    const { replies, stop } = load('hang', 6)
    await eventually('tasks are done', () => replies.length > 20)
    fleet.gateway.freeze('sbx-hang-l0')
    await eventually('the next one leads', () => replies.filter(({ body }) => body.leader === 'hang-l1').length > 20)
    expect(lost(await stop())).to.deep.equal([])
  })

  it('is followed when it answers with nothing but errors', async () => {
    const { leaders } = await team('sick', { spec: { routing: { circuitBreaker: { consecutiveFailures: 2, openFor: '60s' } } } })
    if (leaders[0]) leaders[0].work = (_task, response) => answer(response, 500, {})
    const reply = await router.task('sick', { input: PARTS })
    expect([reply.status, reply.body.leader]).to.deep.equal([200, 'sick-l1'])
  })

  it('stays when the one before comes back, until the operator settles it in another term', async () => {
    const { leaders } = await team('back')
    fleet.gateway.freeze('sbx-back-l0')
    await leads('back', router, 'back-l1')
    fleet.gateway.thaw('sbx-back-l0')
    await router.sees('back', 'the old leader well', (view) => view.agents[0]?.health === 'Healthy')
    expect((await router.task('back', { input: PARTS })).body.leader).to.equal('back-l1')
    const epochs = [(await router.view('back')).topology?.epoch ?? 0]
    await fleet.settle('back', 'back-l0', 2 * TERM)
    await leads('back', router, 'back-l0')
    const { body } = await router.task('back', { input: PARTS })
    expect([body.leader, body.epoch]).to.deep.equal(['back-l0', 2 * TERM])
    epochs.push(...leaders.flatMap(({ received }) => received.map(({ epoch }) => epoch)))
    expect(Math.max(...epochs)).to.equal(2 * TERM)
  })

  it('of an old epoch is refused by agents that know of a new one, and its router follows theirs', async () => {
    const { leaders, workers } = await team('fence', { isFenced: true })
    fleet.gateway.freeze('sbx-fence-l0')
    await leads('fence', router, 'fence-l1')
    const first = await router.task('fence', { input: PARTS })
    expect(first.body.leader).to.equal('fence-l1')
    // The second router has seen nothing of it: for it the first agent leads, in the old epoch.
    expect((await second.view('fence')).topology).to.deep.include({ leader: 'fence-l0', epoch: TERM })
    const reply = await second.task('fence', { input: PARTS })
    expect(lost([reply])).to.deep.equal([])
    expect([reply.body.leader, reply.body.epoch]).to.deep.equal(['fence-l1', first.body.epoch])
    expect((await second.view('fence')).topology).to.deep.include({ leader: 'fence-l1', epoch: first.body.epoch })
    expect((await second.get('/metrics')).text).to.match(/swarmops_router_leader_changes_total\{[^}]*swarm="fence",cause="TakenOver"\} 1/)
    const accepted = workers.flatMap(({ received }) => received.map(({ epoch }) => epoch)).filter((epoch) => epoch !== TERM)
    expect(new Set(accepted)).to.deep.equal(new Set([first.body.epoch]))
    expect(leaders[0]?.received.map((task) => task.phase)).to.deep.equal(['plan'])
  })

  it('is never another one in the same epoch, with two routers that see different agents fail', async () => {
    const { leaders, workers } = await team('two', { leaders: 3, workers: 3, isFenced: true })
    const { replies, stop } = load('two', 8, [router, second])
    const ways = [
      { by: router, gateway: fleet.gateway },
      { by: second, gateway: otherGateway },
    ]
    for (let round = 0; round < 8; round++) {
      for (const { by, gateway } of ways.slice(round % 2, (round % 2) + 1)) {
        const victim = (await by.view('two')).topology?.leader ?? ''
        gateway.freeze(`sbx-${victim}`)
        await by.sees('two', `another leader than ${victim}, which has no tasks any more`, ({ topology, agents }) =>
          agents.some(({ agent, inFlight }) => topology?.leader !== victim && agent === victim && inFlight === 0),
        )
        const before = replies.length
        await eventually('tasks go on', () => replies.length > before + 15)
        if (round === 3) await fleet.settle('two', 'two-l2', 2 * TERM)
        if (round === 6) await fleet.settle('two', 'two-l0', 3 * TERM)
        gateway.thaw(`sbx-${victim}`)
      }
    }
    expect(lost(await stop())).to.deep.equal([])
    const byEpoch = new Map<number, Set<string>>()
    const acted = (agent: TestAgent) => agent.received.filter(({ phase }) => phase !== undefined)
    for (const leader of leaders) {
      for (const { epoch } of acted(leader)) byEpoch.set(epoch, (byEpoch.get(epoch) ?? new Set()).add(leader.name))
    }
    expect([...byEpoch].filter(([, names]) => names.size > 1)).to.deep.equal([])
    expect(byEpoch.size).to.be.greaterThan(2)
    const tasks = new Map<string, Map<number, string>>()
    for (const leader of leaders) {
      for (const { id, epoch } of acted(leader)) {
        const known = tasks.get(id) ?? new Map<number, string>()
        expect(known.get(epoch) ?? leader.name).to.equal(leader.name)
        tasks.set(id, known.set(epoch, leader.name))
      }
    }
    expect(workers.every(({ received }) => received.length > 0)).to.equal(true)
  })
})
