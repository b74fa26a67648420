import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Daemon } from './daemon.ts'
import type { Machine } from './machine.ts'
import { CONTAINERD, writeNodeFiles, writePauseImage } from './node-files.ts'
import type { NodePrograms } from './node-programs.ts'

const READY_MS = 60_000
const POLL_MS = 100
const GRACE_MS = 5_000

export interface NodeOptions {
  /** State, logs and configuration. */
  readonly dir: string
  readonly machine: Machine
  readonly programs: NodePrograms
  /** With an administrator's rights, and an address of the API server that the machine reaches. */
  readonly kubeconfig: string
  /** Archives with images for pods; nothing is pulled. */
  readonly images: readonly string[]
}

/** A node that runs real pods: containerd, kubelet, kube-proxy and CoreDNS on a machine of their own, and the scheduler beside it. */
export class Node {
  readonly #options: NodeOptions
  readonly #scheduler: Daemon
  readonly #inside: readonly Daemon[]

  constructor(options: NodeOptions) {
    this.#options = options
    this.#scheduler = new Daemon('kube-scheduler', options.dir)
    this.#inside = ['containerd', 'kubelet', 'kube-proxy', 'coredns'].map((name) => new Daemon(name, options.dir))
  }

  /** Starts everything; pods can be created from then on, and the node is ready some seconds later. */
  async start(): Promise<void> {
    const { dir, machine, programs, kubeconfig } = this.#options
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    writeNodeFiles(dir, { name: machine.name, addresses: machine.addresses, kubeconfig })
    const [containerd, kubelet, proxy, dns] = this.#inside
    if (!containerd || !kubelet || !proxy || !dns) return
    await containerd.start(machine.inside('containerd', ['--config', join(dir, 'containerd.toml')]))
    await this.#ready(containerd, () => machine.run('ctr', ['--address', CONTAINERD, 'version']))
    for (const archive of [writePauseImage(dir, programs.pause), ...this.#options.images]) this.importImage(archive)
    await this.#scheduler.start({
      command: programs.scheduler,
      args: [`--kubeconfig=${kubeconfig}`, '--leader-elect=false', '--secure-port=0'],
      env: { CONTROL_PLANE_PARENT: String(process.pid) },
    })
    await dns.start(machine.inside(programs.dns, ['-conf', join(dir, 'Corefile')]))
    await proxy.start(machine.inside(programs.proxy, [`--config=${join(dir, 'kube-proxy.json')}`]))
    const flags = ['--config', join(dir, 'kubelet.json'), '--kubeconfig', kubeconfig, '--root-dir', join(dir, 'kubelet')]
    flags.push('--hostname-override', machine.name, '--node-ip', machine.addresses.machine, '--cert-dir', join(dir, 'kubelet-certificates'))
    await kubelet.start(machine.inside(programs.kubelet, flags))
  }

  /** Gives the node an image from an archive. */
  importImage(archive: string): void {
    this.#options.machine.run('ctr', ['--address', CONTAINERD, '--namespace', 'k8s.io', 'images', 'import', '--no-unpack=false', archive])
  }

  /** Gives an image of the node another name. */
  tagImage(name: string, other: string): void {
    this.#options.machine.run('ctr', ['--address', CONTAINERD, '--namespace', 'k8s.io', 'images', 'tag', '--force', name, other])
  }

  /** What the programs complained about last, for the report of something that failed. */
  logTail(): string {
    return [this.#scheduler, ...this.#inside].map((daemon) => `--- ${daemon.logFile}\n${daemon.logTail(15)}`).join('\n')
  }

  /** Ends it, with its machine and all pods. */
  async stop(): Promise<void> {
    await Promise.all([this.#scheduler.stop(GRACE_MS), this.#options.machine.stop()])
  }

  async #ready(daemon: Daemon, look: () => unknown): Promise<void> {
    for (const deadline = Date.now() + READY_MS; ; await sleep(POLL_MS)) {
      try {
        look()
        return
      } catch (cause) {
        if (daemon.pid !== undefined && Date.now() < deadline) continue
        throw new Error(`${daemon.name} did not start\n${daemon.logTail()}`, { cause })
      }
    }
  }
}
