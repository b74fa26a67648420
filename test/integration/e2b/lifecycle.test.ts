import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { METADATA, ownerOf } from '../../../src/e2b/metadata.ts'
import { SandboxGoneError } from '../../../src/e2b/errors.ts'
import type { Provider } from '../../../src/e2b/provider.ts'
import { type Bench, bench, failure, request, startAgent, probe, until } from './harness.ts'
import { eventually } from '../../support/wait.ts'

describe('sandboxes of a provider', function () {
  this.timeout(60_000)
  let on: Bench
  let provider: Provider
  before(async () => {
    on = await bench({ templates: ['other'] })
    provider = on.provider
  })
  after(() => on.stop())

  it('are found by their nonce, with all that was stamped on them', async () => {
    const asked = request('find-me')
    const created = await provider.create(asked)
    await provider.create(request('somebody-else'))
    const found = await provider.findByNonce('find-me')
    expect(found.map((s) => ({ id: s.sandboxId, owner: ownerOf(s.metadata), state: s.state }))).to.deep.equal([
      { id: created.sandboxId, owner: ownerOf(asked.metadata), state: 'running' },
    ])
    expect(Math.abs((found[0]?.endAtMs ?? 0) - created.endAtMs)).to.be.below(5_000)
  })

  it('are listed over as many pages as there are', async () => {
    const operator = { [METADATA.operator]: 'many' }
    const ids = await Promise.all(
      Array.from({ length: 105 }, async (_, i) => {
        const asked = request(`page-${i}`)
        return (await provider.create({ ...asked, metadata: { ...asked.metadata, ...operator } })).sandboxId
      }),
    )
    const listed = await provider.list({ metadata: operator })
    expect(listed.map((s) => s.sandboxId).sort()).to.deep.equal(ids.sort())
    await Promise.all(ids.map((id) => provider.kill(id)))
  })

  it('are measured many at a time; those that are gone are left out', async () => {
    const [one, other] = await Promise.all([provider.create(request('one')), provider.create(request('other'))])
    await provider.kill(other.sandboxId)
    const used = await eventually(
      'the provider has measured it',
      async () => (await provider.usage([one.sandboxId, other.sandboxId])).get(one.sandboxId),
      { timeoutMs: 30_000 },
    )
    expect([used.cpuPercent, used.memoryPercent].every((percent) => percent >= 0 && percent <= 100)).to.equal(true)
    expect(Math.abs(used.measuredMs - Date.now())).to.be.below(60_000)
    expect([...(await provider.usage([one.sandboxId, other.sandboxId])).keys()]).to.deep.equal([one.sandboxId])
  })

  it('can be killed twice', async () => {
    const { sandboxId } = await provider.create(request())
    expect([await provider.kill(sandboxId), await provider.kill(sandboxId)]).to.deep.equal(['killed', 'gone'])
    expect(await provider.get(sandboxId)).to.equal(undefined)
  })

  it('get more time when asked, and none when gone', async () => {
    const { sandboxId } = await provider.create(request('time', { timeoutMs: 60_000 }))
    await provider.setTimeout(sandboxId, 600_000)
    const seen = await provider.get(sandboxId)
    expect(seen?.endAtMs).to.be.above(Date.now() + 500_000)
    await provider.kill(sandboxId)
    expect(await failure(provider.setTimeout(sandboxId, 600_000))).to.be.instanceOf(SandboxGoneError)
  })

  it('sleep when paused, twice too, and wake with their agent still running', async () => {
    const created = await startAgent(provider, 'sleeper')
    await until(
      'the agent is ready',
      () => probe(provider, created),
      (outcome) => outcome === 'ready',
    )
    expect([await provider.pause(created.sandboxId), await provider.pause(created.sandboxId)]).to.deep.equal(['paused', 'paused'])
    expect((await provider.findByNonce('sleeper'))[0]?.state).to.equal('paused')
    const resumed = await provider.resume(created.sandboxId, 120_000)
    expect((await provider.get(created.sandboxId))?.state).to.equal('running')
    await until(
      'it is ready again',
      () => probe(provider, { ...created, ...resumed }),
      (outcome) => outcome === 'ready',
    )
    expect(await provider.exitOf(resumed.session)).to.deep.equal({ exited: false })
  })

  it('that are gone can be neither paused nor resumed nor connected to', async () => {
    const { sandboxId } = await provider.create(request())
    await provider.kill(sandboxId)
    expect(await provider.pause(sandboxId)).to.equal('gone')
    expect(await failure(provider.resume(sandboxId, 60_000))).to.be.instanceOf(SandboxGoneError)
    expect(await failure(provider.reconnect(sandboxId, 60_000))).to.be.instanceOf(SandboxGoneError)
  })

  it('are refused for a template that nobody knows', async () => {
    const error = await failure(provider.create(request('t', { templateId: 'no-such-template' })))
    expect([error.reason, error.retry]).to.deep.equal(['TemplateNotFound', 'never'])
    expect(error.message).to.match(/no-such-template.*spec\.template\.sandboxTemplate/)
  })

  it('are refused for a lifetime that the account does not allow, in the words of the provider', async () => {
    const error = await failure(provider.create(request('t', { timeoutMs: 48 * 3_600_000 })))
    expect([error.reason, error.retry]).to.deep.equal(['RequestRejected', 'never'])
    expect(error.message).to.contain('24 hours')
  })

  it('are refused for a wrong key, which is then left alone and never told', async () => {
    const key = `e2b_${'0'.repeat(40)}`
    const wrong = on.providers.for(key)
    const errors = await Promise.all(Array.from({ length: 50 }, () => failure(wrong.create(request()))))
    expect(new Set(errors.map((e) => `${e.reason} ${e.retry}`))).to.deep.equal(new Set(['CredentialsRejected never']))
    const later = await failure(wrong.list({}))
    expect(later.reason).to.equal('CredentialsRejected')
    const calls = await on.registry.getSingleMetricAsString('swarmops_provider_calls_total')
    expect(calls).to.not.contain('operation="list",outcome="rejected"')
    expect([...errors, later].map((e) => `${e.message} ${String(e.stack)}`).join()).to.not.contain(key)
  })

  it('can be used over again by another process that connects', async () => {
    const created = await startAgent(provider, 'adopted')
    const adopted = await provider.reconnect(created.sandboxId, 60_000)
    expect(adopted.trafficAccessToken).to.equal(created.trafficAccessToken)
    await provider.prepare(adopted.session, [{ path: 'more/file.txt', content: new TextEncoder().encode('bytes') }])
    expect(await provider.exitOf(adopted.session)).to.deep.equal({ exited: false })
  })
})
