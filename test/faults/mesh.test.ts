import { describe, it } from 'mocha'
import { expect } from 'chai'
import { FaultLab } from '../support/fault-lab.ts'
import { TASK_MS } from '../support/team-agent.ts'
import { eventually } from '../support/wait.ts'

const AGENTS = 4

/** What the slow one of them takes more for a task, far above what a busy machine adds to the others', and the tasks that tell its share. */
const SLOW_MS = 40 * TASK_MS
const ENOUGH_TASKS = 400
const SPEC = { replicas: AGENTS, topology: { type: 'Mesh' }, template: { readiness: { replaceAfter: '3s' } } }

describe('a mesh under load loses no task', function () {
  this.timeout(300_000)
  const lab = new FaultLab({ spec: SPEC, input: { sleepMs: TASK_MS }, agents: AGENTS })
  const first = (count: number) => lab.fleet.slice(0, count)

  lab.suffersEachFault('an agent', () => first(1))

  it('and gives fewer to an agent that is slow', async () => {
    const [victim] = first(1)
    const sandbox = victim?.status?.sandbox?.id ?? ''
    const strikeAt = async () => lab.system.e2b.admin.fault(sandbox, { type: 'slow', delayMs: SLOW_MS })
    await lab.trial('an agent stays slow', { victims: first(1), strikeAt, isUnseen: true })
    const before = lab.load.answers.length
    await eventually('many tasks have ended', () => lab.load.answers.length >= before + ENOUGH_TASKS)
    const answers = lab.load.answers.slice(before)
    const share = answers.filter((a) => a.body['agent'] === victim?.metadata.name).length / answers.length
    await lab.restore(sandbox)
    expect(share).to.be.lessThan(1 / AGENTS)
  })

  it('when all agents but one lose their sandboxes', async () => {
    await lab.trial(`${AGENTS - 1} of ${AGENTS} agents lose their sandboxes`, { victims: first(AGENTS - 1), strikeAt: lab.kill })
  })

  it('when a router is killed: the clients go on with the other', async () => {
    const { system } = lab
    await lab.trial('a router is killed', { isUnseen: true, strike: async () => system.router?.kill() })
    system.dropRouter()
    await system.startRouter()
  })

  lab.suffersLossAlone('an agent', () => first(1))
})
