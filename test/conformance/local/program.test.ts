import { expect } from 'chai'
import { Sandbox } from 'e2b'
import { afterEach, beforeEach, describe, it } from 'mocha'
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { markedProcesses } from '../../../dev/e2b-local/markers.ts'
import { startE2bLocal } from '../../../dev/e2b-local/server.ts'
import { Program } from '../../support/programs.ts'
import { eventually } from '../../support/wait.ts'
import { failure } from '../target.ts'
import { isAlive } from './local.ts'

const FILE = 'dev/e2b-local/main.ts'
const ROOT = join(import.meta.dirname, '../../..')

describe('the program e2b-local', function () {
  this.timeout(60_000)
  let dataDir: string
  const programs: Program[] = []
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), 'e2b-local-test-'))
  })
  afterEach(async () => {
    for (const program of programs.splice(0)) await program.kill()
    // Whatever a test left there by a kill ends here.
    await (await startE2bLocal({ dataDir })).stop()
    rmSync(dataDir, { recursive: true, force: true })
  })

  async function start(args: string[] = [], env: Record<string, string> = {}) {
    const program = await Program.start({
      file: FILE,
      args: ['--port', '0', ...args],
      env: { TMPDIR: dataDir, ...env },
      listening: 'e2b-local listens',
    })
    programs.push(program)
    const url = `http://127.0.0.1:${program.port}`
    return { program, options: { apiKey: env['E2B_LOCAL_API_KEY'] ?? 'e2b_local', apiUrl: url, sandboxUrl: url } }
  }

  const serverId = () => readFileSync(join(dataDir, 'server-id'), 'utf8').split('\n')[0]
  const processesOf = async (id: string | undefined) => (await markedProcesses()).filter((one) => one.serverId === id).map((one) => one.pid)

  async function busy(options: { apiKey: string; apiUrl: string; sandboxUrl: string }): Promise<Sandbox> {
    const sandbox = await Sandbox.create(options)
    await sandbox.commands.run(`sleep 5100 & setsid sleep 5101 & (setsid bash -c 'sleep 5102 & sleep 5103' &) ; wait`, {
      background: true,
      timeoutMs: 0,
    })
    return sandbox
  }

  /** Runs it to its end. */
  async function run(args: string[], env: Record<string, string> = {}): Promise<{ code: unknown; stdout: string; stderr: string }> {
    return new Promise((resolve) => {
      execFile(
        process.execPath,
        [join(ROOT, FILE), ...args],
        { env: { PATH: process.env['PATH'], ...env }, timeout: 20_000 },
        (error, stdout, stderr) => resolve({ code: error === null ? 0 : error.code, stdout, stderr }),
      )
    })
  }

  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    it(`leaves no process and no file behind on ${signal}, sent twice as terminals do`, async () => {
      const { program, options } = await start(['--data-dir', dataDir])
      await busy(options)
      const id = serverId()
      await eventually('all run', async () => (await processesOf(id)).length >= 5)
      await (await busy(options)).pause()
      const pids = await processesOf(id)
      expect(pids.length).to.be.above(5)
      process.kill(program.pid, signal)
      process.kill(program.pid, signal)
      expect(await program.exited).to.equal(0)
      expect(pids.filter(isAlive)).to.deep.equal([])
      expect(readdirSync(dataDir)).to.deep.equal([])
    })

  it('removes the directory that it made for itself', async () => {
    const { program, options } = await start()
    await busy(options)
    expect(readdirSync(dataDir)).to.have.length(1)
    await program.stop()
    expect(readdirSync(dataDir)).to.deep.equal([])
  })

  it('ends what it left when it was killed, once it is started again', async () => {
    const first = await start(['--data-dir', dataDir])
    const { sandboxId } = await busy(first.options)
    const id = serverId()
    const pids = await eventually('all run', async () => {
      const found = await processesOf(id)
      return found.length >= 5 && found
    })
    await first.program.kill()
    expect(pids.filter(isAlive)).to.deep.equal(pids)
    const second = await start(['--data-dir', dataDir])
    expect(pids.filter(isAlive)).to.deep.equal([])
    expect(existsSync(join(dataDir, sandboxId))).to.equal(false)
    expect(await Sandbox.list(second.options).nextItems()).to.deep.equal([])
    await second.program.stop()
  })

  it('does not touch the sandboxes of a server that runs when it is started a second time', async () => {
    const first = await start(['--data-dir', dataDir])
    const sandbox = await busy(first.options)
    const onPort = await run(['--port', String(first.program.port), '--data-dir', dataDir])
    expect([onPort.code, onPort.stderr]).to.deep.equal([2, 'the port is taken; choose another one with --port\n'])
    const onDirectory = await run(['--port', '0', '--data-dir', dataDir])
    expect([onDirectory.code, onDirectory.stderr]).to.deep.equal([
      2,
      `the data directory ${dataDir} is in use by the server with process id ${first.program.pid}\n`,
    ])
    expect((await failure(startE2bLocal({ dataDir }))).name).to.equal('DataDirInUseError')
    expect((await sandbox.commands.run('echo fine')).stdout).to.equal('fine\n')
  })

  it('keeps other people’s files in its directory', async () => {
    const server = await startE2bLocal({ dataDir })
    const sandbox = await Sandbox.create({ apiKey: server.apiKey, apiUrl: server.url, sandboxUrl: server.url })
    await sandbox.commands.run('touch ../../../somebody-elses-file')
    await server.stop()
    expect(readdirSync(dataDir)).to.deep.equal(['somebody-elses-file'])
  })

  it('takes its key from the environment', async () => {
    const { options } = await start(['--light'], { E2B_LOCAL_API_KEY: 'e2b_another' })
    expect((await Sandbox.create(options)).sandboxId).to.match(/^i/)
    expect((await failure(Sandbox.create({ ...options, apiKey: 'e2b_local' }))).name).to.equal('AuthenticationError')
  })

  it('behaves as its flags say', async () => {
    const { options } = await start('--light --max-sandboxes 1 --max-session 10m --template desk'.split(' '))
    expect((await failure(Sandbox.create({ ...options, timeoutMs: 601_000 }))).message).to.contain('Timeout cannot be greater')
    await Sandbox.create('desk', options)
    expect((await failure(Sandbox.create(options))).name).to.equal('RateLimitError')
  })

  it('shows its flags, and every one is in the README', async () => {
    const { code, stdout } = await run(['--help'])
    const flags = stdout.match(/--[a-z-]+/g) ?? []
    const readme = readFileSync(join(ROOT, 'dev/e2b-local/README.md'), 'utf8')
    expect([code, flags.length > 10]).to.deep.equal([0, true])
    expect([...new Set(readme.match(/^\| `--[a-z-]+/gm)?.map((line) => line.slice(3)))].sort()).to.deep.equal(flags.toSorted())
  })

  const REFUSED: Record<string, string[]> = {
    'an unknown flag': ['--nonsense'],
    'a port that is none': ['--port', 'http'],
    'a port beyond all ports': ['--port', '70000'],
    'half a port': ['--port', '1.5'],
    'a duration without a unit': ['--create-latency', '150'],
    'a rate above 1': ['--failure-rate', '2'],
    'a negative rate': ['--create-rate=-1'],
    'an address beyond loopback without a key': ['--host', '0.0.0.0'],
    'an address that is not ours': ['--port', '0', '--host', '::2'],
    'a data directory that is a file': ['--port', '0', '--data-dir', join(ROOT, 'package.json')],
    'a stray word': ['start'],
  }
  for (const [name, args] of Object.entries(REFUSED))
    it(`refuses ${name} in one line`, async () => {
      const { code, stdout, stderr } = await run(args, name.includes('not ours') ? { E2B_LOCAL_API_KEY: 'e2b_key' } : {})
      expect([code, stdout, stderr.trim().split('\n').length], stderr).to.deep.equal([2, '', 1])
    })
})
