import { describe, it } from 'mocha'
import { expect } from 'chai'
import { ServiceTime, expectedWaitMs, placesPerMs, type Server } from './expected-wait.ts'

const agent = (places: number, serviceMs?: number): Server => ({ places, serviceMs })

describe('the expected wait', () => {
  const cases: Record<string, { ahead: number; needs?: number; agents: Server[]; want: number | undefined }> = {
    'is half a service time behind nobody': { ahead: 0, agents: [agent(1, 100)], want: 50 },
    'grows with the tasks ahead': { ahead: 4, agents: [agent(1, 100)], want: 450 },
    'is shorter with more places': { ahead: 4, agents: [agent(2, 100), agent(3, 100)], want: 90 },
    'goes by the rate of each agent': { ahead: 9.5, agents: [agent(1, 100), agent(1, 25)], want: 200 },
    'takes agents that nothing is known of for average ones': { ahead: 1.5, agents: [agent(1, 100), agent(1)], want: 100 },
    'counts all places that each task needs': { ahead: 1.5, needs: 3, agents: [agent(3, 100)], want: 200 },
    'is not known without any service time': { ahead: 9, agents: [agent(1), agent(1)], want: undefined },
    'is not known without agents': { ahead: 9, agents: [], want: undefined },
  }
  for (const [name, { ahead, needs = 1, agents, want }] of Object.entries(cases)) {
    it(name, () => {
      const rate = placesPerMs(agents)
      const got = rate === undefined ? undefined : expectedWaitMs(ahead, needs, rate)
      if (want === undefined) expect(got).to.equal(undefined)
      else expect(got).to.be.closeTo(want, 1e-6)
    })
  }
})

describe('service time', () => {
  const after = (...times: readonly (readonly [ms: number, atMs: number])[]) => {
    const service = new ServiceTime()
    for (const [ms, atMs] of times) service.add(ms, atMs)
    return service
  }

  it('is the mean of recent tasks', () => expect(after([10, 0], [20, 0], [30, 0], [40, 0]).meanMs(0)).to.be.closeTo(25, 1e-9))
  it('is not known from too few', () => expect(after([10, 0], [20, 0]).meanMs(0)).to.equal(undefined))
  it('is forgotten in time', () => expect(after([10, 0], [10, 0], [10, 0], [10, 0]).meanMs(60_000)).to.equal(undefined))
  it('follows a change', () => {
    const service = after(...Array.from({ length: 50 }, () => [1_000, 0] as const))
    for (let i = 0; i < 500; i++) service.add(10, 5_000 + i)
    expect(service.meanMs(5_500)).to.be.lessThan(100)
  })
})
