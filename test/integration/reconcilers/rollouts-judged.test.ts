import { afterEach, describe, it } from 'mocha'
import { expect } from 'chai'
import { RolloutSystem, SWARM } from '../../support/rollout-system.ts'
import { TestSource } from '../../support/test-source.ts'

const METRICS = [
  { name: 'errors', errorRate: { maxPercent: 20 }, minSamples: 10, interval: '250ms', count: 4, window: '30s' },
  { name: 'latency', latency: { percentile: 95, max: '700ms' }, minSamples: 10, interval: '250ms', count: 4, window: '30s' },
]
const OFF = { maxErrorPercent: 100 }
const FAST = { scaleDownDelay: '1s', abortScaleDownDelay: '1s', progressDeadline: '30s' }

describe('a rollout that is judged under load', function () {
  this.timeout(120_000)
  let here: RolloutSystem
  afterEach(async () => here.stop())

  it('is promoted when it does well, without a failed task', async () => {
    here = await RolloutSystem.start(
      'CanaryRollout',
      { ...FAST, steps: [{ setWeight: 25 }, { analysis: { metrics: METRICS } }, { setWeight: 100 }] },
      { router: 2 },
    )
    const load = here.system.keepAsking(SWARM)
    await here.template('good-2')
    const { status } = await here.is('Idle')
    expect(status?.state?.history[0]).to.include({ result: 'Promoted' })
    expect((await load.stop()).filter((a) => a.status !== 200)).to.deep.equal([])
  })

  it('goes back by its error rate alone, seen by the operator', async () => {
    here = await RolloutSystem.start('CanaryRollout', {
      ...FAST,
      guard: OFF,
      steps: [{ setWeight: 50 }, { analysis: { metrics: METRICS } }],
    })
    const load = here.system.keepAsking(SWARM)
    const order = await here.watchReturn()
    await here.template('bad-1')
    const { status } = await here.is('Aborted')
    // Tasks go back with the first write.
    await order.are(['tasks are back', 'the reason is stored'])
    expect(status?.state?.failure?.reason).to.equal('AnalysisFailed')
    expect(status?.state?.failure?.message).to.match(/errors: .*% of \d+ attempts failed/)
    // Retries go to agents of the stable revision as well: the clients see nothing of it.
    expect((await load.stop()).filter((a) => a.status !== 200)).to.deep.equal([])
  })

  it('goes back by its latency', async () => {
    here = await RolloutSystem.start('CanaryRollout', { ...FAST, steps: [{ setWeight: 50 }, { analysis: { metrics: METRICS } }] })
    const load = here.system.keepAsking(SWARM)
    await here.template('slow-1')
    const { status } = await here.is('Aborted')
    expect(status?.state?.failure?.message).to.match(/latency: .*longer than 700ms/)
    expect((await load.stop()).filter((a) => a.status !== 200)).to.deep.equal([])
  })

  it('goes back by the guard of the routers', async () => {
    here = await RolloutSystem.start('CanaryRollout', { ...FAST, steps: [{ setWeight: 50 }, { pause: {} }] }, { router: 2 })
    const load = here.system.keepAsking(SWARM)
    await here.template('bad-1')
    const { status } = await here.is('Aborted')
    expect(status?.state?.failure?.reason).to.equal('GuardTripped')
    expect(status?.state?.failure?.message).to.match(/of \d+ attempts failed, more than 10 %/)
    await here.hasWeights({ [status?.state?.stableRevision ?? '']: 100 })
    expect((await load.stop()).filter((a) => a.status !== 200)).to.deep.equal([])
  })

  it('is measured by default: 5, 25, 50 and 100 percent with an analysis each', async () => {
    here = await RolloutSystem.start('CanaryRollout', FAST)
    const load = here.system.keepAsking(SWARM, 8)
    await here.template('bad-1')
    const { status } = await here.is('Aborted')
    expect(status?.state?.failure?.step).to.be.within(1, 2)
    expect((await load.stop()).filter((a) => a.status !== 200)).to.deep.equal([])
  })

  it('blue-green: comes up whole, is warmed up, is approved, and takes the tasks over', async () => {
    const spec = {
      ...FAST,
      scaleDownDelay: '3s',
      warmUp: { input: '{}', tasks: 5 },
      approval: 'Manual',
      shift: { weights: [50, 100], interval: '1s' },
    }
    here = await RolloutSystem.start('BlueGreenRollout', spec)
    const blue = Object.keys(await here.weights())[0] ?? ''
    const load = here.system.keepAsking(SWARM)
    await here.template('good-2')
    const waiting = await here.until('it waits for approval', (r) => r.status?.conditions?.some((c) => c.type === 'Paused') ?? false)
    const green = waiting.status?.state?.targetRevision ?? ''
    await here.hasWeights({ [blue]: 100 })
    expect(await here.agents()).to.deep.equal({ [blue]: 4, [green]: 4 })
    await here.ask('Promote')
    await here.until('it has all tasks', (r) => r.status?.state?.stableRevision === green)
    expect(await here.agents()).to.deep.equal({ [blue]: 4, [green]: 4 })
    await here.hasAgents({ [green]: 4 })
    expect((await load.stop()).filter((a) => a.status !== 200)).to.deep.equal([])
  })

  it('blue-green: a green that fails its tasks goes back at once, while blue is whole', async () => {
    here = await RolloutSystem.start('BlueGreenRollout', { ...FAST, shift: { weights: [25, 100], interval: '10s' } })
    const blue = Object.keys(await here.weights())[0] ?? ''
    const load = here.system.keepAsking(SWARM)
    await here.template('bad-2')
    const { status } = await here.is('Aborted')
    expect(status?.state?.failure?.reason).to.equal('GuardTripped')
    await here.hasWeights({ [blue]: 100 })
    expect((await here.agents())[blue]).to.equal(4)
    expect((await load.stop()).filter((a) => a.status !== 200)).to.deep.equal([])
  })

  it('blue-green: is judged before it has tasks and after it has all of them', async () => {
    const gate = new TestSource()
    gate.answer = (response) => response.end('{"open":true}')
    await gate.start()
    const http = { url: gate.url, path: 'open' }
    const prePromotion = { metrics: [{ name: 'gate', http, success: { equals: 'true' }, interval: '1s', count: 1 }] }
    const spec = { ...FAST, prePromotion, shift: { weights: [100], interval: '0s' }, postPromotion: { metrics: METRICS } }
    here = await RolloutSystem.start('BlueGreenRollout', spec)
    const load = here.system.keepAsking(SWARM)
    await here.template('good-2')
    const { status } = await here.is('Idle')
    await gate.stop()
    expect(status?.state?.history[0]).to.include({ result: 'Promoted' })
    expect(gate.received).to.have.length(1)
    const succeeded = status?.metrics?.filter(({ successful }) => successful > 0).map(({ name }) => name)
    expect(succeeded).to.have.members(['gate', 'errors', 'latency'])
    expect((await load.stop()).filter((a) => a.status !== 200)).to.deep.equal([])
  })

  it('blue-green: a green that is slow goes back after it has all tasks, while blue is whole', async () => {
    here = await RolloutSystem.start('BlueGreenRollout', {
      ...FAST,
      shift: { weights: [100], interval: '0s' },
      postPromotion: { metrics: METRICS },
    })
    const blue = Object.keys(await here.weights())[0] ?? ''
    const load = here.system.keepAsking(SWARM)
    await here.template('slow-2')
    const { status } = await here.is('Aborted')
    expect(status?.state?.failure?.message).to.match(/latency: .*longer than 700ms/)
    await here.hasWeights({ [blue]: 100 })
    expect((await here.agents())[blue]).to.equal(4)
    expect((await load.stop()).filter((a) => a.status !== 200)).to.deep.equal([])
  })
})
