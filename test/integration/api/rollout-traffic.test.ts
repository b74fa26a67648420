import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import { BLUE_GREEN_ROLLOUT, CANARY_ROLLOUT } from '../../../src/api/kinds.ts'
import { Api } from './harness.ts'

const NAME = 'must be the name of a header: letters, digits and -, such as X-Tester'
const OWN = 'has a meaning of its own in requests; choose another name, such as X-Tester'
const VALUE = 'must have 1 to 256 printable ASCII characters without spaces'

describe('testers of a rollout, to the API server', () => {
  let api: Api
  before(async () => {
    api = await Api.start()
  })
  after(() => api.stop())

  for (const kind of [CANARY_ROLLOUT, BLUE_GREEN_ROLLOUT]) {
    const tryTesters = (header: string, value = 'yes') => api.tryKind(kind, { swarm: 'desk', testers: { header, value } })

    it(`have a header of their own in a ${kind.kind}`, async () => {
      expect(await tryTesters('X-Tester', "it's!~")).to.deep.equal({ code: 201, told: [] })
    })

    it(`have none that means something else in a ${kind.kind}`, async () => {
      for (const header of ['Idempotency-Key', 'Swarm-Revision', 'swarm-anything', 'Authorization', 'host', 'Content-Type']) {
        const told = [`spec.testers.header: Invalid value: ${OWN}`]
        expect(await tryTesters(header), header).to.deep.equal({ code: 422, told })
      }
    })

    it(`have nothing that is no header in a ${kind.kind}`, async () => {
      for (const header of ['x tester', '1st', 'x_tester'])
        expect((await tryTesters(header)).told, header).to.deep.equal([`spec.testers.header: Invalid value: "${header}": ${NAME}`])
      for (const value of ['a b', 'ä'])
        expect((await tryTesters('x', value)).told, value).to.deep.equal([`spec.testers.value: Invalid value: "${value}": ${VALUE}`])
    })
  }
})

describe('a canary that mirrors, to the API server', () => {
  let api: Api
  before(async () => {
    api = await Api.start()
  })
  after(() => api.stop())
  const trySteps = (...steps: object[]) => api.tryKind(CANARY_ROLLOUT, { swarm: 'desk', steps })

  it('has steps of its own for it', async () => {
    const answer = await trySteps({ setMirror: { percent: 10 } }, { setMirror: { percent: 0 } })
    expect(answer).to.deep.equal({ code: 201, told: [] })
  })

  it('does one thing in a step, and mirrors no more than all', async () => {
    const both = await trySteps({ setMirror: { percent: 10 }, setWeight: 5 })
    expect(both.told).to.deep.equal([
      'spec.steps[0]: Invalid value: a step is exactly one of setWeight, setReplicas, setMirror, pause and analysis; make a step of each',
    ])
    const tooMuch = await trySteps({ setMirror: { percent: 101 } })
    expect(tooMuch).to.deep.equal({
      code: 422,
      told: [
        'spec.steps[0].setMirror.percent: Invalid value: 101: spec.steps[0].setMirror.percent in body should be less than or equal to 100',
      ],
    })
    expect((await trySteps({ setMirror: {} })).told).to.include('spec.steps[0].setMirror.percent: Required value')
  })
})
