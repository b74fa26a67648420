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
