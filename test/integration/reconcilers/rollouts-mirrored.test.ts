import { afterEach, describe, it } from 'mocha'
import { expect } from 'chai'
import { eventually } from '../../support/wait.ts'
import { RolloutSystem, SWARM } from '../../support/rollout-system.ts'

const MIRRORED = { scaleDownDelay: '1s', abortScaleDownDelay: '1s', steps: [{ setMirror: { percent: 100 } }, { pause: {} }] }

describe('a canary that does tasks of stable a second time', function () {
  this.timeout(120_000)
  let here: RolloutSystem
  afterEach(async () => here.stop())

  it('has agents for them and no weight, is judged by them, and goes back without a client that sees it', async () => {
    here = await RolloutSystem.start('CanaryRollout', MIRRORED)
    const stable = Object.keys(await here.weights())[0] ?? ''
    const load = here.system.keepAsking(SWARM)
    await here.template('bad-1')
    const { status } = await here.is('Aborted')
    expect(status?.state?.failure?.reason).to.equal('GuardTripped')
    expect(await here.weights()).to.deep.equal({ [stable]: 100 })
    const answers = await load.stop()
    expect(answers.filter((answer) => answer.status !== 200)).to.deep.equal([])
    expect(new Set(answers.map((answer) => answer.body['revision']))).to.deep.equal(new Set([stable]))
  })

  it('mirrors until its last step, and gives way to its weight then', async () => {
    here = await RolloutSystem.start('CanaryRollout', MIRRORED)
    await here.template('good-2')
    await here.until('it waits in its pause', (rollout) => rollout.status?.state?.step === 1)
    const status = await eventually('the swarm says what is mirrored', async () => {
      const swarm = await here.system.swarm(SWARM)
      return swarm?.status?.mirror ? swarm.status : undefined
    })
    expect(status.mirror).to.deep.include({ revision: status.updateRevision, percent: 100 })
    await here.ask('Promote')
    await here.is('Idle')
    expect((await here.system.swarm(SWARM))?.status?.mirror).to.equal(undefined)
  })
})
