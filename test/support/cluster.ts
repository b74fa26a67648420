import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'mocha'
import { startCluster, type Cluster } from '../../dev/cluster/cluster.ts'

const CRDS = join(import.meta.dirname, '../../crds')

let shared: Promise<{ dir: string; cluster: Cluster }> | undefined

/**
 * The control plane of this test run, with our CRDs: started for the first suite that asks, ended when the last one is over.
 * Suites share it, so each uses a namespace of its own.
 */
export async function useCluster(): Promise<{ kubeconfig: string; cluster: Cluster }> {
  shared ??= start()
  const { cluster } = await shared
  return { kubeconfig: cluster.kubeconfig, cluster }
}

async function start(): Promise<{ dir: string; cluster: Cluster }> {
  const dir = mkdtempSync(join(tmpdir(), 'swarm-cluster-'))
  const remove = () => rmSync(dir, { recursive: true, force: true })
  try {
    const cluster = await startCluster({ dir, crds: CRDS, mayBuild: false, autoscalerPeriod: '1s' })
    process.once('exit', () => {
      cluster.killNow()
      remove()
    })
    return { dir, cluster }
  } catch (error) {
    remove()
    throw error
  }
}

// Suites import this file while they are loaded, so this becomes a hook of the whole run, which also runs after failures.
after('stop the control plane', async () => {
  const started = await shared?.catch(() => undefined)
  await started?.cluster.stop()
})
