import { afterEach, describe, it } from 'mocha'
import { expect } from 'chai'
import { System } from '../support/system.ts'

describe('a provider that fails every fifth call and loses every fifth answer', function () {
  this.timeout(300_000)
  let system: System
  afterEach(async () => system.stop())

  for (const [kind, light] of [
    ['real', false],
    ['light', true],
  ] as const) {
    it(`costs no ${kind} sandbox and no task: in the end agents, sandboxes and spec agree`, async () => {
      const size = light ? 40 : 8
      system = await System.start({ router: true, e2b: { light, createLatencyMs: 20, failureRate: 0.2, ambiguousRate: 0.2, seed: 7 } })
      await system.apply('desk', { replicas: size })
      await system.settled('desk', { timeoutMs: 120_000 })
      await system.isExact('desk')
      const load = system.keepAsking('desk')
      await system.scale('desk', size / 2)
      await system.isExact('desk', { timeoutMs: 120_000 })
      await system.apply('desk', { replicas: size / 2, update: { maxSurge: 4 }, template: { env: [{ name: 'MODE', value: 'new' }] } })
      await system.settled('desk', { timeoutMs: 120_000 })
      await system.isExact('desk', { timeoutMs: 120_000 })
      const answers = await load.stop()
      expect(answers.length).to.be.greaterThan(0)
      expect(answers.filter((a) => a.status !== 200)).to.deep.equal([])
      await system.remove('desk')
      await system.isEmpty({ timeoutMs: 120_000 })
    })
  }

  it('at its create rate and its cap is asked no more than it allows, and gives what it has', async () => {
    system = await System.start({ e2b: { light: true, createRate: 5, maxSandboxes: 12 }, operatorArgs: ['--create-rate', '5'] })
    await system.apply('desk', { replicas: 10 })
    await system.settled('desk', { timeoutMs: 60_000 })
    await system.apply('more', { replicas: 5 })
    await system.tells('more', 'QuotaExceeded')
    expect(system.e2b.admin.sandboxes()).to.have.length(12)
    await system.scale('desk', 7)
    await system.settled('more', { timeoutMs: 60_000 })
    await Promise.all([system.isExact('desk'), system.isExact('more')])
  })
})
