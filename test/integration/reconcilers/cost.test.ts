import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import { AGENTS, SWARMS } from '../../../src/reconcilers/shared/kinds.ts'
import { parseDollars } from '../../../src/scaling/money.ts'
import { ScalingLab } from '../../support/scaling-lab.ts'
import { eventually } from '../../support/wait.ts'

const LOAD = { name: 'load', type: 'InFlightPerAgent', target: { value: 1 } }

// A sandbox of the local provider has 2 CPUs and 512 MiB: 0.1089 dollars an hour by the published prices.
describe('cost and budget', function () {
  this.timeout(240_000)
  let lab: ScalingLab
  before(async () => {
    lab = await ScalingLab.start({ router: true, e2b: { light: true, templates: ['large=8x8192'] } })
  })
  after(async () => lab.stop())

  const costOf = async (swarm: string) => (await lab.system.swarm(swarm))?.status?.cost
  const hourly = async (swarm: string, dollars: string) =>
    eventually(`${swarm} costs ${dollars} dollars an hour`, async () => {
      const cost = await costOf(swarm)
      if (cost?.hourly === dollars) return cost
      throw new Error(JSON.stringify(cost))
    })
  const creates = () => lab.system.e2b.admin.counters()['POST /v2/sandboxes'] ?? 0
  const metric = async (name: string, swarm: string, group = '') => {
    const line = (await lab.system.metrics())
      .split('\n')
      .find((text) => text.startsWith(`${name}{`) && text.includes(`swarm="${swarm}",group="${group}"`))
    return Number(line?.split(' ').at(-1))
  }

  it('tells what a swarm and its groups cost, and goes on with the sum over a restart of the operator', async () => {
    const { system } = lab
    const groups = [
      { name: 'lead', replicas: 1 },
      { name: 'pairs', replicas: 2 },
    ]
    await system.apply('desk', { groups })
    await system.settled('desk')
    const before = await hourly('desk', '0.3267')
    expect(before.groups.map(({ name, hourly: each }) => [name, each])).to.deep.equal([
      ['lead', '0.1089'],
      ['pairs', '0.2178'],
    ])
    const spent = await eventually(
      'it has cost something',
      async () => (await metric('swarmops_operator_cost_accumulated_dollars', 'desk', 'pairs')) || undefined,
    )
    expect(await metric('swarmops_operator_cost_hourly_dollars', 'desk', 'pairs')).to.equal(0.2178)
    await system.operator?.kill()
    await system.startOperator()
    await eventually('the sum goes on', async () => (await metric('swarmops_operator_cost_accumulated_dollars', 'desk', 'pairs')) >= spent)
    await system.apply('desk', { groups: groups.slice(0, 1) })
    const after = await hourly('desk', '0.1089')
    const [whole = 0n, lead = 0n] = [after.accumulated, after.groups[0]?.accumulated ?? ''].map(parseDollars)
    expect(after.groups.map(({ name }) => name)).to.deep.equal(['lead'])
    expect(whole > lead, 'the group that is gone stays in the sum').to.equal(true)
  })

  it('charges the time in which no operator ran for sandboxes that are still there, and for those that are gone no more than they can have lived', async () => {
    const { system } = lab
    const dollarsOf = (cost: { accumulated: string } | undefined) => Number(cost?.accumulated)
    await lab.swarm('left', 2, { lifecycle: { sandboxTimeout: '10m' } })
    const before = await hourly('left', '0.2178')
    await system.operator?.kill()
    const [gone] = await system.agents('left')
    if (gone?.status?.sandbox) await system.e2b.admin.fault(gone.status.sandbox.id, { type: 'kill' })
    // As if it had been stored an hour ago: both ran then, and one of them still does.
    const through = new Date(Date.parse(before.through) - 3_600_000).toISOString()
    const agents = await system.agents('left')
    for (const { metadata, status } of agents) {
      const patch = { status: { sandbox: { ...status?.sandbox, startedAt: new Date(Date.parse(through) - 1_000).toISOString() } } }
      await system.client.mergePatch(AGENTS, metadata, patch, { subresource: 'status' })
    }
    const swarm = { namespace: system.namespace, name: 'left' }
    await system.client.mergePatch(SWARMS, swarm, { status: { cost: { through } } }, { subresource: 'status' })
    await system.startOperator()
    const spent = await eventually(
      'the cost is stored anew',
      async () => {
        const cost = await costOf('left')
        return cost && cost.through > before.through ? dollarsOf(cost) - dollarsOf(before) : undefined
      },
      { timeoutMs: 60_000 },
    )
    const [anHour, tenMinutes, aMinute] = [0.1089, 0.1089 / 6, 0.1089 / 60]
    expect(spent).to.be.within(anHour + tenMinutes - aMinute, anHour + tenMinutes + 2 * aMinute)
  })

  it('knows what agents cost as soon as they are ready, however large their sandboxes are', async () => {
    const { system } = lab
    await lab.swarm('heavy', 3, { template: { sandboxTemplate: 'large' } })
    const sizes = (await system.agents('heavy')).map(({ status }) => [status?.sandbox?.cpus, status?.sandbox?.memoryMib])
    expect(sizes).to.deep.equal([
      [8, 8192],
      [8, 8192],
      [8, 8192],
    ])
    await hourly('heavy', '1.5984')
  })

  it('never makes more sandboxes than the hourly cost allows, though it has seen none of their template', async () => {
    const { system } = lab
    const counts = system.watchCounts('unknown')
    await system.apply('unknown', { replicas: 6, template: { sandboxTemplate: 'large' }, budget: { maxHourlyCost: '1.10' } })
    await system.told(
      'unknown',
      'BudgetExceeded',
      /^4 agents held back by spec.budget.maxHourlyCost \(1.0656 of 1.10 dollars an hour used\)/,
    )
    await hourly('unknown', '1.0656')
    expect(Math.max(...(await counts.stop()).map(({ running }) => running))).to.equal(2)
  })

  it('ends the first sandbox of a template that alone costs more than it may, and makes no other', async () => {
    const { system } = lab
    const before = creates()
    await system.apply('dearer', { replicas: 3, template: { sandboxTemplate: 'large' }, budget: { maxHourlyCost: '0.50' } })
    await system.told(
      'dearer',
      'BudgetExceeded',
      /^3 agents held back by spec.budget.maxHourlyCost \(0.5328 of 0.50 dollars an hour used\)/,
    )
    await eventually('it has gone', async () => (await system.agents('dearer')).length === 0)
    expect(creates() - before).to.equal(1)
  })

  it('keeps a swarm that is scaled up within its hourly cost, says so, and goes on when that is raised', async () => {
    const { system } = lab
    const load = async () => system.keepAsking('capped', 8, { sleepMs: 300 })
    await lab.swarm('capped', 1, { budget: { maxHourlyCost: '0.40' } })
    await lab.policy('capped', { maxReplicas: 6, metrics: [LOAD] })
    const counts = system.watchCounts('capped')
    const asking = await load()
    await lab.replicas('capped', 6)
    const heldBack =
      /^\d agents? held back by spec.budget.maxHourlyCost \(0.3267 of 0.40 dollars an hour used\); raise it or ask for fewer agents$/
    await system.told('capped', 'BudgetExceeded', heldBack) // told once, perhaps when it was asked for five
    await eventually('three are held back', async () => {
      const told = (await system.swarm('capped'))?.status?.conditions?.find((c) => c.type === 'BudgetExceeded')?.message ?? ''
      return heldBack.test(told) && told.startsWith('3 ')
    })
    await eventually('three run', async () => (await system.swarm('capped'))?.status?.readyReplicas === 3)
    expect(await system.metrics()).to.contain(`swarmops_operator_budget_exceeded{namespace="${system.namespace}",swarm="capped"} 1`)
    await hourly('capped', '0.3267')
    expect(Math.max(...(await counts.stop()).map(({ running }) => running))).to.equal(3)
    await system.apply('capped', { template: { maxConcurrentTasks: 1 }, budget: { maxHourlyCost: '1.00' } })
    await eventually('six run', async () => (await system.swarm('capped'))?.status?.readyReplicas === 6)
    await system.told('capped', 'WithinBudget', /holds nothing back/)
    expect((await asking.stop()).filter(({ status }) => status !== 200)).to.deep.equal([])
  })

  it('goes by the price table of the operator', async () => {
    const { system } = lab
    await lab.swarm('dear', 1)
    await hourly('dear', '0.1089')
    await system.configMap('swarm-operator-prices', { cpuHour: '1', gibHour: '0' })
    await hourly('dear', '2.00')
    await system.configMap('swarm-operator-prices', { cpuHour: 'much' })
    await hourly('dear', '0.1089')
    await eventually('what is wrong is logged', () => system.operator?.log.includes('write dollars an hour with up to six decimals'))
  })

  it('costs nothing while agents sleep', async () => {
    const { system } = lab
    await lab.swarm('nap', 1, { lifecycle: { onScaleDown: 'Pause' } })
    await hourly('nap', '0.1089')
    await system.scale('nap', 0)
    await hourly('nap', '0.00')
  })
})
