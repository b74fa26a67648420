import { expect } from 'chai'
import { RateLimitError, Sandbox, SandboxError } from 'e2b'
import { afterEach, describe, it } from 'mocha'
import { failure } from '../target.ts'
import { startLocal, type Local } from './local.ts'

describe('e2b-local behaves as it is told', function () {
  this.timeout(60_000)
  let local: Local | undefined
  const start = async (...options: Parameters<typeof startLocal>) => (local = await startLocal(...options))
  afterEach(async () => {
    await local?.server.stop()
    local = undefined
  })

  const create = async ({ server }: Local, body: object = { templateID: 'base' }) =>
    fetch(`${server.url}/v2/sandboxes`, {
      method: 'POST',
      headers: { 'x-api-key': server.apiKey, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })

  it('takes its time for a create', async () => {
    const on = await start({ light: true, createLatencyMs: 300 })
    const from = performance.now()
    await on.create()
    expect(performance.now() - from).to.be.at.least(295)
  })

  for (const rate of [1, 5])
    it(`takes ${rate} creates a second and tells the others when to come again`, async () => {
      const on = await start({ light: true, createRate: rate })
      const responses = await Promise.all(Array.from({ length: rate + 3 }, async () => create(on)))
      const refused = responses.filter((response) => response.status === 429)
      expect([responses.filter((response) => response.status === 201).length, refused.length]).to.deep.equal([rate, 3])
      expect(refused.map((response) => response.headers.get('retry-after'))).to.deep.equal(['1', '1', '1'])
      expect(await refused[0]?.json()).to.deep.equal({ code: 429, message: 'Rate limit exceeded, please try again later.' })
    })

  it('is a RateLimitError at the rate when the package may not try again, and none when it may', async () => {
    const on = await start({ light: true, createRate: 1 })
    await on.create()
    expect(await failure(on.create({ retries: 0 }))).to.be.instanceOf(RateLimitError)
    expect((await on.create()).sandboxId).to.match(/^i/)
  })

  it('is a RateLimitError at the cap, without a time to come again, until a sandbox ends or pauses', async () => {
    const on = await start({ light: true, maxSandboxes: 2 })
    const [first, second] = [await on.create(), await on.create()]
    expect(await failure(on.create())).to.be.instanceOf(RateLimitError)
    expect((await create(on)).headers.get('retry-after')).to.equal(null)
    await first.kill()
    await on.create()
    await second.pause()
    await on.create()
    expect(await failure(second.connect())).to.be.instanceOf(RateLimitError)
  })

  it('counts sandboxes that are being made against the cap', async () => {
    const on = await start({ light: true, maxSandboxes: 3, createLatencyMs: 100 })
    const statuses = (await Promise.all(Array.from({ length: 6 }, async () => create(on)))).map((response) => response.status)
    expect([201, 429].map((wanted) => statuses.filter((status) => status === wanted).length)).to.deep.equal([3, 3])
  })

  it('fails as often as it is told, the same way with the same seed', async () => {
    const outcomes = async () => {
      const on = await start({ light: true, failureRate: 0.5, seed: 7 })
      const statuses: number[] = []
      for (let i = 0; i < 30; i++) statuses.push((await create(on)).status)
      await on.server.stop()
      return statuses
    }
    const first = await outcomes()
    expect(new Set(first)).to.deep.equal(new Set([201, 500]))
    expect(await outcomes()).to.deep.equal(first)
  })

  it('loses the answer of a create that it has done', async () => {
    const on = await start({ light: true, ambiguousRate: 1, seed: 3 })
    const answers = await Promise.all(
      Array.from({ length: 20 }, async () =>
        create(on).then(
          (response) => response.status,
          () => 'no answer',
        ),
      ),
    )
    expect(new Set(answers)).to.deep.equal(new Set([502, 'no answer']))
    expect(on.server.admin.sandboxes()).to.have.length(20)
  })

  it('ends a session at its longest, whatever is asked for', async () => {
    const on = await start({ light: true, maxSessionMs: 3_600_000 })
    const error = await failure(on.create({ timeoutMs: 3_601_000 }))
    expect(error).to.be.instanceOf(SandboxError)
    expect(error.message).to.contain('1 hours')
    const sandbox = await on.create({ timeoutMs: 3_600_000 })
    await sandbox.setTimeout(3_600_000)
    const { startedAt, endAt } = await sandbox.getInfo()
    expect(endAt.getTime() - startedAt.getTime()).to.be.within(3_599_000, 3_600_000)
  })

  it('changes while it runs, over HTTP too, and says what it does not know', async () => {
    const on = await start({ light: true })
    const change = async (body: unknown) =>
      fetch(`${on.server.url}/local/options`, { method: 'PUT', headers: { 'x-api-key': on.server.apiKey }, body: JSON.stringify(body) })
    expect((await change({ maxSandboxes: 1 })).status).to.equal(204)
    await on.create()
    expect(await failure(on.create())).to.be.instanceOf(RateLimitError)
    on.server.admin.setOptions({ maxSandboxes: 0 })
    await on.create()
    for (const body of [{ unknown: 1 }, { failureRate: 2 }, { createRate: -1 }, { createRate: '5' }, []]) {
      const response = await change(body)
      expect([response.status, Object.keys((await response.json()) as object)]).to.deep.equal([400, ['code', 'message']])
    }
    expect(() => on.server.admin.setOptions({ failureRate: 7 })).to.throw('between 0 and 1')
  })

  it('counts requests by route', async () => {
    const on = await start({ light: true })
    await on.create()
    await Sandbox.list(on.options).nextItems()
    expect(on.server.admin.counters()).to.deep.include({ 'POST /v2/sandboxes': 1, 'GET /v2/sandboxes': 1 })
  })

  it('makes nothing more once it stops, and leaves nothing of what was being made', async () => {
    const on = await start({ createLatencyMs: 200 })
    const creating = Array.from({ length: 3 }, async () => failure(on.create()))
    await on.server.stop()
    for (const error of await Promise.all(creating)) expect(error).to.be.instanceOf(Error)
    expect(await on.server.admin.processes()).to.deep.equal([])
    expect(on.server.admin.sandboxes()).to.deep.equal([])
  })

  it('knows the templates it was told besides base', async () => {
    const on = await start({ light: true, templates: ['desk'] })
    expect((await Sandbox.create('desk', on.options)).sandboxId).to.match(/^i/)
    expect((await failure(Sandbox.create('other', on.options))).message).to.contain('other')
  })

  it('refuses to start with options that mean nothing', async () => {
    for (const options of [{ failureRate: 1.5 }, { createRate: -1 }, { maxSessionMs: Number.NaN }])
      expect(await failure(startLocal(options))).to.be.instanceOf(TypeError)
  })
})
