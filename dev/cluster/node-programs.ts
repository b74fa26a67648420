import { join } from 'node:path'
import { KUBERNETES_VERSION } from './build.ts'
import { ensureGoModule, type GoModule } from '../tools/go-module.ts'

const WITHOUT_GO = 'no programs of a Kubernetes node and no Go to build them: install Go 1.25 or later (https://go.dev/dl)'

const FILES = ['go.mod', 'go.sum', 'main.go']

const NODE: GoModule = {
  name: 'node',
  what: `kubelet, kube-proxy and kube-scheduler ${KUBERNETES_VERSION} from Go modules: once, about a minute after the control plane`,
  directory: join(import.meta.dirname, 'node'),
  files: FILES,
  programs: ['kubelet', 'kube-proxy', 'kube-scheduler'],
  ldflags: `-X k8s.io/component-base/version.gitVersion=${KUBERNETES_VERSION}`,
  otherwise: WITHOUT_GO,
}

const DNS: GoModule = {
  name: 'coredns',
  what: 'CoreDNS from Go modules: once, about 2 minutes on two cores',
  directory: join(import.meta.dirname, 'dns'),
  files: FILES,
  programs: [],
  otherwise: WITHOUT_GO,
}

const PAUSE: GoModule = {
  name: 'pause',
  what: 'the process that holds the namespaces of pods',
  directory: join(import.meta.dirname, 'pause'),
  files: ['go.mod', 'main.go'],
  programs: [],
  otherwise: WITHOUT_GO,
}

/** Paths of what makes a machine a node. */
export interface NodePrograms {
  readonly kubelet: string
  readonly proxy: string
  readonly scheduler: string
  readonly dns: string
  readonly pause: string
}

/** Builds what is not built yet. */
export async function ensureNodePrograms(say: (line: string) => void): Promise<NodePrograms> {
  const node = await ensureGoModule(NODE, say)
  const dns = await ensureGoModule(DNS, say)
  const pause = await ensureGoModule(PAUSE, say)
  return {
    kubelet: join(node, 'kubelet'),
    proxy: join(node, 'kube-proxy'),
    scheduler: join(node, 'kube-scheduler'),
    dns: join(dns, 'coredns'),
    pause: join(pause, 'pause'),
  }
}
