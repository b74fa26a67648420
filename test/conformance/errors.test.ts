import { expect } from 'chai'
import {
  AuthenticationError,
  CommandExitError,
  FileNotFoundError,
  InvalidArgumentError,
  Sandbox,
  SandboxError,
  SandboxNotFoundError,
  TimeoutError,
} from 'e2b'
import { after, before, describe, it } from 'mocha'
import { failure, openTarget, type Target } from './target.ts'

describe('errors as the package shows them', function () {
  this.timeout(60_000)
  let target: Target
  before(async () => {
    target = await openTarget()
  })
  after(() => target.stop())

  const gone = async () => {
    const sandbox = await target.create()
    await sandbox.kill()
    return sandbox
  }

  it('a wrong key is an AuthenticationError, whatever is called', async () => {
    const options = { ...target.options, apiKey: 'e2b_0123456789abcdef0123456789abcdef01234567' }
    const { sandboxId } = await target.create()
    const calls = [
      Sandbox.create(options),
      Sandbox.connect(sandboxId, options),
      Sandbox.getInfo(sandboxId, options),
      Sandbox.kill(sandboxId, options),
      Sandbox.pause(sandboxId, options),
      Sandbox.setTimeout(sandboxId, 1_000, options),
      Sandbox.getMetrics(sandboxId, options),
      Sandbox.list(options).nextItems(),
    ]
    for (const error of await Promise.all(calls.map(failure))) expect(error).to.be.instanceOf(AuthenticationError)
    expect((await Sandbox.getInfo(sandboxId, target.options)).state).to.equal('running')
  })

  it('a sandbox that is gone is a SandboxNotFoundError for the control plane', async () => {
    const { sandboxId } = await gone()
    const calls = [
      Sandbox.connect(sandboxId, target.options),
      Sandbox.getInfo(sandboxId, target.options),
      Sandbox.pause(sandboxId, target.options),
      Sandbox.setTimeout(sandboxId, 1_000, target.options),
      Sandbox.getMetrics(sandboxId, target.options),
    ]
    for (const error of await Promise.all(calls.map(failure))) expect(error).to.be.instanceOf(SandboxNotFoundError)
  })

  it('a sandbox that is gone is a TimeoutError for its files, and not found for its commands', async () => {
    const sandbox = await gone()
    expect(await failure(sandbox.files.read('x'))).to.be.instanceOf(TimeoutError)
    expect(await failure(sandbox.files.list('/'))).to.be.instanceOf(TimeoutError)
    expect(await failure(sandbox.commands.list())).to.be.instanceOf(TimeoutError)
    expect(await failure(sandbox.commands.run('true'))).to.be.instanceOf(SandboxNotFoundError)
  })

  it('a template that does not exist is a SandboxError that names it', async () => {
    const error = await failure(Sandbox.create('no-such-template', target.options))
    expect(error).to.be.instanceOf(SandboxError)
    expect(error.message).to.contain('no-such-template')
  })

  it('a timeout beyond the longest session is refused', async () => {
    expect(await failure(target.create({ timeoutMs: 25 * 3_600_000 }))).to.be.instanceOf(SandboxError)
  })

  it('a command that fails is a CommandExitError with all it said', async () => {
    const sandbox = await target.create()
    const error = await failure(sandbox.commands.run('echo out; echo err >&2; exit 7'))
    if (!(error instanceof CommandExitError)) throw error
    expect([error.exitCode, error.stdout, error.stderr]).to.deep.equal([7, 'out\n', 'err\n'])
  })

  it('a command over its time is a TimeoutError', async () => {
    const sandbox = await target.create()
    expect(await failure(sandbox.commands.run('sleep 60', { timeoutMs: 300 }))).to.be.instanceOf(TimeoutError)
  })

  it('a file that is not there is a FileNotFoundError', async () => {
    const { files } = await target.create()
    const calls = [files.read('none'), files.getInfo('none'), files.list('none'), files.rename('none', 'x')]
    for (const error of await Promise.all(calls.map(failure))) expect(error).to.be.instanceOf(FileNotFoundError)
  })

  it('an unknown user is an AuthenticationError', async () => {
    const sandbox = await target.create()
    expect(await failure(sandbox.commands.run('true', { user: 'nobody-here' }))).to.be.instanceOf(AuthenticationError)
  })

  it('a cwd that is not there is an InvalidArgumentError', async () => {
    const sandbox = await target.create()
    expect(await failure(sandbox.commands.run('true', { cwd: '/no/such' }))).to.be.instanceOf(InvalidArgumentError)
  })
})
