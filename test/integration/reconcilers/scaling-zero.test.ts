import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import { ScalingLab } from '../../support/scaling-lab.ts'
import { eventually } from '../../support/wait.ts'

const LOAD = { name: 'load', type: 'InFlightPerAgent', target: { value: 2 } }
const BEHAVIOUR = { idleBeforeZero: '1s', scaleDown: { stabilisationWindow: '1s' } }
const TO_ZERO = { minReplicas: 0, maxReplicas: 5, metrics: [LOAD], behaviour: BEHAVIOUR }

describe('scaling to zero and back', function () {
  this.timeout(180_000)
  let lab: ScalingLab
  before(async () => {
    lab = await ScalingLab.start({ router: true, e2b: { createLatencyMs: 300 } })
  })
  after(async () => lab.stop())

  const asleep = async (swarm: string) => {
    await lab.replicas(swarm, 0)
    await eventually('no agent runs', async () => (await lab.system.swarm(swarm))?.status?.replicas === 0)
  }

  it('lets the last agent go when nothing is to be done, holds the tasks that come, and gives them to the agents that they wake', async () => {
    const { system } = lab
    await lab.swarm('desk', 1)
    await lab.policy('desk', TO_ZERO)
    await asleep('desk')
    await system.isExact('desk')
    const answers = await Promise.all(Array.from({ length: 8 }, async () => system.task('desk', { sleepMs: 300 })))
    expect(answers.map(({ status }) => status)).to.deep.equal(answers.map(() => 200))
    expect(new Set(answers.map(({ body }) => body['id'])).size).to.equal(8)
    await system.told('desk', 'ScaledUp', /from 0 to /)
    const most = (await lab.get('desk'))?.status?.changes?.reduce((n, { to }) => Math.max(n, to), 0)
    expect(most).to.be.within(1, 4)
    await asleep('desk')
    await system.told('desk', 'ScaledDown', /to 0/)
    expect((await lab.get('desk'))?.status?.lastActiveAt).to.be.a('string')
  })

  it('goes to zero and back also when the operator was killed while it slept', async () => {
    const { system } = lab
    await asleep('desk')
    await system.operator?.kill()
    await system.startOperator()
    const { status } = await system.task('desk', { sleepMs: 50 })
    expect(status).to.equal(200)
    await asleep('desk')
  })

  it('pauses agents instead of ending them where the swarm says so, and resumes the same ones', async () => {
    const { system } = lab
    await lab.swarm('nap', 1, { lifecycle: { onScaleDown: 'Pause' } })
    const [before] = await system.agents('nap')
    await lab.policy('nap', TO_ZERO)
    await eventually('the agent sleeps', async () => (await system.swarm('nap'))?.status?.groups?.[0]?.pausedReplicas === 1)
    const { status, body } = await system.task('nap', {})
    expect([status, body['agent']]).to.deep.equal([200, before?.metadata.name])
  })

  it('refuses no more than the queue of the swarm can hold, and says so', async () => {
    const { system } = lab
    await lab.swarm('small', 1, { routing: { queue: { maxPending: 2, timeout: '20s' } } })
    await lab.policy('small', TO_ZERO)
    await asleep('small')
    const answers = await Promise.all(Array.from({ length: 6 }, async () => system.task('small', { sleepMs: 100 })))
    const codes = answers.map(({ status, body }) => (status === 200 ? 'Done' : String(body['code']))).sort()
    expect(codes.filter((code) => code === 'Done').length).to.be.at.least(2)
    expect(codes.filter((code) => code !== 'Done' && code !== 'QueueFull')).to.deep.equal([])
  })
})
