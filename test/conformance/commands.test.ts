import { expect } from 'chai'
import { CommandExitError, Sandbox } from 'e2b'
import { after, before, describe, it } from 'mocha'
import { eventually } from '../support/wait.ts'
import { failure, openTarget, type Target } from './target.ts'

describe('commands', function () {
  this.timeout(60_000)
  let target: Target
  let sandbox: Sandbox
  before(async () => {
    target = await openTarget()
    sandbox = await target.create()
  })
  after(() => target.stop())

  const background = { background: true, timeoutMs: 0 } as const
  const isListed = async (pid: number) => (await sandbox.commands.list()).some((process) => process.pid === pid)

  it('run to their end and give what they wrote', async () => {
    const result = await sandbox.commands.run('echo out; echo err >&2')
    expect(result).to.deep.include({ exitCode: 0, stdout: 'out\n', stderr: 'err\n' })
  })

  for (const code of [1, 2, 126, 127, 255])
    it(`end with code ${code} when they do`, async () => {
      const error = await failure(sandbox.commands.run(`exit ${code}`))
      expect(error instanceof CommandExitError && error.exitCode).to.equal(code)
    })

  it('see the variables of their own before those of the sandbox', async () => {
    const own = await target.create({ envs: { A: 'sandbox', B: 'sandbox' } })
    const { stdout } = await own.commands.run('echo $A $B', { envs: { B: 'command "with" $odd \' signs\nand lines' } })
    expect(stdout).to.equal('sandbox command "with" $odd \' signs and lines\n')
  })

  it('run in the home, or in the directory they are told', async () => {
    await sandbox.files.makeDir('/home/user/some where')
    expect((await sandbox.commands.run('basename "$PWD"')).stdout).to.equal('user\n')
    expect((await sandbox.commands.run('basename "$PWD"', { cwd: '/home/user/some where' })).stdout).to.equal('some where\n')
    expect((await sandbox.commands.run('basename "$PWD"', { cwd: 'some where' })).stdout).to.equal('some where\n')
  })

  it('deliver several megabytes on both outputs, whole and in order', async () => {
    const lines = 100_000
    const program = `for (let i = 0; i < ${lines}; i++) { console.log('out of the program, line ' + i); console.error('error, line ' + i) }`
    await sandbox.files.write('big.mjs', program)
    const { stdout, stderr } = await sandbox.commands.run('node big.mjs')
    const expected = (text: string) => Array.from({ length: lines }, (_, i) => `${text}, line ${i}\n`).join('')
    expect(stdout === expected('out of the program')).to.equal(true)
    expect(stderr === expected('error')).to.equal(true)
  })

  it('deliver characters whole that were written in pieces', async () => {
    const { stdout } = await sandbox.commands.run(`printf '\\xf0\\x9f'; sleep 0.2; printf '\\x9a\\x80'`)
    expect(stdout).to.equal('🚀')
  })

  it('tell what they write while they run', async () => {
    let seen = ''
    const handle = await sandbox.commands.run('echo first; read line; echo "second $line"', {
      ...background,
      stdin: true,
      onStdout: (data) => void (seen += data),
    })
    await eventually('the first line is there', () => seen === 'first\n')
    await handle.sendStdin('go\n')
    expect((await handle.wait()).stdout).to.equal('first\nsecond go\n')
  })

  it('take input as it is, and see its end', async () => {
    const handle = await sandbox.commands.run('wc -c', { ...background, stdin: true })
    await sandbox.commands.sendStdin(handle.pid, 'zürich\n')
    await sandbox.commands.sendStdin(handle.pid, new Uint8Array([0, 255, 10]))
    await sandbox.commands.closeStdin(handle.pid)
    expect((await handle.wait()).stdout.trim()).to.equal('11')
  })

  it('take a megabyte of input', async () => {
    const handle = await sandbox.commands.run('sha256sum', { ...background, stdin: true })
    for (let i = 0; i < 16; i++) await handle.sendStdin('x'.repeat(65_536))
    await handle.closeStdin()
    const expected = await sandbox.commands.run(`head -c ${16 * 65_536} /dev/zero | tr '\\0' x | sha256sum`)
    expect((await handle.wait()).stdout).to.equal(expected.stdout)
  })

  it('have no input unless they ask for it', async () => {
    expect((await sandbox.commands.run('cat; echo done')).stdout).to.equal('done\n')
  })

  it('are listed while they run', async () => {
    const handle = await sandbox.commands.run('sleep 300', { ...background, envs: { WHO: 'me' }, cwd: '/home/user' })
    const listed = (await sandbox.commands.list()).find((process) => process.pid === handle.pid)
    expect(listed).to.deep.include({ pid: handle.pid, cmd: '/bin/bash', args: ['-l', '-c', 'sleep 300'], cwd: '/home/user' })
    expect(listed?.envs['WHO']).to.equal('me')
    expect(await handle.kill()).to.equal(true)
    await eventually('it is no longer listed', async () => !(await isListed(handle.pid)))
    expect(await sandbox.commands.kill(handle.pid)).to.equal(false)
  })

  it('tell how a kill ended them', async () => {
    const handle = await sandbox.commands.run('echo begun; sleep 300', background)
    await eventually('it has begun', () => handle.stdout === 'begun\n')
    const waiting = failure(handle.wait())
    await handle.kill()
    const error = await waiting
    if (!(error instanceof CommandExitError)) throw error
    expect([error.exitCode, error.stdout]).to.deep.equal([-1, 'begun\n'])
    expect(error.error).to.contain('killed')
  })

  it('go on when nobody listens any more, and can be listened to again', async () => {
    const first = await sandbox.commands.run('while read line; do echo "heard $line"; done; exit 3', { ...background, stdin: true })
    await first.disconnect()
    let seen = ''
    const second = await sandbox.commands.connect(first.pid, { timeoutMs: 0, onStdout: (data) => void (seen += data) })
    expect(second.pid).to.equal(first.pid)
    await second.sendStdin('one\n')
    await eventually('the second listener hears', () => seen === 'heard one\n')
    const waiting = failure(second.wait())
    await second.closeStdin()
    const error = await waiting
    expect(error instanceof CommandExitError && error.exitCode).to.equal(3)
  })

  it('may have several listeners at once', async () => {
    const first = await sandbox.commands.run('read line; echo "heard $line"', { ...background, stdin: true })
    const second = await sandbox.commands.connect(first.pid, { timeoutMs: 0 })
    await first.sendStdin('it\n')
    expect([(await first.wait()).stdout, (await second.wait()).stdout]).to.deep.equal(['heard it\n', 'heard it\n'])
  })

  it('cannot be reached when they never were', async () => {
    expect((await failure(sandbox.commands.connect(999_999))).name).to.contain('NotFound')
    expect((await failure(sandbox.commands.sendStdin(999_999, 'x'))).name).to.contain('NotFound')
    expect(await sandbox.commands.kill(999_999)).to.equal(false)
  })

  it('that run over their time are ended, with the children in their group', async () => {
    await failure(sandbox.commands.run('sleep 4242 & sleep 4242', { timeoutMs: 300 }))
    await eventually('both have ended', async () => (await sandbox.commands.run('pgrep -fc "^sleep 4242" || true')).stdout.trim() === '0')
  })

  it('may take longer than a minute in the background only without a time limit', async () => {
    const handle = await sandbox.commands.run('sleep 300', { background: true, timeoutMs: 300 })
    await failure(handle.wait())
    await eventually('it has ended', async () => !(await isListed(handle.pid)))
  })

  it('run many at once', async () => {
    const results = await Promise.all(Array.from({ length: 30 }, async (_, i) => sandbox.commands.run(`echo ${i}`)))
    expect(results.map((result) => result.stdout)).to.deep.equal(Array.from({ length: 30 }, (_, i) => `${i}\n`))
  })
})
