import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import { BLUE_GREEN_ROLLOUT, CANARY_ROLLOUT } from '../../../src/api/kinds.ts'
import { Api } from './harness.ts'

const OWN = 'a Swarm cannot judge its own rollout; name another one in judge.swarm'
const judged = (swarm: string) => ({ metrics: [{ name: 'm', judge: { swarm, question: 'how good?' }, success: { min: '1' } }] })

describe('an analysis that is judged by the swarm itself', () => {
  let api: Api
  before(async () => {
    api = await Api.start()
  })
  after(() => api.stop())

  const told = async (kind: typeof CANARY_ROLLOUT | typeof BLUE_GREEN_ROLLOUT, spec: object) =>
    (await api.tryKind(kind, { swarm: 'desk', ...spec })).told.join()

  for (const field of ['analysis', 'prePromotion', 'postPromotion'])
    it(`is refused in ${field} of a BlueGreenRollout`, async () => {
      expect(await told(BLUE_GREEN_ROLLOUT, { [field]: judged('desk') })).to.contain(OWN)
      expect(await told(BLUE_GREEN_ROLLOUT, { [field]: judged('court') })).to.equal('')
    })

  it('is refused in the background and in a step of a CanaryRollout', async () => {
    const step = (swarm: string) => ({ steps: [{ setWeight: 5 }, { analysis: judged('court') }, { analysis: judged(swarm) }] })
    expect(await told(CANARY_ROLLOUT, { analysis: judged('desk') })).to.contain(OWN)
    expect(await told(CANARY_ROLLOUT, { analysis: judged('court') })).to.equal('')
    expect(await told(CANARY_ROLLOUT, step('desk'))).to.contain(OWN)
    expect(await told(CANARY_ROLLOUT, step('court'))).to.equal('')
  })
})
