import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect } from 'chai'
import { ensureImage, type BuiltImage } from '../../dev/image/build.ts'

const ROOT = join(import.meta.dirname, '../..')
/** Node alone has 121 MB. */
const MOST_BYTES = 230 * 1024 * 1024

type Config = { User: string; Labels: Record<string, string>; Entrypoint?: string[]; Env: string[] }
type Package = { version: string; license: string; dependencies: Record<string, string>; optionalDependencies: Record<string, string> }

describe('image', function () {
  this.timeout(900_000)
  let image: BuiltImage
  let directory: string
  let root: string
  let config: Config

  before(async () => {
    image = await ensureImage((line) => console.log(`      ${line}`))
    directory = mkdtempSync(join(tmpdir(), 'swarm-image-test-'))
    const archive = join(directory, 'archive')
    root = join(directory, 'rootfs')
    for (const made of [archive, root]) mkdirSync(made)
    execFileSync('tar', ['-x', '-C', archive, '-f', image.archive])
    const [{ Config: configFile, Layers: layers }] = readJson<[{ Config: string; Layers: string[] }]>(join(archive, 'manifest.json'))
    for (const layer of layers) execFileSync('tar', ['-x', '-C', root, '-f', join(archive, layer)])
    config = readJson<{ config: Config }>(join(archive, configFile)).config
    rmSync(archive, { recursive: true })
  })

  after(() => rmSync(directory, { recursive: true, force: true }))

  it('is small', () => {
    expect(statSync(image.archive).size).to.be.below(MOST_BYTES)
  })

  it('runs as a user without rights, with no entrypoint', () => {
    expect(config.User).to.equal('65532:65532')
    expect(config.Entrypoint ?? []).to.deep.equal([])
  })

  it('says what it is, from which commit', () => {
    const { version, license } = readJson<Package>(join(ROOT, 'package.json'))
    const { 'org.opencontainers.image.revision': revision, ...labels } = Object.fromEntries(
      Object.entries(config.Labels).filter(([name]) => name.startsWith('org.opencontainers.')),
    )
    expect(labels).to.deep.equal({
      'org.opencontainers.image.title': 'swarm-operator',
      'org.opencontainers.image.description': 'Kubernetes operator that runs fleets of AI agents in E2B sandboxes',
      'org.opencontainers.image.licenses': license,
      'org.opencontainers.image.version': version,
    })
    expect(revision).to.match(/^[0-9a-f]{40}$/)
    expect(readFileSync(join(ROOT, 'Dockerfile'), 'utf8'), 'a build without arguments').to.include(`ARG VERSION=${version}\n`)
  })

  it('lists Node and every package that is in it, and no tool of development', () => {
    const inImage = readJson<{ metadata: { component: { name: string } }; components: { name: string; version: string }[] }>(
      join(root, 'app/sbom.cdx.json'),
    )
    expect(readFileSync(image.sbom, 'utf8')).to.equal(readFileSync(join(root, 'app/sbom.cdx.json'), 'utf8'))
    expect(inImage.metadata.component.name).to.equal('swarm-operator')
    const listed = new Set(inImage.components.map(({ name, version }) => `${name}@${version}`))
    expect([...installed(join(root, 'app/node_modules'))].filter((one) => !listed.has(one))).to.deep.equal([])
    const { dependencies, optionalDependencies } = readJson<Package>(join(ROOT, 'package.json'))
    const names = inImage.components.map(({ name }) => name)
    expect(names).to.include.members(Object.keys({ ...dependencies, ...optionalDependencies }))
    for (const name of ['typescript', 'mocha', 'oxlint', 'prettier']) expect(names).not.to.include(name)
    expect(listed).to.include(`node@${process.versions.node}`)
    expect(execFileSync('dpkg-query', ['--admindir', join(root, 'var/lib/dpkg'), '--show'], { encoding: 'utf8' })).to.match(/^libc6\S*\t/m)
  })

  it('holds no tool of development, no test, no source and no source map', () => {
    const files = readdirSync(join(root, 'app'), { recursive: true, encoding: 'utf8' })
    expect(files).to.include.members(['operator/operator.js', 'src/router/router.js', 'dev/e2b-local/main.js', 'sbom.cdx.json'])
    const unwanted =
      /\.map$|\.ts$|\.test\.|^node_modules\/(typescript|mocha|chai|oxlint|prettier)(\/|$)|\.npmrc$|package-lock|(^|\/)\.(git|env|dev)(\/|$)/
    expect(files.filter((file) => unwanted.test(file))).to.deep.equal([])
  })

  it('holds no secret of the machine that built it', () => {
    const files = ['run', 'root', 'app'].flatMap((part) => readdirSync(join(root, part), { recursive: true, encoding: 'utf8' }))
    expect(files.filter((file) => /(^|\/)(\.npmrc|secrets|ca\.crt|\.npm|\.cache)$/.test(file))).to.deep.equal([])
    expect(config.Env.filter((line) => /TOKEN|KEY|SECRET|PASSWORD|PROXY|CERT/i.test(line))).to.deep.equal([])
  })

  it('has certificate authorities for the calls to E2B', () => {
    const bundle = readFileSync(join(root, 'etc/ssl/certs/ca-certificates.crt'), 'utf8')
    expect(bundle.match(/BEGIN CERTIFICATE/g)?.length).to.be.above(100)
  })

  for (const command of ['operator', 'router', 'e2b-local', 'kubectl-swarm'])
    it(`runs ${command} as that user on a root file system that is read-only`, async () => {
      const { code, output } = await runInImage([command, '--help'])
      expect(output).to.match(/^Usage: /)
      expect(code).to.equal(0)
    })

  it('can write to /tmp and nowhere else, and is nobody special', async () => {
    const script = 'id -u; id -un; touch /tmp/x && echo written; touch /app/x || echo refused; grep CapEff /proc/self/status'
    const { output } = await runInImage(['bash', '-c', script])
    expect(output.replaceAll(/touch: .*\n/g, '').split('\n')).to.include.members([
      '65532',
      'swarm',
      'written',
      'refused',
      'CapEff:\t0000000000000000',
    ])
  })

  it('runs sandboxes of e2b-local with commands, terminals and agents in Node', async () => {
    const { code, output } = await runInImage(['node', '--input-type=module', '-'], SANDBOX_SCRIPT)
    expect(output).to.include('a command ran in Node 24')
    expect(output).to.include('a terminal of 91 columns')
    expect(code, output).to.equal(0)
  })

  /** Runs a command as a pod with the strictest security settings would: no root, no capability, nothing writable but /tmp. */
  async function runInImage(args: readonly string[], input = ''): Promise<{ code: number | null; output: string }> {
    const bundle = mkdtempSync(join(directory, 'bundle-'))
    execFileSync('runc', ['spec', '--bundle', bundle])
    const spec = readJson<{ process: object; mounts: object[]; linux: object }>(join(bundle, 'config.json'))
    const tmp = { destination: '/tmp', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'nodev', 'mode=1777', 'size=64m'] }
    const none = { bounding: [], effective: [], permitted: [], ambient: [] }
    const process = {
      terminal: false,
      user: { uid: 65532, gid: 65532 },
      args,
      env: config.Env,
      cwd: '/app',
      noNewPrivileges: true,
      capabilities: none,
    }
    const runtime = { ...spec, root: { path: root, readonly: true }, process, mounts: [...spec.mounts, tmp] }
    writeFileSync(join(bundle, 'config.json'), JSON.stringify(runtime))
    const id = `swarm-image-test-${bundle.slice(-6)}`
    const child = spawn('runc', ['run', '--bundle', bundle, id], { stdio: ['pipe', 'pipe', 'pipe'] })
    child.stdin.end(input)
    const exited = new Promise<number | null>((resolve) => child.once('close', resolve))
    const written = await Promise.all([text(child.stdout), text(child.stderr)])
    return { code: await exited, output: written.join('') }
  }
})

const SANDBOX_SCRIPT = `
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { Sandbox } from 'e2b'
const server = spawn('e2b-local', ['--port', '0'], { stdio: ['ignore', 'pipe', 'inherit'] })
const [line] = await once(server.stdout, 'data')
const { url } = JSON.parse(line.toString())
const sandbox = await Sandbox.create({ apiKey: 'e2b_local', apiUrl: url, sandboxUrl: url })
const { stdout } = await sandbox.commands.run('node -p "process.versions.node.split(\\'.\\')[0]"')
console.log('a command ran in Node ' + stdout.trim())
const seen = Promise.withResolvers()
let output = ''
const terminal = await sandbox.pty.create({ cols: 91, rows: 20, onData: (data) => {
  output += Buffer.from(data).toString()
  if (/ 91\\b|91 columns|\\b91\\r/.test(output)) seen.resolve()
} })
await sandbox.pty.sendInput(terminal.pid, new TextEncoder().encode('stty size\\n'))
await seen.promise
console.log('a terminal of 91 columns')
await sandbox.kill()
server.kill('SIGTERM')
await once(server, 'exit')
process.exit()
`

/** NAME@VERSION of every package below a node_modules directory. */
function installed(modules: string, found = new Set<string>()): Set<string> {
  for (const entry of readdirSync(modules)) {
    if (entry.startsWith('@')) {
      for (const inner of readdirSync(join(modules, entry))) add(join(modules, entry, inner))
    } else add(join(modules, entry))
  }
  return found

  // By the name of its directory: the same package may be there under another name in a second version.
  function add(directory: string): void {
    const { version } = readJson<{ version: string }>(join(directory, 'package.json'))
    found.add(`${directory.slice(modules.length + 1)}@${version}`)
    if (readdirSync(directory).includes('node_modules')) installed(join(directory, 'node_modules'), found)
  }
}

function readJson<T>(file: string): T {
  return JSON.parse(readFileSync(file, 'utf8')) as T
}
