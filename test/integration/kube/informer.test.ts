import { after, afterEach, before, beforeEach, describe, it } from 'mocha'
import { expect } from 'chai'
import { KubeClient } from '../../../src/kube/client.ts'
import { Informer, type InformerOptions } from '../../../src/kube/informer.ts'
import { compareVersions, CONFIG_MAPS, type ConfigMap } from '../../../src/kube/objects.ts'
import { eventually } from '../../support/wait.ts'
import { FaultProxy } from './fault-proxy.ts'
import { endTest, log, startTest, WIDGETS, type Widget } from './harness.ts'

describe('informer against a real API server', () => {
  let test: Awaited<ReturnType<typeof startTest>>
  let proxy: FaultProxy
  let proxied: KubeClient
  let running: { stop(): Promise<void> }[] = []
  before(async () => {
    test = await startTest()
  })
  after(() => endTest(test))
  beforeEach(async () => {
    proxy = new FaultProxy(test.config)
    proxied = new KubeClient(await proxy.start())
  })
  afterEach(async () => {
    await Promise.all(running.splice(0).map((informer) => informer.stop()))
    await proxied.close()
    await proxy.stop()
  })

  /** A started informer through the proxy, with all that it told. */
  async function follow(options: Partial<InformerOptions<Widget, 'colour'>> = {}) {
    const informer = new Informer<Widget, 'colour'>({
      client: proxied,
      kind: WIDGETS,
      log,
      namespaces: [test.namespace],
      indexers: { colour: (widget) => (widget.spec?.colour ? [widget.spec.colour] : []) },
      ...options,
    })
    const heard: { type: string; name: string; version: string }[] = []
    informer.onChange((type, { metadata }) => heard.push({ type, name: metadata.name, version: metadata.resourceVersion }))
    running.push(informer)
    informer.start()
    await informer.synced(AbortSignal.timeout(20_000))
    await eventually('the watch is open', () => expect(proxy.watches).to.be.greaterThan(0), { timeoutMs: 10_000 })
    return { informer, heard }
  }
  const ref = (name: string) => ({ namespace: test.namespace, name })
  const make = (name: string, spec: Widget['spec'] = {}) => test.client.create(WIDGETS, { metadata: ref(name), spec })
  const set = (name: string, spec: Widget['spec']) => test.client.mergePatch(WIDGETS, ref(name), { spec })
  const remove = (name: string) => test.client.delete(WIDGETS, ref(name))
  const changes = (heard: readonly { type: string; name: string }[], name: string) =>
    heard.filter((change) => change.name === name).map((change) => change.type)

  it('shows what was there and what changes, by index, without managed fields', async () => {
    await make('seen-a', { colour: 'red' })
    const { informer, heard } = await follow()
    expect(informer.index('colour', 'red').map((widget) => widget.metadata.name)).to.deep.equal(['seen-a'])
    await make('seen-b', { colour: 'red' })
    await set('seen-a', { colour: 'blue' })
    await remove('seen-b')
    await eventually('all changes were heard', () => expect(changes(heard, 'seen-b')).to.deep.equal(['added', 'deleted']), {
      timeoutMs: 10_000,
    })
    expect(changes(heard, 'seen-a')).to.deep.equal(['added', 'updated'])
    expect(informer.index('colour', 'red')).to.deep.equal([])
    expect(informer.get(ref('seen-a'))?.spec?.colour).to.equal('blue')
    expect(informer.get(ref('seen-a'))?.metadata).to.not.have.property('managedFields')
  })

  it('continues where it was when the connection breaks: no list, nothing lost or repeated', async () => {
    const { heard } = await follow()
    await make('cut-a')
    await eventually('the first was heard', () => expect(changes(heard, 'cut-a')).to.deep.equal(['added']), { timeoutMs: 10_000 })
    proxy.refuse = (path) => (/watch=true/.test(path) ? 503 : undefined)
    proxy.cut()
    await set('cut-a', { size: 2 })
    await make('cut-b')
    await eventually('it tried to watch again', () => expect(proxy.countOf(/watch=true/)).to.be.greaterThan(2), { timeoutMs: 10_000 })
    proxy.refuse = () => undefined
    await eventually('the rest was heard', () => expect(changes(heard, 'cut-b')).to.deep.equal(['added']), { timeoutMs: 10_000 })
    expect(changes(heard, 'cut-a')).to.deep.equal(['added', 'updated'])
    expect(proxy.countOf(/limit=/)).to.equal(1)
  })

  it('lists again after 410, and hears of what was deleted, changed and created meanwhile, once', async () => {
    for (const name of ['gone-a', 'gone-b', 'gone-c']) await make(name)
    const { informer, heard } = await follow()
    proxy.refuse = (path) => (/watch=true/.test(path) ? 503 : undefined)
    proxy.cut()
    await remove('gone-a')
    await set('gone-b', { size: 2 })
    await make('gone-d')
    // The server really answers 410 for a version from before all it remembers.
    proxy.rewrite = (path) => (/watch=true/.test(path) ? path.replace(/resourceVersion=\d+/, 'resourceVersion=1') : path)
    proxy.refuse = () => undefined
    await eventually('it listed again', () => expect(proxy.countOf(/limit=/)).to.be.greaterThan(1), { timeoutMs: 10_000 })
    proxy.rewrite = (path) => path
    await eventually('all was heard', () => expect(changes(heard, 'gone-d')).to.deep.equal(['added']), { timeoutMs: 10_000 })
    expect(['gone-a', 'gone-b', 'gone-c'].map((name) => changes(heard, name))).to.deep.equal([
      ['added', 'deleted'],
      ['added', 'updated'],
      ['added'],
    ])
    await eventually('no failure is left', () => expect(informer.failure).to.equal(undefined), { timeoutMs: 10_000 })
  })

  it('lists again when the watch sends what it cannot understand', async () => {
    const { heard } = await follow()
    proxy.spoil('{"type":"MODIFIED","object":{"metadata"\n')
    await eventually('it listed again', () => expect(proxy.countOf(/limit=/)).to.equal(2), { timeoutMs: 10_000 })
    await make('after-noise')
    await eventually('it hears again', () => expect(changes(heard, 'after-noise')).to.deep.equal(['added']), { timeoutMs: 10_000 })
  })

  it('gives up a watch on which nothing comes, and hears what it missed', async () => {
    const { heard } = await follow({ times: { idleMs: 1_000 } })
    proxy.hold()
    await make('idle-a')
    const before = proxy.countOf(/watch=true/)
    await eventually('it watches anew', () => expect(proxy.countOf(/watch=true/)).to.be.greaterThan(before), { timeoutMs: 10_000 })
    proxy.release()
    await eventually('it was heard', () => expect(changes(heard, 'idle-a')).to.deep.equal(['added']), { timeoutMs: 10_000 })
  })

  it('shows own writes at once, and neither repeats nor goes back when the watch catches up', async () => {
    const { informer, heard } = await follow()
    const bystander = await make('bystander')
    await eventually('the watch works', () => expect(informer.get(ref('bystander'))).to.not.equal(undefined), { timeoutMs: 10_000 })
    proxy.hold()
    informer.wrote(await make('own', { size: 1 }))
    expect(informer.get(ref('own'))?.spec).to.deep.equal({ size: 1 })
    informer.wrote(await set('own', { size: 2 }))
    expect(informer.get(ref('own'))?.spec).to.deep.equal({ size: 2 })
    informer.deleted(bystander, await remove('bystander'))
    expect(informer.get(ref('bystander'))).to.equal(undefined)
    await make('marker')
    proxy.release()
    await eventually('the watch has caught up', () => expect(informer.get(ref('marker'))).to.not.equal(undefined), { timeoutMs: 10_000 })
    expect(informer.get(ref('own'))?.spec).to.deep.equal({ size: 2 })
    expect([changes(heard, 'own'), changes(heard, 'bystander')]).to.deep.equal([
      ['added', 'updated'],
      ['added', 'deleted'],
    ])
  })

  it('takes an object as gone when our own write removed its last finalizer', async () => {
    const { informer } = await follow()
    const made = await test.client.create(WIDGETS, { metadata: { ...ref('held'), finalizers: ['test.swarmops.dev/hold'] } })
    informer.wrote(made)
    informer.deleted(made, await remove('held'))
    expect(informer.get(ref('held'))?.metadata.deletionTimestamp).to.be.a('string')
    informer.wrote(await test.client.mergePatch(WIDGETS, ref('held'), { metadata: { finalizers: null } }))
    expect(informer.get(ref('held'))).to.equal(undefined)
  })

  it('watches several namespaces and no other', async () => {
    const other = await startTest()
    const third = await startTest()
    try {
      const { informer } = await follow({ namespaces: [test.namespace, other.namespace] })
      for (const { namespace } of [third, test, other]) await test.client.create(WIDGETS, { metadata: { namespace, name: 'spread' } })
      await eventually(
        'both are there',
        () => expect(informer.list().filter((widget) => widget.metadata.name === 'spread').length).to.equal(2),
        {
          timeoutMs: 10_000,
        },
      )
      expect(informer.get({ namespace: third.namespace, name: 'spread' })).to.equal(undefined)
      expect(informer.list(other.namespace).length).to.equal(1)
    } finally {
      await endTest(other)
      await endTest(third)
    }
  })

  it('survives a restart of the API server while objects change: nothing lost, nothing repeated', async () => {
    const { client, cluster, namespace } = test
    const informer = new Informer<ConfigMap>({ client, kind: CONFIG_MAPS, log, namespaces: [namespace], labelSelector: 'churn' })
    const heard = new Map<string, { type: string; version: string }[]>()
    informer.onChange((type, { metadata: { name, resourceVersion } }) => {
      heard.set(name, [...(heard.get(name) ?? []), { type, version: resourceVersion }])
    })
    running.push(informer)
    informer.start()
    await informer.synced(AbortSignal.timeout(20_000))
    const churn = startChurn(client, namespace)
    await eventually('objects change', () => expect(churn.writes()).to.be.greaterThan(60), { timeoutMs: 20_000 })
    await cluster.restartApiServer()
    const before = churn.writes()
    await eventually('objects change again', () => expect(churn.writes()).to.be.greaterThan(before + 60), { timeoutMs: 30_000 })
    await churn.stop()

    const truth = async () => {
      const { items } = await client.list(CONFIG_MAPS, { namespace, labelSelector: 'churn' })
      return items.map(({ metadata, data }) => `${metadata.name} ${metadata.uid} ${metadata.resourceVersion} ${data?.['n']}`).sort()
    }
    const cached = () =>
      informer.list().map(({ metadata, data }) => `${metadata.name} ${metadata.uid} ${metadata.resourceVersion} ${data?.['n']}`)
    await eventually('the cache is the truth', async () => expect(cached().sort()).to.deep.equal(await truth()), { timeoutMs: 20_000 })
    for (const [name, told] of heard) {
      let isThere = false
      let last = '1'
      for (const { type, version } of told) {
        expect(type === 'added', `${name}: ${type} while ${isThere ? 'there' : 'not there'}`).to.equal(!isThere)
        isThere = type !== 'deleted'
        if (!isThere) continue // a deletion heard late carries the last version that was known
        expect(compareVersions(version, last), `${name}: ${version} after ${last}`).to.be.greaterThan(0)
        last = version
      }
    }
  })
})

/** Creates, changes and deletes ten objects without a pause, through all failures. */
function startChurn(client: KubeClient, namespace: string) {
  let writes = 0
  let isStopping = false
  const ended = (async () => {
    for (let n = 0; !isStopping; n += 1) {
      const metadata = { namespace, name: `churn-${n % 10}`, labels: { churn: 'yes' } }
      try {
        if (n % 23 === 0) await client.delete(CONFIG_MAPS, metadata)
        else await client.apply(CONFIG_MAPS, { metadata, data: { n: String(n) } }, { fieldManager: 'churn', timeoutMs: 2_000 })
        writes += 1
      } catch {
        await new Promise((resolve) => setImmediate(resolve)) // the server is away
      }
    }
  })()
  return {
    writes: () => writes,
    stop: async () => {
      isStopping = true
      await ended
    },
  }
}
