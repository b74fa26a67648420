import { after, afterEach, before, describe, it } from 'mocha'
import { expect } from 'chai'
import type { Agent } from '../../../src/api/objects.ts'
import { METADATA } from '../../../src/e2b/metadata.ts'

import { programFile } from '../../support/agent-program.ts'
import { System } from '../../support/system.ts'
import { readyAgents, sandboxIds } from '../../support/system-objects.ts'
import { eventually } from '../../support/wait.ts'

const isWarm = (a: Agent) => a.spec.state === 'Warm'
const idsOf = (agents: readonly Agent[]) => sandboxIds([...agents])
const mode = (value: string) => ({ env: [{ name: 'MODE', value }] })

/** Rollouts that are done with their new revision as soon as it is there. */
const ROLLOUTS = [
  ['CanaryRollout', { scaleDownDelay: '0s', steps: [{ setWeight: 50 }] }],
  ['BlueGreenRollout', { scaleDownDelay: '0s', shift: { weights: [100], interval: '0s' } }],
] as const

describe('a warm pool', function () {
  this.timeout(240_000)
  let system: System
  before(async () => {
    system = await System.start({ router: true, e2b: { createLatencyMs: 400 } })
  })
  after(async () => system.stop())
  afterEach(async () => {
    await Promise.all(['desk', 'other'].map(async (name) => system.remove(name).catch(() => undefined)))
    await system.isEmpty()
  })

  const warmOf = async (swarm = 'desk') => (await system.agents(swarm)).filter(isWarm)
  const workersOf = async (swarm = 'desk') => (await system.agents(swarm)).filter((a) => !isWarm(a))
  const sandboxes = (swarm = 'desk') => system.e2b.admin.sandboxes().filter((s) => s.metadata[METADATA.swarm] === swarm)
  /** Waits until so many can be taken, and no other is on its way. */
  const filled = async (ready: number, swarm = 'desk') =>
    eventually(`${ready} of the pool of ${swarm} are ready`, async () => {
      const pool = (await system.swarm(swarm))?.status?.warmPool
      const warm = await warmOf(swarm)
      if (pool?.readyReplicas === ready && pool.replicas === ready && warm.length === ready) return warm
      throw new Error(JSON.stringify({ pool, warm: warm.map((a) => [a.metadata.name, a.status]) }))
    })
  const apply = async (more: object = {}, template: object = {}, swarm = 'desk') =>
    system.apply(swarm, { replicas: 1, warmPool: { replicas: 2 }, ...more, template })

  it('gives its sandboxes to those who scale up, and is filled again', async () => {
    await apply()
    await system.settled('desk')
    const warm = await filled(2)
    expect(warm.map((a) => a.status?.conditions?.map(({ type, status, reason }) => [type, status, reason]))).to.deep.equal([
      [['Ready', 'False', 'Warm']],
      [['Ready', 'False', 'Warm']],
    ])
    expect((await system.swarm('desk'))?.status).to.deep.include({ replicas: 1, readyReplicas: 1, desiredReplicas: 1 })
    const view = await system.tasks.liveView('desk')
    expect(view.agents, 'routers do not see them').to.have.length(1)
    await system.scale('desk', 4)
    await system.settled('desk')
    const agents = await workersOf()
    expect(idsOf(agents)).to.include.members(idsOf(warm))
    expect(agents.map((a) => a.spec.place)).to.have.members([0, 1, 2, 3])
    await system.told('desk', 'WarmTaken', /^took 2 agents from the warm pool$/)
    await filled(2)
    expect(sandboxes()).to.have.length(6)
    expect(await system.metrics()).to.contain(`swarmops_operator_agents{namespace="${system.namespace}",swarm="desk",state="warm"} 2`)
  })

  it('serves groups whose variables, command, port and own files differ', async () => {
    await system.configMap('second', { 'agent.mjs': (await programOf(system)).replace('mode: process.env.MODE', "mode: 'second program'") })
    const files = [programFile('second')]
    const group = (name: string, replicas: number) => ({
      name,
      replicas,
      capabilities: [name],
      template: name === 'one' ? { ...mode('first program'), port: 9_001 } : { files },
    })
    const swarm = async (replicas: number) =>
      system.apply('desk', { warmPool: { replicas: 2 }, groups: [group('one', replicas), group('two', replicas)] })
    await swarm(0)
    const warm = await filled(2)
    await swarm(1)
    await system.settled('desk')
    expect(idsOf(await workersOf())).to.deep.equal(idsOf(warm))
    const modes = await Promise.all(['one', 'two'].map(async (capability) => (await system.task('desk', {}, { capability })).body))
    expect(modes.map(({ output }) => (output as { mode: string }).mode)).to.deep.equal(['first program', 'second program'])
    expect((await workersOf()).map((a) => a.metadata.labels?.['swarmops.dev/group'])).to.have.members(['one', 'two'])
  })

  it('puts one in the place of a lost agent', async () => {
    await apply({ replicas: 2 })
    await system.settled('desk')
    const warm = await filled(2)
    const [struck] = readyAgents(await workersOf())
    await system.e2b.admin.fault(struck?.status?.sandbox?.id ?? '', { type: 'kill' })
    const [successor] = await eventually('another one is in its place', async () => {
      const found = (await workersOf()).filter((a) => a.metadata.name !== struck?.metadata.name && a.spec.place === struck?.spec.place)
      return readyAgents(found).length === 1 ? found : undefined
    })
    expect(idsOf(warm)).to.include(successor?.status?.sandbox?.id)
    expect(successor?.spec.attempt).to.equal(1)
    await system.told('desk', 'AgentReplaced', /^replaces agent /)
    await filled(2)
  })

  it('sleeps if it is told to, costs nothing then, and is woken when it is taken', async () => {
    await apply({ warmPool: { replicas: 2, state: 'Paused' } })
    await system.settled('desk')
    const warm = await filled(2)
    expect(sandboxes().filter((s) => s.state === 'paused')).to.have.length(2)
    await eventually('only the agent costs', async () => (await system.swarm('desk'))?.status?.cost?.hourly === '0.1089')
    await system.scale('desk', 2)
    await system.settled('desk')
    expect((await system.task('desk', {})).status).to.equal(200)
    const taken = (await workersOf()).filter((a) => warm.some((w) => w.metadata.uid === a.metadata.uid))
    expect(taken).to.have.length(1)
    await filled(2)
    await apply({ replicas: 2, warmPool: { replicas: 2 } })
    await eventually('they are awake', () => sandboxes().every((s) => s.state === 'running'))
    await apply({ replicas: 2, warmPool: { replicas: 0 } })
    await eventually('they are gone', () => sandboxes().length === 2)
    await system.apply('desk', { replicas: 2 })
    await eventually('nothing is told of a pool', async () => {
      const swarm = await system.swarm('desk')
      return swarm?.spec.warmPool === undefined && swarm?.status?.warmPool === undefined
    })
  })

  it('serves a new revision that only starts something else, and is made anew for one that needs another sandbox', async () => {
    await apply({ replicas: 2 }, mode('old'))
    await system.settled('desk')
    await filled(2)
    await apply({ replicas: 2 }, mode('new'))
    await system.settled('desk')
    expect((await workersOf()).map((a) => a.status?.sandbox?.prepared)).to.deep.equal([true, true])
    expect(((await system.task('desk', {})).body['output'] as { mode: string }).mode).to.equal('new')
    const kept = await filled(2)
    const more = { path: 'more.txt', configMapKeyRef: { name: 'agent', key: 'agent.mjs' } }
    const [file] = (await system.swarm('desk'))?.spec.template.files ?? []
    await apply({ replicas: 2 }, { ...mode('new'), files: [file, more] })
    await system.settled('desk')
    const others = await filled(2)
    expect(idsOf(others).filter((id) => idsOf(kept).includes(id))).to.deep.equal([])
    expect(sandboxes()).to.have.length(4)
  })

  for (const [kind, spec] of ROLLOUTS) {
    it(`serves the new revision of a ${kind}`, async () => {
      await apply({ replicas: 2 }, mode('old'))
      await system.settled('desk')
      await filled(2)
      await system.applyRollout(kind, 'release', { swarm: 'desk', ...spec })
      const [before] = await workersOf()
      await apply({ replicas: 2 }, mode('new'))
      await eventually('the new revision is stable, and whole', async () => {
        const agents = readyAgents(await workersOf())
        return agents.length === 2 && agents.every((a) => a.spec.revision !== before?.spec.revision && a.spec.state === 'Running')
      })
      expect(
        (await workersOf()).filter((a) => a.spec.revision !== before?.spec.revision).map((a) => a.status?.sandbox?.prepared),
      ).to.deep.equal([true, true])
      await system.removeRollout(kind, 'release')
      await system.settled('desk')
      await filled(2)
    })
  }

  it('counts in the budget, after the agents, and makes room for them', async () => {
    await apply({ replicas: 2, budget: { maxAgents: 3 } })
    await system.settled('desk')
    await filled(1)
    await system.told('desk', 'BudgetExceeded', /^1 sandbox of the warm pool held back by spec.budget.maxAgents \(3 of 3 used\)/)
    expect((await system.swarm('desk'))?.status?.conditions?.find((c) => c.type === 'Ready')?.status).to.equal('True')
    await apply({ replicas: 3, budget: { maxAgents: 3 } })
    await system.settled('desk')
    expect((await system.swarm('desk'))?.status?.warmPool).to.deep.equal({ replicas: 0, readyReplicas: 0 })

    const groups = (replicas: number) => ({
      replicas: undefined,
      groups: [{ name: 'own', replicas, template: { files: [{ path: 'own.txt', configMapKeyRef: { name: 'agent', key: 'agent.mjs' } }] } }],
    })
    await apply({ budget: { maxAgents: 3 }, ...groups(1) }, {}, 'other')
    await system.settled('other')
    await filled(2, 'other')
    await apply({ budget: { maxAgents: 3 }, ...groups(3) }, {}, 'other')
    await system.settled('other')
    await system.told('other', 'WarmEnded', /agents that are wanted need the room$/)
    expect(sandboxes('other')).to.have.length(3)
  })

  it('replaces what it loses, and never has more than it is to have, whenever the operator dies', async () => {
    await apply({ warmPool: { replicas: 4 } })
    for (const there of [1, 2, 4]) {
      await eventually(`${there} sandboxes are there`, () => sandboxes().length >= there, { pollMs: 5 })
      await system.operator?.kill()
      await system.startOperator()
    }
    await system.settled('desk')
    const warm = await filled(4)
    await eventually('each has its one sandbox', () => sandboxes().length === 5)
    const [lost] = idsOf(warm)
    await system.e2b.admin.fault(lost ?? '', { type: 'kill' })
    await eventually(
      'another one is there',
      async () => {
        const now = idsOf(await warmOf())
        return !now.includes(lost ?? '') && now.length === 4 && sandboxes().length === 5
      },
      { timeoutMs: 90_000 },
    )
  })
})

async function programOf(system: System): Promise<string> {
  const { CONFIG_MAPS } = await import('../../../src/kube/objects.ts')
  const map = await system.client.get(CONFIG_MAPS, { namespace: system.namespace, name: 'agent' })
  return map?.data?.['agent.mjs'] ?? ''
}
