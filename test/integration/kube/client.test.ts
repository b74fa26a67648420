import { after, afterEach, before, beforeEach, describe, it } from 'mocha'
import { expect } from 'chai'
import type { RequestOptions } from 'node:https'
import { createServer, type AddressInfo } from 'node:net'
import { KubeConfig } from '@kubernetes/client-node'
import { KubeApiError } from '../../../src/kube/api-error.ts'
import { CONFIG_MAPS, SECRETS } from '../../../src/kube/objects.ts'
import { FaultProxy } from './fault-proxy.ts'
import { KubeClient } from '../../../src/kube/client.ts'
import type { RequestObserver } from '../../../src/kube/requests.ts'
import { endTest, startTest, WIDGETS } from './harness.ts'

/** The error of a promise that must not succeed. */
async function failure(promise: Promise<unknown>): Promise<KubeApiError> {
  const error: unknown = await promise.then(
    () => new Error('it succeeded'),
    (thrown: unknown) => thrown,
  )
  if (error instanceof KubeApiError) return error
  throw error
}

describe('client against a real API server', () => {
  let test: Awaited<ReturnType<typeof startTest>>
  before(async () => {
    test = await startTest()
  })
  after(() => endTest(test))

  it('creates, reads, patches and deletes an object', async () => {
    const { client, namespace } = test
    const ref = { namespace, name: 'plain' }
    const made = await client.create(CONFIG_MAPS, { metadata: ref, data: { a: '1' } })
    expect([made.kind, made.apiVersion, made.data]).to.deep.equal(['ConfigMap', 'v1', { a: '1' }])
    await client.mergePatch(CONFIG_MAPS, ref, { data: { a: null, b: '2' } })
    await client.jsonPatch(CONFIG_MAPS, ref, [{ op: 'add', path: '/data/c', value: '3' }])
    expect((await client.get(CONFIG_MAPS, ref))?.data).to.deep.equal({ b: '2', c: '3' })
    expect((await failure(client.create(CONFIG_MAPS, { metadata: ref }))).isAlreadyExists).to.equal(true)
    expect(await client.delete(CONFIG_MAPS, ref)).to.equal(undefined)
    expect(await client.get(CONFIG_MAPS, ref)).to.equal(undefined)
    expect(await client.delete(CONFIG_MAPS, ref)).to.equal(undefined)
  })

  it('lists all pages, only the selected, and metadata only', async () => {
    const { client, namespace } = test
    const names = Array.from({ length: 7 }, (_, i) => `page-${i}`)
    for (const name of names) {
      await client.create(CONFIG_MAPS, {
        metadata: { namespace, name, labels: { odd: String(Number(name.slice(5)) % 2) } },
        data: { big: 'x' },
      })
    }
    const labelled = (labelSelector: string) => ({ namespace, labelSelector })
    const all = await client.list(CONFIG_MAPS, labelled('odd'), { pageSize: 3 })
    expect(all.items.map((item) => [item.kind, item.metadata.name])).to.deep.equal(names.map((name) => ['ConfigMap', name]))
    expect((await client.list(CONFIG_MAPS, labelled('odd=1'))).items.length).to.equal(3)
    expect((await client.list(CONFIG_MAPS, { namespace, fieldSelector: 'metadata.name=page-4' })).items.length).to.equal(1)
    const [light] = (await client.list(CONFIG_MAPS, { ...labelled('odd=0'), metadataOnly: true })).items
    expect([light?.metadata.name, light?.data]).to.deep.equal(['page-0', undefined])
    expect((await client.list(CONFIG_MAPS, { ...labelled('odd=2'), metadataOnly: true })).items).to.deep.equal([])
  })

  it('applies with a field manager: another manager conflicts unless it forces', async () => {
    const { client, namespace } = test
    const manifest = (size: number) => ({ metadata: { namespace, name: 'applied' }, spec: { size } })
    await client.apply(WIDGETS, manifest(1), { fieldManager: 'one' })
    await client.apply(WIDGETS, manifest(1), { fieldManager: 'two' })
    const error = await failure(client.apply(WIDGETS, manifest(2), { fieldManager: 'two' }))
    expect([error.isConflict, error.retry]).to.deep.equal([true, 'backoff'])
    expect(error.message).to.contain(`apply Widget ${namespace}/applied`).and.to.contain('.spec.size')
    const forced = await client.apply(WIDGETS, manifest(2), { fieldManager: 'two', force: true })
    expect([forced.spec, forced.metadata.generation]).to.deep.equal([{ size: 2 }, 2])
    const again = await client.apply(WIDGETS, manifest(2), { fieldManager: 'two' })
    expect(again.metadata.resourceVersion).to.equal(forced.metadata.resourceVersion)
  })

  it('replaces the status of what was seen, and nothing else', async () => {
    const { client, namespace } = test
    const name = 'status'
    const made = await client.create(WIDGETS, { metadata: { namespace, name }, spec: { size: 1 } })
    const first = await client.patchStatus(WIDGETS, made, { ready: 1, gone: true })
    const second = await client.patchStatus(WIDGETS, first, { ready: 2 })
    expect([second.status, second.spec, second.metadata.generation]).to.deep.equal([{ ready: 2 }, { size: 1 }, 1])
    expect((await failure(client.patchStatus(WIDGETS, first, { ready: 3 }))).isConflict, 'an older version').to.equal(true)
    const loose = await client.patchStatus(WIDGETS, first, { ready: 4 }, { precondition: 'uid' })
    expect(loose.status).to.deep.equal({ ready: 4 })
    await client.delete(WIDGETS, { namespace, name })
    await client.create(WIDGETS, { metadata: { namespace, name } })
    expect(
      (await failure(client.patchStatus(WIDGETS, first, { ready: 5 }, { precondition: 'uid' }))).isConflict,
      'another object',
    ).to.equal(true)
  })

  it('deletes only what was meant, and returns what stays for its finalizers', async () => {
    const { client, namespace } = test
    const ref = { namespace, name: 'finalized' }
    const made = await client.create(WIDGETS, { metadata: { ...ref, finalizers: ['test.swarmops.dev/hold'] } })
    const { uid, resourceVersion } = made.metadata
    await client.mergePatch(WIDGETS, ref, { spec: { size: 1 } })
    expect((await failure(client.delete(WIDGETS, ref, { uid: 'other' }))).isConflict).to.equal(true)
    expect((await failure(client.delete(WIDGETS, ref, { uid, resourceVersion }))).isConflict).to.equal(true)
    const left = await client.delete(WIDGETS, ref, { uid })
    expect(left?.metadata.deletionTimestamp).to.be.a('string')
    const last = await client.mergePatch(WIDGETS, ref, { metadata: { finalizers: null } })
    expect([last.metadata.finalizers, await client.get(WIDGETS, ref)]).to.deep.equal([undefined, undefined])
  })

  it('says what is wrong with an invalid object, and that trying again is no use', async () => {
    const { client, namespace } = test
    const error = await failure(client.create(CONFIG_MAPS, { metadata: { namespace, name: 'Not Valid' } }))
    expect([error.code, error.reason, error.retry]).to.deep.equal([422, 'Invalid', 'never'])
    expect(error.message).to.contain('create ConfigMap').and.to.contain('metadata.name')
  })

  it('takes its credentials from an exec plugin', async () => {
    const { config, namespace } = test
    const options: RequestOptions = {}
    await config.applyToHTTPSOptions(options)
    const token = config.getCurrentUser()?.token
    const pem = (value: unknown) => (Buffer.isBuffer(value) ? value.toString() : undefined)
    const status = { token, clientCertificateData: pem(options.cert), clientKeyData: pem(options.key) }
    const credential = JSON.stringify({ apiVersion: 'client.authentication.k8s.io/v1', kind: 'ExecCredential', status })
    const cluster = config.getCurrentCluster()
    if (!cluster) throw new Error('the kubeconfig has no cluster')
    const plugged = new KubeConfig()
    plugged.loadFromClusterAndUser(cluster, {
      name: 'plugged',
      exec: {
        command: process.execPath,
        args: ['-e', 'process.stdout.write(process.env.CREDENTIAL)'],
        env: [{ name: 'CREDENTIAL', value: credential }],
      },
    })
    const client = new KubeClient(plugged)
    expect((await client.list(SECRETS, { namespace })).items).to.deep.equal([])
    await client.close()
    const nobody = new KubeConfig()
    nobody.loadFromClusterAndUser(cluster, { name: 'nobody', token: 'wrong' })
    const refused = new KubeClient(nobody)
    expect((await failure(refused.list(SECRETS, { namespace }))).code).to.equal(401)
    await refused.close()
  })

  it('ends a request that takes too long, that is aborted, or that reaches nobody', async () => {
    const { namespace, config } = test
    const reasons: string[] = []
    const silent = createServer(() => undefined)
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
    const { port } = silent.address() as AddressInfo
    const unheard = new KubeConfig()
    unheard.loadFromClusterAndUser({ name: 'silent', server: `http://127.0.0.1:${port}`, skipTLSVerify: true }, { name: 'nobody' })
    const waiting = new KubeClient(unheard)
    reasons.push((await failure(waiting.list(SECRETS, { namespace }, { timeoutMs: 50 }))).reason)
    const stop = new AbortController()
    const aborted = failure(waiting.list(SECRETS, { namespace }, { signal: stop.signal }))
    stop.abort()
    reasons.push((await aborted).reason)
    await waiting.close()
    silent.close()
    const proxy = new FaultProxy(config)
    const lost = new KubeClient(await proxy.start())
    await lost.list(SECRETS, { namespace })
    await proxy.stop()
    const error = await failure(lost.list(SECRETS, { namespace }))
    await lost.close()
    expect([...reasons, error.reason, error.code, error.retry]).to.deep.equal(['Timeout', 'Aborted', 'Unreachable', 0, 'backoff'])
  })

  describe('with an observer', () => {
    let proxy: FaultProxy
    let observed: KubeClient
    let told: Parameters<RequestObserver>[0][]
    beforeEach(async () => {
      told = []
      proxy = new FaultProxy(test.config)
      observed = new KubeClient(await proxy.start(), { observe: (request) => told.push(request) })
    })
    afterEach(async () => {
      await observed.close()
      await proxy.stop()
    })

    /** A watch from now on. */
    async function watch(signal = new AbortController().signal) {
      const { resourceVersion } = await test.client.list(WIDGETS, { namespace: test.namespace })
      return observed.watch(WIDGETS, { namespace: test.namespace }, { resourceVersion, timeoutSeconds: 60, signal })
    }
    const outcomes = () => told.map(({ verb, kind, code }) => [verb, kind, code])

    it('tells of every request, of those for what is no resource and of refused ones too', async () => {
      await observed.list(WIDGETS, { namespace: test.namespace })
      await observed.get(WIDGETS, { namespace: test.namespace, name: 'none' })
      await observed.raw('/version')
      proxy.refuse = () => 403
      await failure(observed.raw('/version'))
      expect(outcomes()).to.deep.equal([
        ['list', 'Widget', 200],
        ['get', 'Widget', 404],
        ['get', '', 200],
        ['get', '', 403],
      ])
    })

    it('tells of a watch as soon as it is open, and once', async () => {
      const stop = new AbortController()
      const events = await watch(stop.signal)
      expect(await events.next()).to.deep.include({ value: [] })
      expect(outcomes()).to.deep.equal([['watch', 'Widget', 200]])
      expect(told[0]?.seconds).to.be.greaterThan(0)
      proxy.cut()
      expect((await failure(events.next())).code).to.equal(0)
      expect(told.length).to.equal(1)
    })

    it('tells of a watch that is refused or finds nobody', async () => {
      proxy.refuse = () => 403
      expect((await failure((await watch()).next())).isForbidden).to.equal(true)
      await proxy.stop()
      expect((await failure((await watch()).next())).reason).to.equal('Unreachable')
      expect(outcomes()).to.deep.equal([
        ['watch', 'Widget', 403],
        ['watch', 'Widget', 0],
      ])
    })

    it('says of which watch it does not understand the answer', async () => {
      const events = await watch()
      await events.next()
      proxy.spoil('{"type":"MODIFIED","object":{"metadata"\n')
      const error = await failure(events.next())
      expect([error.name, error.reason, error.retry]).to.deep.equal(['WatchBroken', 'BadAnswer', 'backoff'])
      expect(error.message).to.contain(`to watch widgets in ${test.namespace}`).and.contain('not JSON')
    })
  })
})
