import { afterEach, describe, it } from 'mocha'
import { expect } from 'chai'
import { System } from '../../support/system.ts'
import { readyAgents, sandboxIds } from '../../support/system-objects.ts'
import { eventually } from '../../support/wait.ts'

describe('the loss of agents', function () {
  this.timeout(180_000)
  let system: System
  afterEach(async () => system.stop())

  /** A settled swarm of three under load, and one of its agents. */
  async function victimOf(spec: object = {}): Promise<{ name: string; sandbox: string; load: ReturnType<System['keepAsking']> }> {
    await system.apply('desk', { replicas: 3, ...spec })
    await system.settled('desk')
    const [agent] = await system.agents('desk')
    const load = system.keepAsking('desk')
    await eventually('tasks are running', () => load.answers.length > 20)
    return { name: agent?.metadata.name ?? '', sandbox: agent?.status?.sandbox?.id ?? '', load }
  }

  async function replaced(name: string): Promise<void> {
    await eventually(
      `agent ${name} is replaced`,
      async () => {
        const agents = await system.agents('desk')
        return agents.every((a) => a.metadata.name !== name) && readyAgents(agents).length === 3
      },
      { timeoutMs: 60_000 },
    )
    await system.settled('desk')
  }

  const FAULTS = {
    'a sandbox that the provider ends': async (sandbox: string) => system.e2b.admin.fault(sandbox, { type: 'kill' }),
    'a command that ends': async (sandbox: string) => {
      for (const pid of system.e2b.admin.sandboxes().find((s) => s.sandboxId === sandbox)?.pids ?? []) process.kill(-pid, 'SIGKILL')
      return Promise.resolve()
    },
    'a sandbox that is frozen': async (sandbox: string) => system.e2b.admin.fault(sandbox, { type: 'freeze' }),
    'a sandbox that is cut off': async (sandbox: string) => system.e2b.admin.fault(sandbox, { type: 'cut-off' }),
  }
  for (const [what, strike] of Object.entries(FAULTS)) {
    it(`${what} is found, costs no task, and another one takes its place`, async () => {
      system = await System.start({ router: true })
      const { name, sandbox, load } = await victimOf({ template: { readiness: { replaceAfter: '2s' } } })
      await strike(sandbox)
      await replaced(name)
      const answers = await load.stop()
      expect(answers.filter((a) => a.status !== 200)).to.deep.equal([])
      await eventually('three sandboxes are left', () => system.e2b.admin.sandboxes().length === 3)
      await system.told('desk', 'AgentReplaced', new RegExp(name))
    })
  }

  it('by a command that ends again and again is replaced later and later, and heals when the cause goes', async () => {
    system = await System.start({ router: true })
    await system.configMap('agent', { 'agent.mjs': 'process.exit(7)' })
    await system.apply('desk', { replicas: 1 })
    const { agents } = await system.tells('desk', 'CommandExited')
    expect(agents.flatMap((a) => a.status?.conditions ?? []).find((c) => c.reason === 'CommandExited')?.message).to.contain('exit code 7')
    await eventually('the third agent is tried', async () => (await system.agents('desk')).some((a) => a.spec.attempt >= 2), {
      timeoutMs: 60_000,
    })
    const made = system.e2b.admin.counters()['POST /v2/sandboxes'] ?? 0
    expect(made, 'sandboxes made').to.be.at.most(8)
    await system.useAgentProgram()
    await system.settled('desk')
    await system.isExact('desk')
  })

  it('near the end of their life costs no task: each is replaced before, by one that is ready', async () => {
    system = await System.start({ router: true })
    await system.apply('desk', { replicas: 2, lifecycle: { maxAge: '30s' } })
    await system.settled('desk')
    const old = sandboxIds(await system.agents('desk'))
    const load = system.keepAsking('desk', 2)
    const watched = system.watchCounts('desk')
    await eventually(
      'no agent of the first ones is left',
      async () => sandboxIds(await system.agents('desk')).every((id) => !old.includes(id)),
      {
        timeoutMs: 90_000,
      },
    )
    const counts = await watched.stop()
    expect(Math.min(...counts.map((c) => c.ready))).to.be.at.least(2)
    expect((await load.stop()).filter((a) => a.status !== 200)).to.deep.equal([])
  })

  it('by the longest session of the provider is foreseen', async () => {
    system = await System.start({ router: true, e2b: { maxSessionMs: 40_000 } })
    await system.apply('desk', { replicas: 2, lifecycle: { sandboxTimeout: '30s' } })
    await system.settled('desk')
    const old = sandboxIds(await system.agents('desk'))
    const load = system.keepAsking('desk', 2)
    await eventually(
      'no agent of the first ones is left',
      async () => sandboxIds(await system.agents('desk')).every((id) => !old.includes(id)),
      {
        timeoutMs: 90_000,
      },
    )
    expect((await load.stop()).filter((a) => a.status !== 200)).to.deep.equal([])
    await system.told('desk', 'Draining', /near the end of its life/)
  })

  it('does not come by age of a sandbox that is renewed in time', async () => {
    system = await System.start()
    await system.apply('desk', { replicas: 1, lifecycle: { sandboxTimeout: '30s' } })
    await system.settled('desk')
    const [made] = system.e2b.admin.sandboxes()
    await eventually(
      'the sandbox has got more time',
      () => {
        const [now] = system.e2b.admin.sandboxes()
        return now?.sandboxId === made?.sandboxId && Date.parse(now?.endAt ?? '') > Date.parse(made?.endAt ?? '') + 5_000
      },
      { timeoutMs: 40_000 },
    )
  })

  it('of the operator ends sandboxes by themselves, and the next operator replaces them', async () => {
    system = await System.start()
    await system.apply('desk', { replicas: 1, lifecycle: { sandboxTimeout: '30s' } })
    await system.settled('desk')
    await system.operator?.kill()
    await eventually('the sandbox has ended by its own timeout', () => system.e2b.admin.sandboxes().length === 0, { timeoutMs: 60_000 })
    await system.startOperator()
    await eventually('the swarm is whole again', () => system.e2b.admin.sandboxes().length === 1, { timeoutMs: 60_000 })
    await system.settled('desk')
    await system.isExact('desk')
  })
})
