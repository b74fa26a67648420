import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import type { AgentHealth } from '../../../src/api/health.ts'
import type { Agent } from '../../../src/api/objects.ts'
import { Informer } from '../../../src/kube/informer.ts'
import { createLog } from '../../../src/log.ts'
import { AGENTS } from '../../../src/reconcilers/shared/kinds.ts'
import { agentProgram, programFile } from '../../support/agent-program.ts'
import { keepAsking, type Load } from '../../support/load.ts'
import { System } from '../../support/system.ts'
import { eventually } from '../../support/wait.ts'

/** Does as it is told: `burn` keeps a processor busy until `rest`, `fail` answers 500, `sleepMs` takes its time. */
const AGENT_PROGRAM = agentProgram({
  setUp: `import { Worker } from 'node:worker_threads'
let burner`,
  work: `
    if (input.burn) burner ??= new Worker('for (;;);', { eval: true })
    if (input.rest) await burner?.terminate()`,
  reply: 'answer(response, input.fail ? 500 : 200, { output: null })',
})

/** Far from what an agent that is well shows on a machine with much else to do. */
const HEALTH = {
  cpuPercent: { degraded: 98, critical: 99 },
  memoryPercent: { degraded: 98, critical: 99 },
  errorPercent: { degraded: 20, critical: 40 },
  latency: { degraded: '600ms', critical: '1s' },
  window: '5s',
  minTasks: 5,
}
const HOT = { degraded: 4, critical: 6 }
const SPEC = {
  replicas: 1,
  routing: { retries: { attempts: 1 }, circuitBreaker: { consecutiveFailures: 1000 } },
  template: { files: [programFile('moody')], readiness: { replaceAfter: '1h' } },
}

type Told = Pick<AgentHealth, 'state' | 'reason'>

describe('the health of agents', function () {
  this.timeout(240_000)
  let system: System
  before(async () => {
    system = await System.start({ router: true })
    await system.configMap('moody', { 'agent.mjs': AGENT_PROGRAM })
  })
  const watching: Informer<Agent>[] = []
  after(async () => {
    await Promise.all(watching.map((informer) => informer.stop()))
    await system.stop()
  })

  /** Everything that is told of a swarm's one agent, as often as it is written. */
  function watch(swarm: string): Told[] {
    const told: Told[] = []
    const informer = new Informer<Agent>({
      client: system.client,
      kind: AGENTS,
      namespaces: [system.namespace],
      labelSelector: `swarmops.dev/swarm=${swarm}`,
      log: createLog({ level: 'error', shape: 'text' }),
    })
    informer.onChange((type, { status }) => {
      if (type !== 'deleted' && status?.health) told.push({ state: status.health.state, reason: status.health.reason })
    })
    informer.start()
    watching.push(informer)
    return told
  }

  const isToldAs = (swarm: string, state: string, reason?: string) =>
    eventually(
      `the agent of ${swarm} is ${state}`,
      async () => {
        const [agent] = await system.agents(swarm)
        const health = agent?.status?.health
        if (health?.state === state && (!reason || health.reason === reason)) return { ...health, agent: agent?.metadata.name ?? '' }
        throw new Error(JSON.stringify(health))
      },
      { timeoutMs: 60_000 },
    )

  /** Starts a swarm of one agent; it is healthy as soon as it is ready. */
  async function start(swarm: string, health: object = {}): Promise<Told[]> {
    const told = watch(swarm)
    await system.apply(swarm, { ...SPEC, health: { ...HEALTH, ...health } })
    await system.settled(swarm)
    await isToldAs(swarm, 'Healthy', 'Healthy')
    return told
  }

  /** Sends tasks of which every other one is as `input` says. */
  function everyOther(swarm: string, input: object): Load {
    let n = 0
    return keepAsking(async () => system.task(swarm, (n += 1) % 2 ? input : {}), 4)
  }

  /** What was told, without what was told again. */
  const steps = (told: readonly Told[]) =>
    told.filter((t, i) => t.state !== told[i - 1]?.state || t.reason !== told[i - 1]?.reason).map((t) => `${t.state} ${t.reason}`)

  const byTasks = (swarm: string, input: object, reason: string) =>
    it(`is judged by its tasks: ${reason}, and healthy again when it does them well`, async () => {
      const told = await start(swarm)
      const bad = everyOther(swarm, input)
      const { message, agent } = await isToldAs(swarm, 'Critical', reason)
      expect(message).to.match(/of \d+ tasks/)
      await bad.stop()
      const good = everyOther(swarm, {})
      await isToldAs(swarm, 'Healthy', 'Healthy')
      await good.stop()
      const changes = steps(told)
      expect([changes[0], changes.at(-1)]).to.deep.equal(['Healthy Healthy', 'Healthy Healthy'])
      expect(changes).to.include(`Critical ${reason}`)
      expect(told.length, 'writes of the status').to.be.at.most(changes.length + 1)
      await system.told(agent, reason, /^critical: /)
    })
  byTasks('wrong', { fail: true }, 'ErrorsHigh')
  byTasks('slow', { sleepMs: 1_200 }, 'LatencyHigh')

  it('is judged by what its sandbox uses, stands as it is over a restart of the operator, and gets better when the sandbox rests', async () => {
    await start('hot', { cpuPercent: HOT })
    await system.task('hot', { burn: true })
    const before = await isToldAs('hot', 'Critical', 'CpuHigh')
    expect(before.message).to.match(/^processor \d+ % used$/)
    // An Event that is not written yet when the operator is killed is not told again.
    await system.told('hot', 'AgentsCritical', new RegExp(before.agent))
    const isSized = async () => (await system.agents('hot'))[0]?.status?.sandbox?.cpus !== undefined
    await eventually('the size of its sandbox is stored, which is once', isSized, { timeoutMs: 60_000 })
    await system.operator?.kill()
    const version = await versionOf('hot')
    await system.startOperator()
    const sampled = usageRequests()
    await eventually('the new operator has measured it', () => usageRequests() > sampled + 2, { timeoutMs: 30_000 })
    expect(await isToldAs('hot', 'Critical')).to.deep.equal(before)
    expect(await versionOf('hot'), 'nothing was written').to.equal(version)
    await system.task('hot', { rest: true })
    await isToldAs('hot', 'Healthy', 'Healthy')
  })

  const versionOf = async (swarm: string) => (await system.agents(swarm))[0]?.metadata.resourceVersion
  const usageRequests = () => system.e2b.admin.counters()['GET /sandboxes/metrics'] ?? 0

  it('is Failed while it does not answer', async () => {
    await start('still')
    const [agent] = await system.agents('still')
    const sandbox = agent?.status?.sandbox?.id ?? ''
    await system.e2b.admin.fault(sandbox, { type: 'freeze' })
    await isToldAs('still', 'Failed', 'NotResponding')
    await eventually('the swarm counts it', async () => (await system.swarm('still'))?.status?.health?.failed === 1)
    await system.e2b.admin.fault(sandbox, { type: 'restore' })
    await isToldAs('still', 'Healthy')
    const swarm = await eventually('the swarm counts it', async () => {
      const seen = await system.swarm('still')
      return seen?.status?.health?.failed === 0 ? seen : undefined
    })
    expect(swarm.status?.health).to.deep.equal({ healthy: 1, degraded: 0, critical: 0, failed: 0 })
    const metrics = await system.metrics()
    for (const [state, n] of Object.entries({ healthy: 1, degraded: 0, critical: 0, failed: 0 }))
      expect(metrics).to.contain(`swarmops_operator_agents_health{namespace="${system.namespace}",swarm="still",state="${state}"} ${n}`)
  })
})
