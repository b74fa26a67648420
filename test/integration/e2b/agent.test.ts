import { expect } from 'chai'
import { after, before, describe, it } from 'mocha'
import { readdirSync, readFileSync } from 'node:fs'
import { inspect } from 'node:util'
import { SandboxGoneError } from '../../../src/e2b/errors.ts'
import type { Exit } from '../../../src/e2b/types.ts'
import { type Bench, bench, failure, PORT, probe, request, shell, startAgent, until } from './harness.ts'

const NODE = process.execPath
const hasEnded = (exit: Exit) => exit.exited

/** A program that leaves a line in `count` each time it is started, and stays. */
const COUNTING = `require('node:fs').appendFileSync('count', 'started\\n'); setInterval(() => {}, 1e6)`

describe('an agent in its sandbox', function () {
  this.timeout(60_000)
  let on: Bench
  before(async () => {
    on = await bench()
  })
  after(() => on.stop())

  /** Runs a program to its end; tells how it ended. */
  async function end(command: string[], env: Record<string, string> = {}): Promise<Exit & { exited: true }> {
    const { session } = await on.provider.create(request())
    await on.provider.start(session, { command, env })
    const exit = await until('it has ended', () => on.provider.exitOf(session), hasEnded)
    if (!exit.exited) throw new Error('it has not ended')
    return exit
  }

  it('starts once, however often and from wherever it is started', async () => {
    const created = await on.provider.create(request('once'))
    const start = { command: [NODE, '-e', COUNTING], env: {} }
    await Promise.all(Array.from({ length: 5 }, () => on.provider.start(created.session, start)))
    const other = on.providers.for(on.server.apiKey)
    const { session } = await other.reconnect(created.sandboxId, 60_000)
    await other.start(session, start)
    await until(
      'it runs',
      () => other.exitOf(session),
      (exit) => !exit.exited,
    )
    await until(
      'it has begun',
      () => shell(on, created.sandboxId, 'cat count 2>/dev/null || true'),
      (count) => count !== '',
    )
    expect(await shell(on, created.sandboxId, 'cat count')).to.equal('started\n')
  })

  it('shows its exit code and the end of its output', async () => {
    const exit = await end([NODE, '-e', 'console.log("first"); console.error("last"); process.exitCode = 3'])
    expect(exit).to.deep.equal({ exited: true, code: 3, logTail: 'first\nlast\n' })
  })

  it('shows that its program was not there', async () => {
    expect((await end(['no-such-program'])).code).to.equal(127)
  })

  it('shows a signal that killed it', async () => {
    expect((await end([NODE, '-e', 'process.kill(process.pid, "SIGKILL")'])).code).to.equal(137)
  })

  it('gets its arguments and its environment as they are, whatever is in them', async () => {
    const strange = `a b "c" 'd' $HOME \`id\` $(id) \\ * ; & | < > é\nline`
    const exit = await end([NODE, '-e', 'process.stdout.write(JSON.stringify([process.argv[1], process.env.STRANGE]))', strange], {
      STRANGE: strange,
    })
    expect(JSON.parse(exit.logTail)).to.deep.equal([strange, strange])
  })

  it('keeps its output small', async () => {
    const size = 40 * 1024 * 1024
    const program = `const b = Buffer.alloc(65536, 'x'); let n = ${size} / b.length; const w = () => { while (n-- > 0) if (!process.stdout.write(b)) return process.stdout.once('drain', w); console.log('done') }; w()`
    const { session, sandboxId } = await on.provider.create(request('chatty'))
    await on.provider.start(session, { command: [NODE, '-e', program], env: {} })
    const exit = await until('it has ended', () => on.provider.exitOf(session), hasEnded)
    expect(exit.exited && exit.logTail.endsWith('xdone\n')).to.equal(true)
    const bytes = Number(await shell(on, sandboxId, 'cat .swarm/agent.log* | wc -c'))
    expect(bytes).to.be.within(2_000, 10 * 1024 * 1024)
  })

  it('has secrets in its environment only, never in the arguments of a process', async function () {
    if (process.platform !== 'linux') return // elsewhere there is no /proc to look at
    const secret = `secret-${process.pid}-x1y2z3`
    const created = await on.provider.create(request('secretive'))
    await on.provider.start(created.session, { command: [NODE, '-e', 'setInterval(() => {}, 1e6)', 'secretive'], env: { KEY: secret } })
    await until(
      'it runs',
      async () => processes().filter(({ args }) => args.includes('secretive') && args[0] === NODE),
      (p) => p.length === 1,
    )
    expect(processes().filter(({ args }) => args.join(' ').includes(secret))).to.deep.equal([])
    const agent = processes().find(({ args }) => args[0] === NODE && args.includes('secretive'))
    expect(readFileSync(`/proc/${agent?.pid ?? 0}/environ`, 'utf8')).to.contain(secret)
  })

  it('is ready once it listens, and not when it refuses, leaves, or its sandbox ends', async () => {
    const created = await startAgent(on.provider, 'probed')
    await until(
      'it is ready',
      () => probe(on.provider, created),
      (outcome) => outcome === 'ready',
    )
    expect(await probe(on.provider, created, '/busy')).to.equal('unhealthy')
    await probe(on.provider, created, '/leave')
    await until(
      'nothing listens',
      () => probe(on.provider, created),
      (outcome) => outcome === 'not-listening',
    )
    expect(await until('it has ended', () => on.provider.exitOf(created.session), hasEnded)).to.deep.include({ exited: true, code: 7 })
    await on.provider.kill(created.sandboxId)
    expect(await probe(on.provider, created)).to.equal('sandbox-gone')
  })

  it('cannot be reached without the token when public traffic is closed', async () => {
    const created = await startAgent(on.provider, 'closed')
    await until(
      'it is ready',
      () => probe(on.provider, created),
      (outcome) => outcome === 'ready',
    )
    const { sandboxId } = created
    expect(await on.provider.probe({ sandboxId, port: PORT, path: '/health' }, 1_000)).to.equal('unhealthy')
  })

  it('cannot be started in a sandbox that is gone', async () => {
    const { sandboxId, session } = await on.provider.create(request())
    await on.provider.kill(sandboxId)
    expect(await failure(on.provider.start(session, { command: ['true'], env: {} }))).to.be.instanceOf(SandboxGoneError)
  })

  it('cannot have a file where a directory is', async () => {
    const { session } = await on.provider.create(request())
    const error = await failure(on.provider.prepare(session, [{ path: '.', content: 'x' }]))
    expect([error.reason, error.retry]).to.deep.equal(['FileRejected', 'never'])
  })

  it('cannot start in a directory that is not there', async () => {
    const { session } = await on.provider.create(request())
    const error = await failure(on.provider.start(session, { command: ['true'], env: {}, cwd: '/no/such/directory' }))
    expect([error.reason, error.retry]).to.deep.equal(['CommandNotStarted', 'never'])
  })

  it('does not show its token when its session is printed', async () => {
    const { session } = await on.provider.create(request())
    expect(inspect(session, { showHidden: true, depth: 9 })).to.match(/^Session\([a-z0-9]+\)$/i)
    expect(JSON.stringify(session)).to.equal(JSON.stringify({ sandboxId: session.sandboxId }))
  })
})

/** The processes of this machine and their arguments. */
function processes(): { pid: string; args: string[] }[] {
  return readdirSync('/proc')
    .filter((name) => /^[0-9]+$/.test(name))
    .flatMap((pid) => {
      try {
        return [{ pid, args: readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0') }]
      } catch {
        return [] // it has ended meanwhile
      }
    })
}
