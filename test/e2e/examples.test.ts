import { after, before, describe, it } from 'mocha'
import { expect } from 'chai'
import { readFileSync } from 'node:fs'
import { SwarmClient, type Answer, type Task } from '../../examples/support/client.ts'
import { PRICES_FILE, pricesUntil, readPrices } from '../../examples/support/series.ts'
import { LocalSystem } from '../support/local-system.ts'
import { eventually } from '../support/wait.ts'

/** Away from a local system that a developer may have running, and from the one of the other end-to-end test. */
const OFFSET = 400

const prices = readPrices()
const at = (series: readonly number[], i: number) => series.at(i) ?? NaN
const sum = (numbers: readonly number[]) => numbers.reduce((total, n) => total + n, 0)
const mean = (numbers: readonly number[]) => sum(numbers) / numbers.length
const returnsOf = (series: readonly number[]) => series.slice(1).map((price, i) => price / at(series, i) - 1)

describe('examples, as a newcomer runs them', function () {
  this.timeout(300_000)
  const system = new LocalSystem(OFFSET)

  before(async () => {
    const { code, output } = await system.up()
    expect(code, output).to.equal(0)
    system.readEnvironment()
  })
  after(async () => system.remove())

  /** Runs an example as `make example` does, asks it once more, and deletes it. */
  function example(name: string, task: Task, isTrue: (answer: Answer) => void): void {
    describe(name, () => {
      it('runs: all of its checks hold, and nothing is lost when an agent is killed or a bad version comes', async () => {
        const { code, output } = await system.run(process.execPath, [`examples/${name}/run.ts`, '--keep'])
        expect(code, output).to.equal(0)
        expect(output).to.contain('✓ no task was lost').and.to.not.contain('✗')
      })

      it('answers what is true', async () => {
        const client = new SwarmClient(system.environment['SWARM_ROUTER_URL'] ?? '', name)
        const answer = await client.ask(task)
        await client.close()
        isTrue(answer)
      })

      it('leaves nothing behind when it is deleted', async () => {
        const { code, output } = await system.run('kubectl', ['delete', '-k', `examples/${name}`, '--timeout=60s'])
        expect(code, output).to.equal(0)
        await eventually('the sandboxes are gone', async () => (await system.sandboxes()).length === 0)
      })
    })
  }

  const apple = prices.get('AAPL') ?? []
  example('mesh', { input: { symbol: 'AAPL', prices: apple, fast: 2, slow: 12 } }, ({ output, problem }) => {
    expect(problem).to.equal(undefined)
    let value = 1
    for (let month = 11; month < apple.length - 1; month += 1) {
      const isHeld = mean(apple.slice(month - 1, month + 1)) > mean(apple.slice(month - 11, month + 1))
      if (isHeld) value *= at(apple, month + 1) / at(apple, month)
    }
    const tested = output as { totalReturnPercent: number; holdReturnPercent: number; betterThanLuckPercent: number; luckFrom: string }
    expect(tested.totalReturnPercent).to.be.closeTo((value - 1) * 100, 0.01)
    expect(tested.holdReturnPercent).to.be.closeTo((at(apple, -1) / at(apple, 11) - 1) * 100, 0.01)
    expect(tested.betterThanLuckPercent).to.be.within(0, 100)
    expect(tested.luckFrom).to.match(/^mesh-/)
  })

  const recent = pricesUntil(prices)
  const year = (recent['MSFT'] ?? []).slice(-13)
  const trend = (at(year, -1) / at(year, 0) - 1) / Math.sqrt(sum(returnsOf(year).map((r) => r * r)))

  example('consensus', { input: { symbol: 'MSFT', prices: recent } }, ({ output, problem, body }) => {
    expect(problem).to.equal(undefined)
    const votes = body['votes'] as { agent: string; choice: string; weight: number }[]
    const weightOf = (choice: unknown) => sum(votes.filter((vote) => vote.choice === choice).map((vote) => vote.weight))
    expect(votes).to.have.length(3)
    expect(weightOf(output) / sum(votes.map((vote) => vote.weight))).to.be.at.least(0.66)
    const momentum = votes.find((vote) => vote.agent.includes('momentum'))
    expect([momentum?.choice, momentum?.weight]).to.deep.equal(['buy', Math.min(1, Math.round((trend / 2) * 100) / 100)])
    expect(trend, 'a choice of buy').to.be.above(0.5)
  })

  example('hierarchical', { input: { universe: recent } }, ({ output, problem, agent }) => {
    expect(problem).to.equal(undefined)
    const { ranking, analysts, missing } = output as {
      ranking: { symbol: string; score: number; momentum: number; pairs: number }[]
      analysts: string[]
      missing: number
    }
    expect(agent).to.match(/^hierarchical-manager-/)
    expect(missing).to.equal(0)
    expect(analysts.every((analyst) => /-(momentum|pairs)-/.test(analyst))).to.equal(true)
    expect(ranking.map((r) => r.symbol).toSorted()).to.deep.equal([...prices.keys()].toSorted())
    expect(ranking.map((r) => r.score)).to.deep.equal(ranking.map((r) => r.score).toSorted((a, b) => b - a))
    expect(ranking.find((r) => r.symbol === 'MSFT')?.momentum).to.be.closeTo(trend, 0.001)
    expect(sum(ranking.map((r) => r.pairs)), 'what one of a pair gains the other one loses').to.be.closeTo(0, 0.001)
  })

  const lines = readFileSync(PRICES_FILE, 'utf8').split('\n').filter((line) => line.startsWith('MSFT,')) // prettier-ignore
  const raw = [...lines, 'MSFT,no day,12', 'MSFT,Jan 1 1999,none'].toReversed().join('\n')
  example('ring', { input: { csv: raw } }, ({ output, problem, body }) => {
    expect(problem).to.equal(undefined)
    expect((body['stages'] as { stage: string }[]).map(({ stage }) => stage)).to.deep.equal(['clean', 'features', 'signal', 'risk'])
    const monthly = returnsOf(year)
    const volatility = Math.sqrt((sum(monthly.map((r) => (r - mean(monthly)) ** 2)) / 11) * 12)
    const score = (at(year, -1) / at(year, 0) - 1) / volatility
    const { positionPercent, ...others } = output as { positionPercent: number }
    expect(others).to.deep.equal({ symbol: 'MSFT', price: at(year, -1), signal: 'buy', score: Math.round(score * 100) / 100, dropped: 2 })
    expect(positionPercent).to.be.closeTo(Math.min(25, 10 / volatility), 0.01)
  })

  const holds: Record<string, number> = { MSFT: 1000 + 300 - 400, AAPL: 400 + 200, IBM: 250 + 600, AMZN: 500 }
  example('star', { input: { prices: recent } }, ({ output, problem, agent }) => {
    expect(problem).to.equal(undefined)
    const { value, exposure, regions, missing } = output as {
      value: number
      exposure: Record<string, number>
      regions: { region: string; by: string }[]
      missing: unknown[]
    }
    expect(agent).to.match(/^star-hub-/)
    expect(missing).to.deep.equal([])
    expect(regions.every(({ region, by }) => by.startsWith(`star-${region}-`))).to.equal(true)
    const worth = Object.fromEntries(Object.entries(holds).map(([symbol, count]) => [symbol, count * at(recent[symbol] ?? [], -1)]))
    for (const [symbol, expected] of Object.entries(worth)) expect(exposure[symbol], symbol).to.be.closeTo(expected, 0.01)
    expect(value).to.be.closeTo(sum(Object.values(worth)), 0.05)
  })

  const series = recent['IBM'] ?? []
  example('canary', { input: { symbol: 'IBM', prices: series } }, ({ output, problem }) => {
    expect(problem).to.equal(undefined)
    const score = (at(series, -1) / at(series, -13) - 1) / Math.sqrt(sum(returnsOf(series.slice(-13)).map((r) => r * r)))
    const signal = score > 0.5 ? 'buy' : 'hold'
    expect(output, 'gone back to v1').to.deep.equal({ symbol: 'IBM', model: 'v1', signal, score: Math.round(score * 100) / 100 })
  })

  example('blue-green', { input: { symbol: 'MSFT', prices: year } }, ({ output, problem, body, revision }) => {
    expect(problem).to.equal(undefined)
    const returns = returnsOf(year)
    const weighed = sum(returns.map((r, i) => r * (1 + i / 11))) / 1.5 / Math.sqrt(sum(returns.map((r) => r * r)))
    expect(output, 'r2 is stable').to.include({ symbol: 'MSFT', release: 'r2', score: Math.round(weighed * 100) / 100 })
    expect((body['stages'] as { revision: string }[]).map((stage) => stage.revision)).to.deep.equal([revision, revision])
  })
})
