import { join } from 'node:path'
import { startCluster, type Cluster } from './cluster.ts'
import { Machine } from './machine.ts'
import { Node } from './node.ts'
import { ensureNodePrograms } from './node-programs.ts'

/** A cluster that runs real pods. */
export interface PodCluster {
  readonly cluster: Cluster
  readonly machine: Machine
  readonly node: Node
  /** Ends all of it. The directory stays, with the logs. */
  stop(): Promise<void>
}

/** How it is started. */
export interface PodClusterOptions {
  /** Gets state, logs and the kubeconfig. */
  readonly dir: string
  /** Archives with the images for pods; nothing is pulled. */
  readonly images: readonly string[]
  readonly say: (line: string) => void
}

/**
 * Starts a control plane and one node with containerd, whose pods reach each other, Services by name and address, and the API server. This
 * process reaches pods and Services by their addresses. All ends with this process. Throws, saying what is missing, where it cannot be done.
 */
export async function startPodCluster({ dir, images, say }: PodClusterOptions): Promise<PodCluster> {
  const machine = await Machine.start()
  const { host: address, services: serviceRange } = machine.addresses
  let cluster: Cluster | undefined
  try {
    const programs = await ensureNodePrograms(say)
    cluster = await startCluster({ dir, network: { address, serviceRange }, say })
    const node = new Node({ dir: join(dir, 'node'), machine, programs, kubeconfig: cluster.kubeconfig, images })
    await node.start()
    const control = cluster
    const stop = async () => {
      await node.stop()
      await control.stop()
    }
    return { cluster, machine, node, stop }
  } catch (error) {
    await machine.stop()
    await cluster?.stop()
    throw error
  }
}
