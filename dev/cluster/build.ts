import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createWriteStream, existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { homedir, arch, platform } from 'node:os'
import { join } from 'node:path'
import { withLock } from './lock.ts'
import { outputOf } from './output-of.ts'

/** The Kubernetes version that is built; the module's go.mod says the same. */
export const KUBERNETES_VERSION = 'v1.35.4'
const MODULE = join(import.meta.dirname, 'control-plane')
const MODULE_FILES = ['go.mod', 'go.sum', 'main.go']
const PROGRAMS = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl']
const PROGRESS_EVERY_MS = 15_000

/** Where programs built from these module files are or will be: another version gets another directory. */
export function cacheDirectory(): string {
  const hash = createHash('sha256').update(`${platform()}-${arch()}`)
  for (const file of MODULE_FILES) hash.update(readFileSync(join(MODULE, file)))
  const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache')
  return join(cache, 'swarm-operator', `cluster-${hash.digest('hex').slice(0, 16)}`)
}

/** Whether the programs are built; the directory appears whole or not at all. */
export function isBuilt(): boolean {
  return existsSync(cacheDirectory())
}

/** Builds the control plane unless it is there. `say` gets lines about the progress. */
export async function buildControlPlane(say: (line: string) => void): Promise<string> {
  const target = cacheDirectory()
  await withLock(
    `${target}.lock`,
    async () => {
      if (!existsSync(target)) await build(target, say)
    },
    (pid) => say(`waiting for another build of the control plane (pid ${pid})`),
  )
  return target
}

async function build(target: string, say: (line: string) => void): Promise<void> {
  if (outputOf('go', ['version']) === undefined) {
    throw new Error(
      'no Kubernetes control plane and no Go to build one: install Go 1.25 or later (https://go.dev/dl), start Docker and install kind, ' +
        'or set KUBEBUILDER_ASSETS to a directory with etcd, kube-apiserver and kube-controller-manager, or SWARM_CONTEXT to a context of your kubeconfig',
    )
  }
  const parts = `${target}.building`
  rmSync(parts, { recursive: true, force: true })
  mkdirSync(parts, { recursive: true })
  say(
    `building Kubernetes ${KUBERNETES_VERSION} (etcd, API server, controller-manager) from Go modules: once, about 5 minutes on two cores`,
  )
  const started = Date.now()
  const minutes = () => `${((Date.now() - started) / 60_000).toFixed(1)} min`
  const timer = setInterval(() => say(`still building the control plane, ${minutes()} so far`), PROGRESS_EVERY_MS)
  try {
    await goBuild(join(parts, 'control-plane'), `${target}.log`)
    for (const program of PROGRAMS) symlinkSync('control-plane', join(parts, program))
    renameSync(parts, target)
  } finally {
    clearInterval(timer)
    rmSync(parts, { recursive: true, force: true })
  }
  say(`built the control plane in ${minutes()}: ${target}`)
}

async function goBuild(output: string, logFile: string): Promise<void> {
  const flags = `-s -w -X k8s.io/component-base/version.gitVersion=${KUBERNETES_VERSION}`
  const child = spawn('go', ['build', '-trimpath', '-buildvcs=false', '-ldflags', flags, '-o', output, '.'], {
    cwd: MODULE,
    env: { ...process.env, GOWORK: 'off', GOFLAGS: '-mod=readonly' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const log = createWriteStream(logFile, { mode: 0o600 })
  let tail = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      log.write(chunk)
      tail = `${tail}${chunk.toString()}`.slice(-4_000)
    })
  }
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('close', resolve)
    child.once('error', reject)
  })
  log.end()
  if (code !== 0) throw new Error(`go build of the control plane failed (${logFile}):\n${tail.trimEnd().split('\n').slice(-15).join('\n')}`)
}
