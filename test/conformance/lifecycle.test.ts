import { expect } from 'chai'
import { Sandbox } from 'e2b'
import { after, before, describe, it } from 'mocha'
import { eventually } from '../support/wait.ts'
import { openTarget, passes, serve, ask, startTicker, ticks, type Target } from './target.ts'

describe('the life of a sandbox', function () {
  this.timeout(60_000)
  let target: Target
  before(async () => {
    target = await openTarget()
  })
  after(() => target.stop())

  it('begins with create, and getInfo tells what it was created with', async () => {
    const from = Date.now()
    const sandbox = await target.create({ timeoutMs: 60_000, metadata: { owner: 'a team' } })
    const info = await sandbox.getInfo()
    expect(info).to.deep.include({ sandboxId: sandbox.sandboxId, state: 'running', metadata: { run: target.run, owner: 'a team' } })
    expect(info.endAt.getTime() - info.startedAt.getTime()).to.be.within(59_000, 62_000)
    expect(Math.abs(info.startedAt.getTime() - from)).to.be.below(30_000)
    expect([info.cpuCount > 0, info.memoryMB > 0, info.envdVersion >= '0.4']).to.deep.equal([true, true, true])
    expect(info.lifecycle).to.deep.equal({ onTimeout: 'kill', autoResume: false })
    expect(await sandbox.isRunning()).to.equal(true)
  })

  it('gives its variables to every command', async () => {
    const sandbox = await target.create({ envs: { TEAM: 'a b', EMPTY: '' } })
    expect((await sandbox.commands.run('echo "[$TEAM][${EMPTY-unset}]"')).stdout).to.equal('[a b][]\n')
  })

  it('ends with kill, once', async () => {
    const sandbox = await target.create()
    expect([await sandbox.kill(), await sandbox.kill()]).to.deep.equal([true, false])
    expect(await sandbox.isRunning()).to.equal(false)
  })

  it('ends when its time is up', async () => {
    const sandbox = await target.create({ timeoutMs: 1_000 })
    await eventually('it is gone', async () => !(await sandbox.isRunning()))
    expect(await Sandbox.kill(sandbox.sandboxId, target.options)).to.equal(false)
  })

  it('gets longer and shorter with setTimeout', async () => {
    const sandbox = await target.create({ timeoutMs: 30_000 })
    await sandbox.setTimeout(90_000)
    expect((await sandbox.getInfo()).endAt.getTime() - Date.now()).to.be.within(60_000, 95_000)
    await sandbox.setTimeout(1_000)
    await eventually('it is gone', async () => !(await sandbox.isRunning()))
  })

  it('is never shortened by connect, only prolonged', async () => {
    const sandbox = await target.create({ timeoutMs: 60_000 })
    const endAt = async () => (await sandbox.getInfo()).endAt.getTime()
    const first = await endAt()
    await Sandbox.connect(sandbox.sandboxId, { ...target.options, timeoutMs: 1_000 })
    expect(await endAt()).to.be.at.least(first)
    await Sandbox.connect(sandbox.sandboxId, { ...target.options, timeoutMs: 110_000 })
    expect(await endAt()).to.be.above(first + 20_000)
  })

  it('is shared by everyone who connects', async () => {
    const sandbox = await target.create()
    await sandbox.files.write('note', 'from the first')
    const other = await Sandbox.connect(sandbox.sandboxId, target.options)
    expect(await other.files.read('note')).to.equal('from the first')
  })

  it('rests in pause: nothing in it goes on, neither children nor those that left the group, until it is resumed', async () => {
    const clock = await target.create()
    await startTicker(clock)
    const sandbox = await target.create()
    await startTicker(sandbox, 'child')
    await startTicker(sandbox, 'grandchild', (command) => `bash -c "$(cat <<'END'\n${command} & wait\nEND\n)"`)
    await startTicker(sandbox, 'session', (command) => `setsid ${command}`)
    await startTicker(sandbox, 'orphan', (command) => `(setsid nohup ${command} >/dev/null 2>&1 &)`)
    expect(await sandbox.pause()).to.equal(true)
    expect((await sandbox.getInfo()).state).to.equal('paused')
    expect(await sandbox.pause()).to.equal(false)
    await passes(clock, 30)
    await sandbox.connect()
    expect((await sandbox.getInfo()).state).to.equal('running')
    for (const file of ['child', 'grandchild', 'session', 'orphan']) {
      const gap = await eventually(`${file} goes on after a gap`, async () => {
        const seen = await ticks(sandbox, file)
        const widest = Math.max(...seen.slice(1).map((at, i) => at - (seen[i] ?? at)))
        return widest > 1_000 && widest
      })
      expect(gap, file).to.be.above(1_000)
    }
  })

  it('keeps memory and files over a pause', async () => {
    const sandbox = await target.create()
    await serve(
      target,
      sandbox,
      `import { createServer } from 'node:http'
      let count = 0
      createServer((req, res) => res.end(String(req.url === '/count' ? ++count : count))).listen(process.env.PORT)`,
    )
    await sandbox.files.write('kept', 'yes')
    await ask(target, sandbox, '/count')
    await sandbox.pause()
    const resumed = await Sandbox.connect(sandbox.sandboxId, target.options)
    expect(await resumed.files.read('kept')).to.equal('yes')
    const count = await eventually('it answers', async () => {
      const response = await ask(target, resumed, '/count')
      return response.status === 200 && response.text()
    })
    expect(count).to.equal('2')
  })

  it('can be killed while it is paused', async () => {
    const sandbox = await target.create()
    await sandbox.pause()
    expect([await sandbox.kill(), await sandbox.kill()]).to.deep.equal([true, false])
  })

  it('pauses by itself at the end of its time when it was created so', async () => {
    const sandbox = await target.create({ timeoutMs: 2_000, lifecycle: { onTimeout: 'pause' } })
    expect((await sandbox.getInfo()).lifecycle).to.deep.equal({ onTimeout: 'pause', autoResume: false })
    await sandbox.files.write('kept', 'yes')
    await eventually('it is paused', async () => (await sandbox.getInfo()).state === 'paused', { timeoutMs: 40_000 })
    await sandbox.connect({ timeoutMs: 60_000 })
    expect(await sandbox.files.read('kept')).to.equal('yes')
  })

  it('wakes with the next request when it was created so', async () => {
    const sandbox = await target.create({ lifecycle: { onTimeout: 'pause', autoResume: true } })
    await sandbox.files.write('kept', 'yes')
    await sandbox.pause()
    expect(await sandbox.files.read('kept')).to.equal('yes')
    expect((await sandbox.getInfo()).state).to.equal('running')
  })

  it('takes another network in place of the first', async () => {
    const sandbox = await target.create({ network: { denyOut: ['10.0.0.0/8'] } })
    expect((await sandbox.getInfo()).network).to.deep.include({ denyOut: ['10.0.0.0/8'], allowPublicTraffic: true })
    await sandbox.updateNetwork({ allowOut: ['1.1.1.1'], denyOut: ['0.0.0.0/0'] })
    expect((await sandbox.getInfo()).network).to.deep.include({ allowOut: ['1.1.1.1'], denyOut: ['0.0.0.0/0'] })
  })
})
