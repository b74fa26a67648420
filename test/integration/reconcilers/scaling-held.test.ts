import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import { readyAgents } from '../../support/system-objects.ts'
import { ScalingLab } from '../../support/scaling-lab.ts'
import { eventually } from '../../support/wait.ts'

const LOAD = { name: 'load', type: 'InFlightPerAgent', target: { value: 1 } }
const POLICY = { minReplicas: 2, maxReplicas: 8, metrics: [LOAD], behaviour: { scaleDown: { stabilisationWindow: '0s' } } }

describe('scaling while something else goes on', function () {
  this.timeout(180_000)
  let lab: ScalingLab
  before(async () => {
    lab = await ScalingLab.start({ router: true, e2b: { light: true } })
  })
  after(async () => lab.stop())

  const limitedBy = async (swarm: string, reason: string) =>
    eventually(`the policy of ${swarm} is limited by ${reason}`, async () => {
      const { conditions } = (await lab.get(swarm))?.status ?? {}
      if (conditions?.some((c) => c.type === 'ScalingLimited' && c.status === 'True' && c.reason === reason)) return true
      throw new Error(JSON.stringify(conditions))
    })

  it('lets no agent go while a rollout is under way, adds some that are needed, and goes on when it is over', async () => {
    const { system } = lab
    await lab.swarm('desk', 4)
    await system.applyRollout('CanaryRollout', 'release', { swarm: 'desk', steps: [{ setWeight: 25 }, { pause: {} }] })
    await eventually('the swarm follows the rollout', async () => (await system.swarm('desk'))?.status?.rollout === 'CanaryRollout/release')
    await system.apply('desk', { template: { maxConcurrentTasks: 1, env: [{ name: 'MODE', value: 'new' }] } })
    await eventually('it waits in its pause', async () => {
      const rollout = await system.rollout('CanaryRollout', 'release')
      return rollout?.status?.conditions?.some((c) => c.type === 'Paused')
    })
    await lab.policy('desk', POLICY)
    await limitedBy('desk', 'Rollout')
    expect((await system.swarm('desk'))?.spec.replicas).to.equal(4)
    const load = system.keepAsking('desk', 12)
    await lab.replicas('desk', 8)
    expect((await load.stop()).filter(({ status }) => status !== 200)).to.deep.equal([])
    await limitedBy('desk', 'Rollout')
    expect((await system.swarm('desk'))?.spec.replicas).to.equal(8)
    await system.removeRollout('CanaryRollout', 'release')
    await lab.replicas('desk', 2)
  })

  it('lets no agent go while too many have been lost', async () => {
    const { system } = lab
    await lab.swarm('struck', 6)
    const struck = readyAgents(await system.agents('struck')).slice(0, 3)
    await Promise.all(struck.map((a) => system.e2b.admin.fault(a.status?.sandbox?.id ?? '', { type: 'kill' })))
    await eventually('the swarm tells', async () =>
      (await system.swarm('struck'))?.status?.conditions?.some((c) => c.type === 'MassFailure'),
    )
    await lab.policy('struck', POLICY)
    await limitedBy('struck', 'MassFailure')
    expect((await system.swarm('struck'))?.spec.replicas).to.equal(6)
  })
})

describe('what metrics read', function () {
  this.timeout(180_000)
  let lab: ScalingLab
  before(async () => {
    lab = await ScalingLab.start({ router: 2 })
    // Every agent takes 200 ms, and fails every other task for good.
    await lab.system.useAgentProgram(
      'agent',
      `await new Promise((resolve) => setTimeout(resolve, 200))
       globalThis.turn = !globalThis.turn
       if (globalThis.turn) return answer(response, 500, {})`,
    )
  })
  after(async () => lab.stop())

  it('is what routers and the provider tell', async () => {
    const { system } = lab
    await lab.swarm('desk', 1)
    const target = { value: 1_000 }
    const plain = ['InFlightPerAgent', 'QueueLength', 'OldestWaiting', 'ErrorRate', 'Latency', 'Cpu', 'Memory']
    const metrics = plain.map((type) => ({ name: type.toLowerCase(), type, target, ...(type === 'Latency' && { percentile: 50 }) }))
    await lab.policy('desk', {
      maxReplicas: 4,
      dryRun: true,
      metrics: metrics.map((m) => (m.type === 'ErrorRate' || m.type === 'Latency' ? { ...m, window: '5s' } : m)),
    })
    const load = system.keepAsking('desk', 6)
    const value = (name: string, values: Map<string, number>) => values.get(name) ?? NaN
    await eventually(
      'all figures are there, and are those of this load',
      async () => {
        const list = (await lab.get('desk'))?.status?.metrics ?? []
        const values = new Map(list.flatMap(({ name, state, value: text }) => (state === 'Fresh' ? [[name, Number(text)]] : [])))
        const isRight =
          value('inflightperagent', values) >= 4 &&
          value('inflightperagent', values) <= 6 &&
          value('queuelength', values) >= 2 &&
          value('oldestwaiting', values) > 0.1 &&
          value('oldestwaiting', values) < 10 &&
          value('errorrate', values) > 20 &&
          value('errorrate', values) < 80 &&
          value('latency', values) > 0.15 &&
          value('latency', values) < 2 &&
          value('cpu', values) >= 0 &&
          value('memory', values) > 0
        if (isRight) return true
        throw new Error(JSON.stringify(list))
      },
      { timeoutMs: 60_000 },
    )
    await load.stop()
    await eventually(
      'the load is over, and all that told of it',
      async () => {
        const list = (await lab.get('desk'))?.status?.metrics ?? []
        const zero = list.filter(({ state, value: text }) => state === 'Fresh' && text === '0').map(({ name }) => name)
        return ['errorrate', 'inflightperagent', 'latency', 'oldestwaiting', 'queuelength'].every((name) => zero.includes(name))
      },
      { timeoutMs: 40_000 },
    )
  })
})
