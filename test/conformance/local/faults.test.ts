import { expect } from 'chai'
import { Sandbox, SandboxNotFoundError, TimeoutError } from 'e2b'
import { after, before, describe, it } from 'mocha'
import type { Fault } from '../../../dev/e2b-local/server.ts'
import { eventually } from '../../support/wait.ts'
import { failure, passes, startTicker, ticks } from '../target.ts'
import { startLocal, stateOf, type Local } from './local.ts'

const PROGRAM = `require('node:http').createServer((req, res) => res.end('fine')).listen(process.env.PORT)`

describe('faults that are done to a sandbox', function () {
  this.timeout(60_000)
  let local: Local
  before(async () => {
    local = await startLocal()
  })
  after(() => local.server.stop())

  const fault = async ({ sandboxId }: Sandbox, what: Fault) => local.server.admin.fault(sandboxId, what)
  const ask = async ({ sandboxId }: Sandbox, timeoutMs = 20_000) =>
    fetch(local.server.url, {
      headers: { 'e2b-sandbox-id': sandboxId, 'e2b-sandbox-port': '8080' },
      signal: AbortSignal.timeout(timeoutMs),
    })

  async function serving(): Promise<Sandbox> {
    const sandbox = await local.create()
    await sandbox.commands.run(`node -e "${PROGRAM}"`, { background: true, timeoutMs: 0, envs: { PORT: '8080' } })
    await eventually('it answers', async () => (await ask(sandbox)).status === 200)
    return sandbox
  }

  it('kill: it is gone at once, for everyone', async () => {
    const sandbox = await serving()
    await fault(sandbox, { type: 'kill' })
    expect(await local.processes(sandbox)).to.deep.equal([])
    expect((await ask(sandbox)).status).to.equal(502)
    expect(await failure(Sandbox.getInfo(sandbox.sandboxId, local.options))).to.be.instanceOf(SandboxNotFoundError)
    expect(await failure(sandbox.files.read('x'))).to.be.instanceOf(TimeoutError)
  })

  it('freeze: its processes stand still and its ports hang, but the control plane takes it for running, until it is restored', async () => {
    const sandbox = await serving()
    await fault(sandbox, { type: 'freeze' })
    const pids = await local.processes(sandbox)
    expect(pids.length).to.be.above(0)
    await eventually('all of them stand still', () => pids.every((pid) => stateOf(pid) === 'T'))
    expect((await failure(ask(sandbox, 300))).name).to.equal('TimeoutError')
    expect((await sandbox.getInfo()).state).to.equal('running')
    expect(local.server.admin.sandboxes().find((one) => one.sandboxId === sandbox.sandboxId)?.isFrozen).to.equal(true)
    await fault(sandbox, { type: 'restore' })
    expect((await ask(sandbox)).status).to.equal(200)
  })

  it('freeze: lasts over a pause, and restoring does not end the pause', async () => {
    const [sandbox, clock] = [await local.create(), await local.create()]
    await startTicker(clock)
    await startTicker(sandbox)
    const standsStill = async () => (await local.processes(sandbox)).every((pid) => stateOf(pid) === 'T')
    await fault(sandbox, { type: 'freeze' })
    await sandbox.pause()
    await sandbox.connect()
    await eventually('all of it stands still again', standsStill) // a signal takes its time on a busy machine
    await sandbox.pause()
    await fault(sandbox, { type: 'restore' })
    await passes(clock, 5)
    expect(await standsStill()).to.equal(true)
    await sandbox.connect()
    const before = (await ticks(sandbox, 'ticks')).length
    await eventually('it goes on', async () => (await ticks(sandbox, 'ticks')).length > before)
  })

  it('cut-off: requests hang, then go on when it is restored', async () => {
    const sandbox = await serving()
    await fault(sandbox, { type: 'cut-off' })
    expect((await failure(ask(sandbox, 300))).name).to.equal('TimeoutError')
    const waiting = [ask(sandbox), sandbox.files.exists('/home/user')]
    await fault(sandbox, { type: 'restore' })
    expect(((await waiting[0]) as Response).status).to.equal(200)
    expect(await waiting[1]).to.equal(true)
  })

  it('cut-off: who waits is told when the sandbox ends', async () => {
    const sandbox = await serving()
    await fault(sandbox, { type: 'cut-off' })
    const waiting = ask(sandbox)
    await sandbox.kill()
    expect((await waiting).status).to.equal(502)
  })

  it('slow: every request takes so much longer, until it is restored', async () => {
    const sandbox = await serving()
    await fault(sandbox, { type: 'slow', delayMs: 300 })
    const from = performance.now()
    expect((await ask(sandbox)).status).to.equal(200)
    expect(performance.now() - from).to.be.at.least(295)
    await fault(sandbox, { type: 'slow', delayMs: 600_000 })
    const waiting = ask(sandbox)
    await fault(sandbox, { type: 'restore' })
    expect((await waiting).status).to.equal(200)
  })

  it('are done over HTTP as well', async () => {
    const sandbox = await serving()
    const post = async (id: string, body: unknown) =>
      fetch(`${local.server.url}/local/sandboxes/${id}/faults`, {
        method: 'POST',
        headers: { 'x-api-key': local.server.apiKey },
        body: JSON.stringify(body),
      })
    expect((await post(sandbox.sandboxId, { type: 'kill' })).status).to.equal(204)
    expect((await post(sandbox.sandboxId, { type: 'kill' })).status).to.equal(404)
    const other = await local.create()
    for (const body of [{}, { type: 'nonsense' }, { type: 'slow' }, { type: 'slow', delayMs: -1 }, { type: 'slow', delayMs: 1e9 }])
      expect((await post(other.sandboxId, body)).status).to.equal(400)
    const list = async (what: string) =>
      (await fetch(`${local.server.url}/local/${what}`, { headers: { 'x-api-key': local.server.apiKey } })).json()
    expect(await list('sandboxes')).to.deep.equal(local.server.admin.sandboxes())
    expect(await list('processes')).to.be.an('array')
    expect(await list('counters')).to.have.property('sandbox traffic')
    expect((await fetch(`${local.server.url}/local/sandboxes`)).status).to.equal(401)
  })
})
