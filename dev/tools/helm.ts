import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { arch, homedir, platform } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { outputOf } from '../cluster/output-of.ts'
import { withLock } from '../cluster/lock.ts'

/** The Helm that renders and installs the chart in tests and writes the kustomize bases. */
const HELM_VERSION = 'v3.19.5'

// What the releases of Helm are built with: without these it takes every cluster that it cannot ask for Kubernetes 1.20.
const VARIABLES = {
  'helm.sh/helm/v3/internal/version.version': HELM_VERSION,
  'helm.sh/helm/v3/pkg/chartutil.k8sVersionMajor': '1',
  'helm.sh/helm/v3/pkg/chartutil.k8sVersionMinor': '34',
  'helm.sh/helm/v3/pkg/lint/rules.k8sVersionMajor': '1',
  'helm.sh/helm/v3/pkg/lint/rules.k8sVersionMinor': '34',
}

const BUILD_LIMIT_MS = 15 * 60_000

/** Path of that Helm, built from its Go module if it is not there: once, about two minutes on two cores. */
export async function ensureHelm(say: (line: string) => void = console.error): Promise<string> {
  const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'swarm-operator')
  const target = join(cache, `helm-${HELM_VERSION}-${platform()}-${arch()}`)
  const helm = join(target, 'helm')
  if (existsSync(helm)) return helm
  const build = async () => {
    if (!existsSync(helm)) await buildHelm(target, say)
  }
  await withLock(`${target}.lock`, build, (pid) => say(`waiting for another build of Helm (pid ${pid})`))
  return helm
}

// The directory gets its name when the program in it is whole.
async function buildHelm(target: string, say: (line: string) => void): Promise<void> {
  if (outputOf('go', ['version']) === undefined) {
    throw new Error(`no Helm ${HELM_VERSION} and no Go to build it: install Go 1.25 or later (https://go.dev/dl)`)
  }
  const parts = `${target}.building`
  rmSync(parts, { recursive: true, force: true })
  mkdirSync(parts, { recursive: true })
  say(`building Helm ${HELM_VERSION} from Go modules: once, about 2 minutes on two cores`)
  const flags = ['-s', '-w', ...Object.entries(VARIABLES).map(([name, value]) => `-X ${name}=${value}`)].join(' ')
  const env = { ...process.env, GOBIN: parts, GOWORK: 'off', GOFLAGS: '' }
  const args = ['install', '-trimpath', '-ldflags', flags, `helm.sh/helm/v3/cmd/helm@${HELM_VERSION}`]
  try {
    await promisify(execFile)('go', args, { env, timeout: BUILD_LIMIT_MS, maxBuffer: 16 * 1024 * 1024 })
    rmSync(target, { recursive: true, force: true })
    renameSync(parts, target)
  } catch (cause) {
    throw new Error(`go install of Helm ${HELM_VERSION} failed: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  } finally {
    rmSync(parts, { recursive: true, force: true })
  }
}

if (import.meta.main) console.log(await ensureHelm())
