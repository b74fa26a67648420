import { afterEach, describe, it } from 'mocha'
import { expect } from 'chai'
import { System } from '../../support/system.ts'
import { sandboxIds } from '../../support/system-objects.ts'
import { eventually } from '../../support/wait.ts'

describe('the end of a swarm', function () {
  this.timeout(120_000)
  let system: System
  afterEach(async () => system.stop())

  it('waits for a provider that is down, says so, and comes when that is back', async () => {
    system = await System.start()
    await system.apply('desk', { replicas: 2 })
    await system.settled('desk')
    system.e2b.admin.setOptions({ failureRate: 1 })
    await system.remove('desk')
    const [agent] = await eventually('the agents tell why they are still there', async () => {
      const agents = await system.agents('desk')
      return agents.length === 2 && agents.every((a) => reasonOf(a, 'Ready') === 'ProviderUnavailable') ? agents : undefined
    })
    expect(agent?.metadata.finalizers).to.deep.equal(['swarmops.dev/sandbox'])
    expect(system.e2b.admin.sandboxes()).to.have.length(2)
    system.e2b.admin.setOptions({ failureRate: 0 })
    await system.isEmpty()
  })

  it('comes at once when a person asks for it, with an Event that names the sandboxes left behind', async () => {
    system = await System.start()
    await system.apply('desk', { replicas: 2 })
    await system.settled('desk')
    const left = sandboxIds(await system.agents('desk'))
    system.e2b.admin.setOptions({ failureRate: 1 })
    await system.remove('desk')
    await eventually('the agents are being deleted', async () => (await system.agents('desk')).every((a) => a.metadata.deletionTimestamp))
    for (const agent of await system.agents('desk')) await system.annotate(agent, 'swarmops.dev/force-delete', 'true')
    await eventually('the agents are gone', async () => (await system.agents('desk')).length === 0)
    for (const id of left) {
      await eventually(`an Event names ${id}`, async () =>
        (await system.allEvents()).some((e) => e.reason === 'SandboxLeftBehind' && e.message?.includes(id)),
      )
    }
    system.e2b.admin.setOptions({ failureRate: 0 })
    await eventually('the sweep ends what was left behind', () => system.e2b.admin.sandboxes().length === 0, { timeoutMs: 60_000 })
  })

  it('comes although the Secret with the key goes first, as in a namespace that is deleted', async () => {
    system = await System.start()
    await system.secret('e2b', { apiKey: system.e2b.apiKey })
    await system.apply('desk', { replicas: 2, credentialsSecretRef: { name: 'e2b', key: 'apiKey' } })
    await system.settled('desk')
    await system.removeNamespace()
    await eventually('all sandboxes are gone', () => system.e2b.admin.sandboxes().length === 0)
    await eventually('the namespace is gone', async () => !(await system.namespaceExists()), { timeoutMs: 60_000 })
  })

  it('comes, with an Event, when the key is gone for good and the sandbox must have ended by its own timeout', async () => {
    system = await System.start()
    await system.secret('e2b', { apiKey: system.e2b.apiKey })
    const lifecycle = { sandboxTimeout: '30s' }
    await system.apply('desk', { replicas: 1, lifecycle, credentialsSecretRef: { name: 'e2b', key: 'apiKey' } })
    await system.settled('desk')
    const [id = ''] = sandboxIds(await system.agents('desk'))
    await system.operator?.kill()
    await system.removeSecret('e2b')
    await system.remove('desk')
    await system.startOperator()
    await eventually('the agent is let go', async () => (await system.agents('desk')).length === 0, { timeoutMs: 90_000 })
    const left = (await system.allEvents()).find((e) => e.reason === 'SandboxLeftBehind')
    expect(left?.message).to.contain(`sandbox ${id} is left behind, its API key is gone`)
    expect(system.e2b.admin.sandboxes()).to.deep.equal([])
  })

  it('leaves the agents at work when they are orphaned, and another swarm of the name takes them over', async () => {
    system = await System.start({ router: true })
    const spec = { replicas: 2, template: { env: [{ name: 'MODE', value: '<a> & \u2028 "b"' }] } }
    await system.apply('desk', spec)
    const before = await system.settled('desk')
    const sandboxes = sandboxIds(await system.agents('desk'))
    await system.remove('desk', 'Orphan')
    await eventually('the swarm is gone', async () => (await system.swarm('desk')) === undefined)
    expect(sandboxIds(await system.agents('desk'))).to.deep.equal(sandboxes)
    await system.apply('desk', spec)
    const after = await system.settled('desk')
    expect(after.metadata.uid).to.not.equal(before.metadata.uid)
    expect(sandboxIds(await system.agents('desk'))).to.deep.equal(sandboxes)
    expect((await system.task('desk', {})).status).to.equal(200)
    await system.remove('desk')
    await system.isEmpty()
  })

  it('of an orphaned agent ends its sandbox', async () => {
    system = await System.start()
    await system.apply('desk', { replicas: 2 })
    await system.settled('desk')
    await system.remove('desk', 'Orphan')
    await eventually('the swarm is gone', async () => (await system.swarm('desk')) === undefined)
    for (const agent of await system.agents('desk')) await system.removeAgent(agent)
    await eventually(
      'agents and sandboxes are gone',
      async () => (await system.agents('desk')).length + system.e2b.admin.sandboxes().length === 0,
    )
  })

  it('of a sandbox that nobody owns comes by the sweep', async () => {
    system = await System.start()
    await system.apply('desk', { replicas: 1, lifecycle: { sandboxTimeout: '30s' } })
    await system.settled('desk')
    await system.operator?.kill()
    for (const agent of await system.agents('desk')) await system.loseAgent(agent)
    expect(system.e2b.admin.sandboxes()).to.have.length(1)
    const [orphan] = system.e2b.admin.sandboxes()
    await system.startOperator()
    await eventually('the orphan is ended', () => system.e2b.admin.sandboxes().every((s) => s.sandboxId !== orphan?.sandboxId), {
      timeoutMs: 60_000,
    })
    await system.settled('desk')
    await system.isExact('desk')
  })
})

const reasonOf = (agent: { status?: { conditions?: { type: string; reason: string }[] } }, type: string) =>
  agent.status?.conditions?.find((c) => c.type === type)?.reason
