import { after, afterEach, before, describe, it } from 'mocha'
import { expect } from 'chai'
import type { Agent } from '../../../src/api/objects.ts'
import { RESOURCE_QUOTAS } from '../../../src/kube/objects.ts'
import { refuseAgents } from '../../support/refusals.ts'
import { System } from '../../support/system.ts'
import { readyAgents } from '../../support/system-objects.ts'
import { removeQuota, watchUse, writeQuota } from '../../support/quota-lab.ts'
import { eventually } from '../../support/wait.ts'

const QUOTA = 'caps'
const REFUSALS = 'swarmops_kube_requests_total{verb="create",kind="Agent",code="403"}'

// A sandbox of the local provider has 2 CPUs and 512 MiB: 10.89 cents an hour by the published prices.
describe('quotas of a namespace', function () {
  this.timeout(240_000)
  let system: System
  before(async () => {
    system = await System.start({ router: true, e2b: { light: true } })
  })
  after(async () => system.stop())
  afterEach(async () => {
    await removeQuota(system, QUOTA)
    for (const swarm of ['a', 'b', 'c', 'd']) await system.remove(swarm)
    await system.isEmpty()
  })

  const ready = async (swarm: string) => readyAgents(await system.agents(swarm)).length
  const readyInAll = async (count: number) =>
    eventually(`${count} agents are ready`, async () => {
      const counts = await Promise.all(['a', 'b', 'c', 'd'].map(ready))
      if (counts.reduce((sum, n) => sum + n, 0) === count) return true
      throw new Error(JSON.stringify(counts))
    })
  const condition = async (swarm: string) => (await system.swarm(swarm))?.status?.conditions?.find(({ type }) => type === 'BudgetExceeded')
  const heldBack = async (swarm: string, message: RegExp) =>
    eventually(`${swarm} is held back`, async () => {
      const told = await condition(swarm)
      if (told?.reason === 'NamespaceQuotaExceeded' && message.test(told.message)) return told
      throw new Error(JSON.stringify(told))
    })
  const metric = async (text: string) => (await system.metrics()).split('\n').find((line) => line.startsWith(text))
  const attempt = async (swarm: string) => (await system.agents(swarm))[0]?.spec.attempt
  const refusals = async () => Number((await metric(REFUSALS))?.split(' ').at(-1) ?? 0)
  const kill = async (agent: Agent | undefined) => system.e2b.admin.fault(agent?.status?.sandbox?.id ?? '', { type: 'kill' })

  it('holds several swarms that begin at once to it together, says so, and lets them go on when it is raised', async () => {
    await writeQuota(system, QUOTA, { 'swarmops.dev/agents': '5' })
    const use = watchUse(system)
    await Promise.all(['a', 'b', 'c', 'd'].map(async (swarm) => system.apply(swarm, { replicas: 3 })))
    await readyInAll(5)
    const held = await eventually('two are held back', async () => {
      const all = await Promise.all(['a', 'b', 'c', 'd'].map(async (swarm) => ({ swarm, told: await condition(swarm) })))
      return all.filter(({ told }) => told !== undefined).length >= 2 ? all.find(({ told }) => told !== undefined) : undefined
    })
    const { swarm } = held
    const what = `[123] agents? held back by swarmops.dev/agents of ResourceQuota caps in namespace ${system.namespace} \\(5 of 5 used\\); raise it or ask for fewer agents`
    await heldBack(swarm, new RegExp(what))
    await system.told(swarm, 'NamespaceQuotaExceeded', new RegExp(what))
    expect(await metric(`swarmops_operator_budget_exceeded{namespace="${system.namespace}",swarm="${swarm}"}`)).to.match(/ 1$/)
    const of = `swarmops_operator_quota{namespace="${system.namespace}",quota="caps",resource="swarmops.dev/agents"`
    expect([await metric(`${of},type="hard"`), await metric(`${of},type="used"`)].map((line) => line?.split(' ').at(-1))).to.deep.equal([
      '5',
      '5',
    ])
    await eventually('the quota shows it', async () => {
      const { used } = (await system.client.get(RESOURCE_QUOTAS, { namespace: system.namespace, name: QUOTA }))?.status ?? {}
      return used?.['swarmops.dev/agents'] === '5'
    })
    expect(await use.stop()).to.deep.equal({ objects: 5, sandboxes: 5, atProvider: 5 })
    const more = watchUse(system)
    await writeQuota(system, QUOTA, { 'swarmops.dev/agents': '12' })
    await readyInAll(12)
    await system.told(swarm, 'WithinBudget', /holds nothing back/)
    expect((await more.stop()).sandboxes).to.equal(12)
  })

  it('gives what one swarm lets go to another, and keeps what runs when it is lowered', async () => {
    await writeQuota(system, QUOTA, { 'swarmops.dev/agents': '4' })
    await system.apply('a', { replicas: 4 })
    await system.settled('a')
    await system.apply('b', { replicas: 2 })
    await heldBack('b', /^2 agents .*\(4 of 4 used\)/)
    const use = watchUse(system)
    await system.scale('a', 2)
    await system.settled('b')
    expect((await use.stop()).sandboxes).to.equal(4)
    await writeQuota(system, QUOTA, { 'swarmops.dev/agents': '1' })
    await system.scale('b', 3)
    await heldBack('b', /^1 agent .*\(4 of 1 used\)/)
    expect([await ready('a'), await ready('b')]).to.deep.equal([2, 2])
  })

  it('replaces lost agents first while it is full and others wait', async () => {
    await writeQuota(system, QUOTA, { 'swarmops.dev/agents': '3' })
    await system.apply('a', { replicas: 2 })
    await system.settled('a')
    await system.apply('b', { replicas: 4 })
    await heldBack('b', /^3 agents .*\(3 of 3 used\)/)
    const use = watchUse(system)
    for (let round = 0; round < 3; round += 1) {
      const [lost] = await system.agents('a')
      await kill(lost)
      await eventually('another one has taken its place', async () => {
        const agents = await system.agents('a')
        return agents.every((a) => a.metadata.name !== lost?.metadata.name) && readyAgents(agents).length === 2
      })
      expect(await ready('b')).to.equal(1)
    }
    expect((await use.stop()).sandboxes).to.equal(3)
  })

  it('uses all of it and never more, whatever several swarms want and lose meanwhile', async () => {
    await writeQuota(system, QUOTA, { 'swarmops.dev/agents': '6', 'count/agents.swarmops.dev': '7' })
    const swarms = ['a', 'b', 'c', 'd']
    for (const swarm of swarms) await system.apply(swarm, { replicas: 1, lifecycle: { onScaleDown: 'Pause' } })
    const use = watchUse(system)
    const random = randomOf(20_261)
    for (let round = 0; round < 60; round += 1) {
      const swarm = swarms[random(4)] ?? ''
      if (round === 30) {
        await system.operator?.kill()
        await system.startOperator()
      }
      if (random(3) > 0) await system.scale(swarm, random(5))
      else await kill((await system.agents(swarm)).find(({ status }) => status?.sandbox?.state === 'Running')).catch(() => undefined)
    }
    for (const swarm of swarms) await system.scale(swarm, 3)
    await readyInAll(6)
    const most = await use.stop()
    expect([most.sandboxes, most.objects <= 7, most.atProvider <= 6], JSON.stringify(most)).to.deep.equal([6, true, true])
  })

  it('has warm sandboxes make room for the agents of another swarm', async () => {
    await writeQuota(system, QUOTA, { 'swarmops.dev/agents': '4' })
    await system.apply('a', { replicas: 1, warmPool: { replicas: 3 } })
    await eventually('its pool is full', async () => (await system.swarm('a'))?.status?.warmPool?.readyReplicas === 3)
    const use = watchUse(system)
    await system.apply('b', { replicas: 2 })
    await system.settled('b')
    expect((await system.swarm('a'))?.status?.warmPool?.replicas).to.equal(1)
    expect((await use.stop()).sandboxes).to.equal(4)
    await system.scale('b', 0)
    await eventually('its pool is full again', async () => (await system.swarm('a'))?.status?.warmPool?.readyReplicas === 3)
  })

  it('has agents that sleep make room where the objects that they hold are all that may be made', async () => {
    await system.apply('a', { replicas: 3, lifecycle: { onScaleDown: 'Pause' } })
    await system.settled('a')
    await system.scale('a', 1)
    await eventually('two sleep', async () => (await system.swarm('a'))?.status?.groups?.[0]?.pausedReplicas === 2)
    await writeQuota(system, QUOTA, { 'count/agents.swarmops.dev': '3' })
    const use = watchUse(system)
    await system.apply('b', { replicas: 1 })
    await system.settled('b')
    expect((await use.stop()).objects).to.equal(3)
    expect((await system.swarm('a'))?.status?.groups?.[0]?.pausedReplicas).to.equal(1)
  })

  it('counts what an hour costs over all swarms', async () => {
    await writeQuota(system, QUOTA, { 'swarmops.dev/hourly-cents': '40' })
    const use = watchUse(system)
    await Promise.all(['a', 'b'].map(async (swarm) => system.apply(swarm, { replicas: 3 })))
    await readyInAll(3)
    const holds = / held back by swarmops.dev\/hourly-cents of ResourceQuota caps .*\(32.67 of 40.00 cents an hour used\)/
    await eventually('somebody is held back', async () => {
      const told = await Promise.all(['a', 'b'].map(condition))
      return told.some((each) => each !== undefined && holds.test(each.message))
    })
    await eventually('the quota shows it, in whole cents', async () => {
      const { used } = (await system.client.get(RESOURCE_QUOTAS, { namespace: system.namespace, name: QUOTA }))?.status ?? {}
      return used?.['swarmops.dev/hourly-cents'] === '33'
    })
    expect((await use.stop()).sandboxes).to.equal(3)
    await writeQuota(system, QUOTA, { 'swarmops.dev/hourly-cents': '66' })
    await readyInAll(6)
  })

  it('waits where the API server counts Agents, goes on when it counts more, and disturbs no other swarm', async () => {
    await writeQuota(system, QUOTA, { 'count/agents.swarmops.dev': '3' })
    await system.apply('a', { replicas: 1 })
    await system.settled('a')
    await system.apply('b', { replicas: 3 })
    await heldBack('b', /^1 agent held back by count\/agents.swarmops.dev of ResourceQuota caps .*\(3 of 3 used\)/)
    await readyInAll(3)
    expect(await condition('a')).to.equal(undefined)
    await writeQuota(system, QUOTA, { 'count/agents.swarmops.dev': '4' })
    await system.settled('b')
  })

  it('replaces lost agents where the API server lets no more be made: the lost one goes first', async () => {
    await system.apply('a', { replicas: 2 })
    await system.settled('a')
    await writeQuota(system, QUOTA, { 'count/agents.swarmops.dev': '2' })
    await system.apply('b', { replicas: 1 })
    await heldBack('b', /\(2 of 2 used\)/)
    const use = watchUse(system)
    const [lost] = await system.agents('a')
    await kill(lost)
    await eventually('another one has taken its place', async () => {
      const agents = await system.agents('a')
      return agents.every((a) => a.metadata.name !== lost?.metadata.name) && readyAgents(agents).length === 2
    })
    await system.told('a', 'AgentReplaced', new RegExp(lost?.metadata.name ?? ''))
    expect((await system.agents('a')).map((a) => a.spec.attempt).toSorted((x, y) => x - y)).to.deep.equal([0, 1])
    expect([(await use.stop()).objects, await ready('b')]).to.deep.equal([2, 0])
  })

  it('waits for a quota that the cluster has not counted yet', async () => {
    const { client, namespace } = system
    // The API server refuses everything until the quota has been counted, which takes a moment.
    const manifest = { metadata: { name: QUOTA, namespace }, spec: { hard: { 'count/agents.swarmops.dev': '1' } } }
    await client.apply(RESOURCE_QUOTAS, manifest, { fieldManager: 'test', force: true })
    await system.apply('a', { replicas: 1 })
    await system.settled('a')
    expect(await attempt('a')).to.equal(0)
  })

  it('waits where the API server refuses what seemed to be allowed, without asking again and again', async () => {
    const { namespace } = system
    // As the API server does for a quota of which others used up the rest a moment ago.
    const message = 'exceeded quota: theirs, requested: count/agents.swarmops.dev=1, used: 7, limited: 7'
    const policy = await refuseAgents(system, { operations: ['CREATE'], when: 'true', message })
    const before = await refusals()
    for (const swarm of ['a', 'b']) await system.apply(swarm, { replicas: 2 })
    const what = `2 agents held back by a ResourceQuota in namespace ${namespace} \\(exceeded quota: theirs, .* limited: 7\\); raise it or ask for fewer agents`
    for (const swarm of ['a', 'b']) await heldBack(swarm, new RegExp(what))
    await system.told('a', 'NamespaceQuotaExceeded', new RegExp(what))
    await policy.remove()
    expect((await refusals()) - before).to.be.within(2, 12)
    await writeQuota(system, QUOTA, { 'count/agents.swarmops.dev': '4' })
    await system.settled('a')
    await system.settled('b')
    await system.told('a', 'WithinBudget', /holds nothing back/)
  })
})

/** Whole numbers below `n` that are the same each time. */
function randomOf(seed: number): (n: number) => number {
  let state = seed
  return (n) => {
    state = (state * 48_271) % 2_147_483_647
    return state % n
  }
}
