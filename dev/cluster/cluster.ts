import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { ensureControlPlaneBinaries } from './binaries.ts'
import { ControlPlane, type Ports } from './control-plane.ts'
import { installCrds } from './install-crds.ts'
import { extractContext } from './kubeconfig.ts'
import { kindCluster } from './kind.ts'
import { freePorts } from './ports.ts'

const START_ATTEMPTS = 3

/** A Kubernetes cluster, ready to use. */
export interface Cluster {
  /** Path of a kubeconfig file with an administrator's rights. */
  readonly kubeconfig: string
  /** The pids of its processes by program; empty when they are somebody else's. */
  readonly pids: Readonly<Record<string, number>>
  /** Ends whatever startCluster started. The directory stays. False when nothing ran. */
  stop(): Promise<boolean>
  /** Ends it like stop, but without waiting: for exit handlers. */
  killNow(): void
  restartApiServer(): Promise<void>
  stopApiServer(): Promise<void>
  startApiServer(): Promise<void>
}

/** How a cluster is started; only `dir` must be given. */
export interface ClusterOptions {
  /** Gets state, logs and the kubeconfig; state that is there is used again, and so are processes that run. */
  readonly dir: string
  /** Loopback ports; by default free ones. */
  readonly ports?: Ports
  /** A directory with CRDs to install before owned objects are looked after. */
  readonly crds?: string
  /** Whether the processes end when this one does, however it ends (default: true). */
  readonly exitWithParent?: boolean
  /** Whether a control plane may be built when there is none, which takes minutes (default: true). */
  readonly mayBuild?: boolean
  /** How often HorizontalPodAutoscalers are looked after, such as `1s`; by default every 15 seconds, as everywhere. */
  readonly autoscalerPeriod?: string
  /** Whether every request is written to `audit.log` in `dir`, as one JSON object a line. */
  readonly audit?: boolean
  /** More admission than an API server has by default. */
  readonly admissionPlugins?: readonly string[]
  /** Where the API server listens and which addresses Services get, for a cluster with a node; see ControlPlaneOptions. */
  readonly network?: { readonly address: string; readonly serviceRange: string }
  readonly say?: (line: string) => void
}

/** Starts a real control plane, or reaches the one that was asked for; see ensureControlPlaneBinaries for which. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const source = await ensureControlPlaneBinaries(options.say, options.mayBuild)
  mkdirSync(options.dir, { recursive: true, mode: 0o700 })
  if (source.from === 'context') return contextCluster(source.context, options)
  if (source.from === 'kind') return kindCluster(options)
  return processCluster(source.directory, options)
}

async function processCluster(programs: string, options: ClusterOptions): Promise<Cluster> {
  for (let attempt = 1; ; attempt++) {
    const plane = new ControlPlane({
      dir: options.dir,
      programs,
      ports: options.ports ?? (await randomPorts()),
      exitWithParent: options.exitWithParent ?? true,
      audit: options.audit ?? false,
      admissionPlugins: options.admissionPlugins ?? [],
      ...(options.autoscalerPeriod !== undefined && { autoscalerPeriod: options.autoscalerPeriod }),
      ...options.network,
    })
    try {
      await startPlane(plane, options.crds)
      return clusterOf(plane)
    } catch (error) {
      // Somebody may have taken a free port in between; given ones are the caller's business.
      const isPortTaken = error instanceof Error && error.message.includes('address already in use')
      if (options.ports || attempt === START_ATTEMPTS || !isPortTaken) {
        await plane.stop()
        throw error
      }
      await plane.stop()
    }
  }
}

// The controller-manager learns of kinds only every half minute: those that are there before it starts are collected from the start.
async function startPlane(plane: ControlPlane, crds: string | undefined): Promise<void> {
  await plane.startEtcd()
  await plane.startApiServer()
  if (crds !== undefined) await installCrds(plane.kubeconfig, crds)
  await plane.startControllerManager()
}

function clusterOf(plane: ControlPlane): Cluster {
  return {
    kubeconfig: plane.kubeconfig,
    get pids() {
      return plane.pids
    },
    stop: () => plane.stop(),
    killNow: () => plane.killNow(),
    stopApiServer: () => plane.stopApiServer(),
    startApiServer: () => plane.startApiServer(),
    restartApiServer: async () => {
      await plane.stopApiServer()
      await plane.startApiServer()
    },
  }
}

async function contextCluster(context: string, options: ClusterOptions): Promise<Cluster> {
  const kubeconfig = join(options.dir, 'kubeconfig')
  extractContext(kubeconfig, context)
  if (options.crds !== undefined) await installCrds(kubeconfig, options.crds)
  const refuse = () =>
    Promise.reject(new Error(`the API server of context ${context} (SWARM_CONTEXT) was not started here, so it is left alone`))
  return {
    kubeconfig,
    pids: {},
    stop: () => Promise.resolve(false),
    killNow: () => undefined,
    stopApiServer: refuse,
    startApiServer: refuse,
    restartApiServer: refuse,
  }
}

async function randomPorts(): Promise<Ports> {
  const [etcd = 0, etcdPeer = 0, apiServer = 0] = await freePorts(3)
  return { etcd, etcdPeer, apiServer }
}
