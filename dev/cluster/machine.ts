import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { outputOf } from './output-of.ts'

const READY_MS = 10_000
const END_MS = 60_000
const POLL_MS = 20
const CGROUPS = '/sys/fs/cgroup'
/** Where Debian puts the plugins that give pods their network. */
export const CNI_PLUGINS = '/usr/lib/cni'
/** The kubelet sets these for the whole machine, whatever namespaces it is in. */
const KERNEL_SETTINGS = ['vm/overcommit_memory', 'vm/panic_on_oom', 'kernel/panic', 'kernel/panic_on_oops'].map(
  (name) => `/proc/sys/${name}`,
)

// Whoever started it is gone when its input ends; with this shell, the first process of its namespace, all others end.
const FIRST_PROCESS = `set -e
mount --make-rprivate /
for directory in /run /var/log /var/lib; do mount -t tmpfs -o mode=755 tmpfs "$directory"; done
mount --make-rshared /
mkdir -p /run/netns /var/log/pods
ip link set lo up
echo 1 > /proc/sys/net/ipv4/ip_forward
echo ready
read -r _ || true`

// What is outside of the namespaces is put back by the process around them, which also runs when its starter was killed.
const AROUND = `unshare --net --mount --pid --fork --kill-child --mount-proc bash -c "$1"
for tree in ${CGROUPS}/"$2" ${CGROUPS}/*/"$2"; do [ ! -d "$tree" ] || find "$tree" -depth -type d -exec rmdir {} \\;; done
for setting in "\${@:3}"; do echo "\${setting#*=}" > "\${setting%%=*}"; done`

/** Addresses of a machine and of what runs on it, apart from those of other machines and of the host. */
export interface Addresses {
  /** The host, as the machine and its pods see it. */
  readonly host: string
  /** The machine, as the host and its pods see it. */
  readonly machine: string
  /** For Services and pods, such as `10.80.1.0/24`. */
  readonly services: string
  readonly pods: string
}

/**
 * A machine inside this one, for a node of a cluster: namespaces of its own for processes, mounts and network. Whatever runs in it ends
 * with it, and it ends with the process that started it, so nothing stays: no process, no mount, no interface, no packet filter.
 */
export class Machine {
  readonly name: string
  readonly addresses: Addresses
  readonly #outer: ChildProcess
  readonly #inner: number

  private constructor(parts: { name: string; addresses: Addresses; outer: ChildProcess; inner: number }) {
    this.name = parts.name
    this.addresses = parts.addresses
    this.#outer = parts.outer
    this.#inner = parts.inner
  }

  /** Starts one. Throws, saying what is missing, where this cannot be done. */
  static async start(): Promise<Machine> {
    if (process.platform !== 'linux' || process.getuid?.() !== 0) throw new Error('a node for real pods needs Linux and root')
    for (const program of ['unshare', 'nsenter', 'ip', 'bash', 'iptables', 'runc', 'containerd'])
      if (outputOf('sh', ['-c', `command -v ${program}`]) === undefined)
        throw new Error(`a node for real pods needs ${program}, which is not in the PATH; dev/debian-packages.sh installs it on Debian`)
    if (!existsSync(join(CNI_PLUGINS, 'ptp')))
      throw new Error(`a node for real pods needs the plugins of CNI in ${CNI_PLUGINS}; dev/debian-packages.sh installs them on Debian`)
    const addresses = freeAddresses()
    const name = `swarm${addresses.machine.split('.')[1]}`
    const settings = KERNEL_SETTINGS.map((file) => `${file}=${readFileSync(file, 'utf8').trim()}`)
    const outer = spawn('bash', ['-c', AROUND, 'machine', FIRST_PROCESS, name, ...settings], { stdio: 'pipe', detached: true })
    const inner = await innerProcess(outer)
    const machine = new Machine({ name, addresses, outer, inner })
    try {
      machine.#connect()
      machine.#prepareCgroups()
    } catch (error) {
      await machine.stop()
      throw error
    }
    return machine
  }

  /** The command that runs a program in it. */
  inside(program: string, args: readonly string[]): { command: string; args: string[] } {
    return { command: 'nsenter', args: [`--target=${this.#inner}`, '--mount', '--net', '--pid', '--', program, ...args] }
  }

  /** Runs a program in it and returns what it prints. */
  run(program: string, args: readonly string[]): string {
    const inside = this.inside(program, args)
    return execFileSync(inside.command, inside.args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 16 * 1024 * 1024 })
  }

  /** Ends it and all that runs in it. */
  async stop(): Promise<void> {
    this.killNow()
    const deadline = Date.now() + END_MS
    while (this.#outer.exitCode === null && this.#outer.signalCode === null) {
      if (Date.now() > deadline) throw new Error(`the machine ${this.name} does not end`)
      await sleep(POLL_MS)
    }
  }

  /** Ends it without waiting: for exit handlers. It puts the rest in order by itself. */
  killNow(): void {
    this.#outer.stdin?.destroy()
  }

  // The interface goes with the machine's end of it, and the routes with the interface.
  #connect(): void {
    const { host, machine, services, pods } = this.addresses
    ip('link', 'add', this.name, 'type', 'veth', 'peer', 'name', 'host', 'netns', String(this.#inner))
    ip('address', 'add', `${host}/30`, 'dev', this.name)
    ip('link', 'set', this.name, 'up')
    this.run('ip', ['address', 'add', `${machine}/30`, 'dev', 'host'])
    this.run('ip', ['link', 'set', 'host', 'up'])
    this.run('ip', ['route', 'add', 'default', 'via', host])
    for (const range of [services, pods]) ip('route', 'add', range, 'via', machine)
  }

  #prepareCgroups(): void {
    for (const directory of this.#cgroups()) {
      mkdirSync(directory, { recursive: true })
      for (const file of ['cpuset.cpus', 'cpuset.mems'])
        if (existsSync(join(directory, file))) writeFileSync(join(directory, file), readFileSync(join(directory, '..', file)))
    }
  }

  // One tree for each controller where the machine has version 1 of control groups.
  #cgroups(): string[] {
    if (existsSync(join(CGROUPS, 'cgroup.controllers'))) return [join(CGROUPS, this.name)]
    return readdirSync(CGROUPS, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(CGROUPS, entry.name, this.name))
  }
}

async function innerProcess(outer: ChildProcess): Promise<number> {
  let output = ''
  let complaint = ''
  outer.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()))
  outer.stderr?.on('data', (chunk: Buffer) => (complaint = (complaint + chunk.toString()).slice(-2_000)))
  const failed = new Promise<never>((_resolve, reject) => {
    outer.once('error', reject)
    outer.once('close', () => reject(new Error(`a machine for real pods cannot be made here: ${complaint.trim() || 'it ended at once'}`)))
  })
  failed.catch(() => undefined)
  const ready = async () => {
    const deadline = Date.now() + READY_MS
    while (!output.includes('ready')) {
      if (Date.now() > deadline) throw new Error(`a machine for real pods did not start in ${READY_MS / 1000} s: ${complaint.trim()}`)
      await sleep(POLL_MS)
    }
    return childOf(childOf(outer.pid ?? 0))
  }
  return Promise.race([ready(), failed])
}

function childOf(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0])
}

/** A block of private addresses in which the host has none. */
function freeAddresses(): Addresses {
  const taken = new Set(
    Object.values(networkInterfaces()).flatMap((list) => (list ?? []).map(({ address }) => address.split('.').slice(0, 2).join('.'))),
  )
  for (;;) {
    const block = `10.${randomInt(64, 128)}`
    if (!taken.has(block)) return { host: `${block}.0.1`, machine: `${block}.0.2`, services: `${block}.1.0/24`, pods: `${block}.2.0/24` }
  }
}

function ip(...args: string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] })
}
