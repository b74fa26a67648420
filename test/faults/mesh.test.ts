import { describe, it } from 'mocha'
import { expect } from 'chai'
import { FaultLab } from '../support/fault-lab.ts'
import { TASK_MS } from '../support/team-agent.ts'

const AGENTS = 4
const SPEC = { replicas: AGENTS, topology: { type: 'Mesh' }, template: { readiness: { replaceAfter: '3s' } } }

describe('a mesh under load loses no task', function () {
  this.timeout(300_000)
  const lab = new FaultLab({ spec: SPEC, input: { sleepMs: TASK_MS }, agents: AGENTS })
  const first = (count: number) => lab.fleet.slice(0, count)

  lab.suffersEachFault('an agent', () => first(1))

  it('and gives fewer to an agent that is slow', async () => {
    const [victim] = first(1)
    await lab.trial('an agent stays slow', { victims: first(1), strikeAt: lab.slow, isUnseen: true })
    const answers = lab.load.answers.slice(-50)
    const share = answers.filter((a) => a.body['agent'] === victim?.metadata.name).length / answers.length
    await lab.restore(victim?.status?.sandbox?.id ?? '')
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
