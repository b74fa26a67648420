import { expect } from 'chai'
import { CommandExitError, type CommandHandle, type Sandbox } from 'e2b'
import { after, before, describe, it } from 'mocha'
import { eventually } from '../support/wait.ts'
import { failure, openTarget, type Target } from './target.ts'

describe('terminals', function () {
  this.timeout(60_000)
  let target: Target
  let sandbox: Sandbox
  before(async () => {
    target = await openTarget()
    sandbox = await target.create()
  })
  after(() => target.stop())

  type Terminal = { handle: CommandHandle; seen: () => string; type: (text: string) => Promise<void> }

  async function open(options: { cols?: number; rows?: number; envs?: Record<string, string>; cwd?: string } = {}): Promise<Terminal> {
    const decoder = new TextDecoder()
    let seen = ''
    const handle = await sandbox.pty.create({
      cols: 80,
      rows: 24,
      timeoutMs: 0,
      ...options,
      onData: (data) => void (seen += decoder.decode(data, { stream: true })),
    })
    return { handle, seen: () => seen, type: async (text) => sandbox.pty.sendInput(handle.pid, new TextEncoder().encode(text)) }
  }
  const shows = async (terminal: Terminal, text: string) => eventually(`${text} is shown`, () => terminal.seen().includes(text))

  it('run a shell that is on a terminal', async () => {
    const terminal = await open()
    await terminal.type('test -t 0 && echo "it is $((40 + 2))"\n')
    await shows(terminal, 'it is 42')
    await terminal.handle.kill()
  })

  it('have the size they are given, and another one when asked', async () => {
    const terminal = await open({ cols: 101, rows: 33 })
    await terminal.type('echo "size $(stty size)."\n')
    await shows(terminal, 'size 33 101.')
    await sandbox.pty.resize(terminal.handle.pid, { cols: 77, rows: 20 })
    await terminal.type('echo "size $(stty size)."\n')
    await shows(terminal, 'size 20 77.')
    await terminal.handle.kill()
  })

  it('have the variables and the directory they are given', async () => {
    await sandbox.files.makeDir('desk')
    const terminal = await open({ envs: { WHO: 'me too' }, cwd: '/home/user/desk' })
    await terminal.type('echo "[$WHO] [$(basename "$PWD")]"\n')
    await shows(terminal, '[me too] [desk]')
    await terminal.handle.kill()
  })

  it('pass on characters that arrive in pieces', async () => {
    const terminal = await open()
    const bytes = new TextEncoder().encode('echo "<🚀>" | tr "<>" "[]"\n')
    for (const byte of bytes) await sandbox.pty.sendInput(terminal.handle.pid, new Uint8Array([byte]))
    await shows(terminal, '[🚀]')
    await terminal.handle.kill()
  })

  it('stop a program with the key for that', async () => {
    const terminal = await open()
    await terminal.type('echo be"gun"; sleep 300; echo "code $?."\n')
    await shows(terminal, 'begun')
    await terminal.type('\u0003')
    await terminal.type('echo "code $?."\n')
    await shows(terminal, 'code 130.')
    await terminal.handle.kill()
  })

  it('end with the code of their shell', async () => {
    const terminal = await open()
    await terminal.type('exit 5\n')
    const error = await failure(terminal.handle.wait())
    expect(error instanceof CommandExitError && error.exitCode).to.equal(5)
  })

  it('can be connected to again', async () => {
    const terminal = await open()
    await terminal.handle.disconnect()
    let seen = ''
    await sandbox.pty.connect(terminal.handle.pid, { timeoutMs: 0, onData: (data) => void (seen += Buffer.from(data).toString()) })
    await terminal.type('echo still"-"here\n')
    await eventually('the new listener sees', () => seen.includes('still-here'))
    await sandbox.pty.kill(terminal.handle.pid)
  })

  it('end with kill, once', async () => {
    const { handle } = await open()
    expect(await sandbox.pty.kill(handle.pid)).to.equal(true)
    await eventually('it is over', async () => !(await sandbox.commands.list()).some((process) => process.pid === handle.pid))
    expect(await sandbox.pty.kill(handle.pid)).to.equal(false)
  })
})
