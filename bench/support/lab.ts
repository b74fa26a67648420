import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startCluster, type Cluster } from '../../dev/cluster/cluster.ts'

const CRDS = join(import.meta.dirname, '../../crds')

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
    return cluster
  }
}
