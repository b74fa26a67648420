import { describe, it } from 'mocha'
import { expect } from 'chai'
import { answer, type TestAgent } from './agents.ts'
import type { View } from './router-process.ts'
import { useRouter } from './suite.ts'

const GROUPS = ['momentum', 'pairs', 'arbitrage', 'value']

describe('shares by error rate', () => {
  const suite = useRouter()
  const percentOf = (view: View, group: string) => view.shares?.find((share) => share.group === group)?.percent ?? 0

  it('follow what the groups do, are shown in the live view, and come back when a group has recovered', async () => {
    await suite.fleet.swarm('desk', {
      groups: GROUPS.map((name) => ({ name, capabilities: name === 'value' ? [] : ['trade'] })),
      routing: {
        strategy: 'Adaptive',
        adaptive: { explorationPercent: 20, halfLife: '1s' },
        circuitBreaker: { consecutiveFailures: 1000 },
      },
    })
    const agents = new Map<string, TestAgent>()
    for (const group of GROUPS) agents.set(group, await suite.fleet.agent('desk', `desk-${group}`, { group }))
    const at = await suite.router.sees(
      'desk',
      'four agents',
      (view) => view.agents.filter(({ health }) => health === 'Healthy').length === 4,
    )
    expect(at.shares?.map(({ group, percent }) => [group, percent])).to.deep.equal(GROUPS.map((group) => [group, 25]))

    const pairs = agents.get('pairs')
    const well = pairs?.work
    if (pairs) pairs.work = (_task, response) => answer(response, 500, {})
    const send = async (count: number) => {
      const replies = await Promise.all(Array.from({ length: count }, () => suite.router.task('desk', { input: 1, capability: 'trade' })))
      expect(replies.filter(({ status }) => status !== 200).map(({ body }) => body)).to.deep.equal([])
      return replies
    }
    for (let i = 0; i < 20; i++) await send(12)
    const failing = await suite.router.view('desk')
    expect(percentOf(failing, 'pairs')).to.be.within(5, 12)
    expect(failing.shares?.reduce((sum, { percent }) => sum + percent, 0)).to.be.closeTo(100, 0.1)
    expect(failing.shares?.find(({ group }) => group === 'pairs')?.errorPercent).to.be.greaterThan(20)
    // A task that failed there was done by another group; nobody without the capability got one.
    expect(agents.get('value')?.received).to.deep.equal([])
    const asked = pairs?.received.length ?? 0
    expect(asked).to.be.within(5, 120)

    if (pairs && well) pairs.work = well
    await suite.router.sees('desk', 'the share of the recovered group', (view) => {
      void suite.router.task('desk', { input: 1, capability: 'trade' })
      return percentOf(view, 'pairs') > 20
    })
    expect(pairs?.received.length).to.be.greaterThan(asked)
  })
})
