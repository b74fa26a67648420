import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import { eventually } from '../../support/wait.ts'
import { answer } from './agents.ts'
import { TestFleet } from './fleet.ts'
import { STAGES, begun, holding, makeRing, ringSpec, stageAgent, stageAgentName, type RingOptions, type StageName } from './ring.ts'
import { RouterProcess, type Reply } from './router-process.ts'

const waysOf = ({ body }: Reply) => (body.output as { way?: unknown } | undefined)?.way
const revisionsOf = ({ body }: Reply) => body.stages?.map(({ revision }) => revision)
const refusalOf = ({ status, body }: Reply) => [status, body.code, body.stage]

describe('a ring in which something is missing, slow or changing', () => {
  let fleet: TestFleet
  let router: RouterProcess
  const start = (args: readonly string[] = []) =>
    RouterProcess.start({ config: fleet.config, namespace: fleet.namespace, sandboxUrl: fleet.gateway.url, args })
  before(async () => {
    fleet = await TestFleet.start()
    router = await start()
  })
  after(async () => {
    await router.stop()
    await fleet.stop()
  })
  const ring = (name: string, options: RingOptions = {}) => makeRing({ fleet, router }, name, options)
  const another = (swarm: string, group: StageName, number: number, revision = 'r1') =>
    stageAgent(fleet, swarm, { group, number, revision })
  const metric = async (pattern: RegExp) => Number(pattern.exec((await router.get('/metrics')).text)?.[1] ?? NaN)

  it('refuses tasks at once when it has no stages', async () => {
    await fleet.swarm('none', { replicas: 0, topology: { type: 'Ring' } })
    await router.sees('none', 'no stages', (view) => view.stages === undefined && view.topology?.type === 'Ring')
    const { status, body, headers } = await router.task('none')
    expect([status, body.code, headers['retry-after']]).to.deep.equal([503, 'StageBroken', '1'])
    expect(body.detail).to.contain('raise spec.replicas')
  })

  it('is broken where all circuits are open: new tasks are refused, those on their way wait for the trial and need no other attempt', async () => {
    const routing = { circuitBreaker: { consecutiveFailures: 2, openFor: '1s' }, retries: { attempts: 1 } }
    const agents = await ring('circuit', { agents: { score: 1 }, routing })
    const [clean, score] = [agents.clean[0], agents.score[0]]
    if (!clean || !score) throw new Error('no agents')
    const [pass, work] = [clean.work, score.work]
    const held: (() => void)[] = []
    clean.work = (task, response) => {
      if ((task.input as { isHeld?: boolean }).isHeld) held.push(() => void pass(task, response))
      else void pass(task, response)
    }
    const early = router.task('circuit', { input: { isHeld: true } })
    await eventually('it is at the first stage', () => held.length === 1)
    score.work = (_task, response) => answer(response, 500, {})
    const failed = [await router.task('circuit', { input: {} }), await router.task('circuit', { input: {} })]
    expect(failed.map(refusalOf)).to.deep.equal([1, 2].map(() => [502, 'AgentFailed', 'score']))
    const refused = await router.task('circuit', { input: {} })
    expect(refusalOf(refused)).to.deep.equal([503, 'StageBroken', 'score'])
    expect(Number(refused.headers['retry-after'])).to.be.at.least(1)
    expect(await metric(/swarmops_router_stage_refusals_total\{[^}]*swarm="circuit",stage="score",code="StageBroken"\} (\d+)/)).to.equal(1)
    expect(await metric(/swarmops_router_stage_capacity\{[^}]*swarm="circuit",stage="clean"\} (\d+)/)).to.equal(4)
    score.work = work
    for (const go of held) go()
    const { status, body } = await early
    expect([status, body.stages?.map(({ attempts }) => attempts)]).to.deep.equal([200, [1, 1, 1]])
    expect(begun([score])).to.equal(3)
    expect((await router.task('circuit', { input: {} })).status).to.equal(200)
  })

  it('admits tasks that ask for a revision by the agents of that one', async () => {
    await ring('preview', { agents: { score: 1 } })
    for (const stage of STAGES) await another('preview', stage, 0, 'r2')
    await router.sees('preview', '6 agents', (view) => view.agents.filter((a) => a.health === 'Healthy').length === 6)
    const ask = (revision: string) => router.task('preview', { input: {} }, { headers: { 'swarm-revision': revision } })
    expect(revisionsOf(await ask('r2'))).to.deep.equal(['r2', 'r2', 'r2'])
    expect(revisionsOf(await router.task('preview', { input: {} }))).to.deep.equal(['r1', 'r1', 'r1'])
    await fleet.removeAgent('preview-score-0-r1')
    await router.sees('preview', 'a broken stage', (view) => view.stages?.[1]?.state === 'Broken')
    expect(refusalOf(await router.task('preview', { input: {} }))).to.deep.equal([503, 'StageBroken', 'score'])
    expect((await ask('r2')).status).to.equal(200)
    await fleet.removeAgent('preview-judge-0-r2')
    await router.sees('preview', 'no last stage of the preview', ({ agents }) => !agents.some((a) => a.agent === 'preview-judge-0-r2'))
    const refused = await ask('r2')
    expect(refusalOf(refused)).to.deep.equal([503, 'StageBroken', 'judge'])
    expect(refused.body.detail).to.contain('of revision r2')
    expect((await ask('r9')).body.code).to.equal('RevisionNotFound')
  })

  it('gives a task to an idle agent of a revision that no task can keep to, when those of its own are busy', async () => {
    const agents = await ring('update', { agents: { clean: 0, score: 1 }, limit: 1 })
    const clean = [await another('update', 'clean', 0, 'r2'), await another('update', 'clean', 1, 'r2')]
    const score = await another('update', 'score', 0, 'r2')
    const { held, release } = holding(score)
    await fleet.weigh('update', { r1: 50, r2: 50 })
    await router.sees('update', 'both revisions', (view) => view.weights.length === 2 && view.agents.filter((a) => a.health === 'Healthy').length === 5) // prettier-ignore
    const first = router.task('update', { input: {} })
    await eventually('it is at the new agent of the second stage', () => held.length === 1)
    expect(revisionsOf(await router.task('update', { input: {} }))).to.deep.equal(['r2', 'r1', 'r1'])
    release()
    expect(revisionsOf(await first)).to.deep.equal(['r2', 'r2', 'r1'])
    expect([begun(clean), begun(agents.score)]).to.deep.equal([2, 1])
  })

  it('passes over a stage that leaves the spec, for tasks that wait for it, too', async () => {
    const agents = await ring('fewer', { agents: { score: 1 } })
    const { held } = holding(agents.score[0])
    const task = router.task('fewer', { input: {} })
    await eventually('it is at the stage in the middle', () => held.length === 1)
    await fleet.removeAgent('fewer-score-0-r1')
    await agents.score[0]?.kill()
    await router.sees('fewer', 'a task that waits', (view) => view.stages?.[1]?.waiting === 1)
    await fleet.swarm('fewer', ringSpec({}, ['clean', 'judge']))
    const reply = await task
    expect([reply.status, waysOf(reply)]).to.deep.equal([200, ['clean', 'judge']])
    expect([begun(agents.clean), begun(agents.judge)]).to.deep.equal([1, 1])
  })

  it('tells a repeat that the outcome is unknown, when its client left while it waited between stages and it must not be done twice', async () => {
    const agents = await ring('left', { agents: { score: 1 } })
    const { held } = holding(agents.score[0])
    agents.score[0]?.received.splice(0)
    const gone = new AbortController()
    const options = { headers: { 'idempotency-key': 'k' } }
    const busy = Array.from({ length: 4 }, () => router.task('left', { input: {} }))
    await eventually('the stage is busy', () => held.length === 4)
    const task = { input: {}, idempotent: false }
    const first = router.task('left', task, { ...options, signal: gone.signal }).catch((error: unknown) => error)
    await router.sees('left', 'it waits', (view) => view.stages?.[1]?.waiting === 1)
    gone.abort()
    expect(await first).to.be.instanceOf(Error)
    await router.sees('left', 'nobody waits', (view) => view.stages?.[1]?.waiting === 0)
    const again = await router.task('left', task, options)
    expect([...refusalOf(again), again.headers['idempotent-replayed']]).to.deep.equal([502, 'OutcomeUnknown', 'score', 'true'])
    expect(again.body.detail).to.contain('the stages clean may have taken effect')
    expect(begun(agents.clean)).to.equal(5)
    for (const go of held) go()
    expect((await Promise.all(busy)).map(({ status }) => status)).to.deep.equal([200, 200, 200, 200])
  })

  it('waits at its first stage within the queue, and has less time at each stage', async () => {
    const agents = await ring('queue', { limit: 1 })
    const { held, release } = holding(agents.clean[0])
    const tasks = [router.task('queue', { input: {} }), router.task('queue', { input: {} })]
    await router.sees('queue', 'one at work and one waiting', (view) => view.stages?.[0]?.state === 'Full' && held.length === 1)
    expect(refusalOf(await router.task('queue', { input: {} }))).to.deep.equal([429, 'StageFull', 'clean'])
    release()
    await eventually('the other one is there', () => held.length === 1)
    release()
    const replies = await Promise.all(tasks)
    expect(replies.map(({ status }) => status)).to.deep.equal([200, 200])
    expect(Math.max(...replies.map(({ body }) => body.timings?.queuedMs ?? 0))).to.be.greaterThan(0)
    const left = [agents.clean, agents.judge].map(([agent]) => Number(agent?.received[0]?.headers['swarm-timeout-ms']))
    expect(left[0]).to.be.greaterThan(left[1] ?? NaN)
    await fleet.swarm('queue', ringSpec({ limit: 1, routing: { queue: { maxPending: 0 } } }))
    await router.sees('queue', 'no place to wait', (view) => view.queue.maxPending === 0)
    const running = router.task('queue', { input: {} })
    await eventually('it is at work', () => held.length === 1)
    expect(refusalOf(await router.task('queue', { input: {} }))).to.deep.equal([429, 'QueueFull', 'clean'])
    release()
    expect((await running).status).to.equal(200)
  })

  it('says that time was up for want of an agent', async () => {
    const agents = await ring('waited', { agents: { score: 1 } })
    const { held } = holding(agents.score[0])
    const task = router.task('waited', { input: {}, timeout: '1s' })
    await eventually('it is at the stage in the middle', () => held.length === 1)
    await agents.score[0]?.kill()
    const reply = await task
    expect(refusalOf(reply)).to.deep.equal([504, 'TaskTimeout', 'score'])
    expect(reply.body.detail).to.match(/^at stage score: .*; no agent of the stage worked at the end$/)
    expect(reply.body.attempts?.map(({ agent }) => agent)).to.deep.equal([
      'waited-clean-0-r1',
      stageAgentName('waited', { group: 'score', number: 0 }),
    ])
  })

  it('says how far its tasks have come when the router stops', async () => {
    const stopping = await start(['--drain-seconds', '0'])
    const agents = await ring('stop')
    await stopping.sees('stop', '4 agents', (view) => view.agents.filter((a) => a.health === 'Healthy').length === 4)
    const held = agents.score.map(holding)
    const tasks = [true, false].map((idempotent) => stopping.task('stop', { input: {}, idempotent }))
    await eventually('both are at the stage in the middle', () => held.flatMap((one) => one.held).length === 2)
    stopping.signal('SIGTERM')
    const replies = await Promise.all(tasks)
    expect(replies.map(refusalOf)).to.deep.equal([
      [503, 'ShuttingDown', 'score'],
      [502, 'OutcomeUnknown', 'score'],
    ])
    expect(replies.map(({ body }) => body.stages?.map(({ stage }) => stage))).to.deep.equal([['clean'], ['clean']])
    await stopping.stop()
  })

  it('tells agents of a ring with two ways which one a task goes', async () => {
    const agents = await ring('told', { topology: { bidirectional: true } })
    await router.task('told', { input: {}, direction: 'reverse' })
    await router.task('told', { input: {} })
    expect(agents.judge[0]?.received.map(({ stage, direction }) => [stage, direction])).to.deep.equal([
      ['judge', 'reverse'],
      ['judge', 'forward'],
    ])
  })
})
