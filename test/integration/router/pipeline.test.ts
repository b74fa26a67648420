import { describe, it } from 'mocha'
import { expect } from 'chai'
import { eventually } from '../../support/wait.ts'
import { answer } from './agents.ts'
import { STAGES, begun, holding, makeRing, ringSpec, stageAgent, type RingOptions, type StageName } from './ring.ts'
import { useRouter } from './suite.ts'

describe('a task that goes through a ring', () => {
  const suite = useRouter()

  const ring = (name: string, options: RingOptions = {}) => makeRing(suite, name, options)
  const another = (swarm: string, group: StageName, number: number, revision = 'r1') =>
    stageAgent(suite.fleet, swarm, { group, number, revision })

  it('passes each stage once, in their order, and tells how long each took', async () => {
    const agents = await ring('plain')
    const { status, body } = await suite.router.task('plain', { input: {} }, { headers: { 'idempotency-key': 'k1' } })
    expect([status, body.output]).to.deep.equal([200, { way: [...STAGES] }])
    expect(body.stages?.map(({ stage, revision, attempts }) => [stage, revision, attempts])).to.deep.equal(STAGES.map((s) => [s, 'r1', 1]))
    expect([body.direction, body.group, body.agent]).to.deep.equal(['forward', 'judge', 'plain-judge-0-r1'])
    const total = (body.stages ?? []).reduce((sum, stage) => sum + stage.totalMs, 0)
    expect(total).to.be.at.most((body.timings?.totalMs ?? 0) + 1)
    const received = STAGES.flatMap((stage) => agents[stage].flatMap((agent) => agent.received))
    expect(received.map((task) => [task.id, task.stage, task.headers['idempotency-key']])).to.deep.equal(
      STAGES.map((stage) => [body.id, stage, `k1/${stage}`]),
    )
    const view = await suite.router.view('plain')
    expect(view.stages).to.deep.equal([
      { stage: 'clean', state: 'Ready', agents: 1, waiting: 0 },
      { stage: 'score', state: 'Ready', agents: 2, waiting: 0 },
      { stage: 'judge', state: 'Ready', agents: 1, waiting: 0 },
    ])
    expect((await suite.router.get('/metrics')).text).to.match(/swarmops_router_stage_seconds_count\{[^}]*swarm="plain",stage="score"\} 1/)
  })

  it('goes on at the stage that failed, with its spare, and repeats none of those before', async () => {
    const agents = await ring('spare')
    const held = agents.score.map(holding)
    const task = suite.router.task('spare', { input: {} })
    await eventually('the task is at the stage in the middle', () => held.some((one) => one.held.length > 0))
    const victim = agents.score[held.findIndex((one) => one.held.length > 0)]
    await victim?.kill()
    await eventually('the spare has it', () => begun(agents.score) === 2)
    for (const one of held) one.release()
    const { status, body } = await task
    expect([status, body.output]).to.deep.equal([200, { way: [...STAGES] }])
    expect(body.stages?.map(({ attempts }) => attempts)).to.deep.equal([1, 2, 1])
    expect(begun(agents.clean)).to.equal(1)
  })

  it('waits at a stage that has lost its only agent, which refuses new tasks at once, and goes on with the next one that comes', async () => {
    const agents = await ring('broken', { agents: { score: 1 } })
    const { held } = holding(agents.score[0])
    const task = suite.router.task('broken', { input: {} })
    await eventually('the task is at the stage in the middle', () => held.length === 1)
    await agents.score[0]?.kill()
    await suite.router.sees('broken', 'a broken stage', (view) => view.stages?.[1]?.state === 'Broken' && view.stages[1].waiting === 1)
    const refused = await suite.router.task('broken', { input: {} })
    expect([refused.status, refused.body.code, refused.body.stage, refused.headers['retry-after']]).to.deep.equal([
      503,
      'StageBroken',
      'score',
      '1',
    ])
    await another('broken', 'score', 9)
    const { status, body } = await task
    expect([status, body.output, body.stages?.[1]?.agent]).to.deep.equal([200, { way: [...STAGES] }, 'broken-score-9-r1'])
    expect(begun(agents.clean)).to.equal(1)
    expect((await suite.router.task('broken', { input: {} })).status).to.equal(200)
  })

  it('is refused with Retry-After while a stage has as much as it can do', async () => {
    const agents = await ring('full', { limit: 1, agents: { score: 1, clean: 3 } })
    const { release } = holding(agents.score[0])
    const tasks = [suite.router.task('full', { input: {} }), suite.router.task('full', { input: {} })]
    await suite.router.sees('full', 'a full stage', (view) => view.stages?.[1]?.state === 'Full')
    const refused = await suite.router.task('full', { input: {} })
    expect([refused.status, refused.body.code, refused.body.stage]).to.deep.equal([429, 'StageFull', 'score'])
    expect(Number(refused.headers['retry-after'])).to.be.at.least(1)
    release()
    await eventually('the next one is there', () => begun(agents.score) === 2)
    release()
    expect((await Promise.all(tasks)).map(({ status }) => status)).to.deep.equal([200, 200])
  })

  it('goes the reverse way when it asks for it, where the ring is known both ways', async () => {
    await ring('both', { topology: { bidirectional: true } })
    const back = await suite.router.task('both', { input: {}, direction: 'reverse' })
    expect([back.status, back.body.direction, back.body.output]).to.deep.equal([200, 'reverse', { way: STAGES.toReversed() }])
    const any = await suite.router.task('both', { input: {}, direction: 'any' })
    expect([any.status, any.body.direction]).to.deep.equal([200, 'forward'])
    await ring('oneway')
    const refused = await suite.router.task('oneway', { input: {}, direction: 'reverse' })
    expect([refused.status, refused.body.code]).to.deep.equal([400, 'InvalidTask'])
    expect(refused.body.detail).to.contain('bidirectional')
  })

  it('begins on the other side of a broken stage when it asks for any way', async () => {
    const agents = await ring('around', { topology: { bidirectional: true } })
    await suite.fleet.removeAgent('around-clean-0-r1')
    await suite.router.sees('around', 'the first stage broken', (view) => view.stages?.[0]?.state === 'Broken')
    const task = suite.router.task('around', { input: {}, direction: 'any' })
    await eventually('it has come to the broken stage from behind', () => begun(agents.score) === 1)
    await another('around', 'clean', 9)
    const { status, body } = await task
    expect([status, body.direction, body.output]).to.deep.equal([200, 'reverse', { way: STAGES.toReversed() }])
  })

  it('ends in time, and says at which stage it was', async () => {
    const agents = await ring('slow')
    holding(agents.judge[0])
    const late = await suite.router.task('slow', { input: {}, timeout: '300ms' })
    expect([late.status, late.body.code, late.body.stage]).to.deep.equal([504, 'TaskTimeout', 'judge'])
    expect(late.body.stages?.map(({ stage }) => stage)).to.deep.equal(['clean', 'score'])
  })

  it('has an unknown outcome when it must not be done twice and a later stage fails', async () => {
    const agents = await ring('once')
    for (const agent of agents.judge) agent.work = (_task, response) => answer(response, 500, {})
    const { status, body } = await suite.router.task('once', { input: {}, idempotent: false })
    expect([status, body.code, body.stage]).to.deep.equal([502, 'OutcomeUnknown', 'judge'])
    expect([begun(agents.clean), begun(agents.judge)]).to.deep.equal([1, 1])
  })

  it('is cut where it is when its client goes away', async () => {
    const agents = await ring('gone')
    const cut = new Promise<void>((resolve) => {
      for (const agent of agents.score) agent.work = (_task, response) => void response.on('close', resolve)
    })
    const abort = new AbortController()
    const task = suite.router.task('gone', { input: {} }, { signal: abort.signal }).catch((error: unknown) => error)
    await eventually('it is at the stage in the middle', () => begun(agents.score) === 1)
    abort.abort()
    await cut
    expect(await task).to.be.instanceOf(Error)
    expect(begun(agents.judge)).to.equal(0)
  })

  it('keeps its revision while the stages have agents of it, and ends without them', async () => {
    const agents = await ring('mixed')
    for (const stage of STAGES) await another('mixed', stage, 0, 'r2')
    const { release, held } = holding(agents.clean[0])
    const task = suite.router.task('mixed', { input: {} })
    await eventually('it has begun', () => held.length === 1)
    await suite.fleet.weigh('mixed', { r2: 100 })
    await suite.router.sees('mixed', 'other weights', (view) => view.weights[0]?.revision === 'r2')
    release()
    expect((await task).body.stages?.map(({ revision }) => revision)).to.deep.equal(['r1', 'r1', 'r1'])
    await suite.fleet.weigh('mixed', { r1: 100 })
    await suite.router.sees('mixed', 'the first weights', (view) => view.weights[0]?.revision === 'r1')
    const next = suite.router.task('mixed', { input: {} })
    await eventually('it has begun', () => held.length === 1)
    await suite.fleet.weigh('mixed', { r2: 100 })
    await suite.fleet.removeAgent('mixed-judge-0-r1')
    await suite.router.sees('mixed', 'the last stage without its first agent', (view) => {
      return view.weights[0]?.revision === 'r2' && !view.agents.some(({ agent }) => agent === 'mixed-judge-0-r1')
    })
    release()
    expect((await next).body.stages?.map(({ revision }) => revision)).to.deep.equal(['r1', 'r1', 'r2'])
  })

  it('leaves its revision at a stage where all agents of that have failed it', async () => {
    const agents = await ring('failing', { agents: { score: 1 } })
    for (const stage of STAGES) await another('failing', stage, 0, 'r2')
    const { held, release } = holding(agents.clean[0])
    const task = suite.router.task('failing', { input: {} })
    await eventually('it has begun', () => held.length === 1)
    await suite.fleet.weigh('failing', { r1: 50, r2: 50 })
    await suite.router.sees('failing', 'both revisions', (view) => view.agents.length === 6 && view.weights.length === 2)
    for (const agent of agents.score) agent.work = (_task, response) => answer(response, 500, {})
    release()
    const { status, body } = await task
    expect([status, body.stages?.map(({ revision, attempts }) => [revision, attempts])]).to.deep.equal([
      200,
      [
        ['r1', 1],
        ['r2', 2],
        ['r2', 1],
      ],
    ])
  })

  it('ends when its swarm is no ring any more, and says so', async () => {
    const agents = await ring('former', { agents: { score: 1 }, limit: 1 })
    const at = [holding(agents.clean[0]), holding(agents.score[0])] as const
    const first = suite.router.task('former', { input: {} })
    await eventually('it is at the first stage', () => at[0].held.length === 1)
    at[0].release()
    await eventually('it is at the second stage', () => at[1].held.length === 1)
    const second = suite.router.task('former', { input: {} })
    await eventually('another one is at the first stage', () => at[0].held.length === 1)
    at[0].release()
    await suite.router.sees('former', 'that one waiting', (view) => view.stages?.[1]?.waiting === 1)
    await suite.fleet.swarm('former', { ...ringSpec({ limit: 1 }), topology: { type: 'Mesh' } })
    const waited = await second
    at[1].release()
    for (const { status, body } of [waited, await first]) {
      expect([status, body.code]).to.deep.equal([503, 'StageBroken'])
      expect(body.detail).to.contain('is no ring any more')
    }
  })

  it('waits for its own stage only, also after another one has taken the place of that', async () => {
    const agents = await ring('moved', { agents: { score: 1 }, limit: 2 })
    const { held, release } = holding(agents.score[0])
    const early = Array.from({ length: 3 }, () => suite.router.task('moved', { input: {} }))
    await suite.router.sees('moved', 'one waiting', (view) => view.stages?.[1]?.waiting === 1 && held.length === 2)
    await suite.fleet.swarm('moved', ringSpec({ limit: 2 }, ['clean', 'judge', 'score']))
    const seen = await suite.router.sees('moved', 'the other order', (view) => view.stages?.[1]?.stage === 'judge')
    expect(seen.stages?.map(({ stage, waiting }) => [stage, waiting])).to.deep.equal([['clean', 0], ['judge', 0], ['score', 1]]) // prettier-ignore
    const late = suite.router.task('moved', { input: {} })
    await eventually('it is past the stage that took the place', () => begun(agents.judge) === 1)
    await suite.router.sees('moved', 'two waiting', (view) => view.stages?.[2]?.waiting === 2)
    const replies = Promise.all([...early, late])
    await eventually('all have ended', async () => {
      release()
      return Promise.race([replies.then(() => true), new Promise<boolean>((resolve) => setImmediate(() => resolve(false)))])
    })
    const ways = (await replies).map(({ body }) => (body.output as { way?: string[] } | undefined)?.way)
    expect(ways).to.deep.equal([...early.map(() => [...STAGES]), ['clean', 'judge', 'score']])
  })

  it('is refused for a capability that a stage does not have', async () => {
    await ring('plainer')
    const { status, body } = await suite.router.task('plainer', { input: {}, capability: 'scores' })
    expect([status, body.code]).to.deep.equal([404, 'NoAgentWithCapability'])
    expect(body.detail).to.contain('stage clean')
  })

  it('passes the agents of a swarm without groups in the order of their places', async () => {
    await suite.fleet.swarm('places', { replicas: 3, topology: { type: 'Ring' } })
    for (const place of [2, 0, 1]) {
      const agent = await suite.fleet.agent('places', `places-${place}`, { place })
      agent.work = (task, response) => answer(response, 200, { output: [...(task.input as string[]), task.stage] })
    }
    await suite.router.sees(
      'places',
      '3 stages',
      (view) => view.stages?.every(({ state }) => state === 'Ready') === true && view.stages.length === 3,
    )
    expect((await suite.router.task('places', { input: [] })).body.output).to.deep.equal(['0', '1', '2'])
  })
})
