import { describe, it } from 'mocha'
import { expect } from 'chai'
import { useCluster } from '../support/cluster.ts'
import { FaultLab } from '../support/fault-lab.ts'

const AGENTS = 4

/** What an agent takes for a task, in milliseconds, and what it takes when it is slowed ten times. */
const TASK_MS = 3
const SLOWED_MS = 10 * TASK_MS

describe('a mesh under load loses no task', function () {
  this.timeout(300_000)
  const lab = new FaultLab({
    spec: { replicas: AGENTS, topology: { type: 'Mesh' }, template: { readiness: { replaceAfter: '3s' } } },
    input: { sleepMs: TASK_MS },
    agents: AGENTS,
  })
  const first = (count: number) => lab.fleet.slice(0, count)

  it('when the process of an agent is killed', async () => {
    await lab.trial('process killed', { victims: first(1), strikeAt: lab.killProcesses })
  })

  it('when a sandbox is killed', async () => {
    await lab.trial('sandbox killed', { victims: first(1), strikeAt: lab.kill })
  })

  it('when a sandbox freezes', async () => {
    await lab.trial('sandbox frozen', { victims: first(1), strikeAt: lab.freeze })
  })

  it('when a sandbox is cut off for a while', async () => {
    await lab.trial('sandbox cut off for a while', { victims: first(1), strikeAt: lab.cutOff, relentAt: lab.restore })
  })

  it('when all agents but one are killed', async () => {
    await lab.trial(`${AGENTS - 1} of ${AGENTS} sandboxes killed`, { victims: first(AGENTS - 1), strikeAt: lab.kill })
  })

  it('when an agent is slowed ten times, which then gets fewer of them', async () => {
    const [victim] = first(1)
    const slow = async (sandbox: string) => lab.system.e2b.admin.fault(sandbox, { type: 'slow', delayMs: SLOWED_MS })
    await lab.trial('sandbox slowed ten times', { victims: first(1), strikeAt: slow, isUnseen: true })
    const answers = lab.load.answers.slice(-50)
    const share = answers.filter((a) => a.body['agent'] === victim?.metadata.name).length / answers.length
    await lab.restore(victim?.status?.sandbox?.id ?? '')
    expect(share).to.be.lessThan(1 / AGENTS)
  })

  it('when a router is killed: the clients go on with the other', async () => {
    const { system } = lab
    await lab.trial('router killed', { isUnseen: true, strike: async () => system.router?.kill() })
    system.dropRouter()
    await system.startRouter()
  })

  it('when an agent is killed while the operator is away, which replaces it when it is back', async () => {
    await lab.system.operator?.kill()
    await lab.trial('sandbox killed, operator away', { victims: first(1), strikeAt: lab.kill, agents: AGENTS - 1 })
    await lab.system.startOperator()
  })

  it('when an agent is killed while the API server is away', async () => {
    const { cluster } = await useCluster()
    await cluster.stopApiServer()
    await lab.trial('sandbox killed, API server away', { victims: first(1), strikeAt: lab.kill, agents: AGENTS - 1 })
  })
})
