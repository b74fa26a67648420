import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { withLock } from '../cluster/lock.ts'
import { outputOf } from '../cluster/output-of.ts'
import { DEV_DIR, ROOT } from '../env.ts'
import { ensureBaseTrees } from './base.ts'

const DIRECTORY = join(DEV_DIR, 'image')
const INPUTS = ['Dockerfile', '.dockerignore', '.npmrc', 'package.json', 'package-lock.json', 'tsconfig.json', 'tsconfig.build.json']
const SOURCES = ['operator', 'src', 'dev/e2b-local']
const DEFAULT_NODE_IMAGE = 'node:24-bookworm-slim'
const SYSTEM_CERTIFICATES = '/etc/ssl/certs/ca-certificates.crt'
const PULL_LIMIT_MS = 60_000
const BUILD_LIMIT_MS = 15 * 60_000

/** The image, built. */
export interface BuiltImage {
  /** Such as `swarm-operator:0.1.0`. */
  readonly name: string
  /** A tar file that `docker load`, `podman load` and `ctr images import` take. */
  readonly archive: string
  /** The list of what is in it, in CycloneDX. */
  readonly sbom: string
}

/** Builds the image with Docker, or with buildah where no Docker engine answers; what is built already is not built again. */
export async function ensureImage(say: (line: string) => void = console.error): Promise<BuiltImage> {
  const { version } = readPackage()
  const image = {
    name: `swarm-operator:${version}`,
    archive: join(DIRECTORY, `swarm-operator-${version}.tar`),
    sbom: join(DIRECTORY, 'sbom.cdx.json'),
  }
  const stamp = join(DIRECTORY, 'stamp')
  mkdirSync(DIRECTORY, { recursive: true, mode: 0o700 })
  await withLock(join(DIRECTORY, 'lock'), async () => {
    const inputs = hashOfInputs()
    if (existsSync(image.archive) && existsSync(stamp) && readFileSync(stamp, 'utf8') === inputs) return
    rmSync(stamp, { force: true })
    const started = Date.now()
    if (outputOf('docker', ['version', '--format', '{{.Server.Version}}']) !== undefined) await buildWithDocker(image, version)
    else await buildWithBuildah(image, version, say)
    writeFileSync(stamp, inputs)
    say(`built ${image.name} in ${Math.round((Date.now() - started) / 1000)} s: ${image.archive}`)
  })
  return image
}

function buildArgs(version: string): string[] {
  const revision = outputOf('git', ['-C', ROOT, 'rev-parse', 'HEAD'])?.trim()
  return ['--build-arg', `VERSION=${version}`, ...(revision ? ['--build-arg', `REVISION=${revision}`] : [])]
}

// Whatever this machine needs to reach a package registry; it gets into no layer.
function secrets(): string[] {
  const files = { npmrc: join(homedir(), '.npmrc'), 'ca-certificates': process.env['NODE_EXTRA_CA_CERTS'] || SYSTEM_CERTIFICATES }
  return Object.entries(files).flatMap(([id, file]) => (existsSync(file) ? ['--secret', `id=${id},src=${file}`] : []))
}

async function buildWithDocker(image: BuiltImage, version: string): Promise<void> {
  await run('docker', ['build', ...buildArgs(version), ...secrets(), '-t', image.name, ROOT])
  execFileSync('docker', ['save', '-o', image.archive, image.name])
  const id = execFileSync('docker', ['create', image.name], { encoding: 'utf8' }).trim()
  try {
    execFileSync('docker', ['cp', `${id}:/app/sbom.cdx.json`, image.sbom])
  } finally {
    execFileSync('docker', ['rm', id], { stdio: 'ignore' })
  }
}

/** The storage is of this build alone, and goes with it. */
async function buildWithBuildah(image: BuiltImage, version: string, say: (line: string) => void): Promise<void> {
  if (outputOf('buildah', ['--version']) === undefined)
    throw new Error('the image needs Docker, or buildah (Debian: apt-get install buildah)')
  const storage = mkdtempSync(join(tmpdir(), 'swarm-image-'))
  const buildah = ['--root', join(storage, 'root'), '--runroot', join(storage, 'run'), '--storage-driver', 'vfs']
  const output = join(storage, 'image.tar')
  try {
    const bases = (await canPull(buildah)) ? [] : await assembledBases(buildah, storage, say)
    const isolation = ['--isolation', 'chroot', '--network', 'host']
    await run('buildah', [...buildah, 'bud', ...isolation, ...bases, ...buildArgs(version), ...secrets(), '-t', image.name, ROOT])
    execFileSync('buildah', [...buildah, 'push', '--quiet', `localhost/${image.name}`, `docker-archive:${output}:${image.name}`])
    const container = execFileSync('buildah', [...buildah, 'from', `localhost/${image.name}`], { encoding: 'utf8' }).trim()
    const root = execFileSync('buildah', [...buildah, 'mount', container], { encoding: 'utf8' }).trim()
    writeFileSync(image.sbom, readFileSync(join(root, 'app/sbom.cdx.json')))
    execFileSync('buildah', [...buildah, 'umount', container], { stdio: 'ignore' })
    execFileSync('mv', ['-f', output, image.archive])
  } finally {
    rmSync(storage, { recursive: true, force: true })
  }
}

async function canPull(buildah: readonly string[]): Promise<boolean> {
  return run('buildah', [...buildah, 'pull', '--quiet', `docker.io/library/${DEFAULT_NODE_IMAGE}`], { limitMs: PULL_LIMIT_MS }).then(
    () => true,
    () => false,
  )
}

async function assembledBases(buildah: readonly string[], storage: string, say: (line: string) => void): Promise<string[]> {
  const trees = await ensureBaseTrees(say)
  const containerfile = join(storage, 'Containerfile')
  writeFileSync(containerfile, 'FROM scratch\nCOPY . /\nENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n')
  const args: string[] = []
  for (const [arg, tree] of [
    ['NODE_IMAGE', trees.node],
    ['BASE_IMAGE', trees.base],
  ] as const) {
    const tag = `localhost/swarm-${arg.toLowerCase().replace('_', '-')}:local`
    await run('buildah', [...buildah, 'bud', '--quiet', '-f', containerfile, '-t', tag, tree])
    args.push('--build-arg', `${arg}=${tag}`)
  }
  return args
}

/** Runs a command; what it wrote is in the error when it fails. */
async function run(command: string, args: readonly string[], { limitMs = BUILD_LIMIT_MS } = {}): Promise<void> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let tail = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      tail = `${tail}${chunk.toString()}`.slice(-6_000)
    })
  const timer = setTimeout(() => child.kill('SIGTERM'), limitMs)
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('close', resolve)
    child.once('error', reject)
  })
  clearTimeout(timer)
  if (code !== 0) throw new Error(`${command} failed:\n${tail.trimEnd().split('\n').slice(-40).join('\n')}`)
}

function hashOfInputs(): string {
  const files = execFileSync('git', ['-C', ROOT, 'ls-files', '-co', '--exclude-standard', '-z', '--', ...INPUTS, ...SOURCES], {
    encoding: 'utf8',
  })
  const hash = createHash('sha256')
  for (const file of files.split('\0').filter((name) => name !== '' && !name.endsWith('.test.ts') && existsSync(join(ROOT, name))))
    hash.update(`${file}\0`).update(readFileSync(join(ROOT, file)))
  return hash.digest('hex')
}

function readPackage(): { version: string } {
  const parsed: unknown = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  if (typeof parsed === 'object' && parsed !== null && 'version' in parsed && typeof parsed.version === 'string')
    return { version: parsed.version }
  throw new Error('package.json has no version')
}
