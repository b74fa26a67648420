import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { cachedAt, ensureGoModule, type GoModule } from '../tools/go-module.ts'

/** The Kubernetes version that is built; the modules' go.mod say the same. */
export const KUBERNETES_VERSION = 'v1.35.4'

const CONTROL_PLANE: GoModule = {
  name: 'cluster',
  what: `Kubernetes ${KUBERNETES_VERSION} (etcd, API server, controller-manager) from Go modules: once, about 5 minutes on two cores`,
  directory: join(import.meta.dirname, 'control-plane'),
  files: ['go.mod', 'go.sum', 'main.go'],
  programs: ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl'],
  ldflags: `-X k8s.io/component-base/version.gitVersion=${KUBERNETES_VERSION}`,
  otherwise:
    'no Kubernetes control plane and no Go to build one: install Go 1.25 or later (https://go.dev/dl), start Docker and install kind, ' +
    'or set KUBEBUILDER_ASSETS to a directory with etcd, kube-apiserver and kube-controller-manager, or SWARM_CONTEXT to a context of your kubeconfig',
}

/** Where programs built from these module files are or will be. */
export function cacheDirectory(): string {
  return cachedAt(CONTROL_PLANE)
}

/** Whether the programs are built. */
export function isBuilt(): boolean {
  return existsSync(cacheDirectory())
}

/** Builds the control plane unless it is there. `say` gets lines about the progress. */
export async function buildControlPlane(say: (line: string) => void): Promise<string> {
  return ensureGoModule(CONTROL_PLANE, say)
}
