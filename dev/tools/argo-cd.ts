import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { outputOf } from '../cluster/output-of.ts'
import { ensureGoModule, type GoModule } from './go-module.ts'

const MODULE = join(import.meta.dirname, 'argo-cd')

const GITOPS_TOOLS: GoModule = {
  name: 'gitops-tools',
  what: 'Argo CD (application controller, repo server) and the kstatus of Flux from Go modules: once, about 3 minutes on two cores',
  directory: MODULE,
  files: ['go.mod', 'go.sum', 'main.go', 'read.go'],
  programs: ['argocd-application-controller', 'argocd-applicationset-controller', 'argocd-repo-server', 'gitops-read'],
  otherwise: 'no Go to build Argo CD with: install Go 1.25 or later (https://go.dev/dl)',
}

/** Where Argo CD's programs are, and `gitops-read`; builds them unless they are there. */
export async function ensureArgoCd(say: (line: string) => void = console.error): Promise<string> {
  return ensureGoModule(GITOPS_TOOLS, say)
}

/** Argo CD's own CRDs, of the version that is built. */
export function argoCdCrds(): string {
  const version = /argo-cd\/v3 (v[^\s]+)/.exec(readFileSync(join(MODULE, 'go.mod'), 'utf8'))?.[1] ?? ''
  const found = outputOf('go', ['mod', 'download', '-json', `github.com/argoproj/argo-cd/v3@${version}`])
  const { Dir: sources = '' } = found === undefined ? {} : (JSON.parse(found) as { Dir?: string })
  if (sources === '')
    throw new Error(`the sources of Argo CD ${version}, in which its CRDs are, cannot be had: check that Go reaches its module proxy`)
  return join(sources, 'manifests/crds')
}
