import { ensureControlPlaneBinaries, kubectlOf } from './cluster/binaries.ts'
import { startCluster } from './cluster/cluster.ts'
import { withLock } from './cluster/lock.ts'
import { componentsOf, daemonOf, ensureRunning, refuseTakenPort } from './components.ts'
import { CLUSTER_DIR, DEV_DIR, ENV_FILE, environmentOf, LOCK_FILE, PORTS, readSecrets, ROOT, writeEnvFile } from './env.ts'
import { mkdirSync } from 'node:fs'
import { join, relative } from 'node:path'
import { Daemon } from './cluster/daemon.ts'

// Starts the local system in the background, or whatever part of it does not run; called a second time it only reports.

const PROGRAM_PORTS = { etcd: PORTS.etcd, 'kube-apiserver': PORTS.apiServer }

function say(line: string): void {
  console.log(`[up] ${line}`)
}

async function up(): Promise<void> {
  const secrets = readSecrets()
  const source = await ensureControlPlaneBinaries(say)
  const isOurs = source.from === 'assets' || source.from === 'cache'
  await refuseTakenPorts(isOurs)
  const kubeconfig = await controlPlane(isOurs)
  const kubectl = kubectlOf(source)
  if (kubectl === undefined) say('no kubectl: install one to talk to the cluster yourself (https://kubernetes.io/docs/tasks/tools)')
  writeEnvFile(environmentOf(kubeconfig, secrets), kubectl ?? 'kubectl')
  for (const component of componentsOf(kubeconfig, secrets)) {
    const wasUp = daemonOf(component.name).pid !== undefined
    if (!wasUp) say(`starting ${component.name}: a few seconds`)
    say(`${component.name}: ${await ensureRunning(component)}, port ${component.port}`)
  }
  say(
    `ready. For a shell that talks to it: . ${relative(process.cwd(), ENV_FILE) || ENV_FILE}; logs are in ${DEV_DIR}; to end it: make down`,
  )
}

/** Before anything starts: whoever holds a port that is needed is named, and left alone. */
async function refuseTakenPorts(isOurs: boolean): Promise<void> {
  const programs = Object.entries(isOurs ? PROGRAM_PORTS : {}).map(([name, port]) => ({ daemon: new Daemon(name, CLUSTER_DIR), port }))
  const components = componentsOf('', readSecrets()).map(({ name, port }) => ({ daemon: daemonOf(name), port }))
  for (const { daemon, port } of [...programs, ...components]) if (daemon.pid === undefined) await refuseTakenPort(daemon.name, port)
}

async function controlPlane(isOurs: boolean): Promise<string> {
  mkdirSync(CLUSTER_DIR, { recursive: true, mode: 0o700 })
  const wasRunning = Object.keys(PROGRAM_PORTS).every((name) => new Daemon(name, CLUSTER_DIR).pid !== undefined)
  if (isOurs && !wasRunning) say('starting the control plane: about 5 s')
  const cluster = await startCluster({
    dir: CLUSTER_DIR,
    ports: { etcd: PORTS.etcd, etcdPeer: PORTS.etcdPeer, apiServer: PORTS.apiServer },
    crds: join(ROOT, 'crds'),
    exitWithParent: false,
    say,
  })
  const pids = Object.entries(cluster.pids).map(([name, pid]) => `${name} ${pid}`)
  say(`control plane: ${wasRunning ? 'already up' : 'up'}${pids.length > 0 ? ` (pids: ${pids.join(', ')})` : ''}`)
  return cluster.kubeconfig
}

try {
  await withLock(LOCK_FILE, up, (pid) => say(`waiting for another \`make up\` or \`make down\` (pid ${pid})`))
} catch (error) {
  say(error instanceof Error ? error.message : String(error))
  say('what did start is still up; `make down` ends it')
  process.exitCode = 1
}
