import { after, afterEach, describe, it } from 'mocha'
import { expect } from 'chai'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { AgentProcess } from './support/agent-process.ts'
import { pricesUntil, readPrices } from './support/series.ts'

const prices = readPrices()
const recent = pricesUntil(prices)

describe('agents of the examples, without a swarm', function () {
  this.timeout(30_000)
  const running: AgentProcess[] = []
  const start = async (...given: Parameters<typeof AgentProcess.start>) => {
    const agent = await AgentProcess.start(...given)
    running.push(agent)
    return agent
  }
  const stopAll = async () => Promise.all(running.splice(0).map(async (agent) => agent.stop()))
  afterEach(stopAll)
  after(stopAll)

  const task = (input: unknown, more: object = {}) => ({ id: 't', input, attempt: 1, epoch: 0, ...more })
  const link = async (agents: readonly AgentProcess[], epoch = 0) =>
    Promise.all(
      agents.map(async (agent) =>
        agent.send('PUT', '/swarm', {
          epoch,
          role: 'Worker',
          neighbours: agents.filter((a) => a !== agent).map((a) => a.neighbour),
        }),
      ),
    )

  it('speak the protocol with one and the same file, so that each example can be copied by itself', () => {
    const copies = globSync('*/agents/serve.mjs', { cwd: import.meta.dirname }).filter((file) => !file.startsWith('trading-desk'))
    const texts = new Set(copies.map((file) => readFileSync(join(import.meta.dirname, file), 'utf8')))
    expect([copies.length, texts.size]).to.deep.equal([7, 1])
  })

  it('keep the last epoch: what comes in the name of a lower one is refused, and says the higher one', async () => {
    const manager = await start('hierarchical', 'm')
    const told = { role: 'Leader', neighbours: [] }
    expect(await manager.send('PUT', '/swarm', { epoch: 2000, ...told })).to.deep.equal({ status: 200, body: {} })
    expect(await manager.send('PUT', '/swarm', { epoch: 1000, ...told })).to.deep.equal({ status: 409, body: { epoch: 2000 } })
    const plan = task({ universe: recent }, { phase: 'plan', epoch: 1000 })
    expect(await manager.send('POST', '/tasks', plan)).to.deep.equal({ status: 409, body: { epoch: 2000 } })
    expect((await manager.send('POST', '/tasks', { ...plan, epoch: 2001 })).status).to.equal(200)
    expect(await manager.send('PUT', '/swarm', { epoch: 2000, ...told })).to.deep.equal({ status: 409, body: { epoch: 2001 } })
  })

  it('say what they do not know', async () => {
    const agent = await start('ring', 'r', { STAGE: 'clean' })
    expect((await agent.send('GET', '/health')).status).to.equal(200)
    expect((await agent.send('GET', '/')).status).to.equal(404)
    expect(await agent.send('POST', '/tasks', task({}))).to.deep.equal({
      status: 422,
      body: { error: 'csv must be a text of lines "symbol,date,price"' },
    })
  })

  it('mesh: what one agent has worked out the others ask that one for, and do without when it is gone', async () => {
    const agents = await Promise.all(['a', 'b', 'c'].map(async (name) => start('mesh', name)))
    await link(agents)
    const input = { symbol: 'IBM', prices: prices.get('IBM'), fast: 2, slow: 12 }
    type Tested = { output: { luckFrom: string; sharpe: number } }
    const ask = async (agent: AgentProcess, fast = 2) =>
      ((await agent.send('POST', '/tasks', task({ ...input, fast }))).body as Tested).output
    const answers = await Promise.all(agents.map(async (agent) => ask(agent)))
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size, 'the same answer from all').to.equal(1)
    const home = agents.find((agent) => agent.name === answers[0]?.luckFrom)
    expect(home).to.not.equal(undefined)
    const [other] = agents.filter((agent) => agent !== home)
    if (!home || !other) return
    const fresh = await start('mesh', 'd') // knows the home, and nothing yet
    await fresh.send('PUT', '/swarm', { epoch: 0, role: 'Worker', neighbours: [home.neighbour] })
    running.splice(running.indexOf(home), 1)
    await home.stop()
    expect((await ask(fresh)).luckFrom, 'its home is gone').to.equal('d')
    expect(await ask(fresh)).to.include({ sharpe: answers[0]?.sharpe ?? NaN })
  })

  it('hierarchical: a plan, its subtasks, and the merging of what came and what did not', async () => {
    const manager = await start('hierarchical', 'm')
    const planned = await manager.send('POST', '/tasks', task({ universe: recent }, { phase: 'plan' }))
    const { subtasks } = planned.body as { subtasks: { input: object; capability: string }[] }
    expect(subtasks.map(({ capability }) => capability).join(' ')).to.equal(`${'momentum '.repeat(5)}pairs pairs pairs pairs`)
    const analyst = await start('hierarchical', 'a')
    const results = await Promise.all(
      subtasks.map(async ({ input, capability }) => (await analyst.send('POST', '/tasks', task(input, { capability }))).body),
    )
    const lost = results.with(0, { error: { code: 'AgentFailed' } })
    const merged = await manager.send('POST', '/tasks', task({ universe: recent }, { phase: 'merge', results: lost }))
    const { output } = merged.body as { output: { ranking: { symbol: string; momentum: number }[]; missing: number; analysts: string[] } }
    expect([output.missing, output.analysts]).to.deep.equal([1, ['a']])
    expect(output.ranking.find(({ symbol }) => symbol === 'MSFT')?.momentum, 'it was lost').to.equal(0)
    expect(output.ranking.find(({ symbol }) => symbol === 'AAPL')?.momentum).to.be.above(1)
  })

  it('hierarchical: one share is not split', async () => {
    const manager = await start('hierarchical', 'm')
    const { body } = await manager.send('POST', '/tasks', task({ universe: { IBM: recent['IBM'] } }, { phase: 'plan' }))
    expect(body).to.have.nested.property('output.ranking[0].symbol', 'IBM')
  })

  it('ring: the output of a stage is the input of the next', async () => {
    const stages = await Promise.all(['clean', 'features', 'signal', 'risk'].map(async (STAGE) => start('ring', STAGE, { STAGE })))
    const csv = (prices.get('GOOG') ?? []).map((price, i) => `GOOG,${new Date(Date.UTC(2004, i)).toUTCString().slice(5, 16)},${price}`)
    let value: unknown = { csv: csv.reverse().join('\n') }
    for (const stage of stages) value = ((await stage.send('POST', '/tasks', task(value))).body as { output: unknown }).output
    expect(value).to.include({ symbol: 'GOOG', price: prices.get('GOOG')?.at(-1), signal: 'buy', dropped: 0 })
  })

  it('star: the hub names the regions that did not report', async () => {
    const hub = await start('star', 'h', { REGIONS: 'north south' })
    const spoke = await start('star', 's', { HOLDS: 'IBM:10 MSFT:-5' })
    const planned = await hub.send('POST', '/tasks', task({ prices: recent }, { phase: 'plan' }))
    const { subtasks } = planned.body as { subtasks: { input: object; capability: string }[] }
    expect(subtasks.map(({ capability }) => capability)).to.deep.equal(['north', 'south'])
    const { body } = await spoke.send('POST', '/tasks', task(subtasks[0]?.input))
    const results = [body, { error: { code: 'NoAgentWithCapability' } }]
    const merged = await hub.send('POST', '/tasks', task({ prices: recent }, { phase: 'merge', results }))
    const value = 10 * (recent['IBM']?.at(-1) ?? NaN) - 5 * (recent['MSFT']?.at(-1) ?? NaN)
    expect(merged.body).to.have.nested.property('output.value', Math.round(value * 100) / 100)
    expect(merged.body).to.have.nested.property('output.missing[0].region', 'south')
  })

  it('consensus: models vote with the weight of their certainty', async () => {
    const voters = await Promise.all(['momentum', 'reversion', 'pairs'].map(async (MODEL) => start('consensus', MODEL, { MODEL })))
    const asked = task({ symbol: 'AAPL', prices: recent })
    const votes = await Promise.all(voters.map(async (voter) => (await voter.send('POST', '/tasks', asked)).body))
    expect(votes).to.deep.equal([
      { output: { choice: 'buy', weight: 1 } },
      { output: { choice: 'sell', weight: 0.75 } },
      { output: { choice: 'sell', weight: 0.7 } },
    ])
  })

  it('canary: versions of a model that are right, that fail, and that are slow', async () => {
    const series = prices.get('IBM') ?? []
    const long = task({ symbol: 'IBM', prices: series.slice(-60) })
    const short = task({ symbol: 'IBM', prices: series.slice(-24) })
    const models = await Promise.all(['v1', 'v2', 'v3', 'v4'].map(async (MODEL) => start('canary', MODEL, { MODEL })))
    const answers = await Promise.all(models.map(async (model) => model.send('POST', '/tasks', long)))
    expect(answers.map(({ status }) => status)).to.deep.equal([200, 200, 200, 200])
    const [first, second, , fourth] = answers.map(({ body }) => (body as { output: { score: number; model: string } }).output)
    const year = series.slice(-13)
    const risk = Math.sqrt(year.slice(1).reduce((sum, price, i) => sum + (price / (year[i] ?? NaN) - 1) ** 2, 0))
    const trend = ((year.at(-1) ?? NaN) / (year[0] ?? NaN) - 1) / risk
    expect(first).to.include({ model: 'v1', score: Math.round(trend * 100) / 100 })
    expect(second?.score, 'v2 leaves the last month out').to.not.equal(first?.score)
    expect(fourth?.score, 'v4 is right').to.equal(first?.score)
    const refused = await Promise.all(models.map(async (model) => model.send('POST', '/tasks', short)))
    expect(refused.map(({ status }) => status)).to.deep.equal([200, 200, 500, 200])
    expect(refused[2]?.body).to.deep.equal({ error: 'v3 has no score for IBM' })
  })

  it('blue-green: releases whose stages go together, and with no other one', async () => {
    const stages = async (RELEASE: string) =>
      Promise.all(['features', 'score'].map(async (STAGE) => start('blue-green', `${RELEASE}-${STAGE}`, { RELEASE, STAGE })))
    const all = { r1: await stages('r1'), r2: await stages('r2'), r3: await stages('r3'), r4: await stages('r4') }
    const input = { symbol: 'AAPL', prices: prices.get('AAPL')?.slice(-13) }
    const loss = { symbol: 'IBM', prices: Array.from({ length: 13 }, (_, i) => 100 - i) }
    const through = async (first: AgentProcess | undefined, second: AgentProcess | undefined, given: object) => {
      const { body } = (await first?.send('POST', '/tasks', task(given))) ?? {}
      return second?.send('POST', '/tasks', task((body as { output?: unknown }).output))
    }
    const answer = async ([first, second]: readonly AgentProcess[], given: object = input) => through(first, second, given)
    const signals = await Promise.all([answer(all.r1), answer(all.r2)])
    expect(signals[0]?.body).to.have.nested.property('output.release', 'r1')
    expect(signals[1]?.body).to.have.nested.property('output.signal', 'buy')
    expect((await through(all.r2[0], all.r1[1], input))?.status, 'features of r2, score of r1').to.equal(500)
    expect([(await answer(all.r3))?.status, (await answer(all.r3, loss))?.status], 'a gain and a loss').to.deep.equal([200, 500])
    expect((await answer(all.r4))?.status).to.equal(500)
    expect((await all.r1[0]?.send('POST', '/tasks', task({ symbol: 'IBM', prices: [1, 2] })))?.status).to.equal(422)
  })
})
