import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { eventually } from '../../support/wait.ts'
import { passes, startTicker } from '../target.ts'
import { isAlive, startLocal, startMany, stateOf, type Local } from './local.ts'

/** A process, its child, one with a session of its own, and one that is nobody's child any more. */
const FAMILY = `sleep 5000 & setsid sleep 5001 & (setsid bash -c 'sleep 5002 & sleep 5003' &) ; wait`

describe('the processes of a sandbox', function () {
  this.timeout(60_000)
  let local: Local
  let dataDir: string
  before(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'e2b-local-test-'))
    local = await startLocal({ dataDir })
  })
  after(async () => {
    await local.server.stop()
    rmSync(dataDir, { recursive: true, force: true })
  })

  it('all end with it, those too that left the group, and its directory goes', async () => {
    const sandbox = await local.create()
    const pids = await startMany(local, sandbox, FAMILY, 5)
    await sandbox.kill()
    expect(pids.filter(isAlive)).to.deep.equal([])
    expect(existsSync(join(dataDir, sandbox.sandboxId))).to.equal(false)
  })

  it('all end when its time is up', async () => {
    const sandbox = await local.create()
    const pids = await startMany(local, sandbox, FAMILY, 5)
    await sandbox.setTimeout(0)
    await eventually('all have ended', () => !pids.some(isAlive))
  })

  it('all end while it is paused, and while they fork as fast as they can', async () => {
    const paused = await local.create()
    const pids = await startMany(local, paused, FAMILY, 5)
    await paused.pause()
    await paused.kill()
    expect(pids.filter(isAlive)).to.deep.equal([])
    const forking = await local.create()
    await startMany(local, forking, 'while :; do setsid bash -c "sleep 0.05; true" & sleep 0.01; done', 4)
    await forking.kill()
    expect(await local.processes(forking)).to.deep.equal([])
  })

  it('all stand still in pause, and none is born', async () => {
    const sandbox = await local.create()
    await startMany(local, sandbox, FAMILY, 5)
    await startMany(local, sandbox, 'while :; do (setsid bash -c "sleep 0.05; true" &) ; sleep 0.01; done', 8)
    const clock = await local.create()
    await startTicker(clock)
    await sandbox.pause()
    const before = (await local.processes(sandbox)).toSorted((a, b) => a - b)
    await eventually('all stand still', () => before.every((pid) => stateOf(pid) === 'T'))
    await passes(clock, 10)
    expect((await local.processes(sandbox)).toSorted((a, b) => a - b)).to.deep.equal(before)
    await sandbox.kill()
  })

  it('outlive the request that started them, but not the command’s time', async () => {
    const sandbox = await local.create()
    const [pid = 0] = await startMany(local, sandbox, 'exec sleep 5004', 1)
    expect(isAlive(pid)).to.equal(true)
    expect(local.server.admin.sandboxes().find((one) => one.sandboxId === sandbox.sandboxId)?.pids).to.deep.equal([pid])
    await sandbox.commands.kill(pid)
    await eventually('it has ended', () => !isAlive(pid))
  })

  it('of a command that was killed end with it, if they stayed in its group', async () => {
    const sandbox = await local.create()
    const handle = await sandbox.commands.run('sleep 5005 & sleep 5006', { background: true, timeoutMs: 0 })
    await eventually('all run', async () => (await local.processes(sandbox)).length >= 2)
    await handle.kill()
    await eventually('all have ended', async () => (await local.processes(sandbox)).length === 0)
  })

  it('do not stop each other’s sandbox', async () => {
    const [one, other] = [await local.create(), await local.create()]
    await startTicker(other)
    await startMany(local, one, FAMILY, 5)
    await one.pause()
    await passes(other, 3)
    await one.kill()
    await passes(other, 3)
  })

  it('survive being paused, resumed and killed all at once', async () => {
    const sandboxes = await Promise.all(Array.from({ length: 8 }, async () => local.create()))
    await Promise.all(sandboxes.map(async (sandbox) => startMany(local, sandbox, 'sleep 5007 & wait', 2)))
    await Promise.all(
      sandboxes.flatMap((sandbox) => [sandbox.pause(), sandbox.connect(), sandbox.pause(), sandbox.connect(), sandbox.kill()].map(ignored)),
    )
    for (const sandbox of sandboxes) expect(await local.processes(sandbox)).to.deep.equal([])
    local.server.admin.setOptions({ maxSandboxes: local.server.admin.sandboxes().filter((one) => one.state === 'running').length + 1 })
    await (await local.create()).kill()
    local.server.admin.setOptions({ maxSandboxes: 0 })
  })

  it('may leave directories that cannot be written to; they go all the same', async () => {
    const sandbox = await local.create()
    await sandbox.commands.run('mkdir -p cache/module && touch cache/module/file && chmod -R a-w cache')
    await sandbox.kill()
    expect(readdirSync(dataDir)).to.not.include(sandbox.sandboxId)
  })

  it('leave no open file of the server behind', async () => {
    const sandbox = await local.create()
    await sandbox.files.write('empty', '')
    await sandbox.files.write('full', 'x'.repeat(100_000))
    const open = () => readdirSync('/proc/self/fd').length
    const round = async () => {
      await sandbox.files.read('empty')
      await sandbox.files.read('full')
      await sandbox.commands.run('true')
    }
    await round()
    const before = open()
    for (let i = 0; i < 30; i++) await round()
    await eventually('as many files are open as before', () => open() <= before + 5)
  })
})

const ignored = async (doing: Promise<unknown>) => doing.catch(() => undefined)
