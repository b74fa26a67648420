import { accessSync, constants } from 'node:fs'
import { join } from 'node:path'
import { buildControlPlane, cacheDirectory, isBuilt } from './build.ts'
import { outputOf } from './output-of.ts'

const NEEDED = ['etcd', 'kube-apiserver', 'kube-controller-manager']

/** Where a control plane comes from. `directory` holds its programs. */
export type Source =
  | { readonly from: 'context'; readonly context: string }
  | { readonly from: 'kind' }
  | { readonly from: 'assets' | 'cache'; readonly directory: string }

/**
 * Decides where the control plane comes from, and builds it if nothing else is left:
 *
 * | first that applies                     | source    |
 * | -------------------------------------- | --------- |
 * | SWARM_CONTEXT names a context          | `context` |
 * | KUBEBUILDER_ASSETS has all programs    | `assets`  |
 * | the cached build                       | `cache`   |
 * | kind, and a Docker engine that answers | `kind`    |
 * | the build from Go modules              | `cache`   |
 */
export async function ensureControlPlaneBinaries(say: (line: string) => void = console.error, mayBuild = true): Promise<Source> {
  const context = process.env['SWARM_CONTEXT']
  if (context) return { from: 'context', context }
  const assets = process.env['KUBEBUILDER_ASSETS']
  if (assets) {
    const missing = NEEDED.filter((program) => !isExecutable(join(assets, program)))
    if (missing.length === 0) return { from: 'assets', directory: assets }
    say(`KUBEBUILDER_ASSETS=${assets} has no ${missing.join(', ')}, which owned objects need to be collected; not using it`)
  }
  if (isBuilt()) return { from: 'cache', directory: cacheDirectory() }
  if (dockerAnswers()) return { from: 'kind' }
  if (!mayBuild) throw new Error('there is no control plane yet; build it with: node dev/cluster/main.ts build')
  return { from: 'cache', directory: await buildControlPlane(say) }
}

/** The kubectl of the machine, or the one that was built along with the control plane; undefined when there is neither. */
export function kubectlOf(source: Source): string | undefined {
  if (outputOf('kubectl', ['version', '--client']) !== undefined) return 'kubectl'
  const own = 'directory' in source ? join(source.directory, 'kubectl') : join(cacheDirectory(), 'kubectl')
  return isExecutable(own) ? own : undefined
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function dockerAnswers(): boolean {
  return outputOf('kind', ['version']) !== undefined && outputOf('docker', ['version', '--format', '{{.Server.Version}}']) !== undefined
}
