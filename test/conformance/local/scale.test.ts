import { expect } from 'chai'
import { Sandbox } from 'e2b'
import { after, before, describe, it } from 'mocha'
import { startLocal, type Local } from './local.ts'

describe('light mode', function () {
  this.timeout(60_000)
  let local: Local
  before(async () => {
    local = await startLocal({ light: true })
  })
  after(() => local.server.stop())

  it('makes, lists and ends a thousand sandboxes', async () => {
    const metadata = { fleet: 'thousand' }
    const ids = (await inTurns(1_000, async (i) => local.create({ metadata: { ...metadata, number: String(i) } }))).map(
      (one) => one.sandboxId,
    )
    expect(new Set(ids).size).to.equal(1_000)
    const listed: string[] = []
    const pager = Sandbox.list({ ...local.options, query: { metadata } })
    while (pager.hasNext) listed.push(...(await pager.nextItems()).map((one) => one.sandboxId))
    expect(listed.toSorted()).to.deep.equal(ids.toSorted())
    const killed = await inTurns(1_000, async (i) => Sandbox.kill(ids[i] ?? '', local.options))
    expect(killed.every(Boolean)).to.equal(true)
    expect(local.server.admin.sandboxes()).to.deep.equal([])
  })

  it('lists each sandbox once while others come and go', async () => {
    const metadata = { fleet: 'steady' }
    const steady = await inTurns(250, async () => local.create({ metadata }))
    const seen: string[] = []
    const pager = Sandbox.list({ ...local.options, limit: 50, query: { metadata } })
    while (pager.hasNext) {
      seen.push(...(await pager.nextItems()).map((one) => one.sandboxId))
      await local.create({ metadata })
      await Sandbox.kill(seen[0] ?? '', local.options)
    }
    expect(seen).to.have.length(new Set(seen).size)
    expect(steady.filter((one) => !seen.includes(one.sandboxId))).to.deep.equal([])
  })

  const ask = async ({ sandboxId }: Sandbox, path: string, init: RequestInit = {}) =>
    fetch(local.server.url + path, { ...init, headers: { 'e2b-sandbox-id': sandboxId, 'e2b-sandbox-port': '8080' } })

  it('answers for an agent: healthy, and every task comes back', async () => {
    const sandbox = await local.create()
    expect(await (await ask(sandbox, '/health')).json()).to.deep.equal({ inFlight: 0, capacity: 16 })
    const task = await ask(sandbox, '/tasks', { method: 'POST', body: JSON.stringify({ input: { a: [1] } }) })
    expect(await task.json()).to.deep.equal({ output: { a: [1] } })
    expect((await ask(sandbox, '/swarm', { method: 'PUT', body: '{}' })).status).to.equal(204)
    expect((await ask(sandbox, '/nothing')).status).to.equal(404)
  })

  it('refuses tasks that are none', async () => {
    const sandbox = await local.create()
    const deep = `{"input":${'['.repeat(500_000)}${']'.repeat(500_000)}}`
    for (const body of ['', 'no JSON', '7', deep])
      expect((await ask(sandbox, '/tasks', { method: 'POST', body })).status, body.slice(0, 20)).to.equal(400)
    expect((await ask(sandbox, '/tasks', { method: 'POST', body: 'x'.repeat(5_000_000) })).status).to.equal(413)
    expect((await ask(sandbox, '/health')).status).to.equal(200)
  })

  it('has files and commands that only claim to run', async () => {
    const sandbox = await local.create()
    await sandbox.files.write('a/b', 'content')
    expect(await sandbox.files.read('a/b')).to.equal('content')
    expect((await sandbox.files.list('/home/user', { depth: 2 })).map((entry) => entry.path)).to.deep.equal([
      '/home/user/a',
      '/home/user/a/b',
    ])
    await sandbox.files.rename('a', 'c')
    expect(await sandbox.files.exists('c/b')).to.equal(true)
    await sandbox.files.remove('c')
    expect(await sandbox.files.exists('c/b')).to.equal(false)
    expect((await sandbox.commands.run('anything')).exitCode).to.equal(0)
    const agent = await sandbox.commands.run('agent', { background: true, timeoutMs: 0 })
    expect((await sandbox.commands.list()).map((one) => one.pid)).to.deep.equal([agent.pid])
    await agent.kill()
  })

  it('gives no more memory to files than it has', async () => {
    const sandbox = await local.create()
    const error = await sandbox.files.write('big', 'x'.repeat(9 * 1024 * 1024)).catch((cause: unknown) => cause)
    expect(String(error)).to.contain('no space left')
  })
})

/** Runs tasks twenty at a time. */
async function inTurns<T>(count: number, task: (index: number) => Promise<T>): Promise<T[]> {
  const results: T[] = []
  let next = 0
  const worker = async () => {
    for (let i = next++; i < count; i = next++) results[i] = await task(i)
  }
  await Promise.all(Array.from({ length: 20 }, worker))
  return results
}
