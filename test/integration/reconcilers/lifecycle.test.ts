import { afterEach, beforeEach, describe, it } from 'mocha'
import { expect } from 'chai'
import { METADATA } from '../../../src/e2b/metadata.ts'
import { PROBE, refuseAgents } from '../../support/refusals.ts'
import { System } from '../../support/system.ts'
import { readyAgents, sandboxIds } from '../../support/system-objects.ts'
import { eventually } from '../../support/wait.ts'

describe('the life of a swarm', function () {
  this.timeout(120_000)
  let system: System

  beforeEach(async () => {
    system = await System.start({ router: true })
  })
  afterEach(async () => system.stop())

  it('goes from a manifest to agents that do tasks, and leaves nothing behind', async () => {
    await system.apply('desk', { replicas: 3 })
    const swarm = await system.settled('desk')
    expect(swarm.status).to.include({ desiredReplicas: 3, replicas: 3, readyReplicas: 3, updatedReplicas: 3 })
    expect(swarm.status?.traffic).to.deep.equal([{ revision: swarm.status?.updateRevision, percent: 100 }])
    const agents = await system.agents('desk')
    const made = system.e2b.admin.sandboxes()
    expect(sandboxIds(agents)).to.deep.equal(made.map((s) => s.sandboxId).sort())
    const [first] = agents
    const sandbox = made.find((s) => s.sandboxId === first?.status?.sandbox?.id)
    expect(sandbox?.metadata).to.include({
      [METADATA.swarm]: 'desk',
      [METADATA.agent]: first?.metadata.name,
      [METADATA.nonce]: first?.spec.nonce,
    })

    const answers = await Promise.all(Array.from({ length: 12 }, (_, n) => system.task('desk', { n })))
    expect(answers.map((a) => a.status)).to.deep.equal(Array.from({ length: 12 }, () => 200))
    expect(new Set(answers.map((a) => a.body['agent'])).size).to.equal(3)

    await system.remove('desk')
    await system.isEmpty()
    expect(await system.e2b.admin.processes()).to.deep.equal([])
    const after = await system.task('desk', {})
    expect([after.status, after.body['code']]).to.deep.equal([404, 'SwarmNotFound'])
  })

  it('keeps tasks in hand when it is scaled down, and ends the idle agents first', async () => {
    await system.apply('desk', { replicas: 4 })
    await system.settled('desk')
    const { busy, answer } = await system.tasks.taskInHand('desk', { sleepMs: 3_000 })
    await system.scale('desk', 1)
    await eventually('three agents have left', async () => (await system.agents('desk')).length === 1)
    expect((await system.agents('desk')).map((a) => a.metadata.name)).to.deep.equal(busy)
    expect((await answer).status).to.equal(200)
    expect((await system.settled('desk')).status).to.include({ replicas: 1, readyReplicas: 1 })
    await eventually('one sandbox is left', () => system.e2b.admin.sandboxes().length === 1)
  })

  it('drains a busy agent that has to go, and ends it only when its task is done', async () => {
    await system.apply('desk', { replicas: 1, lifecycle: { drainTimeout: '60s' } })
    await system.settled('desk')
    const slow = system.task('desk', { sleepMs: 2_500 })
    await eventually('the slow task is in hand', async () => (await system.tasks.liveView('desk')).agents.some((a) => a.inFlight > 0))
    await system.scale('desk', 0)
    const [draining] = await eventually('the agent drains', async () => {
      const agents = await system.agents('desk')
      return agents[0]?.spec.state === 'Draining' ? agents : undefined
    })
    expect(draining?.metadata.deletionTimestamp).to.equal(undefined)
    expect((await slow).status).to.equal(200)
    await eventually('it is gone', async () => (await system.agents('desk')).length === 0 && system.e2b.admin.sandboxes().length === 0)
  })

  it('tells of what was done also when the API server refuses something else of the same pass', async () => {
    await system.apply('desk', { replicas: 3 })
    await system.settled('desk')
    const [held = '', one = '', two = ''] = (await system.agents('desk')).map(({ metadata }) => metadata.name)
    const refusal = await refuseAgents(system, {
      operations: ['CREATE', 'UPDATE'],
      when: `object.metadata.name in ['${held}', '${PROBE}'] && object.spec.state == 'Draining'`,
      message: 'not this one',
      state: 'Draining',
    })
    await system.scale('desk', 0)
    await eventually('the others have left', async () => (await system.agents('desk')).map((a) => a.metadata.name).join() === held)
    await system.told('desk', 'Draining', new RegExp(`draining (${one}, ${two}|${two}, ${one}): fewer agents are wanted`))
    await refusal.remove()
    await eventually('the last one leaves', async () => (await system.agents('desk')).length === 0)
    await system.told('desk', 'Draining', new RegExp(`draining ${held}: fewer agents are wanted`))
  })

  it('does not wait for a task longer than drainTimeout', async () => {
    await system.apply('desk', { replicas: 1, lifecycle: { drainTimeout: '1s' } })
    await system.settled('desk')
    const endless = system.task('desk', { sleepMs: 6_000 })
    await eventually('the task is in hand', async () => (await system.tasks.liveView('desk')).agents.some((a) => a.inFlight > 0))
    await system.scale('desk', 0)
    await eventually('the sandbox is gone', () => system.e2b.admin.sandboxes().length === 0)
    await system.told('desk', 'AgentDeleted', /drainTimeout has passed/)
    await system.scale('desk', 1)
    expect((await endless).status, 'the task goes on to another agent').to.equal(200)
  })

  it('pauses what it does not need, and resumes it before it makes more', async () => {
    await system.apply('desk', { replicas: 3, lifecycle: { onScaleDown: 'Pause' } })
    await system.settled('desk')
    const all = sandboxIds(await system.agents('desk'))
    await system.scale('desk', 1)
    const small = await eventually('two are paused', async () => {
      const swarm = await system.swarm('desk')
      return swarm?.status?.groups?.[0]?.pausedReplicas === 2 && swarm.status.readyReplicas === 1 ? swarm : undefined
    })
    expect(small.status?.replicas, 'a paused agent is a spare, not a replica').to.equal(1)
    await eventually('their sandboxes are paused', () => system.e2b.admin.sandboxes().filter((s) => s.state === 'paused').length === 2)
    await system.settled('desk')
    await system.scale('desk', 4)
    await system.settled('desk')
    const after = sandboxIds(await system.agents('desk'))
    expect(after).to.include.members(all)
    expect(after).to.have.length(4)
    const answers = await Promise.all(Array.from({ length: 20 }, () => system.task('desk', {})))
    expect(new Set(answers.map((a) => `${a.status} ${String(a.body['agent'])}`)).size, 'all four do tasks').to.equal(4)
  })

  it('renews agents within maxSurge and maxUnavailable when the template changes', async () => {
    await system.apply('desk', {
      replicas: 4,
      update: { maxSurge: 1, maxUnavailable: 0 },
      template: { env: [{ name: 'MODE', value: 'old' }] },
    })
    const before = await system.settled('desk')
    const load = system.keepAsking('desk')
    const watched = system.watchCounts('desk')
    await system.apply('desk', {
      replicas: 4,
      update: { maxSurge: 1, maxUnavailable: 0 },
      template: { env: [{ name: 'MODE', value: 'new' }] },
    })
    const after = await system.settled('desk')
    const counts = await watched.stop()
    const answers = await load.stop()
    expect(after.status?.currentRevision).to.not.equal(before.status?.currentRevision)
    expect(after.status?.traffic).to.deep.equal([{ revision: after.status?.updateRevision, percent: 100 }])
    expect(Math.max(...counts.map((c) => c.running)), 'agents at most').to.be.at.most(5)
    expect(Math.min(...counts.map((c) => c.ready)), 'ready agents at least').to.be.at.least(4)
    expect(answers.filter((a) => a.status !== 200)).to.deep.equal([])
    const modes = new Set((await Promise.all(Array.from({ length: 8 }, () => system.task('desk', {})))).map((a) => modeOf(a.body)))
    expect([...modes]).to.deep.equal(['new'])
    await system.told('desk', 'RevisionCreated', /the template changed/)
  })

  it('keeps the old agents when the new template does not work, and goes on when it is mended', async () => {
    await system.apply('desk', { replicas: 2 })
    await system.settled('desk')
    const old = sandboxIds(await system.agents('desk'))
    await system.apply('desk', { replicas: 2, template: { command: ['node', 'nowhere.mjs'] } })
    await system.tells('desk', 'CommandExited')
    expect(sandboxIds(readyAgents(await system.agents('desk')))).to.deep.equal(old)
    expect((await system.task('desk', {})).status).to.equal(200)
    await system.apply('desk', { replicas: 2, template: { env: [{ name: 'MODE', value: 'mended' }] } })
    await system.settled('desk')
    expect(modeOf((await system.task('desk', {})).body)).to.equal('mended')
    await eventually('only two sandboxes are left', () => system.e2b.admin.sandboxes().length === 2)
  })

  it('goes straight back when the old template returns in the middle of an update', async () => {
    await system.apply('desk', { replicas: 2 })
    const before = await system.settled('desk')
    await system.apply('desk', { replicas: 2, template: { readiness: { path: '/never' } } })
    await eventually('an agent of the new revision is there', async () =>
      (await system.agents('desk')).some((a) => a.spec.revision !== before.status?.currentRevision),
    )
    await system.apply('desk', { replicas: 2, template: { readiness: { path: '/health' } } })
    const after = await system.settled('desk')
    expect(after.status?.currentRevision).to.equal(before.status?.currentRevision)
  })

  it('has groups that differ in template and number, and forgets a group that leaves the spec', async () => {
    const pairs = { name: 'pairs', replicas: 2, capabilities: ['pairs'], template: { env: [{ name: 'MODE', value: 'pairs' }] } }
    const plain = { name: 'plain', replicas: 1, capabilities: ['plain'] }
    await system.apply('desk', { groups: [pairs, plain] })
    const swarm = await system.settled('desk')
    expect(swarm.status?.groups?.map((g) => [g.name, g.readyReplicas])).to.deep.equal([
      ['pairs', 2],
      ['plain', 1],
    ])
    const answers = await Promise.all(Array.from({ length: 6 }, () => system.task('desk', {}, { capability: 'pairs' })))
    expect(answers.map((a) => [a.body['group'], modeOf(a.body)])).to.deep.equal(answers.map(() => ['pairs', 'pairs']))
    await system.apply('desk', { groups: [plain] })
    await system.settled('desk')
    await eventually('one agent is left', async () => (await system.agents('desk')).length === 1)
  })

  it('renews its agents when a ConfigMap changes, if the template says so', async () => {
    await system.configMap('settings', { mode: 'one' })
    const template = { env: [{ name: 'MODE', valueFrom: { configMapKeyRef: { name: 'settings', key: 'mode' } } }] }
    await system.apply('follows', { replicas: 1, template: { ...template, configUpdates: 'Rollout' } })
    await system.apply('ignores', { replicas: 1, template: { ...template, configUpdates: 'Ignore' } })
    const [, before] = await Promise.all([system.settled('follows'), system.settled('ignores')])
    expect(modeOf((await system.task('follows', {})).body)).to.equal('one')
    await system.configMap('settings', { mode: 'two' })
    await eventually('the agent of `follows` has the new contents', async () => modeOf((await system.task('follows', {})).body) === 'two')
    await system.settled('follows')
    expect(modeOf((await system.task('ignores', {})).body)).to.equal('one')
    expect((await system.swarm('ignores'))?.status?.updateRevision).to.equal(before.status?.updateRevision)
    await system.e2b.admin.fault(sandboxIds(await system.agents('ignores'))[0] ?? '', { type: 'kill' })
    await eventually('an agent started later reads the new contents', async () => modeOf((await system.task('ignores', {})).body) === 'two')
  })

  it('has one agent when no number is given, and can be scaled from there by an autoscaler', async () => {
    await system.apply('desk')
    await system.settled('desk')
    const scale = (await system.client.raw(`/apis/swarmops.dev/v1alpha1/namespaces/${system.namespace}/swarms/desk/scale`)) as {
      spec?: { replicas?: number }
      status?: { replicas?: number; selector?: string }
    }
    expect([scale.spec, scale.status]).to.deep.equal([{ replicas: 1 }, { replicas: 1, selector: 'swarmops.dev/swarm=desk' }])
    await system.scale('desk', 2)
    expect((await system.settled('desk')).status?.readyReplicas).to.equal(2)
    await system.apply('desk', { template: { env: [{ name: 'MODE', value: 'new' }] } })
    expect((await system.settled('desk')).status?.readyReplicas, 'a manifest without a number leaves it alone').to.equal(2)
  })

  it('can be given groups although the operator has written its number', async () => {
    await system.apply('desk')
    await system.settled('desk')
    await system.apply('desk', { groups: [{ name: 'work', replicas: 2 }] })
    const swarm = await system.settled('desk')
    expect(swarm.spec.replicas).to.equal(undefined)
    expect(swarm.status?.groups?.map((g) => [g.name, g.readyReplicas])).to.deep.equal([['work', 2]])
  })

  it('stays within its budget, says so, and goes on when the budget is raised', async () => {
    await system.apply('desk', { replicas: 3, budget: { maxAgents: 2 } })
    const held = await eventually('two are ready', async () => {
      const swarm = await system.swarm('desk')
      return swarm?.status?.readyReplicas === 2 && swarm.status.conditions?.some((c) => c.type === 'BudgetExceeded') ? swarm : undefined
    })
    const condition = held.status?.conditions?.find((c) => c.type === 'BudgetExceeded')
    expect(condition?.message).to.equal('1 agent held back by spec.budget.maxAgents (2 of 2 used); raise it or ask for fewer agents')
    expect(system.e2b.admin.sandboxes()).to.have.length(2)
    await system.apply('desk', { replicas: 3, budget: { maxAgents: 3 } })
    const swarm = await system.settled('desk')
    expect(swarm.status?.readyReplicas).to.equal(3)
    expect(swarm.status?.conditions?.map((c) => c.type)).to.deep.equal(['Ready'])
  })
})

const modeOf = (body: Record<string, unknown>) => (body['output'] as { mode?: string } | undefined)?.mode
