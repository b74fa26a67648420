import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startCluster, type Cluster } from '../../dev/cluster/cluster.ts'
import { KubeClient, loadKubeConfig } from '../../src/kube/client.ts'
import { writeDirectly } from './lower-bounds.ts'

const CRDS = join(import.meta.dirname, '../../crds')

const WARM_UP_ROUNDS = 4
const WARM_UP_AGENTS = 300

/** The control plane of a run: started for the first benchmark that asks, ended by `close`, or at the latest with the process. */
export class Lab {
  readonly #say: (line: string) => void
  #started: Promise<Cluster> | undefined

  constructor(say: (line: string) => void) {
    this.#say = say
  }

  async controlPlane(): Promise<Cluster> {
    return (this.#started ??= this.#start())
  }

  async close(): Promise<void> {
    const cluster = await this.#started?.catch(() => undefined)
    await cluster?.stop()
  }

  async #start(): Promise<Cluster> {
    const dir = mkdtempSync(join(tmpdir(), 'swarm-bench-'))
    let cluster: Cluster | undefined
    process.once('exit', () => {
      cluster?.killNow()
      rmSync(dir, { recursive: true, force: true })
    })
    cluster = await startCluster({ dir, crds: CRDS, say: this.#say })
    await warmUp(cluster)
    return cluster
  }
}

/** An API server that has just started needs more than twice the CPU for the same writes; that is not what is measured here. */
async function warmUp({ kubeconfig }: Cluster): Promise<void> {
  const client = new KubeClient(loadKubeConfig({ file: kubeconfig }))
  for (let round = 0; round < WARM_UP_ROUNDS; round++) await writeDirectly(client, WARM_UP_AGENTS)
  await client.close()
}
