import { describe } from 'mocha'
import { FaultLab } from '../support/fault-lab.ts'
import { isSummedUp, TEAM_AGENT } from '../support/team-agent.ts'

const GROUPS = [
  { name: 'lead', role: 'Coordinator', replicas: 2 },
  { name: 'work', role: 'Worker', replicas: 3 },
]
const AGENTS = 5

for (const [type, leader] of [
  ['Hierarchical', 'the coordinator'],
  ['Star', 'the hub'],
] as const) {
  describe(`a ${type} swarm under load loses no task`, function () {
    this.timeout(300_000)
    const spec = { groups: GROUPS, topology: { type }, template: { readiness: { replaceAfter: '3s' } } }
    const lab = new FaultLab({ spec, input: {}, agents: AGENTS, program: TEAM_AGENT, isRight: isSummedUp })
    const leading = async () => {
      const name = (await lab.system.swarm('desk'))?.status?.topology?.leader
      return lab.fleet.filter(({ metadata }) => metadata.name === name)
    }

    lab.suffersEachFault(leader, leading)
    lab.suffersEachFault('a worker', () => lab.fleet.filter(({ spec: { group } }) => group === 'work').slice(0, 1))
    lab.suffersLossAlone(leader, leading)
  })
}
