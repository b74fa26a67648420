import { describe, it } from 'mocha'
import { FaultLab } from '../support/fault-lab.ts'
import { hasPassed, TEAM_AGENT } from '../support/team-agent.ts'

const STAGES = ['clean', 'score', 'judge']
const AGENTS = 4

describe('a ring under load loses no task', function () {
  this.timeout(300_000)
  const spec = {
    groups: STAGES.map((name) => ({ name, replicas: name === 'score' ? 2 : 1 })),
    topology: { type: 'Ring' },
    template: { readiness: { replaceAfter: '3s' } },
  }
  const lab = new FaultLab({ spec, input: {}, agents: AGENTS, program: TEAM_AGENT, isRight: hasPassed(STAGES) })
  const stage = (name: string) => lab.fleet.filter((agent) => agent.spec.group === name).slice(0, 1)

  lab.suffersEachFault('an agent of a stage with a spare', () => stage('score'))

  lab.suffersLossAlone('an agent of a stage with a spare', () => stage('score'))

  it('when the only agent of a stage loses its sandbox: those on their way wait for a fresh one', async () => {
    await lab.trial('the only agent of a stage loses its sandbox', {
      victims: stage('judge'),
      strikeAt: lab.kill,
      mayRefuse: 'StageBroken',
    })
  })
})
