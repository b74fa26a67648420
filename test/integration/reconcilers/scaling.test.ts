import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import { ScalingLab } from '../../support/scaling-lab.ts'
import { eventually } from '../../support/wait.ts'
import { TestSource } from '../../support/test-source.ts'

/** One task at a time, and few enough of them that a lost one would be seen. */
const SLOW = { sleepMs: 400 }
const FAST_DOWN = { scaleDown: { stabilisationWindow: '2s' } }
const LOAD = { name: 'load', type: 'InFlightPerAgent', target: { value: 1 } }

describe('scaling by what routers tell', function () {
  this.timeout(240_000)
  let lab: ScalingLab
  before(async () => {
    lab = await ScalingLab.start({ router: 2, e2b: { createLatencyMs: 150 } })
  })
  after(async () => lab.stop())

  it('goes from 2 to 10 when a queue grows and back when it is over, within its bounds and without a lost task', async () => {
    const { system } = lab
    await lab.swarm('desk', 2)
    await lab.policy('desk', { minReplicas: 2, maxReplicas: 10, metrics: [LOAD], behaviour: FAST_DOWN })
    await lab.tells('desk', 'ScalingActive', 'True')
    const counts = system.watchCounts('desk')
    const load = system.keepAsking('desk', 24, SLOW)
    await lab.replicas('desk', 10)
    const policy = await lab.decided(
      'desk',
      ({ wantedReplicas, limitedBy }) => wantedReplicas === 10 && limitedBy?.at(-1)?.by === 'MaxReplicas',
    )
    expect(policy.status).to.deep.include({ decidingMetric: 'load', setReplicas: 10 })
    expect(await lab.tells('desk', 'ScalingLimited', 'True')).to.deep.include({ reason: 'MaxReplicas' })
    await system.told('desk', 'ScaledUp', /load asks for .* to 10/)
    await eventually('ten agents take tasks', async () => (await system.swarm('desk'))?.status?.readyReplicas === 10)
    const answers = await load.stop()
    await lab.replicas('desk', 2)
    await system.settled('desk')
    expect(answers.filter(({ status }) => status !== 200)).to.deep.equal([])
    const seen = (await counts.stop()).map(({ running }) => running)
    expect([Math.min(...seen), Math.max(...seen)]).to.deep.equal([2, 10])
    expect(await lab.setBy('desk')).to.equal('swarm-operator-scaling')
    const { changes } = (await lab.decided('desk', (status) => status.wantedReplicas === 2)).status ?? {}
    expect(changes?.map(({ to }) => to).at(-1)).to.equal(2)
    expect(await lab.slowestWriteMs()).to.be.at.most(1_000)
  })

  it('scales one group, and leaves the others', async () => {
    const { system } = lab
    const groups = [
      { name: 'momentum', replicas: 1, capabilities: ['momentum'] },
      { name: 'pairs', replicas: 1, capabilities: ['pairs'] },
    ]
    await system.apply('groups', { groups })
    await system.settled('groups')
    await lab.policy('groups', { target: { swarm: 'groups', group: 'pairs' }, maxReplicas: 4, metrics: [LOAD], behaviour: FAST_DOWN })
    const load = lab.keepAsking('groups', 6, SLOW, { capability: 'pairs' })
    await eventually('pairs grows', async () => (await system.swarm('groups'))?.spec.groups?.[1]?.replicas === 4)
    expect((await system.swarm('groups'))?.spec.groups?.[0]?.replicas).to.equal(1)
    expect((await load.stop()).filter(({ status }) => status !== 200)).to.deep.equal([])
    await eventually('and shrinks', async () => (await system.swarm('groups'))?.spec.groups?.[1]?.replicas === 1)
  })

  it('gives two groups agents for half of the tasks that both could take, and one for all of them while the other has its most', async () => {
    const { system } = lab
    const both = { replicas: 1, capabilities: ['desk'] }
    await system.apply('halves', {
      groups: [
        { name: 'east', ...both },
        { name: 'west', ...both },
      ],
      template: { maxConcurrentTasks: 1 },
      routing: { queue: { maxPending: 1_000, timeout: '30s' } },
    })
    await system.settled('halves')
    const policyFor = async (group: string, maxReplicas: number) =>
      lab.policy(`halves-${group}`, { target: { swarm: 'halves', group }, maxReplicas, metrics: [LOAD], behaviour: FAST_DOWN })
    const replicas = async () => (await system.swarm('halves'))?.spec.groups?.map((group) => group.replicas) ?? []
    await policyFor('east', 20)
    await policyFor('west', 20)
    await lab.tells('halves-east', 'ScalingActive', 'True')
    await lab.tells('halves-west', 'ScalingActive', 'True')
    const load = lab.keepAsking('halves', 12, SLOW, { capability: 'desk' })
    const grown = await eventually('both have grown to what is needed', async () => {
      const [east = 0, west = 0] = await replicas()
      return east + west >= 11 && east > 1 && west > 1 ? [east, west] : undefined
    })
    expect(Math.max(...grown), 'each was asked for its half').to.be.at.most(9)
    await policyFor('east', 3)
    await eventually('east has its most, and west the rest', async () => {
      const [east = 0, west = 0] = await replicas()
      return east === 3 && west >= 9
    })
    expect((await load.stop()).filter(({ status }) => status !== 200)).to.deep.equal([])
  })

  it('changes nothing while it is paused or only tried out, and says what it would do', async () => {
    const { system } = lab
    await lab.swarm('quiet', 1)
    await lab.policy('quiet', { maxReplicas: 5, metrics: [LOAD], dryRun: true })
    const load = system.keepAsking('quiet', 4, SLOW)
    const dry = await lab.decided('quiet', (status) => status.wantedReplicas === 4)
    expect(dry.status?.conditions?.find((c) => c.type === 'ScalingActive')).to.deep.include({ status: 'False', reason: 'DryRun' })
    await lab.annotate('quiet', { 'swarmops.dev/paused': 'true' })
    await lab.policy('quiet', { maxReplicas: 5, metrics: [LOAD], dryRun: false })
    const paused = await lab.decided('quiet', (status) => status.conditions?.some((c) => c.reason === 'Paused') ?? false)
    expect(paused.status?.conditions?.find((c) => c.type === 'Ready')?.message).to.match(/load asks for .*paused: nothing is changed/)
    expect((await system.swarm('quiet'))?.spec.replicas).to.equal(1)
    await lab.annotate('quiet', { 'swarmops.dev/paused': null })
    await lab.replicas('quiet', 4)
    expect((await load.stop()).filter(({ status }) => status !== 200)).to.deep.equal([])
  })

  it('warns when somebody else sets the replicas, and goes on from there', async () => {
    const { system } = lab
    await lab.swarm('shared', 2)
    await lab.policy('shared', { minReplicas: 3, maxReplicas: 6, metrics: [LOAD], behaviour: FAST_DOWN })
    await lab.replicas('shared', 3)
    await system.settled('shared')
    await system.scale('shared', 6)
    const warned = await lab.tells('shared', 'ReplicasSetByOthers', 'True')
    expect(warned.message).to.match(/set replicas to 6, which this policy had set to 3/)
    await system.told('shared', 'ReplicasSetByOthers', /set replicas to 6/)
    await lab.replicas('shared', 3)
    expect((await lab.get('shared'))?.status?.overridden).to.deep.include({ from: 3, to: 6 })
  })

  it('lets the older of two policies act, and the other one when that is gone', async () => {
    await lab.swarm('twice', 1)
    await lab.policy('twice', { minReplicas: 2, maxReplicas: 4, metrics: [LOAD] })
    await lab.replicas('twice', 2)
    await eventually('a second has passed, so that ages differ', async () => lab.isOlder('twice', 1_100))
    await lab.policy('second', { target: { swarm: 'twice' }, minReplicas: 3, maxReplicas: 4, metrics: [LOAD] })
    const refused = await lab.tells('second', 'Stalled', 'True')
    expect(refused).to.deep.include({ reason: 'OtherPolicy' })
    expect(refused.message).to.include('ScalingPolicy twice sets the replicas')
    await lab.remove('twice')
    await lab.replicas('twice', 3)
    await lab.tells('second', 'Ready', 'True')
  })

  it('waits for a swarm that is not there, and tells of a group that is not', async () => {
    await lab.policy('later', { minReplicas: 2, maxReplicas: 4, metrics: [LOAD] })
    expect(await lab.tells('later', 'Reconciling', 'True')).to.deep.include({ reason: 'SwarmNotFound' })
    await lab.policy('wrong', { target: { swarm: 'groups', group: 'nobody' }, maxReplicas: 4, metrics: [LOAD] })
    const wrong = await lab.tells('wrong', 'Stalled', 'True')
    expect(wrong.message).to.include('has no group nobody; write one of momentum, pairs')
    await lab.swarm('later', 1)
    await lab.replicas('later', 2)
  })

  it('finishes what it has begun when the operator is killed in the middle', async () => {
    const { system } = lab
    await lab.swarm('crash', 2)
    await lab.policy('crash', { minReplicas: 2, maxReplicas: 8, metrics: [LOAD], behaviour: FAST_DOWN })
    const load = system.keepAsking('crash', 16, SLOW)
    await eventually('it has begun', async () => ((await system.swarm('crash'))?.spec.replicas ?? 0) > 2)
    await system.operator?.kill()
    await system.startOperator()
    await lab.replicas('crash', 8)
    await eventually('all take tasks', async () => (await system.swarm('crash'))?.status?.readyReplicas === 8)
    const answers = await load.stop()
    await lab.replicas('crash', 2)
    await system.isExact('crash')
    expect(answers.filter(({ status }) => status !== 200)).to.deep.equal([])
    expect((await lab.get('crash'))?.status?.conditions?.some((c) => c.type === 'ReplicasSetByOthers')).to.equal(false)
  })
})

describe('scaling by a number from outside', function () {
  this.timeout(240_000)
  let lab: ScalingLab
  const market = new TestSource()
  /** The volatility that the market publishes; undefined while it is broken. */
  let volatility: number | undefined = 0.5
  before(async () => {
    market.answer = (response, { url, headers }) => {
      if (url === '/api/v1/query') {
        const isKnown = headers.authorization === 'Bearer t0ken'
        response.writeHead(isKnown ? 200 : 401, { 'content-type': 'application/json' })
        return response.end(JSON.stringify({ status: 'success', data: { resultType: 'scalar', result: [1, '9'] } }))
      }
      response.writeHead(volatility === undefined ? 500 : 200, { 'content-type': 'application/json' })
      return response.end(JSON.stringify({ index: { volatility } }))
    }
    await market.start()
    lab = await ScalingLab.start({ router: true, e2b: { light: true } })
  })
  after(async () => {
    await lab.stop()
    await market.stop()
  })

  it('doubles the agents at a volatility of 0.85, halves them below 0.2, and keeps them while the source fails', async () => {
    const { system } = lab
    await lab.swarm('desk', 6)
    const url = `${market.url}/index`
    const index = {
      name: 'volatility',
      type: 'Json',
      json: { url, pointer: '/index/volatility', interval: '1s' },
      maxAge: '3s',
      steps: [
        { above: 0.7, change: '+50%' },
        { above: 0.8, change: '+100%' },
        { below: 0.2, change: '-50%' },
      ],
    }
    await lab.policy('desk', { minReplicas: 2, maxReplicas: 20, baseReplicas: 6, metrics: [index], behaviour: FAST_DOWN })
    await lab.decided('desk', (status) => status.metrics?.[0]?.value === '0.5')
    expect((await system.swarm('desk'))?.spec.replicas).to.equal(6)
    volatility = 0.85
    await lab.replicas('desk', 12)
    volatility = undefined
    const failing = await lab.tells('desk', 'MetricsFailing', 'True')
    expect(failing.message).to.match(/volatility: the newest value is .* answered 500/)
    expect(await lab.tells('desk', 'Ready', 'False')).to.deep.include({ reason: 'MetricsFailing' })
    expect((await system.swarm('desk'))?.spec.replicas).to.equal(12)
    volatility = 0.15
    await lab.replicas('desk', 3)
    await lab.tells('desk', 'Ready', 'True')
  })

  it('asks Prometheus with the token of a Secret, as soon as that is there, and says what is missing until then', async () => {
    const { system } = lab
    await lab.swarm('queries', 1)
    const { url } = market
    const prometheus = { url, query: 'sum(backlog)', interval: '1s', tokenSecretRef: { name: 'prometheus' } }
    const backlog = { name: 'backlog', type: 'Prometheus', prometheus, target: { value: 3 } }
    await lab.policy('queries', { maxReplicas: 5, metrics: [backlog] })
    const says = async (what: string) =>
      eventually(`the policy tells of ${what}`, async () => (await lab.tells('queries', 'MetricsFailing', 'True')).message.includes(what))
    await says('Secret')
    await system.secret('prometheus', { token: 'wrong' })
    await says('401')
    await system.secret('prometheus', { token: 't0ken' })
    await lab.replicas('queries', 3)
    const text = JSON.stringify([await lab.get('queries'), await system.allEvents(), system.operator?.log])
    expect(text).to.not.include('t0ken')
  })

  it('follows a timetable', async () => {
    await lab.swarm('office', 1)
    const always = { timeZone: 'Europe/Berlin', start: '0 0 1 1 *', end: '59 23 31 12 *', replicas: 2 }
    await lab.policy('office', { maxReplicas: 5, metrics: [{ name: 'open', type: 'Cron', cron: always }] })
    await lab.replicas('office', 2)
    expect((await lab.get('office'))?.status?.metrics?.[0]?.message).to.match(/^the time is on until /)
  })
})
