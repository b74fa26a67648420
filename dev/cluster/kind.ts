import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { Cluster, ClusterOptions } from './cluster.ts'
import { installCrds } from './install-crds.ts'
import { outputOf } from './output-of.ts'

const run = promisify(execFile)
const MANIFEST = '/etc/kubernetes/manifests/kube-apiserver.yaml'
const ASIDE = '/etc/kubernetes/kube-apiserver.yaml'
const READY_MS = 90_000
const POLL_MS = 500

/** A cluster in a Docker container made by kind; named after the directory, so that a second start finds the first one's. */
export async function kindCluster(options: ClusterOptions): Promise<Cluster> {
  const name = kindName(options.dir)
  const kubeconfig = join(options.dir, 'kubeconfig')
  if (isKindRunning(options.dir)) {
    await run('kind', ['export', 'kubeconfig', '--name', name, '--kubeconfig', kubeconfig])
  } else {
    options.say?.('starting a kind cluster: about a minute, and longer the first time, when it downloads its image')
    await run('kind', ['create', 'cluster', '--name', name, '--kubeconfig', kubeconfig, '--wait', '120s'])
  }
  chmodSync(kubeconfig, 0o600)
  if (options.crds !== undefined) await installCrds(kubeconfig, options.crds)
  const onNode = (...command: string[]) => run('docker', ['exec', `${name}-control-plane`, ...command])
  const stopApiServer = async () => {
    await onNode('mv', MANIFEST, ASIDE)
    await until(async () => (await onNode('crictl', 'ps', '-q', '--name', 'kube-apiserver')).stdout.trim() === '')
  }
  const startApiServer = async () => {
    await onNode('mv', ASIDE, MANIFEST)
    await until(async () => {
      const { stdout } = await run('kubectl', ['--kubeconfig', kubeconfig, 'get', '--raw', '/readyz'])
      return stdout.trim() === 'ok'
    })
  }
  return {
    kubeconfig,
    pids: {},
    stop: () => stopKind(options.dir),
    killNow: () => undefined,
    stopApiServer,
    startApiServer,
    restartApiServer: async () => {
      await stopApiServer()
      await startApiServer()
    },
  }
}

/** Whether the kind cluster of a directory is there. */
function isKindRunning(dir: string): boolean {
  return (outputOf('kind', ['get', 'clusters']) ?? '').split('\n').includes(kindName(dir))
}

/** Removes the kind cluster of a directory. False when there was none. */
export async function stopKind(dir: string): Promise<boolean> {
  if (!isKindRunning(dir)) return false
  await run('kind', ['delete', 'cluster', '--name', kindName(dir)])
  return true
}

function kindName(dir: string): string {
  return `swarm-${createHash('sha256').update(resolve(dir)).digest('hex').slice(0, 8)}`
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + READY_MS
  for (;;) {
    const isTrue = await condition().catch(() => false)
    if (isTrue) return
    if (Date.now() > deadline) throw new Error(`the API server of the kind cluster did not follow within ${READY_MS / 1000} s`)
    await sleep(POLL_MS)
  }
}
