import { afterEach, describe, it } from 'mocha'
import { expect } from 'chai'
import { useCluster } from '../support/cluster.ts'
import { System } from '../support/system.ts'
import { sandboxIds } from '../support/system-objects.ts'
import { eventually } from '../support/wait.ts'

describe('an API server', function () {
  this.timeout(300_000)
  let system: System
  afterEach(async () => {
    const { cluster } = await useCluster()
    await cluster.startApiServer()
    await system.stop()
  })

  it('that restarts in the middle of a scale-up and of an update costs nothing', async () => {
    system = await System.start({ router: true })
    const { cluster } = await useCluster()
    await system.apply('desk', { replicas: 4 })
    await system.settled('desk')
    const load = system.keepAsking('desk')
    await system.scale('desk', 10)
    await cluster.restartApiServer()
    await system.settled('desk', { timeoutMs: 90_000 })
    await system.isExact('desk')
    await system.apply('desk', { replicas: 10, template: { env: [{ name: 'MODE', value: 'new' }] } })
    await cluster.restartApiServer()
    await system.settled('desk', { timeoutMs: 90_000 })
    await system.isExact('desk')
    expect((await load.stop()).filter((a) => a.status !== 200)).to.deep.equal([])
    await system.remove('desk')
    await system.isEmpty({ timeoutMs: 90_000 })
  })

  it('that is away does not stop tasks, although an agent is lost meanwhile', async () => {
    system = await System.start({ router: true })
    const { cluster } = await useCluster()
    await system.apply('desk', { replicas: 3 })
    await system.settled('desk')
    const [victim = ''] = sandboxIds(await system.agents('desk'))
    const load = system.keepAsking('desk')
    await cluster.stopApiServer()
    await system.e2b.admin.fault(victim, { type: 'kill' })
    const before = load.answers.length
    await eventually('tasks go on', () => load.answers.length > before + 300)
    await cluster.startApiServer()
    await eventually(
      'the lost agent is replaced',
      async () => {
        const ids = sandboxIds(await system.agents('desk'))
        return ids.length === 3 && !ids.includes(victim)
      },
      { timeoutMs: 90_000 },
    )
    await system.settled('desk', { timeoutMs: 90_000 })
    await system.isExact('desk')
    expect((await load.stop()).filter((a) => a.status !== 200)).to.deep.equal([])
  })
})
