import { describe, it } from 'mocha'
import { expect } from 'chai'
import { Registry } from 'prom-client'
import { routerMetrics } from './metrics.ts'
import { NamespaceLimits } from './namespace-limits.ts'
import { OpenTasks } from './open-tasks.ts'

const now = () => 0

describe('the open tasks of a router', () => {
  const metrics = () => routerMetrics(new Registry(), { entries: () => [], openTasks: () => 0, openTasksOf: () => [], now })
  const tasks = (over: { maxOpen?: number; maxBytes?: number; ofNamespace?: number } = {}) => {
    const limits = new NamespaceLimits({ maxInFlightPerNamespace: over.ofNamespace, tasksPerSecondPerNamespace: undefined }, now)
    const { limited } = metrics()
    return { limited, open: new OpenTasks({ maxOpen: over.maxOpen ?? 10, maxBytes: over.maxBytes ?? 100, limits, metrics: { limited } }) }
  }
  const enter = (open: OpenTasks, bytes: number, namespace = 'a') => {
    const problem = open.enter({ namespace, swarm: 's' }, bytes)
    return problem ? `${problem.code}: ${problem.fields.detail}` : open.count
  }

  it('are only so many', () => {
    const { open } = tasks({ maxOpen: 2 })
    const full = 'TooManyTasks: 2 tasks with 3 bytes are open in this router; send it again later'
    expect([enter(open, 1), enter(open, 2), enter(open, 3)]).to.deep.equal([1, 2, full])
    open.leave('a', 1)
    expect([open.count, enter(open, 3)]).to.deep.equal([1, 2])
  })

  it('have only so many bytes, by what their bodies turn out to be', () => {
    const { open } = tasks()
    const full = 'TooManyTasks: 1 tasks with 100 bytes are open in this router; send it again later'
    expect([enter(open, 100), enter(open, 1)]).to.deep.equal([1, full])
    open.grow(-40)
    expect([enter(open, 40), enter(open, 1)]).to.deep.equal([2, full.replace('1 tasks', '2 tasks')])
    open.leave('a', 60)
    open.leave('a', 40)
    expect([enter(open, 100), open.count]).to.deep.equal([1, 1])
  })

  it('are only so many of one namespace; those that it may not have are counted, and have not entered', async () => {
    const { open, limited } = tasks({ ofNamespace: 1 })
    expect([enter(open, 50), enter(open, 50)]).to.deep.equal([
      1,
      'NamespaceFull: namespace a has 1 tasks open in this router, as many as it may; send it again later',
    ])
    expect((await limited.get()).values).to.deep.equal([{ labels: { namespace: 'a', swarm: 's', code: 'NamespaceFull' }, value: 1 }])
    expect([open.count, enter(open, 50, 'b')]).to.deep.equal([1, 2])
    open.leave('a', 50)
    expect(enter(open, 50)).to.equal(2)
  })

  it('tell when the last of them has left', async () => {
    const { open } = tasks()
    await open.idle()
    enter(open, 1)
    enter(open, 1)
    let isIdle = false
    const idle = open.idle().then(() => (isIdle = true))
    open.leave('a', 1)
    await Promise.resolve()
    expect(isIdle).to.equal(false)
    open.leave('a', 1)
    expect(await idle).to.equal(true)
  })
})
