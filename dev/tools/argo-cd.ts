import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ensureGoModule, type GoModule } from './go-module.ts'

const MODULE = join(import.meta.dirname, 'argo-cd')

const DOWNLOAD_LIMIT_MS = 300_000

const GITOPS_TOOLS: GoModule = {
  name: 'gitops-tools',
  what: 'Argo CD (application controller, repo server) and what applies and waits in Flux from Go modules: once, about 3 minutes on two cores',
  directory: MODULE,
  files: ['go.mod', 'go.sum', 'main.go', 'read.go', 'flux.go'],
  programs: ['argocd-application-controller', 'argocd-applicationset-controller', 'argocd-repo-server', 'gitops-read', 'flux-apply'],
  otherwise: 'no Go to build Argo CD with: install Go 1.25 or later (https://go.dev/dl)',
}

/** Where Argo CD's programs are, `gitops-read` and `flux-apply`; builds them unless they are there. */
export async function ensureArgoCd(say: (line: string) => void = console.error): Promise<string> {
  return ensureGoModule(GITOPS_TOOLS, say)
}

/** Argo CD's own manifests, of the version that is built; its CRDs are in `crds`. */
export function argoCdManifests(): string {
  const version = /argo-cd\/v3 (v[^\s]+)/.exec(readFileSync(join(MODULE, 'go.mod'), 'utf8'))?.[1] ?? ''
  return join(sourcesOf(`github.com/argoproj/argo-cd/v3@${version}`), 'manifests')
}

/** Flux's CRDs of the kinds that its examples have, one directory for each of its controllers. */
export function fluxCrds(): string[] {
  const modules = ['source-controller@v1.7.0', 'kustomize-controller@v1.7.3', 'helm-controller@v1.4.0']
  return modules.map((module) => join(sourcesOf(`github.com/fluxcd/${module}`), 'config/crd/bases'))
}

/** Where the sources of a Go module are. */
function sourcesOf(module: string): string {
  try {
    const found = execFileSync('go', ['mod', 'download', '-json', module], { encoding: 'utf8', timeout: DOWNLOAD_LIMIT_MS })
    return (JSON.parse(found) as { Dir: string }).Dir
  } catch (cause) {
    throw new Error(
      `the sources of ${module}, in which its CRDs are, cannot be had: check that there is a Go that reaches its module proxy`,
      { cause },
    )
  }
}
