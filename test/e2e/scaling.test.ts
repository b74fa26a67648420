import { afterEach, describe, it } from 'mocha'
import { expect } from 'chai'
import type { E2bLocalOptions } from '../../dev/e2b-local/options.ts'
import { agentProgram, programFile } from '../support/agent-program.ts'
import type { Load } from '../support/load.ts'
import { ScalingLab } from '../support/scaling-lab.ts'
import { sandboxIds } from '../support/system-objects.ts'
import { TestSource } from '../support/test-source.ts'
import { eventually } from '../support/wait.ts'

/** Does real work: `spinMs` keeps a processor busy, `holdMib` keeps so much memory from then on, `sleepMs` waits. */
const AGENT_PROGRAM = agentProgram({
  setUp: 'let held',
  work: `
    for (const until = Date.now() + (input.spinMs ?? 0); Date.now() < until; );
    if (input.holdMib) held ??= Buffer.alloc(input.holdMib * 1024 * 1024, 1)`,
  reply: 'answer(response, 200, { output: null })',
})
const TEMPLATE = { maxConcurrentTasks: 1, files: [programFile('worker')] }
const LOAD = { name: 'load', type: 'InFlightPerAgent', target: { value: 1 } }
const FAST_DOWN = { scaleDown: { stabilisationWindow: '2s' } }
const NEVER_DOWN = { scaleDown: { stabilisationWindow: '10m' } }
const MEASURED = { timeoutMs: 90_000 }

describe('scaling of real sandboxes under load', function () {
  this.timeout(300_000)
  let lab: ScalingLab
  let counts: ReturnType<ScalingLab['system']['watchCounts']>
  afterEach(async () => {
    try {
      await counts.stop()
    } finally {
      await lab.stop()
    }
  })

  /** A system with one swarm of agents that work, of which a watch counts how many there are. */
  async function start(replicas: number, e2b: E2bLocalOptions = {}, more: { operatorArgs?: string[]; swarm?: object } = {}) {
    lab = await ScalingLab.start({ router: 2, e2b, ...(more.operatorArgs && { operatorArgs: more.operatorArgs }) })
    await lab.system.configMap('worker', { 'agent.mjs': AGENT_PROGRAM })
    await lab.swarm('desk', replicas, { template: TEMPLATE, ...more.swarm })
    counts = lab.system.watchCounts('desk')
  }
  const running = async (agents: number) => {
    await eventually(
      `${agents} agents take tasks`,
      async () => {
        const { readyReplicas, replicas, conditions } = (await lab.system.swarm('desk'))?.status ?? {}
        if (readyReplicas === agents && replicas === agents) return true
        throw new Error(JSON.stringify({ readyReplicas, replicas, conditions }))
      },
      { timeoutMs: 60_000 },
    )
    await lab.system.tasks.routersSee('desk', agents)
  }
  const nothingIsLost = async (load: Load) => {
    const answers = await load.stop()
    expect(answers.length).to.be.greaterThan(0)
    expect(answers.filter(({ status }) => status !== 200)).to.deep.equal([])
  }
  /** At every moment there were so many agents at least, and so many at most, which was reached. */
  const stayedWithin = async (least: number, most: number) => {
    const seen = (await counts.stop()).map((count) => count.running)
    expect(Math.min(...seen)).to.be.at.least(least)
    expect(Math.max(...seen)).to.equal(most)
  }
  const byUse = (cpuPercent: number) => [
    { name: 'cpu', type: 'Cpu', stepsFrom: 'Base', steps: [{ above: cpuPercent, change: '+400%' }] },
    { name: 'memory', type: 'Memory', stepsFrom: 'Base', steps: [{ above: 80, change: '+400%' }] },
  ]

  it('goes from 2 to 10 agents when their memory is used to more than 80 %', async () => {
    await start(2)
    const { system } = lab
    await lab.policy('desk', { minReplicas: 2, maxReplicas: 10, metrics: byUse(85), behaviour: NEVER_DOWN })
    const load = system.keepAsking('desk', 3, { sleepMs: 100 })
    // One for each: an agent that holds it is busy with the first when the second comes.
    const filling = await Promise.all([1, 2].map(async () => system.task('desk', { holdMib: 420, sleepMs: 2_000 })))
    expect(filling.map(({ status }) => status)).to.deep.equal([200, 200])
    await eventually('the policy has seen it', async () => (await system.swarm('desk'))?.spec.replicas === 10, MEASURED)
    await running(10)
    await system.told('desk', 'ScaledUp', /memory .* to 10/)
    await nothingIsLost(load)
    await stayedWithin(2, 10)
  })

  it('goes from 2 to 10 agents when their processors are busy', async () => {
    await start(2)
    const { system } = lab
    // Each sandbox counts two processors as its own, and all of them share those of this machine: 85 % is out of reach.
    await lab.policy('desk', { minReplicas: 2, maxReplicas: 10, metrics: byUse(6), behaviour: NEVER_DOWN })
    const load = system.keepAsking('desk', 4, { spinMs: 200 })
    await eventually('the policy has seen it', async () => (await system.swarm('desk'))?.spec.replicas === 10, MEASURED)
    await running(10)
    await system.told('desk', 'ScaledUp', /cpu .* to 10/)
    await nothingIsLost(load)
    await stayedWithin(2, 10)
  })

  it('goes from 6 to 3 agents when processors and memory are idle, and those that come back later are the same ones', async () => {
    await start(6, {}, { swarm: { lifecycle: { onScaleDown: 'Pause' } } })
    const { system } = lab
    const before = sandboxIds(await system.agents('desk'))
    const load = system.keepAsking('desk', 3, { sleepMs: 400 })
    const metrics = [
      { name: 'cpu', type: 'Cpu', stepsFrom: 'Base', steps: [{ below: 15, change: '-50%' }] },
      { name: 'memory', type: 'Memory', stepsFrom: 'Base', steps: [{ below: 20, change: '-50%' }] },
    ]
    const policy = { minReplicas: 1, maxReplicas: 6, baseReplicas: 6, metrics }
    await lab.policy('desk', { ...policy, behaviour: { scaleDown: { coolDown: '60s', stabilisationWindow: '5s' } } })
    await eventually('the policy has seen it', async () => (await system.swarm('desk'))?.spec.replicas === 3, MEASURED)
    await running(3)
    await eventually('three sleep', async () => (await system.swarm('desk'))?.status?.groups?.[0]?.pausedReplicas === 3)
    await lab.policy('desk', { ...policy, minReplicas: 6 })
    await running(6)
    await nothingIsLost(load)
    expect(sandboxIds(await system.agents('desk'))).to.deep.equal(before)
    await stayedWithin(3, 6)
  })

  it('doubles its agents at a volatility of 0.85, and has half as many more at 0.75', async () => {
    const market = new TestSource()
    let volatility = 0.5
    market.answer = (response) => response.end(JSON.stringify({ index: { volatility } }))
    await market.start()
    try {
      await start(4)
      const { system } = lab
      const steps = [
        { above: 0.7, change: '+50%' },
        { above: 0.8, change: '+100%' },
      ]
      const json = { url: `${market.url}/index`, pointer: '/index/volatility', interval: '1s' }
      const index = { name: 'volatility', type: 'Json', json, steps, confidence: { window: '2s', percent: 80 } }
      await lab.policy('desk', { minReplicas: 2, maxReplicas: 20, baseReplicas: 4, metrics: [index], behaviour: FAST_DOWN })
      await lab.decided('desk', (status) => status.metrics?.[0]?.value === '0.5')
      const load = system.keepAsking('desk', 6, { spinMs: 20 })
      volatility = 0.85
      await lab.replicas('desk', 8)
      await running(8)
      volatility = 0.75
      await lab.replicas('desk', 6)
      await running(6)
      await nothingIsLost(load)
      await system.isExact('desk')
      await stayedWithin(4, 8)
    } finally {
      await market.stop()
    }
  })

  it('goes from none to some and to none again, and holds what comes meanwhile', async () => {
    await start(0)
    const { system } = lab
    const behaviour = { idleBeforeZero: '1s', scaleDown: { stabilisationWindow: '1s' } }
    await lab.policy('desk', { minReplicas: 0, maxReplicas: 5, metrics: [LOAD], behaviour })
    for (const _round of [1, 2]) {
      const load = system.keepAsking('desk', 5, { spinMs: 50, sleepMs: 100 })
      await running(5)
      await nothingIsLost(load)
      await lab.replicas('desk', 0)
      await running(0)
      await system.isExact('desk')
    }
    await stayedWithin(0, 5)
  })

  it('stops where its budget ends in the middle of its way up, and goes on when that is raised', async () => {
    await start(1, {}, { swarm: { budget: { maxAgents: 20, maxHourlyCost: '0.40' } } })
    const { system } = lab
    await lab.policy('desk', { maxReplicas: 6, metrics: [LOAD], behaviour: FAST_DOWN })
    const load = system.keepAsking('desk', 8, { spinMs: 20, sleepMs: 200 })
    await lab.replicas('desk', 6)
    await system.told('desk', 'BudgetExceeded', /^\d agents? held back by spec.budget.maxHourlyCost/)
    await running(3)
    await stayedWithin(1, 3)
    await system.apply('desk', { template: TEMPLATE, budget: { maxAgents: 20, maxHourlyCost: '1.00' } })
    await running(6)
    await nothingIsLost(load)
    await lab.replicas('desk', 1)
    await running(1)
    await system.isExact('desk')
  })

  it('has what the provider gives at its create rate and its cap, and gets the rest when there is room', async () => {
    await start(2, { createRate: 2, maxSandboxes: 5 }, { operatorArgs: ['--create-rate', '2'] })
    const { system } = lab
    await lab.policy('desk', { minReplicas: 2, maxReplicas: 8, metrics: [LOAD], behaviour: FAST_DOWN })
    const load = system.keepAsking('desk', 12, { spinMs: 20, sleepMs: 200 })
    await lab.replicas('desk', 8)
    await system.tells('desk', 'QuotaExceeded')
    await eventually('five take tasks', async () => (await system.swarm('desk'))?.status?.readyReplicas === 5)
    expect(system.e2b.admin.sandboxes()).to.have.length(5)
    system.e2b.admin.setOptions({ maxSandboxes: 20 })
    await running(8)
    await nothingIsLost(load)
    await lab.replicas('desk', 2)
    await running(2)
    await system.isExact('desk')
    await stayedWithin(2, 8)
    expect(system.e2b.admin.counters()['POST /v2/sandboxes'], 'creates that were asked for').to.be.at.most(20)
  })
})
