import { expect } from 'chai'
import { Sandbox, type SandboxInfo, type SandboxListOpts } from 'e2b'
import { after, before, describe, it } from 'mocha'
import { openTarget, type Target } from './target.ts'

describe('the list of sandboxes', function () {
  this.timeout(60_000)
  let target: Target
  let ids: string[]
  before(async () => {
    target = await openTarget()
    ids = []
    // One after the other, so that the order of their starts is known.
    for (let i = 0; i < 5; i++)
      ids.push((await target.create({ metadata: { number: String(i), parity: i % 2 ? 'odd' : 'even' } })).sandboxId)
  })
  after(() => target.stop())

  async function pages(options: SandboxListOpts): Promise<SandboxInfo[][]> {
    const pager = Sandbox.list({
      ...target.options,
      ...options,
      query: { ...options.query, metadata: { run: target.run, ...options.query?.metadata } },
    })
    const found: SandboxInfo[][] = []
    while (pager.hasNext) found.push(await pager.nextItems())
    return found
  }
  const numbers = async (options: SandboxListOpts) => (await pages(options)).flat().map((info) => info.metadata['number'])

  it('comes in pages that add up to everything, newest first', async () => {
    const found = await pages({ limit: 2 })
    expect(found.map((page) => page.length)).to.deep.equal([2, 2, 1])
    expect(found.flat().map((info) => info.sandboxId)).to.deep.equal(ids.toReversed())
  })

  it('comes in the other order when asked', async () => {
    expect(await numbers({ order: 'asc', limit: 3 })).to.deep.equal(['0', '1', '2', '3', '4'])
  })

  it('continues where a token says', async () => {
    const first = Sandbox.list({ ...target.options, limit: 2, order: 'asc', query: { metadata: { run: target.run } } })
    await first.nextItems()
    const { nextToken } = first
    if (nextToken === undefined) throw new Error('there is no next page')
    const second = Sandbox.list({ ...target.options, limit: 2, order: 'asc', nextToken, query: { metadata: { run: target.run } } })
    expect((await second.nextItems()).map((info) => info.metadata['number'])).to.deep.equal(['2', '3'])
  })

  it('is narrowed by every given metadata pair', async () => {
    expect(await numbers({ order: 'asc', query: { metadata: { parity: 'odd' } } })).to.deep.equal(['1', '3'])
    expect(await numbers({ query: { metadata: { parity: 'odd', number: '2' } } })).to.deep.equal([])
  })

  const ODD = ['a&b=c', '100 %', '%20', 'a+b', 'a b', 'ключ=日本 🚀', '"quoted"', '?#/\\', "it's", 'a%26b', ' padded ']
  for (const text of ODD)
    it(`finds ${JSON.stringify(text)} in metadata, as value and as key`, async () => {
      const { sandboxId } = await target.create({ metadata: { odd: text, [text]: 'as key' } })
      const found = async (metadata: Record<string, string>) => (await pages({ query: { metadata } })).flat()
      expect((await found({ odd: text })).map((info) => info.sandboxId)).to.deep.equal([sandboxId])
      const [byKey, ...more] = await found({ [text]: 'as key' })
      expect([byKey?.metadata, more]).to.deep.equal([{ run: target.run, odd: text, [text]: 'as key' }, []])
      await Sandbox.kill(sandboxId, target.options)
    })

  it('is narrowed by state', async () => {
    const paused = await target.create({ metadata: { number: 'paused' } })
    await paused.pause()
    expect(await numbers({ query: { state: ['paused'] } })).to.deep.equal(['paused'])
    expect(await numbers({ order: 'asc', query: { state: ['running'] } })).to.deep.equal(['0', '1', '2', '3', '4'])
    expect(await numbers({ order: 'asc', query: { state: ['running', 'paused'] } })).to.have.length(6)
    await paused.kill()
  })

  it('is narrowed by start', async () => {
    const third = (await pages({ query: { metadata: { number: '2' } } })).flat()[0]
    if (third === undefined) throw new Error('the third sandbox is not listed')
    expect(await numbers({ order: 'asc', query: { startedAfter: third.startedAt } })).to.deep.equal(['3', '4'])
  })

  it('is narrowed by template', async () => {
    expect(await numbers({ query: { template: 'no-such-template' } })).to.deep.equal([])
  })
})
