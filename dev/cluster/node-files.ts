import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { CNI_PLUGINS, type Addresses } from './machine.ts'

/** Where containerd listens, inside the machine. */
export const CONTAINERD = '/run/containerd/containerd.sock'
/** The image that holds the namespaces of pods; it is made here. */
const PAUSE_IMAGE = 'swarm.local/pause:1'

/** Writes what the programs of a node are told. Everything of theirs is below `dir`. */
export function writeNodeFiles(dir: string, node: { name: string; addresses: Addresses; kubeconfig: string }): void {
  const { name, addresses, kubeconfig } = node
  mkdirSync(join(dir, 'cni'), { recursive: true, mode: 0o700 })
  writeFileSync(join(dir, 'containerd.toml'), containerd(dir))
  writeFileSync(join(dir, 'cni/10-pods.conflist'), JSON.stringify(network(dir, addresses.pods), null, 2))
  writeFileSync(join(dir, 'kubelet.json'), JSON.stringify(kubelet(dir, name, addresses), null, 2))
  writeFileSync(join(dir, 'kube-proxy.json'), JSON.stringify(proxy(name, addresses, kubeconfig), null, 2))
  // Names outside the cluster are nobody's here.
  writeFileSync(join(dir, 'resolv.conf'), `nameserver ${addresses.machine}\n`)
  writeFileSync(join(dir, 'Corefile'), corefile(addresses, kubeconfig))
}

function containerd(dir: string): string {
  return `version = 2
root = "${dir}/containerd"
state = "/run/containerd"
[grpc]
  address = "${CONTAINERD}"
[plugins."io.containerd.grpc.v1.cri"]
  # Not every machine may lower these for its processes.
  restrict_oom_score_adj = true
  sandbox_image = "${PAUSE_IMAGE}"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${CNI_PLUGINS}"
    conf_dir = "${dir}/cni"
`
}

function network(dir: string, pods: string): object {
  const ipam = { type: 'host-local', dataDir: join(dir, 'cni-state'), ranges: [[{ subnet: pods }]], routes: [{ dst: '0.0.0.0/0' }] }
  return { cniVersion: '0.4.0', name: 'pods', plugins: [{ type: 'ptp', ipMasq: true, ipam }] }
}

function kubelet(dir: string, name: string, addresses: Addresses): object {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    address: addresses.machine,
    containerRuntimeEndpoint: `unix://${CONTAINERD}`,
    // Only the host and pods of this machine reach it.
    authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
    authorization: { mode: 'AlwaysAllow' },
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${name}`,
    failCgroupV1: false,
    enforceNodeAllocatable: [],
    failSwapOn: false,
    clusterDNS: [addresses.machine],
    clusterDomain: 'cluster.local',
    resolvConf: join(dir, 'resolv.conf'),
    // How full the disk of the host is, is none of its business.
    evictionHard: { 'imagefs.available': '0%', 'nodefs.available': '0%', 'nodefs.inodesFree': '0%' },
    imageGCHighThresholdPercent: 100,
    registryPullQPS: 0,
    eventRecordQPS: 0,
    shutdownGracePeriod: '0s',
  }
}

function proxy(name: string, addresses: Addresses, kubeconfig: string): object {
  return {
    apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
    kind: 'KubeProxyConfiguration',
    mode: 'iptables',
    hostnameOverride: name,
    bindAddress: addresses.machine,
    clientConnection: { kubeconfig },
    clusterCIDR: addresses.pods,
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
    iptables: { minSyncPeriod: '100ms', syncPeriod: '30s' },
  }
}

function corefile({ machine }: Addresses, kubeconfig: string): string {
  return `.:53 {
  bind ${machine}
  errors
  kubernetes cluster.local {
    kubeconfig ${kubeconfig}
    ttl 1
  }
}
`
}

/** Makes the pause image: an archive with one layer that has one file. */
export function writePauseImage(dir: string, program: string): string {
  const parts = join(dir, 'pause-image')
  mkdirSync(join(parts, 'root'), { recursive: true })
  copyFileSync(program, join(parts, 'root/pause'))
  chmodSync(join(parts, 'root/pause'), 0o755)
  execFileSync('tar', ['-c', '-f', join(parts, 'layer.tar'), '-C', join(parts, 'root'), 'pause'])
  const layer = `sha256:${createHash('sha256')
    .update(readFileSync(join(parts, 'layer.tar')))
    .digest('hex')}`
  const architecture = process.arch === 'x64' ? 'amd64' : process.arch
  const config = { architecture, os: 'linux', config: { Entrypoint: ['/pause'] }, rootfs: { type: 'layers', diff_ids: [layer] } }
  writeFileSync(join(parts, 'config.json'), JSON.stringify(config))
  writeFileSync(join(parts, 'manifest.json'), JSON.stringify([{ Config: 'config.json', RepoTags: [PAUSE_IMAGE], Layers: ['layer.tar'] }]))
  const archive = join(dir, 'pause.tar')
  execFileSync('tar', ['-c', '-f', archive, '-C', parts, 'manifest.json', 'config.json', 'layer.tar'])
  return archive
}
