import { expect } from 'chai'
import { afterEach, describe, it } from 'mocha'
import { AmbiguousCreateError } from '../../../src/e2b/errors.ts'
import { Providers } from '../../../src/e2b/providers.ts'
import { WaitingError } from '../../../src/errors.ts'
import { Registry } from 'prom-client'
import { type Bench, bench, failure, request } from './harness.ts'

describe('the limits and failures of a provider', function () {
  this.timeout(60_000)
  let on: Bench | undefined
  const start = async (...options: Parameters<typeof bench>) => (on = await bench(...options))
  afterEach(async () => {
    await on?.stop()
    on = undefined
  })

  it('are waited for when creates come too fast: none fails, none is made twice', async () => {
    const { provider } = await start({ light: true, createRate: 5 })
    const nonces = Array.from({ length: 15 }, (_, i) => `rate-${i}`)
    await Promise.all(nonces.map((nonce) => provider.create(request(nonce))))
    expect(await provider.list({})).to.have.length(15)
  })

  it('are not run into when the rate is known', async () => {
    const { provider, registry } = await start({ light: true, createRate: 5 }, 5)
    await Promise.all(Array.from({ length: 10 }, (_, i) => provider.create(request(`known-${i}`))))
    expect(await registry.getSingleMetricAsString('swarmops_provider_calls_total')).to.not.contain('rate-limited')
  })

  it('hold creates back when the account is full, until a sandbox ends', async () => {
    const { provider, registry } = await start({ light: true, maxSandboxes: 2 })
    const first = await provider.create(request('first'))
    await provider.create(request('second'))
    const errors = await Promise.all(Array.from({ length: 20 }, (_, i) => failure(provider.create(request(`more-${i}`)))))
    expect(new Set(errors.map((e) => e.reason))).to.deep.equal(new Set(['QuotaExceeded']))
    expect(errors.every((e) => e instanceof WaitingError && e.retryAfterMs > 0 && e.retryAfterMs <= 5_000)).to.equal(true)
    expect((await failure(provider.create(request('later')))).reason).to.equal('QuotaExceeded')
    expect(provider.pressure().reason).to.equal('QuotaExceeded')
    expect(await registry.getSingleMetricAsString('swarmops_provider_calls_total')).to.contain('operation="create",outcome="quota"} 20')
    await provider.kill(first.sandboxId)
    expect(provider.pressure()).to.deep.equal({ waiting: 0 })
    await provider.create(request('third'))
  })

  it('make a create without an answer ambiguous, and its sandbox is found by its nonce', async () => {
    const { provider } = await start({ light: true, ambiguousRate: 1, seed: 7 })
    for (let i = 0; i < 6; i++) {
      const error = await failure(provider.create(request(`lost-${i}`)))
      expect(error).to.be.instanceOf(AmbiguousCreateError)
      expect(await provider.findByNonce(`lost-${i}`)).to.have.length(1)
    }
  })

  it('make a create that takes too long ambiguous', async () => {
    const { provider } = await start({ light: true, createLatencyMs: 2_000 })
    const error = await failure(provider.create(request('slow'), { timeoutMs: 200 }))
    expect(error).to.be.instanceOf(AmbiguousCreateError)
    expect(error.message).to.contain('within 200 ms')
  })

  it('make a create that its caller gives up ambiguous', async () => {
    const { provider } = await start({ light: true, createLatencyMs: 2_000 })
    expect(await failure(provider.create(request('given-up'), { signal: AbortSignal.timeout(200) }))).to.be.instanceOf(AmbiguousCreateError)
  })

  it('are told from a provider that is not there: nothing was made then', async () => {
    const { server } = await start({ light: true })
    await server.stop()
    const providers = new Providers({
      endpoints: { apiUrl: server.url, sandboxUrl: server.url },
      createsPerSecond: 0,
      registry: new Registry(),
    })
    const error = await failure(providers.for(server.apiKey).create(request()))
    expect(error).to.not.be.instanceOf(AmbiguousCreateError)
    expect([error.reason, error.retry]).to.deep.equal(['ProviderUnavailable', 'backoff'])
    expect(await providers.probe({ sandboxId: 'i1', port: 80, path: '/' }, 500)).to.equal('no-answer')
    await providers.close()
  })

  it('are counted by operation and outcome', async () => {
    const { provider, registry } = await start({ light: true })
    const { sandboxId } = await provider.create(request())
    await provider.kill(sandboxId)
    await provider.kill(sandboxId)
    const calls = await registry.getSingleMetricAsString('swarmops_provider_calls_total')
    for (const line of ['operation="create",outcome="ok"} 1', 'operation="kill",outcome="ok"} 1', 'operation="kill",outcome="gone"} 1']) {
      expect(calls).to.contain(line)
    }
  })
})
